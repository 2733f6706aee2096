"""Smoke, fire, spray: conserved mass, Beer and Lambert, the area of drops, and what kinds promise."""

import numpy as np
import pytest

from deepmatte.training.corpus.render import KINDS
from deepmatte.training.corpus.render.noise import spline
from deepmatte.training.corpus.render.vapour import drops, sheets, volumes
from deepmatte.training.corpus.render.vapour.drops import Drops, Gleam
from deepmatte.training.corpus.render.vapour.fire import heat_colours
from deepmatte.training.corpus.render.vapour.splashes import field_of

VAPOURS = [name for name, kind in KINDS.items() if kind.group == "vapour"]
SIZE = 97
FLAT = Gleam(rim=1.0, middle=1.0, towards=np.array([0.0, -1.0]), sparkle=0.0, dark=1.0)


@pytest.fixture(scope="module")
def renders():
    return {name: [KINDS[name].render(5, index, SIZE) for index in range(2)] for name in VAPOURS}


def strewn(count, radius, softness=0.0, way=(0.0, 0.0), opacity=1.0, size=120, seed=0):
    rng = np.random.default_rng(seed)
    ones = np.ones(count)
    return Drops(
        rng.uniform(0.2 * size, 0.8 * size, (count, 2)),
        radius * ones,
        softness * ones,
        np.array(way) * ones[:, None],
        opacity * ones,
        np.full((count, 3), 0.5),
    )


def test_the_kinds_are_there():
    assert set(VAPOURS) >= {"smoke", "fire", "spray", "splashes"}


@pytest.mark.parametrize("name", VAPOURS)
def test_vapour_is_soft_and_leaves_something_free(name, renders):
    alphas = np.concatenate([each.alpha.ravel() for each in renders[name]])
    assert ((alphas > 0.02) & (alphas < 0.95)).mean() > 0.01
    assert (alphas == 0).mean() > 0.02


def test_double_the_density_squares_the_transmittance():
    depth = np.linspace(0, 9, 50)
    np.testing.assert_allclose(1 - volumes.opacity(2 * depth), (1 - volumes.opacity(depth)) ** 2, atol=1e-12)
    assert volumes.opacity(np.array(np.log(2))) == pytest.approx(0.5)


def test_the_front_of_a_dense_volume_is_seen_and_all_of_a_thin_one():
    brightness = np.linspace(0.2, 0.8, 10)[None, None].astype(np.float32)
    for density, expected in ((60.0, 0.2), (1e-4, 0.5)):
        depth, seen = volumes.view(np.full((1, 1, 10), density, np.float32), brightness)
        assert depth[0, 0] == pytest.approx(10 * density, rel=1e-5)
        assert seen[0, 0] == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(("from_side", "axis", "backwards"), [(0, 0, False), (-1, 1, False), (1, 1, True)])
def test_light_has_met_all_density_before_a_cell_and_half_of_its_own(from_side, axis, backwards):
    density = np.random.default_rng(0).random((7, 7, 5)).astype(np.float32)
    turned = np.flip(density, axis) if backwards else density
    expected = np.cumsum(turned, axis=axis) - turned / 2
    expected = np.flip(expected, axis) if backwards else expected
    np.testing.assert_allclose(volumes.lit(density, (0, 0), from_side), expected, rtol=1e-5)


def test_noise_in_a_volume_has_the_deviation_it_says():
    noise = volumes.cloud(np.random.default_rng(0), 9, 3, 0.6, 1.0, False)
    assert noise.std() == pytest.approx(1, abs=0.15)


def test_splatted_weights_add_up_and_lie_where_they_were_put():
    places = np.random.default_rng(0).uniform(3, 28, (500, 2))
    weights = np.random.default_rng(1).random((500, 2))
    drawn = sheets.splat(places, weights, 31)
    np.testing.assert_allclose(drawn.sum(axis=(0, 1)), weights.sum(axis=0))
    steps = np.arange(31) + 0.5
    middle = (drawn[..., 0].sum(axis=0) * steps).sum() / drawn[..., 0].sum()
    assert middle == pytest.approx((places[:, 0] * weights[:, 0]).sum() / weights[:, 0].sum(), abs=1e-3)


def test_what_lies_outside_is_not_splatted():
    outside = np.array([[-9.0, 5], [50, 5], [5, -9], [5, 50], [-0.6, 31.6]])
    assert sheets.splat(outside, np.ones((5, 1)), 31).sum() == 0


def test_a_sheet_weighs_the_same_at_any_size():
    steps = np.linspace(0.3, 0.7, 20)
    places = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=2)
    for size in (64, 150):
        drawn = sheets.mass_of([sheets.Sheet(places, np.ones((20, 20, 1)))], size, (0.5, 0.5))
        assert drawn.sum() * (size / 512) ** 2 == pytest.approx(400, rel=0.01)


def test_eddies_neither_gather_nor_scatter():
    flow = sheets.eddies(np.random.default_rng(0), 3, 3, np.zeros(2)).velocity
    spread = np.gradient(flow[..., 0], axis=1) + np.gradient(flow[..., 1], axis=0)
    turning = np.gradient(flow[..., 1], axis=1) - np.gradient(flow[..., 0], axis=0)
    inner = (slice(2, -2), slice(2, -2))
    assert np.abs(spread[inner]).max() < 1e-9
    assert np.abs(turning[inner]).mean() > 0.01


def test_without_eddies_parcels_go_straight_and_as_far_as_they_are_old():
    calm = sheets.Flow(np.zeros((9, 9, 2)), np.zeros(2))
    ages = np.array([0, 0.25, 1.0])
    places = sheets.drift(np.array([[0.5, 0.9]]), ages, calm, np.array([0.2, -0.6]), 1.0, 0.5, 16)
    np.testing.assert_allclose(places[:, 0], [0.5, 0.9] + ages[:, None] * [0.2, -0.6], atol=1e-9)


@pytest.mark.parametrize("softness", [0.0, 3.0])
@pytest.mark.parametrize("radius", [0.2, 0.7, 1.1, 3.0, 7.5])
def test_a_drop_covers_its_area_however_small_or_soft(radius, softness):
    each = [drops.draw(strewn(1, radius, softness, seed=seed), FLAT, 120)[1].sum() for seed in range(8)]
    assert np.mean(each) == pytest.approx(np.pi * radius**2, rel=0.02)


def test_a_drop_that_moves_hides_as_much_as_one_at_rest():
    _, alpha = drops.draw(strewn(1, 3.0, way=(14.0, 5.0)), FLAT, 120)
    assert alpha.sum() == pytest.approx(np.pi * 9, rel=0.03)
    assert alpha.max() < 0.5


def test_many_drops_cover_what_chance_lets_them():
    """N drops of area a strewn over A leave exp(−N a / A) of it free (Poisson)."""
    count, radius = 1500, 1.3
    _, alpha = drops.draw(strewn(count, radius), FLAT, 120)
    inner = alpha[30:90, 30:90]
    assert 1 - inner.mean() == pytest.approx(np.exp(-count * np.pi * radius**2 / 72**2), abs=0.02)


def test_drops_keep_their_colour():
    premultiplied, alpha = drops.draw(strewn(40, 1.2), FLAT, 120)
    seen = alpha > 1e-3
    np.testing.assert_allclose((premultiplied / np.maximum(alpha, 1e-9)[..., None])[seen], 0.5, atol=1e-6)


def test_no_drops_draw_nothing():
    assert drops.draw(strewn(0, 1.0), FLAT, 33)[1].max() == 0


def test_heat_goes_from_dark_red_to_nearly_white():
    cool, hot = heat_colours(np.array([0.0, 1.0]), "wood")
    assert cool[0] > 4 * cool[2]
    assert hot.min() > 0.8


def test_a_spline_keeps_straight_lines():
    rows = np.arange(9.0)[:, None]
    np.testing.assert_allclose(spline(rows, np.array([1.0, 2.25, 6.5]))[:, 0], [1, 2.25, 6.5])


def test_liquid_is_as_large_as_a_single_ball_and_runs_together_between_two():
    size, radius = 97, 9.0
    one = field_of(np.array([[48.3, 40.6]]), np.array([radius]), size)
    assert (one > 0.5625).sum() == pytest.approx(np.pi * radius**2, rel=0.03)
    # The kernel over its whole disc of twice the radius holds a third of its area.
    assert one.sum() == pytest.approx(np.pi * (2 * radius) ** 2 / 3, rel=0.01)
    two = field_of(np.array([[36.0, 48], [60.0, 48]]), np.full(2, radius + 0.5), size)
    alone = field_of(np.array([[36.0, 48]]), np.full(1, radius + 0.5), size)
    assert two[48, 47] > 0.5625 > alone[48, 47]
