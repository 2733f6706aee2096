"""A result as tables to read and as one document for programs."""

from dataclasses import dataclass
from typing import Any

from deepmatte.evaluation.metrics import NAMES
from deepmatte.evaluation.ranking import OVERALL, Ranks, rank
from deepmatte.evaluation.results import FIGURES, SPEED, Result

# How each figure is called; UNITS says what it is.
TITLES = {
    "sad": "SAD",
    "mse": "MSE",
    "gradient": "Grad",
    "connectivity": "Conn",
    SPEED: "s/Mpx",
    OVERALL: "rank",
}
UNITS = "SAD, Grad and Conn are in thousands, MSE in thousandths, over unknown pixels; lower is better."
_NOTHING = "–"

_Column = tuple[str, list[float | None]]  # what it is called, and a figure for each row


@dataclass(frozen=True)
class Table:
    """A title, the names of the columns and the cells. The first column names the row.

    best: the row and column of each figure that is the best one of its column.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    best: frozenset[tuple[int, int]] = frozenset()


def tables(result: Result) -> list[Table]:
    """Return a table for each trimap set, and one of the average ranks where methods are compared."""
    ranks = rank(result)
    listed = [_means(result, each, ranks) for each in result.trimap_sets]
    return listed + ([_ranks(result, ranks)] if ranks and len(result.methods) > 1 else [])


def document(result: Result) -> dict[str, Any]:
    """Return everything about a result as plain values for JSON."""
    return {**result.to_dict(), "ranks": rank(result)}


def text(result: Result) -> str:
    """Return the tables in letters of one width."""
    return "\n\n".join(map(_lines, tables(result)))


def complaint(result: Result, most: int = 3) -> str:
    """Return one line that says what failed; empty if nothing did."""
    failures = result.failures
    said = [f"{row.method} on {row.name} ({row.trimap_set}): {row.failure}" for row in failures[:most]]
    rest = [f"and {len(failures) - most} more"] if len(failures) > most else []
    return f"{len(failures)} of {len(result.rows)} failed: {'; '.join(said + rest)}" if failures else ""


def number(value: float | None, digits: int = 2) -> str:
    """Return a figure as it may stand in a table: rounded to no more digits than mean something."""
    if value is None:
        return _NOTHING
    return f"{value:.{0 if value >= 1000 else 1 if value >= 100 else digits}f}"


def _means(result: Result, trimap_set: str, ranks: Ranks) -> Table:
    means, ratios = result.means()[trimap_set], result.ratios()[trimap_set]
    columns = [(TITLES[figure], [means[method][figure] for method in result.methods]) for figure in FIGURES]
    title = f"{trimap_set}: means of {_pictures(result, trimap_set)}"
    if len(result.methods) > 1:
        times = [("×", [ratios[method][figure] for method in result.methods]) for figure in FIGURES]
        columns = [column for pair in zip(columns, times, strict=True) for column in pair]
        title += f"; × is relative to {result.methods[0]}"
    if trimap_set in ranks and len(result.methods) > 1:
        columns.append((TITLES[OVERALL], [ranks[trimap_set][method][OVERALL] for method in result.methods]))
    return _table(title, [_label(result, trimap_set, method) for method in result.methods], columns)


def _pictures(result: Result, trimap_set: str) -> str:
    count = len({row.name for row in result.rows if row.trimap_set == trimap_set})
    return "1 picture" if count == 1 else f"{count} pictures"


def _label(result: Result, trimap_set: str, method: str) -> str:
    failed = sum(row.failure is not None for row in result.of(trimap_set, method).values())
    return f"{method} ({failed} failed)" if failed else method


def _ranks(result: Result, ranks: Ranks) -> Table:
    whole = [ranks[OVERALL][method] for method in result.methods]
    columns: list[_Column] = [(TITLES[name], [each[name] for each in whole]) for name in NAMES]
    for trimap_set in (*result.trimap_sets, OVERALL):
        if trimap_set in ranks:
            by_method: list[float | None] = [ranks[trimap_set][method][OVERALL] for method in result.methods]
            columns.append(("all" if trimap_set == OVERALL else trimap_set, by_method))
    return _table("average ranks; 1 is best", result.methods, columns)


def _table(title: str, labels: list[str], columns: list[_Column]) -> Table:
    names = tuple(name for name, _ in columns)
    rows = zip(labels, *(map(number, values) for _, values in columns), strict=True)
    best = frozenset(
        (row, column)
        for column, (name, values) in enumerate(columns, start=1)
        for row in (_lowest(values) if name != "×" else [])
    )
    return Table(title, ("method", *names), tuple(rows), best)


def _lowest(values: list[float | None]) -> list[int]:
    known = [value for value in values if value is not None]
    return [row for row, value in enumerate(values) if len(known) > 1 and value == min(known)]


def _lines(table: Table) -> str:
    lines = [table.columns, *table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.columns))]
    shown = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join([table.title, *(line.rstrip() for line in shown)])
