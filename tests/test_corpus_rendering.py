"""Renderings: what they promise, and how colours go on beyond alpha."""

import numpy as np
import pytest

from deepmatte import images
from deepmatte.errors import BadInput
from deepmatte.training.corpus.render import KINDS
from deepmatte.training.corpus.render.rendering import (
    Assets,
    Choice,
    Kind,
    Rendering,
    Span,
    extend_colours,
    from_premultiplied,
    pick,
    settle,
)


def dot(rng, size, assets):
    """A kind of one flat colour and one soft pixel."""
    values = pick(rng, {"red": Span(0, 1, "red")})
    alpha = np.zeros((size, size), np.float32)
    alpha[size // 2, size // 2] = 0.25
    return Rendering(np.full((size, size, 3), values["red"], np.float32), alpha, values)


DOT = Kind("dot", "dots", dot, "one soft pixel", {"red": Span(0, 1, "red")})


def test_kinds_are_named_as_they_are_filed():
    assert all(name == kind.name for name, kind in KINDS.items())


def test_the_same_seed_draws_the_same_and_another_index_does_not():
    first, again, other = DOT.render(7, 0, 9), DOT.render(7, 0, 9), DOT.render(7, 1, 9)
    assert first.parameters == again.parameters != other.parameters
    np.testing.assert_array_equal(first.colours, again.colours)


def test_another_kind_or_version_draws_otherwise():
    others = [
        Kind("spot", "dots", dot, "", DOT.parameters),
        Kind("dot", "dots", dot, "", DOT.parameters, version=2),
    ]
    assert len({each.render(7, 0, 9).parameters["red"] for each in [DOT, *others]}) == 3


def test_colours_are_kept_where_there_is_alpha_and_filled_elsewhere():
    rng = np.random.default_rng(0)
    colours, alpha = rng.random((21, 34, 3)).astype(np.float32), np.zeros((21, 34), np.float32)
    alpha[5:9, 7:20] = 1e-4
    extended = extend_colours(colours, alpha)
    np.testing.assert_array_equal(extended[alpha > 0], colours[alpha > 0])
    near = extended[4, 7:20]
    assert np.abs(near - colours[5:9, 7:20].mean(axis=(0, 1))).max() < 0.5


def test_one_colour_fills_everything():
    alpha = np.zeros((13, 13), np.float32)
    alpha[4, 4] = 0.5
    colours = np.where(alpha[..., None] > 0, np.float32([0.2, 0.4, 0.6]), np.float32(0))
    np.testing.assert_allclose(
        extend_colours(colours, alpha), np.broadcast_to([0.2, 0.4, 0.6], (13, 13, 3)), atol=1e-6
    )


def test_premultiplied_colours_are_divided_by_alpha():
    alpha = np.full((5, 5), 0.25, np.float32)
    alpha[0] = 0
    rendering = from_premultiplied(np.full((5, 5, 3), 0.1) * (alpha[..., None] > 0), alpha)
    np.testing.assert_allclose(rendering.colours, 0.4, atol=1e-6)


@pytest.mark.parametrize(
    ("colours", "alpha"),
    [
        (np.zeros((4, 5, 3), np.float32), np.zeros((4, 5), np.float32)),
        (np.zeros((4, 4, 3)), np.zeros((4, 4), np.float32)),
        (np.full((4, 4, 3), 1.5, np.float32), np.zeros((4, 4), np.float32)),
        (np.zeros((4, 4, 3), np.float32), np.full((4, 4), np.nan, np.float32)),
    ],
)
def test_what_is_no_rendering_is_refused(colours, alpha):
    with pytest.raises(BadInput):
        Rendering(colours, alpha)


def test_spans_stay_within_their_bounds():
    rng = np.random.default_rng(0)
    for span in (Span(2, 5, ""), Span(2, 5, "", "logarithmic"), Span(2, 5, "", "whole")):
        drawn = [span.pick(rng) for _ in range(200)]
        assert min(drawn) >= 2
        assert max(drawn) <= 5
    assert set(drawn) == {2, 3, 4, 5}


def test_a_choice_heeds_its_weights():
    rng = np.random.default_rng(0)
    drawn = [Choice(("often", "never", "seldom"), "", (0.8, 0, 0.2)).pick(rng) for _ in range(500)]
    assert drawn.count("never") == 0
    assert 0.7 < drawn.count("often") / 500 < 0.9


@pytest.mark.parametrize(("low", "high", "scale"), [(2, 1, "linear"), (0, 1, "logarithmic")])
def test_a_span_of_nothing_is_refused(low, high, scale):
    with pytest.raises(BadInput):
        Span(low, high, "", scale)


def test_assets_are_read_and_may_be_missing(tmp_path):
    rng = np.random.default_rng(0)
    assert Assets().photograph(rng) is None
    assert Assets().mask(rng) is None
    pixels = rng.integers(0, 256, (11, 17, 3)).astype(np.uint8)
    images.write_image(tmp_path / "photo.png", pixels)
    images.write_image(tmp_path / "cutout.png", pixels, pixels[..., 0])
    images.write_image(tmp_path / "mask.png", pixels[..., 0])
    paths = tuple(tmp_path / name for name in ("photo.png", "cutout.png", "mask.png"))
    np.testing.assert_allclose(Assets(photographs=paths[:1]).photograph(rng), pixels / 255, atol=1e-6)
    colours, alpha = Assets(masks=paths[1:2]).mask(rng)
    np.testing.assert_allclose(colours, pixels / 255, atol=1e-6)
    np.testing.assert_allclose(alpha, pixels[..., 0] / 255, atol=1e-6)
    assert Assets(masks=paths[2:]).mask(rng)[0] is None


def test_assets_that_cannot_be_read_are_passed_over_and_told(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    images.write_image(tmp_path / "b.png", np.zeros((5, 7, 3), np.uint8))
    assets = Assets((tmp_path / "a.png", tmp_path / "b.png"))
    for seed in range(6):
        assert assets.photograph(np.random.default_rng(seed)).shape == (5, 7, 3)
    assert assets.unreadable
    assert all("a.png" in told for told in assets.unreadable)
    assert assets.fresh().unreadable == []
    assert Assets(assets.photographs[:1]).photograph(np.random.default_rng(0)) is None


def test_what_shows_nothing_is_drawn_again():
    drawn = []

    def seldom(rng, size, assets):
        drawn.append(rng.random())
        return Rendering(
            np.zeros((size, size, 3), np.float32),
            np.float32(0.5 * (drawn[-1] > 0.5)) * np.eye(size, dtype=np.float32),
        )

    kind = Kind("seldom", "none", seldom, "", {})
    assert kind.render(3, 0, 9).alpha.max() == 0.5
    assert all(value <= 0.5 for value in drawn[:-1])
    with pytest.raises(BadInput, match="shows nothing"):
        Kind("never", "none", dot, "", {}).render(0, 0, 90)


def test_coordinates_are_settled():
    np.testing.assert_array_equal(settle([1.00001, 2 - 1e-12]), np.float32([1, 2]))
