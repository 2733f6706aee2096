"""Bodies: distances, heights and normals of cones and masks, noise, figures."""

import numpy as np
import pytest

from deepmatte.training.corpus.render.bodies import (
    GRID,
    Cone,
    grid_places,
    outside,
    smooth_minimum,
    surface_of,
    surface_of_mask,
    unit,
)
from deepmatte.training.corpus.render.figures import ANIMALS, Figure, Mark, both_sides, person
from deepmatte.training.corpus.render.noise import sample, smooth_noise

BALL = Cone((0.5, 0.5, 0.1), (0.5, 0.5, 0.1), (0.2, 0.2), "ball")
STICK = Cone((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.1, 0.3), "stick")


def test_a_ball_is_as_far_as_it_is_and_as_high_as_a_sphere():
    points = np.array([[0.5, 0.9, 0.1], [0.5, 0.5, 0.1], [0.5, 0.5, 0.5]])
    away, way = outside([BALL], points)
    np.testing.assert_allclose(away, [0.2, -0.2, 0.2], atol=1e-9)
    np.testing.assert_allclose(way[[0, 2]], [[0, 1, 0], [0, 0, 1]], atol=1e-9)
    np.testing.assert_allclose(
        BALL.heights(np.array([[0.5, 0.5], [0.62, 0.5]])), [0.3, 0.1 + np.sqrt(0.04 - 0.0144)], atol=1e-9
    )


def test_a_cone_grows_along_its_line():
    places = np.array([[0.5, 0.5], [1.0, 0.5], [1.5, 0]])
    np.testing.assert_allclose(STICK.distances(places), [0.3, 0.2, 0.2])
    np.testing.assert_allclose(outside([STICK], np.pad(places, [(0, 0), (0, 1)]))[0], [0.3, 0.2, 0.2])


def test_of_several_cones_the_nearest_counts():
    away, way = outside([BALL, STICK], np.array([[0.5, -0.5, 0.0], [0.5, 0.9, 0.1]]))
    np.testing.assert_allclose(away, [0.3, 0.2])
    np.testing.assert_allclose(way, [[0, -1, 0], [0, 1, 0]])


def test_the_surface_of_a_ball_faces_where_a_balls_does():
    surface = surface_of(np.random.default_rng(0), [BALL], roughness=0.0)
    places = np.array([[0.5, 0.5], [0.6, 0.5], [0.5, 0.4]])
    expected = unit(np.array([[0, 0, 0.2], [0.1, 0, np.sqrt(0.03)], [0, -0.1, np.sqrt(0.03)]]))
    np.testing.assert_allclose(unit(surface.read(surface.normal, places)), expected, atol=0.04)
    covered = (surface.over_picture(surface.distance, 200) < 0).mean()
    assert covered == pytest.approx(np.pi * 0.04, rel=0.02)


def test_a_smooth_minimum_is_a_minimum_but_where_both_are_near():
    first, second = np.array([0.0, 1.0, 0.5]), np.array([1.0, 0.0, 0.5])
    np.testing.assert_allclose(smooth_minimum(first, second, 0.2), [0, 0, 0.45])


def test_the_nearer_part_is_seen():
    nose = Cone((0.5, 0.5, 0.3), (0.5, 0.5, 0.3), (0.05, 0.05), "nose")
    surface = surface_of(np.random.default_rng(0), [BALL, nose])
    middle = GRID // 2
    assert surface.parts[surface.part[middle, middle]] == "nose"
    assert surface.parts[surface.part[middle, int(middle - 0.15 * GRID / 1.4)]] == "ball"


def test_places_are_strewn_over_the_body_only_and_as_densely_as_asked():
    rng = np.random.default_rng(0)
    surface = surface_of(rng, [BALL], roughness=0.0)
    left = grid_places(GRID, 0.2)[..., 0] < 0.5
    places = surface.scatter(rng, 4000, np.where(left, 3.0, 1.0))
    assert np.hypot(*(places - 0.5).T).max() < 0.21
    assert (places[:, 0] < 0.5).mean() == pytest.approx(0.75, abs=0.03)
    assert surface.scatter(rng, 5, np.zeros((GRID, GRID))).shape == (0, 2)


def test_a_mask_becomes_a_cushion_of_its_shape():
    alpha = np.zeros((40, 60))
    alpha[10:30, 15:45] = 1
    colours = np.zeros((40, 60, 3), np.float32)
    colours[:, :30] = [1, 0, 0]
    surface = surface_of_mask(alpha, colours)
    distance = surface.over_picture(surface.distance, 120)
    assert (distance < 0).mean() == pytest.approx(20 * 30 / 60**2 * 0.81, rel=0.1)
    assert surface.over_picture(surface.height, 120)[60, 60] > 0.05
    np.testing.assert_allclose(surface.colours[30, [25, 40]], [[1, 0, 0], [0, 0, 0]])
    normal = surface.read(surface.normal, np.array([[0.5, 0.36]]))[0]
    assert normal[1] < -0.5


def test_figures_are_turned_enlarged_and_moved():
    stick = Figure((STICK,), (Mark((0, 0, 1), (0.1, 0.2), "eye"),), (0.0, 0.0, 0.0), 1.0)
    placed = stick.placed(0.5, (0.2, 0.3), roll=np.pi / 2)
    np.testing.assert_allclose(placed.cones[0].end, (0.2, 0.8, 0.0), atol=1e-9)
    assert placed.cones[0].radii == (0.05, 0.15)
    assert placed.scale == pytest.approx(0.5)
    assert len(placed.marks) == 1
    assert stick.placed(1, (0, 0), yaw=np.pi).marks == ()
    assert stick.mirrored().cones[0].end == (-1.0, 0.0, 0.0)
    assert both_sides(STICK)[1].end == (-1.0, 0.0, 0.0)


@pytest.mark.parametrize("make", [person, *ANIMALS.values()])
def test_no_two_figures_are_alike_and_all_can_be_seen(make):
    shapes = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        surface = surface_of(rng, make(rng).placed(0.35, (0.5, 0.4)).cones)
        shapes.append(surface.distance < 0)
        assert 0.05 < shapes[-1].mean() < 0.8
    assert (shapes[0] != shapes[1]).any()
    assert (shapes[1] != shapes[2]).any()


def test_noise_is_smooth_and_about_as_strong_as_said():
    fields = [smooth_noise(np.random.default_rng(seed), 8, 120) for seed in range(8)]
    assert np.std(fields) == pytest.approx(1, abs=0.2)
    assert np.abs(np.mean(fields)) < 0.15
    assert np.abs(np.diff(fields[0], axis=0)).max() < 0.5


def test_fields_are_read_between_their_cells():
    field = np.arange(12.0).reshape(3, 4)
    middle = np.array([[0.5, 0.5], [0.125, 1 / 6], [-1, -1]])
    np.testing.assert_allclose(sample(field, middle), [5.5, 0, 0])
    np.testing.assert_allclose(sample(np.dstack([field, -field]), middle)[0], [5.5, -5.5])


def test_a_lone_ball_is_open_and_what_lies_beside_something_higher_is_not():
    ball = surface_of(np.random.default_rng(0), [BALL], roughness=0.0)
    assert ball.openness[ball.distance < 0].min() > 0.9
    nose = Cone((0.5, 0.5, 0.35), (0.5, 0.5, 0.35), (0.06, 0.06), "nose")
    both = surface_of(np.random.default_rng(0), [BALL, nose], roughness=0.0)
    places = np.stack([np.linspace(0.5, 0.7, 21), np.full(21, 0.5)], axis=1)
    openness = both.read(both.openness, places)
    assert openness[:3].min() > 0.95
    assert openness[5:12].min() < 0.85
