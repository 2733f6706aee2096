"""A result as one HTML file that needs no other: tables, errors of every picture, the worst places."""

import datetime
import os
import platform
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

from deepmatte import outputs
from deepmatte.errors import BadInput
from deepmatte.evaluation import charts, gallery
from deepmatte.evaluation.benchmarks import Case
from deepmatte.evaluation.crops import FULL_ERROR
from deepmatte.evaluation.markup import Markup, element, join
from deepmatte.evaluation.methods import Method, Predictions
from deepmatte.evaluation.records import Records
from deepmatte.evaluation.results import FIGURES, SPEED, Result, Row
from deepmatte.evaluation.tables import TITLES, UNITS, Table, complaint, number, tables
from deepmatte.version import __version__

MOST_BYTES = 14_000_000  # of pictures in a report, in base 64; what does not fit is left out and said so

Progress = Callable[[int, int], None]
Key = tuple[str, str]  # trimap set and name of a case

# Nothing outside the file is loaded, whatever it holds.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def write_report(
    path: Path,
    result: Result,
    cases: Sequence[Case],
    methods: Sequence[Method | Predictions],
    records: Records,
    *,
    title: str = "",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write the report of a run whose mattes are in its records.

    title: what was measured, such as the benchmark's name; progress: called with the number of cases done and
    their total. Raises BadOutput as outputs.write_bytes does.
    """
    anchors = {(case.trimap_set, case.name): f"case-{index}" for index, case in enumerate(cases)}
    shown = _show_cases(result, cases, methods, records, anchors, progress or (lambda *_: None))
    anchors = {key: anchors[key] for key in shown}
    title = title or "Evaluation"
    content = element(
        "main", _means(result), _every_picture(result, anchors), _places(result, shown, anchors)
    )
    script = element("script", _page("report.js"))
    body = element("body", _top(result, title), content, _foot(methods), _zoom(), script)
    page = join(Markup("<!doctype html>\n"), element("html", _head(title), body, lang="en"))
    outputs.write_bytes(path, page.encode(), overwrite)


def _show_cases(
    result: Result,
    cases: Sequence[Case],
    methods: Sequence[Method | Predictions],
    records: Records,
    anchors: dict[Key, str],
    progress: Progress,
) -> dict[Key, Markup]:
    """Return the HTML of the cases by set and name: as many of the worst as fit, in the order of names."""
    rows = {(row.trimap_set, row.name, row.method): row for row in result.rows}
    first = {key[:2]: row for key, row in rows.items() if key[2] == result.methods[0]}
    shown: dict[Key, Markup] = {}
    room = MOST_BYTES
    for done, case in enumerate(gallery.worst_first(cases, first), start=1):
        key = case.trimap_set, case.name
        mine = {method.name: rows[*key, method.name] for method in methods}
        part = _show_case(case, mine, methods, records, anchors[key])
        room -= len(part)
        if room < 0:
            break
        shown[key] = part
        progress(done, len(cases))
    return {key: shown[key] for key in sorted(shown, key=lambda key: key[::-1])}


def _show_case(
    case: Case, rows: dict[str, Row], methods: Sequence[Method | Predictions], records: Records, anchor: str
) -> Markup:
    mattes = {
        method.name: None if rows[method.name].failure else records.matte_path(method, case)
        for method in methods
    }
    try:
        return gallery.show_case(gallery.read_shown(case, mattes), rows, anchor)
    except BadInput as error:  # such as a picture that is damaged, and so failed for every method
        return element("article", element("h3", case.name), element("p", error), class_="case", id=anchor)


def _page(name: str) -> Markup:
    return Markup((resources.files("deepmatte.evaluation") / "page" / name).read_text("utf-8"))


def _head(title: str) -> Markup:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", _page("report.css")),
    )


def _top(result: Result, title: str) -> Markup:
    places = (("means", "Means"), ("pictures", "Every picture"), ("places", "Worst places"))
    links = [element("a", name, href=f"#{anchor}") for anchor, name in places]
    return element(
        "header", element("h1", title), element("p", ", ".join(result.methods)), element("nav", *links)
    )


def _means(result: Result) -> Markup:
    drawn = [charts.quality_and_time(result, each) for each in result.trimap_sets]
    failed = element("p", complaint(result, most=10), class_="failed") if result.failures else join()
    return element(
        "section",
        element("h2", "Means"),
        failed,
        element("p", UNITS),
        element("div", *drawn, class_="charts"),
        *map(_table, tables(result)),
        id="means",
    )


def _table(table: Table) -> Markup:
    rows = []
    for row, (label, *cells) in enumerate(table.rows):
        figures = []
        for column, cell in enumerate(cells, start=1):
            kind = "best" if (row, column) in table.best else None
            figures.append(element("td", cell, class_="ratio" if table.columns[column] == "×" else kind))
        rows.append(element("tr", element("th", label), *figures))
    head = element("thead", element("tr", *(element("th", name) for name in table.columns)))
    shown = element("table", element("caption", table.title), head, element("tbody", *rows))
    return element("div", shown, class_="scroll")


def _every_picture(result: Result, anchors: dict[Key, str]) -> Markup:
    """Return a table for each figure, of which one is shown at a time."""
    figures = [each for each in FIGURES if any(_value(row, each) is not None for row in result.rows)]
    choices = []
    for figure in figures:
        is_first = True if figure == figures[0] else None
        choices += [element("input", type="radio", name="figure", id=f"show-{figure}", checked=is_first)]
        choices += [element("label", TITLES[figure], for_=f"show-{figure}")]
    listed = [_by_picture(result, figure, anchors) for figure in figures]
    heading = element("h2", "Every picture"), element("p", "Click a column to sort by it.")
    return element("section", *heading, *choices, *listed, id="pictures")


def _by_picture(result: Result, figure: str, anchors: dict[Key, str]) -> Markup:
    names = ["picture", "trimap", *result.methods]
    names += [f"{result.methods[0]} ÷ best other"] if len(result.methods) > 1 else []
    heads = [element("th", element("button", name, data_column=at)) for at, name in enumerate(names)]
    cases: dict[Key, dict[str, Row]] = {}
    for row in result.rows:
        cases.setdefault((row.trimap_set, row.name), {})[row.method] = row
    lines = []
    for key, rows in sorted(cases.items(), key=lambda item: item[0][::-1]):
        trimap_set, name = key
        shown = element("a", name, href=f"#{anchors[key]}") if key in anchors else name
        label = element("th", shown, data_value=name)
        known = element("td", trimap_set, data_value=trimap_set, class_="word")
        figures = _figures([rows[method] for method in result.methods], figure)
        lines.append(element("tr", label, known, *figures))
    table = element(
        "table", element("thead", element("tr", *heads)), element("tbody", *lines), class_="sortable"
    )
    return element("div", table, class_="scroll by-picture", id=f"of-{figure}")


def _value(row: Row, figure: str) -> float | None:
    if figure == SPEED:
        return row.seconds / row.megapixels if row.seconds is not None and row.megapixels else None
    return getattr(row.errors, figure) if row.errors else None


def _figures(rows: list[Row], figure: str) -> list[Markup]:
    """Return the cells of one picture, tinted by how much worse than the best each is."""
    values = [_value(row, figure) for row in rows]
    known = [value for value in values if value is not None]
    cells = []
    for row, value in zip(rows, values, strict=True):
        if value is None:
            shown, kind = ("failed", "bad") if row.failure else ("–", None)
            cells.append(element("td", shown, class_=kind, title=row.failure, data_value="inf"))
        else:
            best = min(known)
            excess = min(value / best - 1, 1) if best > 0 else float(value > 0)
            kind = "best tint" if value == best and len(known) > 1 else "tint"
            style = f"--excess: {excess:.2f}"
            cells.append(element("td", number(value), class_=kind, style=style, data_value=f"{value:.6g}"))
    return cells + ([_ratio(values)] if len(values) > 1 else [])


def _ratio(values: list[float | None]) -> Markup:
    """Return the first value as a multiple of the lowest other one, as a cell."""
    others = [value for value in values[1:] if value is not None]
    ratio = values[0] / min(others) if values[0] is not None and others and min(others) > 0 else None
    return element("td", number(ratio), class_="ratio", data_value="inf" if ratio is None else f"{ratio:.6g}")


def _places(result: Result, shown: dict[Key, Markup], anchors: dict[Key, str]) -> Markup:
    total = len({(row.trimap_set, row.name) for row in result.rows})
    some = f"Shown are {len(shown)} of {total}: those with the largest SAD of {result.methods[0]}."
    legend = element(
        "p",
        "Errors: ",
        element("i", class_="more"),
        "too much foreground, ",
        element("i", class_="less"),
        f"too little, in full colour from {FULL_ERROR:g} on; ",
        element("i", class_="known"),
        "known, not counted. Click a picture to enlarge it; ← and → then step through the methods at the same"
        " place. ",
        some if len(shown) < total else "",
        class_="legend",
    )
    links = [
        element("a", f"{name} ", element("small", trimap_set), href=f"#{anchors[trimap_set, name]}")
        for trimap_set, name in shown
    ]
    jump = element("div", *links, class_="jump")
    return element("section", element("h2", "Worst places"), legend, jump, *shown.values(), id="places")


def _foot(methods: Sequence[Method | Predictions]) -> Markup:
    made = datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    machine = (
        f"deepmatte {__version__}, {made}; Python {platform.python_version()}, {platform.platform()},"
        f" {os.cpu_count()} cores, OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', 'not set')}"
    )
    sources = [element("li", f"{method.name}: {_source(method)}") for method in methods]
    return element("footer", element("p", machine), element("ul", *sources))


def _source(method: Method | Predictions) -> str:
    if isinstance(method, Predictions):
        return f"mattes in {outputs.show(method.directory)}"
    return method.identity or "no description"


def _zoom() -> Markup:
    buttons = [
        element("button", sign, class_=name, aria_label=name)
        for sign, name in (("←", "before"), ("→", "after"), ("×", "close"))
    ]
    return element("dialog", element("img", alt=""), element("p"), *buttons, id="zoom")
