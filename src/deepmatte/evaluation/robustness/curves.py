"""What follows from trials: mean errors against distance, their growth, and results for one-sided trimaps.

All methods of one curve are averaged over the same pictures, at every distance: otherwise a picture on which
one of them fails at the largest distance would make it look better there.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepmatte.evaluation.metrics import NAMES
from deepmatte.evaluation.robustness.changes import GRADED, ONE_SIDED, REGIONS, UNCHANGED
from deepmatte.evaluation.robustness.trials import Trial

# Region → metric → value.
Means = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Curve:
    """One method: the mean errors at each of its distances, in px. is_whole: from the chart's first distance
    to its last, so that its growth can be compared.
    """

    method: str
    distances_px: tuple[int, ...]
    means: tuple[Means, ...]
    is_whole: bool = True

    def growth_percent(self, region: str, metric: str) -> float | None:
        """Return by how much the last mean is above the first; None where it cannot be compared, for one
        distance and for a first mean of 0.
        """
        if not self.is_whole:
            return None
        first, last = self.means[0][region][metric], self.means[-1][region][metric]
        return 100 * (last / first - 1) if len(self.means) > 1 and first else None

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as plain values for JSON: a list of means, by region and metric."""
        return {
            "distances_px": list(self.distances_px),
            "means": {
                region: {metric: [each[region][metric] for each in self.means] for metric in NAMES}
                for region in REGIONS
            },
            "growth_percent": {
                region: {metric: self.growth_percent(region, metric) for metric in NAMES}
                for region in REGIONS
            },
        }


@dataclass(frozen=True)
class Chart:
    """How methods bear one kind of change to the trimaps of one set.

    pictures: over which everything is averaged; left_out: the others, and why; closed_px: distances that are
    left out, as nothing stays unknown in some picture; unknown_px: mean number of unknown pixels of the
    changed trimaps, by distance; hopeless: methods that fail on every picture, at some distance at least, and
    have no curve.
    """

    trimap_set: str
    kind: str
    curves: tuple[Curve, ...]
    pictures: tuple[str, ...]
    left_out: dict[str, str]
    closed_px: tuple[int, ...]
    unknown_px: dict[int, float]
    hopeless: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the chart as plain values for JSON."""
        return {
            "pictures": list(self.pictures),
            "left_out": self.left_out,
            "closed_px": list(self.closed_px),
            "unknown_px": {str(distance): count for distance, count in self.unknown_px.items()},
            "failing_everywhere": list(self.hopeless),
            "methods": {curve.method: curve.to_dict() for curve in self.curves},
        }


@dataclass(frozen=True)
class Side:
    """One method on trimaps of one set that lack a side.

    results, of: on how many pictures it gave a result, and of how many; means: over those, None without any;
    failures: how often each one came.
    """

    trimap_set: str
    kind: str
    method: str
    results: int
    of: int
    means: Means | None
    failures: dict[str, int]


def draw_charts(trials: Sequence[Trial]) -> list[Chart]:
    """Return the charts of each trimap set, in the order of the trials; each kind that was tried has one."""
    sets = dict.fromkeys(trial.trimap_set for trial in trials)
    kinds = dict.fromkeys(trial.kind for trial in trials if trial.kind in GRADED)
    return [
        _chart(each, kind, [t for t in trials if t.trimap_set == each and t.kind in (kind, UNCHANGED)])
        for each in sets
        for kind in kinds
    ]


def _chart(trimap_set: str, kind: str, trials: list[Trial]) -> Chart:
    by_method: dict[str, dict[str, dict[int, Trial]]] = {}
    for trial in trials:
        of_picture = by_method.setdefault(trial.method, {}).setdefault(trial.name, {})
        of_picture[trial.distance_px] = trial
    names = list(dict.fromkeys(trial.name for trial in trials))
    hopeless = [method for method, pictures in by_method.items() if all(map(_failure, pictures.values()))]
    faults: dict[str, str] = {}
    for method in [each for each in by_method if each not in hopeless]:
        for name, tried in by_method[method].items():
            if fault := _failure(tried) or _emptiness(tried):
                faults.setdefault(name, f"{method}, {fault}")
    counted = [trial for trial in trials if trial.name not in faults and trial.method not in hopeless]
    closed = sorted({trial.distance_px for trial in counted if trial.is_closed})
    counted = [trial for trial in counted if trial.distance_px not in closed]
    pictures = tuple(name for name in names if name not in faults) if counted else ()
    methods = dict.fromkeys(trial.method for trial in counted)
    return Chart(
        trimap_set,
        kind,
        tuple(_curve(method, counted) for method in methods),
        pictures,
        faults,
        tuple(closed),
        _unknown_px(counted),
        tuple(hopeless),
    )


def _failure(trials: dict[int, Trial]) -> str:
    """Return the first failure of one method on one picture; empty if there is none."""
    failures = [(at, trial.failure) for at, trial in sorted(trials.items()) if trial.failure is not None]
    return f"{failures[0][0]} px: {failures[0][1]}" if failures else ""


def _emptiness(trials: dict[int, Trial]) -> str:
    """Return that nothing was asked even at the least distance; empty if something was."""
    return f"{min(trials)} px: nothing is unknown" if trials[min(trials)].is_closed else ""


def _curve(method: str, counted: list[Trial]) -> Curve:
    all_px = {trial.distance_px for trial in counted}
    trials = [trial for trial in counted if trial.method == method]
    distances = sorted({trial.distance_px for trial in trials})
    means = [_means(trial for trial in trials if trial.distance_px == distance) for distance in distances]
    is_whole = (distances[0], distances[-1]) == (min(all_px), max(all_px))
    return Curve(method, tuple(distances), tuple(means), is_whole)


def _means(trials: Iterable[Trial]) -> Means:
    measured = [trial.errors for trial in trials if trial.errors is not None]
    return {
        region: {
            metric: float(np.mean([getattr(errors[region], metric) for errors in measured]))
            for metric in NAMES
        }
        for region in REGIONS
    }


def _unknown_px(trials: list[Trial]) -> dict[int, float]:
    counts: dict[int, dict[str, int]] = {}
    for trial in trials:
        if trial.unknown_px is not None:
            counts.setdefault(trial.distance_px, {})[trial.name] = trial.unknown_px["given"]
    return {distance: float(np.mean(list(counts[distance].values()))) for distance in sorted(counts)}


def list_sides(trials: Sequence[Trial]) -> list[Side]:
    """Return what each method made of trimaps that lack a side, in the order of the trials."""
    groups: dict[tuple[str, str, str], list[Trial]] = {}
    for trial in trials:
        if trial.kind in ONE_SIDED:
            groups.setdefault((trial.trimap_set, trial.kind, trial.method), []).append(trial)
    sides = []
    for key, group in groups.items():
        given = [trial for trial in group if trial.errors is not None]
        failures = Counter(trial.failure for trial in group if trial.failure is not None)
        sides.append(Side(*key, len(given), len(group), _means(given) if given else None, dict(failures)))
    return sides
