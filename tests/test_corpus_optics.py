"""Lens and shutter: what they keep, and closed forms of what they do."""

import numpy as np
import pytest

from deepmatte.training.corpus.render import optics
from deepmatte.training.corpus.render.rendering import Rendering

SIZE = 91


def dot(x=45, y=45, colour=(0.2, 0.6, 1.0)):
    layer = np.zeros((SIZE, SIZE, 4), np.float32)
    layer[y, x] = [*colour, 1]
    return layer


def soft_disc(radius, ramp=1):
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    away = np.hypot(columns - 45.5, rows - 45.5)
    layer = np.repeat(np.clip(0.5 + (radius - away) / ramp, 0, 1)[..., None], 4, axis=2)
    return layer.astype(np.float32)


def test_defocus_spreads_a_point_over_a_disc():
    alpha = optics.defocus(dot(), 6.0)[..., 3]
    assert alpha.sum() == pytest.approx(1, abs=1e-4)
    assert alpha[45, 45] == pytest.approx(1 / (np.pi * 36), rel=0.03)
    assert alpha[45, 45 + 8] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    "blurred",
    [
        lambda layer: optics.defocus(layer, 4.3),
        lambda layer: optics.motion(layer, np.array([[-7.0, -2], [0, 0], [7, 2]])),
        lambda layer: optics.varying_defocus(layer, np.full((SIZE, SIZE), 3.0)),
    ],
)
def test_blur_keeps_the_sum_of_alpha_and_the_colours(blurred):
    layer = blurred(dot())
    assert layer[..., 3].sum() == pytest.approx(1, abs=1e-4)
    covered = layer[..., 3] > 1e-3
    colours = layer[covered][:, :3] / layer[covered][:, 3:]
    np.testing.assert_allclose(colours, np.broadcast_to([0.2, 0.6, 1.0], colours.shape), atol=2e-3)


def test_motion_leaves_a_line_of_its_length():
    way = np.stack([np.linspace(-10, 10, 200), np.zeros(200)], axis=1)
    alpha = optics.motion(dot(), way)[..., 3]
    assert alpha[45, 37:54] == pytest.approx(np.full(17, 1 / 20), rel=0.06)
    assert alpha[40].max() == pytest.approx(0, abs=1e-6)


def test_a_motion_of_nothing_changes_nothing():
    layer = soft_disc(20)
    np.testing.assert_allclose(optics.motion(layer, np.zeros((5, 2))), layer, atol=1e-6)


def test_rotation_about_the_centre_leaves_a_disc_unchanged():
    layer = soft_disc(30, ramp=6)
    np.testing.assert_allclose(optics.rotation(layer, (45.5, 45.5), 0.5), layer, atol=0.03)
    inside = optics.rotation(layer, (45.5, 45.5), 0.5)[..., 3].sum()
    assert inside == pytest.approx(layer[..., 3].sum(), rel=1e-3)


def test_rotation_blurs_more_the_further_from_its_centre():
    near, far = (optics.rotation(dot(x=45 + off), (45.5, 45.5), 0.4)[..., 3] for off in (8, 38))
    assert near.max() > 2 * far.max()
    assert far.sum() == pytest.approx(1, rel=0.2)


def test_varying_defocus_is_sharp_where_in_focus_and_even_elsewhere():
    radii = np.zeros((SIZE, SIZE))
    radii[:, 46:] = 4.0
    layer = np.maximum(dot(20), dot(70))
    varied = optics.varying_defocus(layer, radii)
    np.testing.assert_allclose(varied[:, :40], layer[:, :40], atol=1e-5)
    np.testing.assert_allclose(varied[:, 55:], optics.defocus(layer, 4.0)[:, 55:], atol=1e-5)


def test_what_the_frame_cuts_off_stays_opaque_there():
    layer = np.ones((SIZE, SIZE, 4), np.float32)
    np.testing.assert_allclose(optics.defocus(layer, 9.0), 1, atol=1e-5)


def test_translucence_scales_alpha_and_leaves_colours():
    layer = soft_disc(20) * np.float32([0.5, 0.25, 1, 1])
    field = np.linspace(-6, 6, SIZE)[:, None] * np.ones(SIZE)
    through = optics.translucent(layer, 0.4, field)
    assert through[30, 45, 3] == pytest.approx(0.4)
    assert through[60, 45, 3] == pytest.approx(1.0)
    np.testing.assert_allclose(through[45, 45, :3] / through[45, 45, 3], [0.5, 0.25, 1], atol=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_optics_make_a_rendering_of_a_rendering_and_say_so(seed):
    layer = soft_disc(15)
    colours = np.full((SIZE, SIZE, 3), 0.3, np.float32)
    rendering = Rendering(colours, layer[..., 3], {"kept": 1})
    first, again = (optics.apply(np.random.default_rng(seed), rendering) for _ in range(2))
    np.testing.assert_array_equal(first.alpha, again.alpha)
    assert first.parameters["kept"] == 1
    assert first.parameters["optics"] in optics.OPTICS["optics"].options
    assert np.abs(first.colours - 0.3).max() < 0.01  # one colour stays one colour, and none is dark
