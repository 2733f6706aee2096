"""Ribbons: area, order, colour and fineness of what skia draws."""

import numpy as np
import pytest

from deepmatte.training.corpus.render.ribbons import Canvas, Ribbons, rounded


def straight(start, end, width, colour=(1, 0, 0), opacity=1.0, nodes=5):
    places = np.linspace(start, end, nodes)[None].astype(float)
    return Ribbons(
        places,
        np.full((1, nodes), float(width)),
        np.broadcast_to(np.array(colour, float), (1, nodes, 3)),
        np.full((1, nodes), float(opacity)),
    )


def drawn(ribbons, size=90):
    canvas = Canvas(size)
    canvas.draw(ribbons)
    return canvas.reduce()


@pytest.mark.parametrize("width_px", [0.1, 0.4, 0.75, 1.0, 3.3, 9.0])
@pytest.mark.parametrize("end", [(0.8, 0.2), (0.8, 0.47), (0.45, 0.9), (0.2, 0.95)])
def test_a_straight_strand_covers_its_length_times_its_width(width_px, end):
    size = 90
    _, alpha = drawn(straight((0.2, 0.2), end, width_px / size), size)
    length_px = np.hypot(end[0] - 0.2, end[1] - 0.2) * size
    assert alpha.sum() == pytest.approx(length_px * width_px, rel=0.03)


def test_a_tapering_strand_covers_its_mean_width():
    ribbon = straight((0.1, 0.3), (0.9, 0.5), 1 / 90, nodes=9)
    tapering = Ribbons(
        ribbon.places, ribbon.widths * np.linspace(1, 0.1, 9), ribbon.colours, ribbon.opacities
    )
    _, alpha = drawn(tapering)
    assert alpha.sum() == pytest.approx(np.hypot(0.8, 0.2) * 90 * 0.55, rel=0.03)


def test_joints_do_not_show():
    few, many = (
        drawn(straight((0.1, 0.37), (0.9, 0.61), 0.04, opacity=0.5, nodes=nodes))[1] for nodes in (2, 40)
    )
    np.testing.assert_allclose(few, many, atol=0.01)
    assert many.max() == pytest.approx(0.5, abs=0.01)


def test_colour_and_opacity_are_where_they_were_asked_for():
    premultiplied, alpha = drawn(straight((-0.5, 0.5), (1.5, 0.5), 0.3, (0.2, 0.4, 0.6), 0.5))
    assert alpha[45, 40] == pytest.approx(0.5, abs=0.005)
    np.testing.assert_allclose(premultiplied[45, 40] / alpha[45, 40], [0.2, 0.4, 0.6], atol=0.005)
    assert alpha[10, 40] == 0


def test_what_comes_later_lies_above():
    both = [straight((0, 0.5), (1, 0.5), 0.2, colour) for colour in ((1, 0, 0), (0, 0, 1))]
    joined = Ribbons(*(np.concatenate([getattr(each, name) for each in both]) for name in vars(both[0])))
    premultiplied, _ = drawn(joined)
    np.testing.assert_allclose(premultiplied[45, 40], [0, 0, 1], atol=1e-3)


def test_more_ribbons_than_one_mesh_can_hold_are_all_drawn():
    count, nodes = 2500, 8
    y = np.linspace(0.05, 0.95, count)
    places = np.stack(
        [np.broadcast_to(np.linspace(0.1, 0.9, nodes), (count, nodes)), np.repeat(y[:, None], nodes, 1)],
        axis=2,
    )
    ribbons = Ribbons(
        places, np.full((count, nodes), 0.01), np.full((count, nodes, 3), 0.5), np.ones((count, nodes))
    )
    _, alpha = drawn(ribbons)
    assert alpha[6:84, 15:75].min() > 0.99


def test_nothing_is_drawn_outside_the_picture():
    _, alpha = drawn(straight((1.2, 0.1), (1.9, 0.8), 0.05))
    assert alpha.max() == 0


def test_alpha_is_far_finer_than_8_bits():
    rng = np.random.default_rng(0)
    starts, ends = rng.random((2, 300, 2))
    ribbons = [straight(a, b, 0.006 * rng.random()) for a, b in zip(starts, ends, strict=True)]
    joined = Ribbons(
        *(np.concatenate([getattr(each, name) for each in ribbons]) for name in vars(ribbons[0]))
    )
    _, alpha = drawn(joined, 150)
    assert len(np.unique(np.rint(alpha * 65535))) > 5000


def test_a_picture_is_laid_over_and_under():
    canvas = Canvas(9)
    canvas.lay(np.ones((9, 9, 3), np.float32), np.full((9, 9), 0.5, np.float32))
    canvas.lay(np.zeros((9, 9, 3), np.float32), np.full((9, 9), 0.5, np.float32))
    premultiplied, alpha = canvas.reduce()
    np.testing.assert_allclose(alpha, 0.75)
    np.testing.assert_allclose(premultiplied, 0.25)


def test_rounding_keeps_nodes_and_straight_lines_and_follows_curves():
    turn = np.linspace(0, np.pi, 9)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)[None]
    ones = np.ones((1, 9))
    finer = rounded(Ribbons(circle, ones * turn, ones[..., None].repeat(3, axis=2), ones))
    np.testing.assert_array_equal(finer.places[:, ::2], circle)
    np.testing.assert_allclose(np.hypot(*finer.places[0, 2:-2].T), 1, atol=1e-3)
    np.testing.assert_allclose(finer.widths[0], np.linspace(0, np.pi, 17))
    assert finer.colours.shape == (1, 17, 3)


def test_no_ribbons_draw_nothing():
    none = straight((0, 0), (1, 1), 0.1).part(np.zeros(1, bool))
    _, alpha = drawn(rounded(none))
    assert alpha.max() == 0
