"""Leaves and their tiles: areas, order, colours, and pictures that a seed draws again."""

import numpy as np
import pytest

from deepmatte.training.corpus.render.foliage.blades import FORMS, Foliage, Lobe, blade, leaf_atlas, lobes_of
from deepmatte.training.corpus.render.foliage.leaves import openness
from deepmatte.training.corpus.render.light import Light
from deepmatte.training.corpus.render.quads import Quads, atlas_of, draw_quads, halvings
from deepmatte.training.corpus.render.ribbons import Canvas

LAMP = Light(np.array([0.0, -1.0, 0.0]), np.ones(3), 0.4, 0.0, 0.0)


def square(low, high, spots, colour=(1.0, 1.0, 1.0), opacity=1.0):
    corners = np.array([[low, low], [high, low], [high, high], [low, high]], float)[None]
    return Quads(corners, spots, np.full((1, 4, 3), colour), np.full((1, 4), opacity))


def plain(colour, alpha, side=16):
    tile = np.full((side, side, 4), alpha, np.float32)
    tile[..., :3] *= np.float32(colour)
    return tile


CORNERS = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])[None]


def test_a_quadrangle_shows_its_tile_times_its_colour():
    atlas = atlas_of([[plain((0.2, 0.4, 0.8), 0.5), plain((1, 0, 0), 1)]], repeats=True)
    canvas = Canvas(37)
    spots = atlas.spots(np.array([0]), np.array([0]), CORNERS)
    draw_quads(canvas, square(0.2, 0.8, spots, (1.0, 0.5, 1.0)), atlas)
    premultiplied, alpha = canvas.reduce()
    assert alpha[18, 18] == pytest.approx(0.5, abs=1e-6)
    np.testing.assert_allclose(premultiplied[18, 18], [0.1, 0.1, 0.4], atol=1e-3)
    assert alpha.sum() == pytest.approx(0.5 * 0.6**2 * 37**2, rel=0.02)


def test_textures_are_read_finer_than_8_bits():
    ramp = np.zeros((64, 64, 4), np.float32)
    ramp[..., 3] = np.linspace(0, 1 / 255, 64)
    canvas = Canvas(61)
    atlas = atlas_of([[ramp]])
    draw_quads(canvas, square(0, 1, atlas.spots(np.array([0]), np.array([0]), CORNERS)), atlas)
    assert len(np.unique(canvas.reduce()[1])) > 30


def test_two_layers_cover_what_neither_leaves_free():
    atlas = atlas_of([[plain((1, 1, 1), 0.3)]], repeats=True)
    quads = square(-0.1, 1.1, atlas.spots(np.array([0]), np.array([0]), CORNERS))
    canvas = Canvas(21)
    draw_quads(canvas, quads, atlas)
    draw_quads(canvas, quads, atlas)
    np.testing.assert_allclose(canvas.reduce()[1], 1 - 0.7**2, atol=1e-6)


def test_coarser_tiles_have_the_same_mean():
    tile = np.random.default_rng(0).random((32, 32, 4)).astype(np.float32)
    levels = halvings([tile])
    assert [level[0].shape[0] for level in levels] == [32, 16, 8]
    for level in levels:
        np.testing.assert_allclose(level[0].mean(axis=(0, 1)), tile.mean(axis=(0, 1)), rtol=1e-5)
    atlas = atlas_of(levels)
    np.testing.assert_array_equal(atlas.level_of(np.array([100.0, 32, 17, 1])), [0, 0, 1, 2])


def test_a_strip_has_the_area_of_its_profile():
    # The mean of t(1 − t), which is 1/4 at its highest, is 1/6.
    fields = blade([Lobe((0, 0.1), 0.0, 0.8, 0.2, 1.0, 1.0)], 0.6, 300, 9.0)
    assert fields.alpha.mean() * 0.6 * 1.04 == pytest.approx(2 * 0.2 * 0.8 * (4 / 6), rel=0.01)
    waved = blade([Lobe((0, 0.1), 0.0, 0.8, 0.2, 1.0, 1.0, waves=10, depth=0.4)], 0.6, 300, 9.0)
    assert waved.alpha.mean() == pytest.approx(0.8 * fields.alpha.mean(), rel=0.04)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_lies_within_its_tile(form):
    lobes, breadth = lobes_of(np.random.default_rng(3), form)
    alpha = blade(lobes, breadth, 128, 9.0).alpha
    assert 0.02 < alpha.mean() < 0.75
    assert alpha[-1].max() == 0
    assert alpha[:, [0, -1]].max() < 0.6


def test_tiles_are_premultiplied_and_there_are_three_a_leaf():
    foliage = Foliage(
        np.array([[0.1, 0.2, 0.1], [0.4, 0.6, 0.2]]), "toothed", 9, 0.5, np.ones(3), 0.2, 1.0, 32
    )
    atlas, breadths = leaf_atlas(np.random.default_rng(0), foliage, 2)
    assert atlas.tops.shape[1] == 6
    assert len(breadths) == 2
    assert (atlas.picture[..., :3] <= atlas.picture[..., 3:] + 1e-6).all()


def test_leaves_in_the_mass_are_darker():
    rng = np.random.default_rng(0)
    places = rng.uniform(0.2, 0.8, (3000, 3))
    free = openness(places, np.full(3000, 0.05), LAMP)
    above, below = free[places[:, 1] < 0.3], free[places[:, 1] > 0.7]
    assert above.mean() > 1.5 * below.mean()
    assert free.min() >= 0
    assert free.max() <= 1
    assert openness(places[:1], np.full(1, 0.05), LAMP)[0] > 0.7
