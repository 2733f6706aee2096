"""From choices to figures: shares with Wilson's intervals, and Bradley-Terry strengths.

wins: float64 (K, K) for K methods; wins[i, j] is how often i was chosen over j. A vote without preference is
half a win for each side, so wins[i, j] + wins[j, i] is the number of votes between the two.

Sources: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927;
R. A. Bradley and M. E. Terry, "Rank analysis of incomplete block designs", Biometrika 39, 1952;
L. R. Ford, "Solution of a ranking problem from binary comparisons", Am. Math. Monthly 64, 1957 (when the
strengths are finite).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

CONFIDENCE = 0.95
PRIOR_WINS = 0.5  # added to wins[i, j] for all i ≠ j where strengths would be infinite: one vote without
# preference between any two methods

_MAX_STEPS = 200
_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Share:
    """A share of votes, 0 to 1, with its interval; all None where there are no votes. votes: of how many."""

    value: float | None
    low: float | None
    high: float | None
    votes: int


def wilson(successes: float, votes: int, confidence: float = CONFIDENCE) -> Share:
    """Return a share and Wilson's score interval.

    With p = successes / n and z the normal quantile, (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n).
    successes may be a multiple of one half (votes without preference).
    """
    if votes == 0:
        return Share(None, None, None, 0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / votes
    centre = share + z * z / (2 * votes)
    reach = z * math.sqrt(share * (1 - share) / votes + z * z / (4 * votes * votes))
    scale = 1 + z * z / votes
    low = max((centre - reach) / scale, 0.0) if successes > 0 else 0.0
    high = min((centre + reach) / scale, 1.0) if successes < votes else 1.0
    return Share(share, low, high, votes)


def count_wins(methods: Sequence[str], comparisons: Iterable[tuple[str, str, str]]) -> Matrix:
    """Return wins (K, K). A comparison is first, second and what was chosen: "first", "second" or "none"."""
    place = {method: index for index, method in enumerate(methods)}
    wins = np.zeros((len(methods), len(methods)))
    gains = {"first": 1.0, "second": 0.0, "none": 0.5}
    for first, second, chosen in comparisons:
        wins[place[first], place[second]] += gains[chosen]
        wins[place[second], place[first]] += 1 - gains[chosen]
    return wins


@dataclass(frozen=True, eq=False)
class Strengths:
    """Bradley-Terry strengths. values, low, high: (K,), mean of values 0; has_prior: PRIOR_WINS were added.

    Two methods differ by the logarithm of the odds that one is chosen over the other.
    """

    values: Matrix
    low: Matrix
    high: Matrix
    has_prior: bool


def is_bounded(wins: Matrix) -> bool:
    """Say whether strengths are finite and unique: from each method a chain of wins leads to every other.

    Otherwise the methods fall into two groups of which one never won against the other (Ford 1957).
    """
    count = len(wins)
    reach = (wins > 0) | np.eye(count, dtype=bool)
    for _ in range(count):
        reach = reach @ reach
    return bool(reach.all())


def fit_bradley_terry(wins: Matrix, confidence: float = CONFIDENCE) -> Strengths:
    """Return the strengths most likely under P(i over j) = 1 / (1 + exp(θⱼ − θᵢ)), Σθ = 0.

    Newton's method on the log-likelihood, which is concave; intervals are θ ± z √(L⁺)ᵢᵢ, L the observed
    information (a graph Laplacian with weights nᵢⱼ pᵢⱼ pⱼᵢ) and L⁺ its pseudo-inverse. They take votes as
    independent. Where `is_bounded` is false, PRIOR_WINS are added first.
    """
    has_prior = not is_bounded(wins)
    if has_prior:
        wins = wins + PRIOR_WINS * (1 - np.eye(len(wins)))
    values = np.zeros(len(wins))
    best = _log_likelihood(wins, values)
    for _ in range(_MAX_STEPS):
        step = _covariance(wins, values) @ _slope(wins, values)
        while (found := _log_likelihood(wins, values + step)) < best and np.abs(step).max() > _TOLERANCE:
            step = step / 2
        values, best = values + step, max(best, found)
        if np.abs(step).max() <= _TOLERANCE:
            break
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    reach = z * np.sqrt(np.diag(_covariance(wins, values)))
    return Strengths(values, values - reach, values + reach, has_prior)


def _chances(values: Matrix) -> Matrix:
    """Return P(i over j), (K, K)."""
    chances: Matrix = 0.5 * (1 + np.tanh((values[:, None] - values[None, :]) / 2))  # never overflows
    return chances


def _log_likelihood(wins: Matrix, values: Matrix) -> float:
    return float(-np.sum(wins * np.logaddexp(0, values[None, :] - values[:, None])))


def _slope(wins: Matrix, values: Matrix) -> Matrix:
    slope: Matrix = (wins - (wins + wins.T) * _chances(values)).sum(axis=1)
    return slope


def _covariance(wins: Matrix, values: Matrix) -> Matrix:
    """Return L⁺, the pseudo-inverse of the observed information."""
    chances = _chances(values)
    weights = (wins + wins.T) * chances * chances.T
    laplacian = np.diag(weights.sum(axis=1)) - weights
    # L is blind to what all strengths share, and to nothing else: filled in there, then taken out again.
    shared = np.full_like(laplacian, np.mean(np.diag(laplacian)) / len(laplacian))
    filled = np.linalg.inv(laplacian + shared)
    pseudo_inverse: Matrix = filled - filled.mean()
    return pseudo_inverse
