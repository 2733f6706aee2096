"""The picture of a study's report: strengths with intervals, and who is preferred to whom."""

import io
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from deepmatte import outputs
from deepmatte.errors import BadInput
from deepmatte.evaluation.study.report import Preferences, Report
from deepmatte.outputs import show

FORMATS = {".png": "png", ".svg": "svg"}

_DOTS_PER_INCH = 150
_STYLE: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "deepmatte", "font.size": 10}
_SERIES = (
    ("all votes", "#1b1b1f", "o", 7.0),
    ("on black", "#5a5a62", "s", 4.5),
    ("on white", "#b0682a", "D", 4.5),
)


def write_chart(path: Path, report: Report, overwrite: bool = False) -> None:
    """Write the picture as PNG or SVG, by suffix. Raises BadInput for another one or without any votes.

    Raises BadOutput where the file cannot be written, or exists and overwrite is not set.
    """
    if path.suffix.lower() not in FORMATS:
        raise BadInput(f"{show(path)} is no name for a plot; expected one that ends in .png or .svg")
    outputs.write_bytes(path, draw_chart(report, FORMATS[path.suffix.lower()]), overwrite)


def draw_chart(report: Report, kind: str) -> bytes:
    """Return the picture's bytes. kind: "png" or "svg". Raises BadInput if there are no votes to draw."""
    if not report.votes:
        raise BadInput("there are no votes that count, so there is nothing to draw; let people vote first")
    with matplotlib.rc_context(_STYLE):
        count = len(report.methods)
        figure = Figure(figsize=(6.5 + 0.9 * count, 1.9 + 0.62 * max(count, 3)), layout="constrained")
        strengths, matrix = figure.subplots(1, 2, width_ratios=(1.25, 1))
        order = [rank.method for rank in report.overall.ranking]
        _draw_strengths(strengths, report, order)
        _draw_matrix(matrix, report.overall, order)
        file = io.BytesIO()
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(file, format=kind, dpi=_DOTS_PER_INCH, metadata=metadata)
    return file.getvalue()


def _draw_strengths(axes: Any, report: Report, order: list[str]) -> None:
    tables = (report.overall, *report.by_background.values())
    for (label, colour, marker, size), preferences, offset in zip(
        _SERIES, tables, (0, 0.22, 0.38), strict=True
    ):
        for rank in preferences.ranking:
            axes.errorbar(
                rank.strength,
                order.index(rank.method) + offset,
                xerr=[[rank.strength - rank.low], [rank.high - rank.strength]],
                color=colour,
                marker=marker,
                markersize=size,
                linewidth=1.8 if label == "all votes" else 1,
                label=label if rank is preferences.ranking[0] else None,
            )
    axes.set_yticks(range(len(order)), order)
    axes.set_ylim(len(order) - 0.4, -0.5)
    axes.axvline(0, color="#9a9aa2", linewidth=0.8, zorder=0)
    axes.grid(axis="x", color="#e4e4e8")
    axes.set_axisbelow(True)
    axes.set_xlabel("Bradley-Terry strength (log odds), 95 % interval")
    axes.set_title(report.counted)
    axes.figure.legend(fontsize=8, loc="outside lower left", ncols=len(_SERIES))


def _draw_matrix(axes: Any, preferences: Preferences, order: list[str]) -> None:
    places = [preferences.methods.index(method) for method in order]
    values = np.full((len(order), len(order)), np.nan)
    for row, first in enumerate(places):
        for column, second in enumerate(places):
            share = preferences.shares[first][second]
            if share is None or share.value is None:
                continue
            values[row, column] = share.value
            dark = abs(share.value - 0.5) > 0.3
            axes.text(
                column,
                row,
                f"{100 * share.value:.0f} %\n$n$ = {share.votes}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else "black",
            )
    sides = np.arange(len(order) + 1) - 0.5
    colours = np.ma.masked_invalid(values)
    axes.pcolormesh(
        sides, sides, colours, cmap="PuOr_r", vmin=0, vmax=1, edgecolor="white"
    )  # no pixels in SVG
    axes.invert_yaxis()
    axes.set_xticks(range(len(order)), order, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(order)), order)
    axes.set_title("row preferred to column")
