"""The plot of mean error against distance, every method on one."""

import io
from collections.abc import Sequence
from itertools import cycle
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from deepmatte.evaluation.robustness.changes import DILATED, ERODED, SHIFTED
from deepmatte.evaluation.robustness.curves import Chart, Curve
from deepmatte.evaluation.robustness.summary import SHOWN_METRIC, SHOWN_REGION, percent

FORMATS = ("svg", "png")

_DOTS_PER_INCH = 150
_STYLE: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "deepmatte", "font.size": 10}
# Okabe and Ito's colours, which people with any colour vision tell apart, without yellow; marks as well.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKS = ("o", "s", "^", "D", "v", "P", "X", "<")
_INK = "#1b1b1f"
_LABEL_SHARE = 0.06  # of the axis: labels stand at least this far apart

_SAYS = {
    DILATED: "Unknown band of every trimap dilated by",
    ERODED: "Unknown band of every trimap eroded by",
    SHIFTED: "Every trimap shifted by",
}
_OVER = {
    DILATED: "over the unknown pixels of the dilated trimap",
    ERODED: "over the unknown pixels of the original trimap",
    SHIFTED: "over all pixels that either trimap leaves unknown",
}


def draw(chart: Chart, kind: str) -> bytes:
    """Return the plot of a chart that has curves. kind: "svg" or "png"."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(7.4, 4.6), layout="constrained")
        axes = figure.subplots()
        looks = list(zip(chart.curves, cycle(_COLOURS), cycle(_MARKS), strict=False))
        for curve, colour, mark in looks:
            width = 2.4 if curve is chart.curves[0] else 1.5
            axes.plot(curve.distances_px, _values(curve), color=colour, marker=mark, linewidth=width)
        _dress(axes, chart)
        _name_curves(axes, looks)
        file = io.BytesIO()
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(file, format=kind, dpi=_DOTS_PER_INCH, metadata=metadata)
    return file.getvalue()


def _values(curve: Curve) -> list[float]:
    return [means[SHOWN_REGION][SHOWN_METRIC] for means in curve.means]


def _dress(axes: Any, chart: Chart) -> None:
    distances = sorted(chart.unknown_px)
    step = -(-len(distances) // 10)
    axes.set_xticks(distances[::step])
    axes.set_ylim(0, 1.06 * max(max(map(max, map(_values, chart.curves))), 1e-9))
    axes.grid(axis="y", color="#e4e4e8")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(f"{_SAYS[chart.kind]} … px")
    title = f"Mean SAD in thousands, {_OVER[chart.kind]}\n{_counted(chart)}"
    axes.set_title(title, loc="left", fontsize=10, parse_math=False)


def _counted(chart: Chart) -> str:
    count = len(chart.pictures)
    said = f"{chart.trimap_set}, {count} picture{'' if count == 1 else 's'}"
    if chart.left_out:
        said += f" ({len(chart.left_out)} left out, where some method has no result)"
    return said + (f"; no curve of {', '.join(chart.hopeless)}" if chart.hopeless else "")


def _name_curves(axes: Any, looks: Sequence[tuple[Curve, str, str]]) -> None:
    """Write each method's name and growth to the right of its curve's end, with a line to it."""
    low, high = axes.get_ylim()
    ends = [_values(curve)[-1] for curve, _, _ in looks]
    for (curve, colour, _), end, place in zip(
        looks, ends, spread(ends, _LABEL_SHARE * (high - low)), strict=True
    ):
        growth = curve.growth_percent(SHOWN_REGION, SHOWN_METRIC)
        axes.annotate(
            f"{curve.method} {percent(growth)}" if growth is not None else curve.method,
            (curve.distances_px[-1], end),
            (1.05, (place - low) / (high - low)),
            textcoords="axes fraction",
            va="center",
            color=_INK,
            arrowprops={"arrowstyle": "-", "color": colour, "shrinkA": 2, "shrinkB": 6},
            annotation_clip=False,
            parse_math=False,
        )


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Return places moved as little as need be to stand at least a gap apart, in the same order."""
    groups: list[list[float]] = []  # of neighbours that touch: where the lowest would like to be, for each
    for rank, place in enumerate(sorted(places)):
        groups.append([place - rank * gap])
        while len(groups) > 1 and _middle(groups[-1]) < _middle(groups[-2]):
            last = groups.pop()
            groups[-1] += last
    moved = [_middle(group) for group in groups for _ in group]
    order = sorted(range(len(places)), key=lambda index: places[index])
    at = {index: moved[rank] + rank * gap for rank, index in enumerate(order)}
    return [at[index] for index in range(len(places))]


def _middle(group: list[float]) -> float:
    return sum(group) / len(group)
