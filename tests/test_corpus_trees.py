"""Branches and trees: where wood grows, how thick it is, how it is drawn."""

import numpy as np
import pytest

from deepmatte.training.corpus.render.foliage.branches import (
    NODES,
    Fork,
    fork,
    read,
    stem,
    together,
    wood_ribbons,
)
from deepmatte.training.corpus.render.foliage.trees import TREES, grow_tree
from deepmatte.training.corpus.render.light import Light

LAMP = Light(np.array([0.6, -0.8, 0.0]), np.ones(3), 0.4, 0.0, 0.0)


def trunk(count=1):
    base, way = np.zeros((count, 3)), np.tile([0.0, -1.0, 0.0], (count, 1))
    return stem(np.random.default_rng(0), base, way, np.full(count, 0.9), np.full(count, 0.02), 0.0)


def test_a_straight_stem_goes_where_it_points_and_tapers():
    wood = trunk()
    np.testing.assert_allclose(wood.lines[0, :, 1], -np.linspace(0, 0.9, NODES), atol=1e-12)
    np.testing.assert_allclose(wood.lines[0, :, [0, 2]], 0, atol=1e-12)
    assert wood.radii[0, 0] == 0.02
    assert (np.diff(wood.radii[0]) < 0).all()


def test_places_are_read_along_branches():
    at, way = read(trunk().lines, np.zeros(2, np.intp), np.array([0.0, 0.37]))
    np.testing.assert_allclose(at[:, 1], [0, -0.37 * 0.9], atol=1e-12)
    np.testing.assert_allclose(way, [[0, -1, 0]] * 2, atol=1e-12)


def test_branches_leave_their_parent_thinner_and_shorter():
    plan = Fork(6, 0.8, 0.5, start=0.4, wander=0.0, taper=0.0)
    children = fork(np.random.default_rng(1), trunk(2), plan)
    assert children.lines.shape == (12, NODES, 3)
    starts = -children.lines[:, 0, 1] / 0.9
    assert starts.min() >= 0.4 - 1e-9
    assert starts.max() <= 1
    np.testing.assert_allclose(children.lines[:, 0, [0, 2]], 0, atol=1e-12)
    length = np.sqrt((np.diff(children.lines, axis=1) ** 2).sum(axis=2)).sum(axis=1)
    np.testing.assert_allclose(length, children.reach, rtol=1e-9)
    assert (children.radii[:, 0] < 0.02).all()
    up = -(children.lines[:, 1] - children.lines[:, 0])[:, 1] / (length / (NODES - 1))
    assert np.arccos(up).mean() == pytest.approx(0.8, rel=0.15)


def test_lift_turns_branches_upwards():
    ends = []
    for lift in (-1.0, 1.0):
        plan = Fork(9, 1.2, 0.5, wander=0.0, lift=lift)
        lines = fork(np.random.default_rng(1), trunk(), plan).lines
        ends.append((lines[:, -1, 1] - lines[:, 0, 1]).mean())
    assert ends[1] < ends[0]


def test_wood_is_drawn_far_first_and_lit_where_the_lamp_is():
    wood = together([trunk(), fork(np.random.default_rng(1), trunk(), Fork(5, 0.8, 0.5))])
    tones = np.array([[0.2, 0.2, 0.2], [0.4, 0.4, 0.4]])
    ribbons = wood_ribbons(np.random.default_rng(0), wood, tones, LAMP, 300, np.ones(6))
    assert len(ribbons.places) == 18
    thick = int(np.argmax(ribbons.widths[::3, 0])) * 3
    assert ribbons.places[thick + 2, 0, 0] > ribbons.places[thick, 0, 0]
    assert ribbons.colours[thick + 2].mean() > ribbons.colours[thick].mean()


@pytest.mark.parametrize("habit", TREES["habit"].options)
def test_trees_stand_on_the_ground_and_branch_to_twigs(habit):
    values = {"habit": habit, "open": 0.7, "crooked": 0.1, "bare": True}
    levels = grow_tree(np.random.default_rng(2), values)
    assert all(len(level.lines) < 14000 for level in levels)
    assert len(levels[-1].lines) > 500
    assert levels[-1].radii.mean() < 0.2 * levels[0].radii.mean()
    assert levels[1].lines[:, :, 1].max() < 0.35
