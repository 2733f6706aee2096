"""The report of a study as one HTML file that needs nothing else."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from deepmatte import outputs
from deepmatte.evaluation.study.chart import draw_chart
from deepmatte.evaluation.study.preference import Share
from deepmatte.evaluation.study.report import Preferences, Report

_STYLE = """
:root { color-scheme: light; font: 15px/1.5 system-ui, "Segoe UI", Roboto, Arial, sans-serif; color: #111; }
body { max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
svg { max-width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0 1rem; }
th, td { padding: .35rem .8rem; border-bottom: 1px solid #dcdce2; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td small { color: #4a4a52; display: block; }
.note { background: #fff3d6; border-left: 4px solid #d69a16; padding: .5rem .8rem; max-width: 48rem; }
.out { color: #9c1c10; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write_document(path: Path, report: Report, overwrite: bool = False) -> None:
    """Write the report's page. Raises BadOutput where it cannot be written, or exists without overwrite."""
    outputs.write_bytes(path, to_html(report).encode(), overwrite)


def to_html(report: Report) -> str:
    """Return the whole page. Raters stand in it by number, not by name."""
    title = escape(report.title)
    parts = [f"<h1>{title}</h1>", _summary(report)]
    if report.votes:
        drawing = draw_chart(report, "svg").decode()
        parts.append(f'<div class="wide">{drawing[drawing.index("<svg") :]}</div>')
    parts.append(f"<h2>All votes</h2>{_preferences(report.overall)}")
    for name, preferences in report.by_background.items():
        parts.append(f"<h2>On {escape(name)}</h2>{_preferences(preferences)}")
    rows = ([escape(name), *map(_cell, shares.values())] for name, shares in report.by_picture.items())
    parts.append(
        "<h2>Share of votes by picture</h2>" + _table(["picture", *map(escape, report.methods)], rows)
    )
    parts.append(f"<h2>Raters</h2>{_raters(report)}{_explanation(report)}")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>{''.join(parts)}</body></html>\n"
    )


def _summary(report: Report) -> str:
    lines = [
        f"{len(report.methods)} methods, {len(report.by_picture)} photos, {report.pairs} pairs:"
        f" <strong>{report.counted}</strong>."
    ]
    if report.excluded:
        lines.append(f"{report.left_out.capitalize()}.")
    if report.votes:
        lines.append(
            f"No preference: {report.undecided} votes. Left side chosen: {_text(report.left)}."
            f" Median time: {report.median_seconds:.1f} s."
        )
    return f"<p>{' '.join(lines)}</p>"


def _preferences(preferences: Preferences) -> str:
    if not preferences.votes:
        return "<p>No votes yet.</p>"
    ranks = (
        [
            escape(rank.method),
            f"{rank.strength:+.2f}",
            f"{rank.low:+.2f} to {rank.high:+.2f}",
            _text(rank.share),
        ]
        for rank in preferences.ranking
    )
    note = f'<p class="note">{escape(preferences.note)}.</p>' if preferences.note else ""
    order = [preferences.methods.index(rank.method) for rank in preferences.ranking]
    names = [escape(preferences.methods[index]) for index in order]
    rows = (
        [name, *(_cell(preferences.shares[index][other]) for other in order)]
        for name, index in zip(names, order, strict=True)
    )
    return (
        _table(["method", "strength", "95 % interval", "share of votes (95 %)"], ranks)
        + note
        + "<h3>Share of votes for the row over the column</h3>"
        + _table(["", *names], rows)
    )


def _raters(report: Report) -> str:
    rows = (
        [
            str(rater.number),
            str(rater.votes),
            f"{rater.checks - rater.missed} of {rater.checks}",
            '<span class="out">left out</span>' if rater.is_excluded else "counts",
        ]
        for rater in report.raters
    )
    return _table(["rater", "votes", "attention checks passed", ""], rows)


def _explanation(report: Report) -> str:
    return (
        "<h2>How to read this</h2><p>No preference counts half a vote for each side. Shares have Wilson's"
        " 95 % intervals. Strengths are those of the Bradley-Terry model, with mean 0: two methods whose"
        " strengths differ by d are preferred one over the other with odds e<sup>d</sup> to 1. Intervals take"
        " votes as independent; votes of one rater are not quite, so they are rather too narrow. Raters who"
        f" missed more than {report.allowed_misses} attention checks are left out.</p>"
    )


def _cell(share: Share | None) -> str:
    if share is None or share.value is None or share.low is None or share.high is None:
        return "–"
    # Orange above one half, violet below, the stronger the surer one can be.
    colour = "224, 130, 20" if share.value > 0.5 else "128, 115, 172"
    depth = 1.4 * abs(share.value - 0.5)
    interval = f"{100 * share.low:.0f}–{100 * share.high:.0f}, n = {share.votes}"
    return (
        f'<span style="display:block;margin:-.35rem -.8rem;padding:.35rem .8rem;background:rgba({colour},'
        f' {depth:.2f})">{100 * share.value:.0f} %<small>{interval}</small></span>'
    )


def _text(share: Share) -> str:
    if share.value is None or share.low is None or share.high is None:
        return "–"
    return f"{100 * share.value:.0f} % ({100 * share.low:.0f}–{100 * share.high:.0f}) of {share.votes}"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of cells that are HTML already."""
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
