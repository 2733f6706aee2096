"""What a study found: who prefers what, how surely, and whose votes do not count.

Votes of a rater who missed an attention check are left out entirely, and counted. No preference is half a
vote for each side; on an attention check, where the difference is plain, it is a miss.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from deepmatte.errors import BadInput
from deepmatte.evaluation.study import preference
from deepmatte.evaluation.study.plan import BACKGROUNDS, Pair, Study, read_study
from deepmatte.evaluation.study.preference import Share
from deepmatte.evaluation.study.votes import Vote, read_votes

ALLOWED_MISSES = 0


@dataclass(frozen=True)
class Rater:
    """One rater by number: votes on pairs, attention checks answered and missed, and whether votes count."""

    number: int
    votes: int
    checks: int
    missed: int
    is_excluded: bool


@dataclass(frozen=True)
class Rank:
    """One method: Bradley-Terry strength with its interval, and its share of all votes it took part in."""

    method: str
    strength: float
    low: float
    high: float
    share: Share


@dataclass(frozen=True)
class Preferences:
    """Some votes, counted. shares[i][j]: of method i over j; None on the diagonal. ranking: strongest first.

    note: what the reader must know about the strengths, "" for nothing.
    """

    methods: tuple[str, ...]
    votes: int
    wins: tuple[tuple[float, ...], ...]
    shares: tuple[tuple[Share | None, ...], ...]
    ranking: tuple[Rank, ...]
    note: str


@dataclass(frozen=True)
class Report:
    """The whole report. left: how often the left side was chosen, of all votes with a preference.

    votes, undecided, left, median_seconds and all preferences are about votes that count.
    """

    title: str
    methods: tuple[str, ...]
    pairs: int
    raters: tuple[Rater, ...]
    allowed_misses: int
    votes: int
    undecided: int
    left: Share
    median_seconds: float | None
    overall: Preferences
    by_background: dict[str, Preferences]
    by_picture: dict[str, dict[str, Share]]

    @property
    def excluded(self) -> list[Rater]:
        """Return the raters whose votes do not count."""
        return [rater for rater in self.raters if rater.is_excluded]

    @property
    def counted(self) -> str:
        """Say how many votes of how many raters count."""
        return f"{_number(self.votes, 'vote')} of {_number(len(self.raters) - len(self.excluded), 'rater')}"

    @property
    def left_out(self) -> str:
        """Say how many votes do not count and why, "" if there are none."""
        if not self.excluded:
            return ""
        votes = _number(sum(rater.votes for rater in self.excluded), "vote")
        misses = "missed attention checks"
        if self.allowed_misses:
            misses = f"missed more than {_number(self.allowed_misses, 'attention check')}"
        return f"left out: {votes} of {_number(len(self.excluded), 'rater')} who {misses}"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        sections = [self._head(), _lines(self.overall)]
        for name, preferences in self.by_background.items():
            sections.append([f"on {name}", *_lines(preferences)])
        width = max(map(len, [*self.by_picture, "picture"]))
        columns = [max(len(method), 12) for method in self.methods]
        heads = "  ".join(f"{m:>{w}}" for m, w in zip(self.methods, columns, strict=True))
        rows = [f"{'picture':{width}}  {heads}"]
        for picture, shares in self.by_picture.items():
            cells = [f"{_percent(shares[m]):>{w}}" for m, w in zip(self.methods, columns, strict=True)]
            rows.append(f"{picture:{width}}  {'  '.join(cells)}")
        sections.append(["share of votes by picture", *rows])
        return "\n\n".join("\n".join(lines) for lines in sections)

    def _head(self) -> list[str]:
        lines = [
            f"{self.title}: {len(self.methods)} methods, {len(self.by_picture)} photos, {self.pairs} pairs",
            self.counted,
            *([self.left_out] if self.excluded else []),
        ]
        if self.votes:
            lines.append(
                f"no preference: {self.undecided}; left side chosen: {_percent(self.left)};"
                f" median time {self.median_seconds:.1f} s"
            )
        return lines


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _percent(share: Share) -> str:
    return "-" if share.value is None else f"{100 * share.value:.0f} % of {share.votes}"


def _lines(preferences: Preferences) -> list[str]:
    if not preferences.votes:
        return ["no votes yet"]
    width = max(map(len, ["method", *preferences.methods]))
    lines = [f"{'method':{width}}  strength  95 % interval    share of votes"]
    for rank in preferences.ranking:
        interval = f"{rank.low:+.2f} to {rank.high:+.2f}"
        lines.append(
            f"{rank.method:{width}}  {rank.strength:+8.2f}  {interval:15}  {_with_interval(rank.share)}"
        )
    if preferences.note:
        lines.append(f"note: {preferences.note}")
    lines.append("share of votes of the first over the second:")
    for index, method in enumerate(preferences.methods):
        for other in range(index + 1, len(preferences.methods)):
            share = preferences.shares[index][other]
            if share is not None and share.votes:
                lines.append(
                    f"{method:{width}}  {preferences.methods[other]:{width}}  {_with_interval(share)}"
                )
    return lines


def _with_interval(share: Share) -> str:
    if share.value is None or share.low is None or share.high is None:
        return "-"
    return f"{100 * share.value:.0f} % ({100 * share.low:.0f} to {100 * share.high:.0f}) of {share.votes}"


def make_report(directory: Path, allowed_misses: int = ALLOWED_MISSES) -> Report:
    """Count the votes of a study folder.

    allowed_misses: attention checks that a rater may miss and still count. Raises BadInput for a negative
    number and for folders and votes that cannot be read, as `read_study` and `read_votes` do.
    """
    if allowed_misses < 0:
        raise BadInput(f"{allowed_misses} missed checks cannot be allowed; expected 0 or more")
    study = read_study(directory)
    return count_votes(study, read_votes(directory, study), allowed_misses)


def count_votes(study: Study, votes: Sequence[Vote], allowed_misses: int = ALLOWED_MISSES) -> Report:
    """Return the report on these votes."""
    raters = tuple(
        _judge(study, number, [vote for vote in votes if vote.rater == number], allowed_misses)
        for number in sorted({vote.rater for vote in votes})
    )
    excluded = {rater.number for rater in raters if rater.is_excluded}
    kept = [
        (vote, study.by_key[vote.pair])
        for vote in votes
        if vote.rater not in excluded and not study.by_key[vote.pair].is_check
    ]
    decided = [vote for vote, _ in kept if vote.side != "none"]
    return Report(
        title=study.title,
        methods=study.methods,
        pairs=sum(not pair.is_check for pair in study.pairs),
        raters=raters,
        allowed_misses=allowed_misses,
        votes=len(kept),
        undecided=len(kept) - len(decided),
        left=preference.wilson(sum(vote.side == "left" for vote in decided), len(decided)),
        median_seconds=median(vote.milliseconds for vote, _ in kept) / 1000 if kept else None,
        overall=_prefer(study.methods, kept),
        by_background={
            name: _prefer(study.methods, [(v, p) for v, p in kept if p.background == name])
            for name in BACKGROUNDS
        },
        by_picture={
            photo.name: _shares(study.methods, [(v, p) for v, p in kept if p.photo == photo.name])
            for photo in study.photos
        },
    )


def _judge(study: Study, number: int, votes: list[Vote], allowed_misses: int) -> Rater:
    checks = [vote for vote in votes if study.by_key[vote.pair].is_check]
    missed = sum(vote.chosen != "first" for vote in checks)
    return Rater(number, len(votes) - len(checks), len(checks), missed, missed > allowed_misses)


def _count(methods: Sequence[str], kept: Iterable[tuple[Vote, Pair]]) -> preference.Matrix:
    return preference.count_wins(methods, ((pair.first, pair.second, vote.chosen) for vote, pair in kept))


def _shares(methods: Sequence[str], kept: Iterable[tuple[Vote, Pair]]) -> dict[str, Share]:
    """Return each method's share of all votes it took part in."""
    wins = _count(methods, kept)
    meetings = (wins + wins.T).sum(axis=1)
    return {
        method: preference.wilson(float(wins[index].sum()), round(meetings[index]))
        for index, method in enumerate(methods)
    }


def _prefer(methods: tuple[str, ...], kept: list[tuple[Vote, Pair]]) -> Preferences:
    wins = _count(methods, kept)
    places = range(len(methods))
    shares = tuple(
        tuple(
            None if i == j else preference.wilson(float(wins[i, j]), round(wins[i, j] + wins[j, i]))
            for j in places
        )
        for i in places
    )
    ranking: list[Rank] = []
    if kept:
        fit, totals = preference.fit_bradley_terry(wins), _shares(methods, kept)
        ranking = [
            Rank(methods[i], float(fit.values[i]), float(fit.low[i]), float(fit.high[i]), totals[methods[i]])
            for i in sorted(places, key=lambda i: -fit.values[i])
        ]
    plain = tuple(tuple(float(value) for value in row) for row in wins)
    return Preferences(methods, len(kept), plain, shares, tuple(ranking), _note(methods, wins))


def _note(methods: Sequence[str], wins: preference.Matrix) -> str:
    """Say why strengths had to be made finite, "" where they are."""
    if not wins.any() or preference.is_bounded(wins):
        return ""
    groups = {
        "never lost": [m for i, m in enumerate(methods) if wins[i].any() and not wins[:, i].any()],
        "never won": [m for i, m in enumerate(methods) if wins[:, i].any() and not wins[i].any()],
        "not compared yet": [m for i, m in enumerate(methods) if not (wins[i].any() or wins[:, i].any())],
    }
    reasons = [f"{', '.join(names)} {what}" for what, names in groups.items() if names]
    return (
        f"{'; '.join(reasons) or 'one group of methods never won against the rest'}: votes alone give no"
        " finite strength, so one vote without preference was added between any two methods"
    )
