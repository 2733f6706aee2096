"""Growth and light of strands: falls, locks, waves, fur, and how they are lit."""

from dataclasses import replace

import numpy as np
import pytest

from deepmatte.training.corpus.render import light as lights
from deepmatte.training.corpus.render.bodies import Cone, outside, surface_of, unit
from deepmatte.training.corpus.render.light import Light
from deepmatte.training.corpus.render.strands.growth import (
    Fall,
    Strands,
    Wave,
    fill_locks,
    grow_fur,
    grow_locks,
    together,
)

BALL = Cone((0.5, 0.4, 0.0), (0.5, 0.4, 0.0), (0.2, 0.2), "head")
CALM = Fall(0.5, 1.0, 0.0, 0.0)
STRAIGHT = Wave(0.0, 1.0, 1.0, 0.0)


def test_locks_fall_around_the_head_and_then_down():
    rng = np.random.default_rng(0)
    roots = np.array([[0.45, 0.21, 0.02], [0.58, 0.22, -0.02]])
    lines, normals = grow_locks(
        rng, roots, np.array([[-1.0, 0, 0], [1, 0, 0]]), np.full(2, 0.6), np.full(2, 0.01), CALM, [BALL], 40
    )
    np.testing.assert_allclose(lines[:, 0], roots)
    assert outside([BALL], lines.reshape(-1, 3))[0].min() > -0.01
    assert (lines[:, -1, 1] > 0.55).all()
    length = np.sqrt((np.diff(lines, axis=1) ** 2).sum(axis=2)).sum(axis=1)
    assert length == pytest.approx(0.6, rel=0.2)
    np.testing.assert_allclose(np.sqrt((normals**2).sum(axis=2)), 1)


def some_locks(rng, wave=STRAIGHT, frizz=0.0, spread=(0.0, 0.0, 0.0), strays=0.0):
    lines = np.linspace([0.5, 0.1, 0], [0.5, 0.9, 0], 33)[None].repeat(2, axis=0)
    normals = np.broadcast_to([0.0, 0.0, 1.0], lines.shape)
    return fill_locks(rng, lines, normals, 50, np.array(spread), wave, frizz, strays)


def test_strands_without_freedom_lie_on_their_lock():
    strands, waved = some_locks(np.random.default_rng(0))
    np.testing.assert_allclose(strands.places[..., 0], 0.5)
    assert strands.places[..., 1].max() <= 0.9
    np.testing.assert_allclose(waved[..., 0], 0.5)
    np.testing.assert_array_equal(np.bincount(strands.lock), [50, 50])


def test_locks_are_as_wide_as_asked():
    strands, _ = some_locks(np.random.default_rng(0), spread=(0.0, 0.1, 0.0))
    off = np.abs(strands.places[..., 0] - 0.5)
    assert off[:, 0].max() == pytest.approx(0, abs=1e-9)
    assert 0.05 < off[:, 14].max() < 0.15
    assert off[:, -1].max() == pytest.approx(0, abs=1e-9)


def test_strays_leave_their_lock():
    strands, _ = some_locks(np.random.default_rng(0), frizz=0.01, strays=0.3)
    off = np.abs(strands.places[:, -1, 0] - 0.5)
    assert strands.is_stray.mean() == pytest.approx(0.3, abs=0.15)
    assert off[strands.is_stray].mean() > 3 * off[~strands.is_stray].mean()


def test_waves_have_their_radius():
    _, waved = some_locks(np.random.default_rng(0), wave=Wave(0.05, 4.0, 1.0, 0.0))
    across = np.abs(waved[:, 12:, 0] - 0.5).max(axis=1)
    assert ((across > 0.02) & (across < 0.08)).all()


def test_two_sets_of_strands_are_put_together():
    first, _ = some_locks(np.random.default_rng(0))
    both = together(first, first)
    assert both.places.shape[0] == 200
    np.testing.assert_array_equal(np.unique(both.lock), [0, 1, 2, 3])


def test_fur_starts_on_the_body_and_points_out_of_it():
    rng = np.random.default_rng(0)
    surface = surface_of(rng, [BALL], roughness=0.0)
    roots = surface.scatter(rng, 300)
    hairs = grow_fur(rng, surface, roots, np.full(300, 0.05), 1.0, 0.0, 0.0, (0.01, 0.0), 6)
    np.testing.assert_allclose(hairs.places[:, 0, :2], roots, atol=1e-6)
    away = hairs.places[:, -1, :2] - roots
    outward = roots - np.array([0.5, 0.4])
    edge = np.hypot(*outward.T) > 0.12
    assert (unit(away)[edge] * unit(outward)[edge]).sum(axis=1).mean() > 0.8


def test_tufts_gather_tips():
    surface = surface_of(np.random.default_rng(0), [BALL], roughness=0.0)
    spans = []
    for gather in (0.0, 1.0):
        rng = np.random.default_rng(1)
        roots = surface.scatter(rng, 1000)
        hairs = grow_fur(rng, surface, roots, np.full(1000, 0.03), 0.8, 0.0, 0.1, (0.06, gather), 6)
        tips, middles = hairs.places[:, -1, :2], np.zeros((hairs.lock.max() + 1, 2))
        np.add.at(middles, hairs.lock, tips)
        middles /= np.maximum(np.bincount(hairs.lock), 1)[:, None]
        spans.append(np.hypot(*(tips - middles[hairs.lock]).T).mean())
    assert spans[1] < 0.7 * spans[0]


LAMP = Light(np.array([0.0, -1.0, 0.0]), np.ones(3), 0.3, 0.0, 0.0)


def lit(tangent, normal, light=LAMP, thickness=1.0):
    one = np.ones((1, 1, 3))
    return light.on_strands(
        0.4 * one, np.array(tangent) * one, np.array(normal) * one, np.zeros(1), np.full((1, 1), thickness)
    )[0, 0]


def test_strands_are_brightest_across_the_light():
    across, along = lit((1.0, 0, 0), (0, -1.0, 0)), lit((0, 1.0, 0), (0, -1.0, 0))
    np.testing.assert_allclose(across, 0.4 * 1.15)
    np.testing.assert_allclose(along, 0.4 * 0.3)


def test_light_from_behind_shines_through_single_strands_at_the_rim():
    behind = Light(np.array([0.0, 0.0, -1.0]), np.ones(3), 0.3, 0.0, 1.0)
    alone, amid = (lit((0, 1.0, 0), (1.0, 0, 0), behind, thickness) for thickness in (0.0, 1.0))
    facing = lit((0, 1.0, 0), (0, 0, 1.0), behind, 0.0)
    assert alone[0] > amid[0] > facing[0]


def test_a_strand_glints_where_its_highlight_is_in_line():
    glossy = replace(LAMP, gloss=1.0)
    along = np.ones((1, 3, 1))
    strand = 0.2 * along * np.ones(3), along * (1.0, 0, 0), along * (0, -1.0, 0)
    jitter = np.array([[0.0, 8.0, 0.0]])
    shiny, dull = (light.on_strands(*strand, jitter, np.ones((1, 3)))[0, :, 0] for light in (glossy, LAMP))
    assert shiny[0] == shiny[2] > 1.2 * shiny[1] > dull[1]
    np.testing.assert_array_equal(dull, dull[0])


def test_a_surface_is_lit_by_lambert():
    normals = np.array([[0.0, -1, 0], [1.0, 0, 0]])
    np.testing.assert_allclose(LAMP.on_surface(np.full((2, 3), 0.5), normals)[:, 0], [0.525, 0.15])


def test_colours_of_a_photograph_are_among_its_own():
    photograph = np.zeros((30, 40, 3), np.float32)
    photograph[..., 1] = np.linspace(0.2, 0.8, 40)
    dark, light = lights.tones_of(np.random.default_rng(0), photograph)
    assert dark[1] < light[1]
    assert light[0] == pytest.approx(0.02)


def test_palettes_and_vivid_colours_are_colours():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        for pair in (lights.tones(rng, lights.HAIR), lights.vivid(rng)):
            assert pair.shape == (2, 3)
            assert pair.min() >= 0
            assert pair.max() <= 1
            assert pair[0].sum() < pair[1].sum()
        assert np.sqrt((lights.some_light(rng).direction ** 2).sum()) == pytest.approx(1)


def test_tangents_lead_along_the_strands():
    line = np.linspace([0, 0, 0], [0, 0.5, 0.5], 6)[None]
    strands = Strands(line, line, np.zeros(1, int), np.zeros(1), np.zeros(1, bool))
    np.testing.assert_allclose(strands.tangents, np.broadcast_to([0, np.sqrt(0.5), np.sqrt(0.5)], (1, 6, 3)))
