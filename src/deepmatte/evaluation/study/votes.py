"""The votes of a study, in one SQLite file: one row a vote, on the disk before it is acknowledged.

The journal is a write-ahead log that is flushed at every commit (journal_mode WAL, synchronous FULL), so what
`vote` has returned from outlives the end of the process and of the machine's power. Several threads and
processes may use one file.
"""

import contextlib
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deepmatte.errors import BadInput, BadOutput
from deepmatte.evaluation.study.plan import Study, draw_turns
from deepmatte.outputs import show

VOTES_FILE = "votes.sqlite"
SIDES = ("left", "right", "none")
MAX_MILLISECONDS = 24 * 3600 * 1000  # a page left open overnight; longer times are stored as this

_CODE_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike
_CODE_LENGTH = 10  # 50 bits: nobody guesses another rater's
_PATIENCE_S = 30.0  # how long to wait for another process that writes
_GIVEN_UP = timedelta(days=1)  # what a rater has not answered by then is asked of others

_TABLES = """
CREATE TABLE IF NOT EXISTS study (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS raters (
    number INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, name TEXT NOT NULL, started TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS turns (
    rater INTEGER NOT NULL REFERENCES raters, position INTEGER NOT NULL, pair TEXT NOT NULL,
    is_flipped INTEGER NOT NULL, PRIMARY KEY (rater, position));
CREATE TABLE IF NOT EXISTS votes (
    rater INTEGER NOT NULL, position INTEGER NOT NULL, pair TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('left', 'right', 'none')),
    chosen TEXT NOT NULL CHECK (chosen IN ('first', 'second', 'none')),
    milliseconds INTEGER NOT NULL, cast_at TEXT NOT NULL,
    PRIMARY KEY (rater, position), FOREIGN KEY (rater, position) REFERENCES turns);
"""


@dataclass(frozen=True)
class Asked:
    """One question to a rater, by its place in their order, and the side they chose (None: not yet)."""

    position: int
    pair: str
    is_flipped: bool
    side: str | None


@dataclass(frozen=True)
class Vote:
    """One stored vote. chosen: "first" or "second" of the pair, or "none" for no preference."""

    rater: int
    pair: str
    side: str
    chosen: str
    milliseconds: int


class Unknown(BadInput):
    """No rater has this code, or this rater has no such turn."""


class Votes:
    """The open votes of a study. Its methods may be called from any thread."""

    def __init__(self, directory: Path, study: Study) -> None:
        """Open the votes in a study's folder, which are made where there are none.

        Raises BadInput if the file is no such database or belongs to another study, BadOutput if it cannot
        be opened.
        """
        self._study = study
        self._lock = threading.Lock()
        path = directory / VOTES_FILE
        with _explained(path):
            self._database = sqlite3.connect(
                path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(path)
            except BaseException:
                self._database.close()
                raise

    def _prepare(self, path: Path) -> None:
        for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self._database.execute(f"PRAGMA {setting}")
        with self._writing():
            for statement in _TABLES.split(";"):
                self._database.execute(statement)
            owner = self._database.execute("SELECT id FROM study").fetchone()
            if owner is None:
                self._database.execute("INSERT INTO study VALUES (?)", (self._study.id,))
            elif owner[0] != self._study.id:
                raise BadInput(
                    f"{show(path)} holds the votes of another study (its pairs differ);"
                    " move it away, or put back the study.json that belongs to it"
                )

    def close(self) -> None:
        """Close the file; votes are safe already."""
        with self._lock:
            self._database.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Make what is done within one transaction, kept whole when it ends well and not at all otherwise."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def enrol(self, name: str = "") -> str:
        """Add a rater and draw what they are asked. Returns the code by which they go on."""
        code = "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
        now = datetime.now(UTC)
        with self._writing():
            (number,) = self._database.execute("SELECT COALESCE(MAX(number), 0) + 1 FROM raters").fetchone()
            turns = draw_turns(self._study, number, self._counts(now - _GIVEN_UP))
            self._database.execute("INSERT INTO raters VALUES (?, ?, ?, ?)", (number, code, name, _text(now)))
            self._database.executemany(
                "INSERT INTO turns VALUES (?, ?, ?, ?)",
                [(number, position, turn.pair, turn.is_flipped) for position, turn in enumerate(turns)],
            )
        return code

    def _counts(self, since: datetime) -> dict[str, int]:
        """Return how often each pair was answered, or asked of a rater who began since then."""
        query = """
            SELECT turns.pair, COUNT(*) FROM turns JOIN raters ON raters.number = turns.rater
            LEFT JOIN votes ON votes.rater = turns.rater AND votes.position = turns.position
            WHERE votes.rater IS NOT NULL OR raters.started >= ? GROUP BY turns.pair"""
        return dict(self._database.execute(query, (_text(since),)).fetchall())

    def turns(self, code: str) -> tuple[Asked, ...]:
        """Return all that a rater is asked, in order. Raises Unknown for a code nobody has."""
        query = """
            SELECT turns.position, turns.pair, turns.is_flipped, votes.side FROM raters
            JOIN turns ON turns.rater = raters.number
            LEFT JOIN votes ON votes.rater = turns.rater AND votes.position = turns.position
            WHERE raters.code = ? ORDER BY turns.position"""
        with self._lock:
            rows = self._database.execute(query, (code,)).fetchall()
        if not rows:
            raise Unknown("no rater has this code; start again")
        return tuple(Asked(position, pair, bool(flipped), side) for position, pair, flipped, side in rows)

    def vote(self, code: str, position: int, side: str, milliseconds: int) -> None:
        """Store a vote. When it returns, the vote is on the disk.

        The same vote again changes nothing, another one for the same turn replaces it. Raises Unknown for a
        code nobody has or a turn that was not asked, BadInput for another side than those of SIDES.
        """
        if side not in SIDES:
            raise BadInput(f"the choice is {side!r:.40}; expected one of {', '.join(SIDES)}")
        query = """
            SELECT turns.rater, turns.pair, turns.is_flipped FROM raters
            JOIN turns ON turns.rater = raters.number WHERE raters.code = ? AND turns.position = ?"""
        with self._writing():
            row = self._database.execute(query, (code, position)).fetchone()
            if row is None:
                raise Unknown("this rater has no such pair")
            rater, pair, is_flipped = row
            spent = min(max(milliseconds, 0), MAX_MILLISECONDS)
            values = (rater, position, pair, side, _chosen(side, is_flipped), spent, _text(datetime.now(UTC)))
            self._database.execute(
                """INSERT INTO votes VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
                side = excluded.side, chosen = excluded.chosen, milliseconds = excluded.milliseconds,
                cast_at = excluded.cast_at WHERE side <> excluded.side""",
                values,
            )

    def read(self) -> list[Vote]:
        """Return all votes, by rater and in the order they were asked."""
        query = "SELECT rater, pair, side, chosen, milliseconds FROM votes ORDER BY rater, position"
        with self._lock:
            return [Vote(*row) for row in self._database.execute(query)]


def _chosen(side: str, is_flipped: bool) -> str:
    if side == "none":
        return side
    return "first" if (side == "left") != bool(is_flipped) else "second"


def _text(time: datetime) -> str:
    return time.isoformat(timespec="seconds")


def read_votes(directory: Path, study: Study) -> list[Vote]:
    """Return the votes in a study's folder, none where it was never served. Raises as `Votes` does."""
    path = directory / VOTES_FILE
    if not path.exists():
        return []
    with contextlib.closing(Votes(directory, study)) as votes, _explained(path):
        return votes.read()


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say in one line what SQLite complains about."""
    try:
        yield
    except sqlite3.OperationalError as error:  # no permission, full disk, locked
        raise BadOutput(f"{show(path)} cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        raise BadInput(f"{show(path)} is damaged or no file of votes: {error}; move it away") from error
