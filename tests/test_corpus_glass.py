"""Glass: what it mirrors and tints, where walls are seen, and what the kinds promise."""

import numpy as np
import pytest

from deepmatte import images
from deepmatte.pixels import to_bytes
from deepmatte.training.corpus.render import KINDS
from deepmatte.training.corpus.render.glass.bubbles import mirrored_by_film
from deepmatte.training.corpus.render.glass.glazing import Layers, bent_through, tinted
from deepmatte.training.corpus.render.glass.vessels import View, vessel_of, wall_of
from deepmatte.training.corpus.render.rendering import Assets
from deepmatte.training.corpus.render.surroundings import fresnel, some_surroundings, through_wall

GLASSES = [name for name, kind in KINDS.items() if kind.group == "glass"]
SIZE = 97
TUBE = [(0.0, 1.0), (0.5, 1.0), (1.0, 1.0)]


@pytest.fixture(scope="module")
def renders():
    return {name: [KINDS[name].render(5, index, SIZE) for index in range(3)] for name in GLASSES}


def upright(size, angle=0.0):
    return View((0.5, 0.8), angle, size, slice(0, size))


def test_the_kinds_are_there():
    assert set(GLASSES) >= {"glass", "bottles", "bubbles"}


@pytest.mark.parametrize("name", GLASSES)
def test_glass_is_seen_through_and_has_dense_edges(name, renders):
    alphas = np.concatenate([each.alpha.ravel() for each in renders[name]])
    assert ((alphas > 0.02) & (alphas < 0.6)).mean() > 0.01
    assert alphas.max() > 0.5
    assert (alphas == 0).mean() > 0.05


@pytest.mark.parametrize("name", GLASSES)
def test_surroundings_come_from_photographs(name, tmp_path):
    images.write_image(tmp_path / "red.png", to_bytes(np.ones((40, 50, 3)) * [0.9, 0.1, 0.1]))
    assets = Assets(photographs=(tmp_path / "red.png",))
    with_it, without = KINDS[name].render(0, 3, SIZE, assets), KINDS[name].render(0, 3, SIZE)
    assert np.abs(with_it.colours - without.colours).max() > 0.05


def test_glass_mirrors_four_percent_straight_on_and_all_at_grazing():
    assert fresnel(1.0) == pytest.approx(((1.5 - 1) / (1.5 + 1)) ** 2)
    assert fresnel(0.0) == pytest.approx(1)
    assert np.all(np.diff(fresnel(np.linspace(0, 1, 30))) < 0)


def test_both_sides_of_a_wall_mirror_as_the_sum_of_all_ways_there_and_back():
    share = 0.3
    passes = sum((1 - share) ** 2 * share ** (2 * n + 1) for n in range(60))
    assert through_wall(share) == pytest.approx(share + passes)


def test_grey_glass_covers_what_it_does_not_let_through():
    colours, alpha = tinted(np.full((2, 3), 0.7), np.ones(3))
    np.testing.assert_allclose(alpha, 0.3)
    np.testing.assert_allclose(colours, 0, atol=1e-12)


def test_coloured_glass_before_what_is_usual_shows_its_tint():
    passing, usual = np.array([0.8, 0.5, 0.5]), np.array([0.6, 0.6, 0.6])
    colours, alpha = tinted(passing, usual)
    seen = colours + (1 - alpha) * usual
    assert seen[0] == pytest.approx(0.48)
    assert seen[0] > seen[1] == pytest.approx(seen[2])


def test_twice_as_much_of_a_liquid_squares_what_passes():
    way = np.array([[0.1, 0.2]])
    _, alpha = bent_through(way, np.full(3, 2.0), np.ones(3), 3.0, np.ones(3))
    assert 1 - alpha[0, 1] == pytest.approx((1 - alpha[0, 0]) ** 2)


def test_layers_lie_over_one_another():
    layers = Layers(1, 2)
    layers.lay(np.full((1, 2, 3), 0.5), np.full((1, 2), 0.5))
    layers.lay(np.zeros((1, 2, 3)), np.full((1, 2), 0.5))
    np.testing.assert_allclose(layers.alpha, 0.75)
    np.testing.assert_allclose(layers.colours, 0.25)


def test_light_needs_alpha():
    layers = Layers(1, 1)
    layers.lay(np.full((1, 1, 3), 0.8), np.zeros((1, 1)))
    assert layers.alpha[0, 0] == pytest.approx(0.8)


def test_a_tube_covers_its_rectangle_and_faces_the_viewer_in_the_middle():
    tube = vessel_of(TUBE, 0.6, 0.2, 0.05, 0.1)
    for size in (97, 160):
        wall = wall_of(tube, upright(size), 1)
        assert wall.covered.mean() == pytest.approx(0.6 * 0.4, rel=0.01)
        middle = wall.normals[size // 2, size // 2]
        np.testing.assert_allclose(middle, [0, 0, 1], atol=0.05)
        column = int(0.62 * size)
        right = wall.normals[size // 2, column]
        assert right[0] == pytest.approx(((column + 0.5) / size - 0.5) / 0.2, abs=1e-6)


def test_a_tube_seen_from_above_shows_its_inside_behind_its_rim():
    size, angle = 200, 0.4
    tube = vessel_of(TUBE, 0.5, 0.2, 0.05, 0.1)
    back, front = (wall_of(tube, upright(size, angle), side).covered for side in (-1, 1))
    assert front.mean() == pytest.approx(0.5 * 0.4 * np.cos(angle), rel=0.02)
    mouth = np.clip(back - front, 0, 1).mean()
    assert mouth == pytest.approx(np.pi * 0.2**2 * np.sin(angle), rel=0.04)


def test_a_rings_distance_is_exact_near_it():
    view = View((0.5, 0.5), 0.5, 400, slice(0, 400))
    ring = view.cover(np.abs(view.ring(0.0, 0.3)) - 0.01)
    wide, high = 0.3, 0.3 * np.sin(0.5)
    # Ramanujan's length of an ellipse.
    length = np.pi * (3 * (wide + high) - np.sqrt((3 * wide + high) * (wide + 3 * high)))
    assert ring.mean() == pytest.approx(length * 0.02, rel=0.02)


def test_a_ball_mirrors_what_is_before_it_in_its_middle():
    around = some_surroundings(np.random.default_rng(0), None)
    assert around.ball.shape == around.soft.shape
    assert around.ball.max() > 1 > around.smeared(np.zeros(3), np.zeros(3)).max() - 1e-9
    middle = around.ball[111:113, 111:113].mean(axis=(0, 1))
    np.testing.assert_allclose(around.mirrored(np.zeros(1), np.zeros(1))[0], middle, rtol=1e-6)


def test_a_film_mirrors_nothing_or_four_times_its_side_at_quarter_waves():
    one_side = ((1.33 - 1) / (1.33 + 1)) ** 2
    green = np.array([0.0, 540 / (4 * 1.33)])
    none, most = mirrored_by_film(np.ones(2), green)[:, 1]
    assert none == pytest.approx(0, abs=1e-12)
    assert most == pytest.approx(4 * one_side, rel=0.02)


def test_thick_films_are_as_bright_as_both_sides_and_without_colour():
    share = mirrored_by_film(np.ones(1), np.array([6000.0]))[0]
    np.testing.assert_allclose(share, 2 * ((1.33 - 1) / (1.33 + 1)) ** 2, rtol=0.01)
