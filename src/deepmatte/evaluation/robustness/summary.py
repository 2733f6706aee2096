"""Trials as tables to read, and as one document for programs."""

import textwrap
from collections.abc import Sequence
from typing import Any

from deepmatte.evaluation.robustness.changes import DILATED, REGIONS
from deepmatte.evaluation.robustness.curves import Chart, Side, draw_charts, list_sides
from deepmatte.evaluation.robustness.trials import Trial
from deepmatte.evaluation.tables import Table, number

# What is shown of all that is measured. For dilated trimaps it is the changed trimap's unknown region, as in
# the paper; for eroded ones the original's; for shifted ones both.
SHOWN_REGION, SHOWN_METRIC = "either", "sad"
FIXED_REGION = "original"

_FAILURE_LETTERS = 80

UNITS = f"SAD in thousands, over {REGIONS[SHOWN_REGION]}; lower is better."


def tables(trials: Sequence[Trial]) -> list[Table]:
    """Return a table for each trimap set and kind of change."""
    charts = [_graded(chart, region) for chart in draw_charts(trials) for region in _regions(chart)]
    sides = list_sides(trials)
    sets, kinds = (dict.fromkeys(names) for names in ((s.trimap_set for s in sides), (s.kind for s in sides)))
    return charts + [
        _one_sided(each, kind, [side for side in sides if (side.trimap_set, side.kind) == (each, kind)])
        for each in sets
        for kind in kinds
    ]


def _regions(chart: Chart) -> tuple[str, ...]:
    """Return the regions whose figures are printed: for dilated trimaps, also the one that does not grow."""
    return (SHOWN_REGION, FIXED_REGION) if chart.kind == DILATED and chart.curves else (SHOWN_REGION,)


def _graded(chart: Chart, region: str) -> Table:
    distances = sorted(chart.unknown_px)
    rows = []
    for curve in chart.curves:
        by_distance = dict(zip(curve.distances_px, curve.means, strict=True))
        means = [by_distance.get(distance) for distance in distances]
        cells = [number(None if mean is None else mean[region][SHOWN_METRIC]) for mean in means]
        rows.append((curve.method, *cells, percent(curve.growth_percent(region, SHOWN_METRIC))))
    if chart.curves and region == SHOWN_REGION:
        rows.append(("(thousand px unknown)", *_areas(list(chart.unknown_px.values()))))
    title = f"{chart.trimap_set} {chart.kind}: {_counted(chart)}"
    if region == FIXED_REGION:
        title += ", over the original's unknown pixels only"
    return Table(title, ("method", *(f"{distance} px" for distance in distances), "growth"), tuple(rows))


def _areas(counts: list[float]) -> list[str]:
    """Return numbers of pixels in thousands, and their growth: what an answer of ½ everywhere would have."""
    growth = 100 * (counts[-1] / counts[0] - 1) if len(counts) > 1 else None
    return [*(number(count / 1000) for count in counts), percent(growth)]


def _counted(chart: Chart) -> str:
    """Return over what a chart is averaged, and what it leaves out."""
    count = len(chart.pictures)
    parts = [f"mean SAD of {count} picture{'' if count == 1 else 's'}"]
    if chart.left_out:
        parts.append(f"without {', '.join(chart.left_out)}")
    if chart.closed_px:
        parts.append(f"nothing stays unknown somewhere at {', '.join(map(str, chart.closed_px))} px")
    if chart.hopeless:
        parts.append(f"{', '.join(chart.hopeless)} failed on every picture")
    return "; ".join(parts)


def percent(growth: float | None) -> str:
    """Return a growth as it is printed, with its sign."""
    return number(None) if growth is None else f"{growth:+.0f} %".replace("-", "−")


def _one_sided(trimap_set: str, kind: str, sides: list[Side]) -> Table:
    rows = tuple(
        (
            side.method,
            f"{side.results} of {side.of}",
            number(None if side.means is None else side.means[SHOWN_REGION][SHOWN_METRIC]),
            number(None if side.means is None else side.means[FIXED_REGION][SHOWN_METRIC]),
            textwrap.shorten("; ".join(side.failures), _FAILURE_LETTERS, placeholder=" …"),
        )
        for side in sides
    )
    columns = ("method", "results", "SAD", "SAD, original's unknown", "failure")
    return Table(f"{trimap_set} {kind}", columns, rows)


def complaint(trials: Sequence[Trial], most: int = 3) -> str:
    """Return one line that says what failed; empty if nothing did.

    That a method gives no result for a trimap that lacks a side is a finding, and no failure.
    """
    failures = [trial for trial in trials if not trial.is_finding]
    said = [f"{each.method} on {each.name} ({_place(each)}): {each.failure}" for each in failures[:most]]
    rest = [f"and {len(failures) - most} more"] if len(failures) > most else []
    return f"{len(failures)} of {len(trials)} failed: {'; '.join(said + rest)}" if failures else ""


def _place(trial: Trial) -> str:
    distance = f" by {trial.distance_px} px" if trial.distance_px else ""
    return f"{trial.trimap_set} {trial.kind}{distance}"


def document(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return everything that was found as plain values for JSON."""
    graded: dict[str, dict[str, Any]] = {}
    for chart in draw_charts(trials):
        graded.setdefault(chart.trimap_set, {})[chart.kind] = chart.to_dict()
    one_sided: dict[str, dict[str, dict[str, Any]]] = {}
    for side in list_sides(trials):
        by_method = one_sided.setdefault(side.trimap_set, {}).setdefault(side.kind, {})
        by_method[side.method] = {
            "results": side.results,
            "of": side.of,
            "means": side.means,
            "failures": side.failures,
        }
    return {
        "methods": list(dict.fromkeys(trial.method for trial in trials)),
        "regions": REGIONS,
        "graded": graded,
        "one_sided": one_sided,
        "rows": [trial.to_dict() for trial in trials],
    }
