"""Shares and strengths: figures that can be worked out by hand, then other ways to get the same."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepmatte.evaluation.study import preference

Z = 1.959963984540054  # of the normal distribution, for 95 %


def test_wilsons_interval_is_the_published_one() -> None:
    # 8 of 10, as in R: prop.test(8, 10, correct = FALSE)
    share = preference.wilson(8, 10)
    assert share.value == 0.8
    assert share.votes == 10
    assert share.low == pytest.approx(0.4901625, abs=1e-7)
    assert share.high == pytest.approx(0.9433178, abs=1e-7)


def test_wilsons_interval_of_none_and_of_all_is_a_closed_form() -> None:
    n = 12
    assert preference.wilson(0, n).low == 0
    assert preference.wilson(0, n).high == pytest.approx(Z**2 / (n + Z**2))
    assert preference.wilson(n, n).low == pytest.approx(n / (n + Z**2))
    assert preference.wilson(n, n).high == 1


def test_no_votes_have_no_share() -> None:
    assert preference.wilson(0, 0) == preference.Share(None, None, None, 0)


def test_wins_are_counted_and_no_preference_is_half_for_each() -> None:
    wins = preference.count_wins(
        ["a", "b", "c"],
        [("a", "b", "first"), ("a", "b", "second"), ("b", "a", "first"), ("c", "a", "none")],
    )
    np.testing.assert_array_equal(wins, [[0, 1, 0.5], [2, 0, 0], [0.5, 0, 0]])


@pytest.mark.parametrize(("won", "met"), [(7, 10), (1, 2), (2.5, 9), (999, 1000)])
def test_two_methods_differ_by_their_log_odds(won: float, met: int) -> None:
    fit = preference.fit_bradley_terry(np.array([[0, won], [met - won, 0]]))
    odds = math.log(won / (met - won))
    assert fit.values == pytest.approx([odds / 2, -odds / 2], abs=1e-9)
    # Var(θ₁ − θ₂) = 1/w + 1/(n − w), and θ₁ is half of that difference.
    reach = Z * math.sqrt(1 / won + 1 / (met - won)) / 2
    assert fit.high - fit.values == pytest.approx([reach, reach], rel=1e-6)
    assert fit.values - fit.low == pytest.approx([reach, reach], rel=1e-6)
    assert not fit.has_prior


def test_votes_that_follow_the_model_give_its_strengths_back() -> None:
    strengths = np.array([1.3, 0.2, -0.4, -1.1])
    wins = 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))
    np.fill_diagonal(wins, 0)
    fit = preference.fit_bradley_terry(1000 * wins)
    np.testing.assert_allclose(fit.values, strengths - strengths.mean(), atol=1e-9)


def test_equal_wins_are_equal_strengths() -> None:
    fit = preference.fit_bradley_terry(4 * (1 - np.eye(5)))
    np.testing.assert_allclose(fit.values, 0, atol=1e-12)


def test_methods_that_never_met_are_compared_through_others() -> None:
    # a : b is 3 : 1 and b : c is 3 : 1, so a : c is 9 : 1.
    fit = preference.fit_bradley_terry(np.array([[0, 3, 0], [1, 0, 3], [0, 1, 0.0]]))
    assert fit.values[0] - fit.values[2] == pytest.approx(math.log(9))


def test_who_never_lost_gets_the_documented_prior() -> None:
    fit = preference.fit_bradley_terry(np.array([[0, 6], [0.0, 0]]))
    assert fit.has_prior
    assert fit.values[0] - fit.values[1] == pytest.approx(math.log(6.5 / 0.5))


@pytest.mark.parametrize(
    ("wins", "bounded"),
    [
        ([[0, 1], [1, 0]], True),
        ([[0, 1], [0, 0]], False),
        ([[0, 1, 0], [0, 0, 1], [1, 0, 0]], True),  # a ring
        ([[0, 1, 1], [1, 0, 1], [0, 0, 0]], False),  # the last never won
        ([[0, 1, 0], [1, 0, 0], [0, 0, 0]], False),  # the last was never compared
        ([[0, 0.5], [0.5, 0]], True),
    ],
)
def test_strengths_are_finite_only_where_wins_lead_everywhere(wins: list[list[float]], bounded: bool) -> None:
    assert preference.is_bounded(np.array(wins, float)) == bounded


def fit_by_minorisation(wins: np.ndarray) -> np.ndarray:
    """Return the strengths by Hunter's MM algorithm (Ann. Statist. 32, 2004), slowly."""
    gammas = np.ones(len(wins))
    met = wins + wins.T
    for _ in range(20_000):
        shares = met / (gammas[:, None] + gammas[None, :])
        gammas = wins.sum(axis=1) / shares.sum(axis=1)
        gammas /= np.exp(np.log(gammas).mean())
    return np.log(gammas)


def test_strengths_are_those_of_another_algorithm() -> None:
    wins = np.random.default_rng(3).integers(1, 9, (6, 6)).astype(float)
    wins[0, 1] = wins[2, 4] = 0.5
    np.fill_diagonal(wins, 0)
    np.testing.assert_allclose(
        preference.fit_bradley_terry(wins).values, fit_by_minorisation(wins), atol=1e-8
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=12, max_size=12))
def test_any_votes_give_finite_strengths_that_explain_them(counts: list[int]) -> None:
    wins = np.zeros((4, 4))
    wins[~np.eye(4, dtype=bool)] = np.array(counts) / 2
    fit = preference.fit_bradley_terry(wins)
    assert np.isfinite([fit.values, fit.low, fit.high]).all()
    assert fit.values.sum() == pytest.approx(0, abs=1e-7)
    if fit.has_prior:
        wins = wins + 0.5 * (1 - np.eye(4))
    # At the maximum every method has exactly as many wins as the model expects of it.
    chances = 1 / (1 + np.exp(fit.values[None, :] - fit.values[:, None]))
    np.testing.assert_allclose(((wins + wins.T) * chances).sum(axis=1), (wins).sum(axis=1) + 0, atol=1e-6)
