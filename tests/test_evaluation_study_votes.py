"""Votes in SQLite: one row a vote, several raters at once, nothing lost."""

import sqlite3
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from small_study import make_study

from deepmatte.errors import BadInput, BadOutput
from deepmatte.evaluation.study import votes as votes_module
from deepmatte.evaluation.study.plan import Study, read_study
from deepmatte.evaluation.study.votes import Unknown, Votes, read_votes


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("study"), per_rater=4)


@pytest.fixture
def study(made: Path) -> Study:
    return read_study(made)


def test_a_rater_is_asked_pairs_and_checks_and_goes_on_where_they_were(tmp_path: Path, study: Study) -> None:
    with closing(Votes(tmp_path, study)) as votes:
        code = votes.enrol("Ann")
        asked = votes.turns(code)
        assert [each.position for each in asked] == list(range(4 + 2))
        assert {each.side for each in asked} == {None}
        votes.vote(code, 0, "left", 800)
        votes.vote(code, 1, "none", 800)
    with closing(Votes(tmp_path, study)) as votes:
        again = votes.turns(code)
    assert [each.side for each in again] == ["left", "none", None, None, None, None]
    assert [each.pair for each in again] == [each.pair for each in asked]


def test_what_was_chosen_is_stored_whichever_side_it_was_on(tmp_path: Path, study: Study) -> None:
    with closing(Votes(tmp_path, study)) as votes:
        code = votes.enrol()
        asked = votes.turns(code)
        for each in asked:
            votes.vote(code, each.position, ("left", "right", "none")[each.position % 3], 100 + each.position)
        stored = votes.read()
    assert [vote.milliseconds for vote in stored] == [100, 101, 102, 103, 104, 105]
    for vote, each in zip(stored, asked, strict=True):
        on_the_left, on_the_right = ("second", "first") if each.is_flipped else ("first", "second")
        assert vote.chosen == {"left": on_the_left, "right": on_the_right, "none": "none"}[vote.side]
        assert vote.pair == each.pair


def test_a_vote_sent_twice_is_one_row_and_another_replaces_it(tmp_path: Path, study: Study) -> None:
    with closing(Votes(tmp_path, study)) as votes:
        code = votes.enrol()
        for milliseconds in (500, 900):
            votes.vote(code, 2, "left", milliseconds)
        (only,) = votes.read()
        assert (only.side, only.milliseconds) == ("left", 500)
        votes.vote(code, 2, "right", 700)
        (only,) = votes.read()
        assert (only.side, only.milliseconds) == ("right", 700)


def test_strangers_and_turns_that_were_not_asked_are_unknown(tmp_path: Path, study: Study) -> None:
    with closing(Votes(tmp_path, study)) as votes:
        code = votes.enrol()
        with pytest.raises(Unknown, match="no rater"):
            votes.turns("somebodyelse")
        with pytest.raises(Unknown):
            votes.vote("somebodyelse", 0, "left", 1)
        for position in (6, -1):
            with pytest.raises(Unknown, match="no such pair"):
                votes.vote(code, position, "left", 1)
        with pytest.raises(BadInput, match="expected one of left, right, none"):
            votes.vote(code, 0, "zebrafinch", 1)
        assert votes.read() == []


def test_times_stay_within_a_day(tmp_path: Path, study: Study) -> None:
    with closing(Votes(tmp_path, study)) as votes:
        code = votes.enrol()
        votes.vote(code, 0, "left", 10**12)
        assert votes.read()[0].milliseconds == 24 * 3600 * 1000


def test_codes_are_long_and_differ(tmp_path: Path, study: Study) -> None:
    with closing(Votes(tmp_path, study)) as votes:
        codes = {votes.enrol() for _ in range(30)}
    assert len(codes) == 30
    assert {len(code) for code in codes} == {10}


def test_commits_are_flushed_to_the_disk(tmp_path: Path, study: Study) -> None:
    with closing(Votes(tmp_path, study)) as votes:
        settings = {
            name: votes._database.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_pairs_stay_balanced_over_raters(tmp_path: Path, study: Study) -> None:
    with closing(Votes(tmp_path, study)) as votes:
        asked = Counter(each.pair for _ in range(6) for each in votes.turns(votes.enrol()))
    assert {count for pair, count in asked.items() if not pair.startswith("check/")} == {2}  # 6 · 4 of 12
    assert {count for pair, count in asked.items() if pair.startswith("check/")} == {6}


def test_pairs_of_raters_who_went_away_are_asked_of_others(tmp_path: Path, study: Study) -> None:
    with closing(Votes(tmp_path, study)) as votes:
        gone = votes.enrol()
        left_over = {each.pair for each in votes.turns(gone)}
        votes._database.execute("UPDATE raters SET started = '2000-01-01T00:00:00+00:00'")
        answered = votes.turns(gone)[0]
        votes.vote(gone, 0, "left", 1)
        others = Counter(each.pair for _ in range(3) for each in votes.turns(votes.enrol()))
    expected = left_over - {answered.pair}
    assert {pair for pair in expected if others[pair] >= 1} == expected


def test_many_threads_lose_no_vote(tmp_path: Path, study: Study) -> None:
    codes = []
    with closing(Votes(tmp_path, study)) as votes:

        def rate() -> None:
            code = votes.enrol()
            codes.append(code)
            for each in votes.turns(code):
                votes.vote(code, each.position, "right", 1)

        threads = [threading.Thread(target=rate) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(each.side == "right" for code in codes for each in votes.turns(code))
    found = read_votes(tmp_path, study)
    assert len(found) == 8 * 6
    assert {vote.rater for vote in found} == set(range(1, 9))


def test_two_processes_may_write_at_once(tmp_path: Path, study: Study) -> None:
    with closing(Votes(tmp_path, study)) as one, closing(Votes(tmp_path, study)) as other:
        codes = [votes.enrol() for votes in (one, other, one, other)]
        for position in range(6):
            for code in codes:
                (one if position % 2 else other).vote(code, position, "left", 1)
        assert len(one.read()) == len(other.read()) == 24


def test_votes_of_another_study_are_refused(tmp_path: Path, study: Study) -> None:
    Votes(tmp_path, study).close()
    other = read_study(make_study(tmp_path / "other", checks=0))
    with pytest.raises(BadInput, match="votes of another study"):
        Votes(tmp_path, other)


def test_no_votes_yet_are_none_and_make_no_file(tmp_path: Path, study: Study) -> None:
    assert read_votes(tmp_path, study) == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_bad_input(tmp_path: Path, study: Study) -> None:
    (tmp_path / "votes.sqlite").write_bytes(b"not a database, but long enough to be read as one" * 40)
    with pytest.raises(BadInput, match="damaged or no file of votes"):
        Votes(tmp_path, study)


def test_a_folder_that_cannot_be_written_is_bad_output(tmp_path: Path, study: Study) -> None:
    with pytest.raises(BadOutput, match="cannot be used"):
        Votes(tmp_path / "nowhere", study)


def test_a_failure_in_the_middle_keeps_nothing(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Votes(tmp_path, study)) as votes:
        votes._database.execute("DROP TABLE turns")
        with pytest.raises(sqlite3.OperationalError):
            votes.enrol()
        monkeypatch.setattr(votes_module, "draw_turns", lambda *_: ())
        assert votes._database.execute("SELECT COUNT(*) FROM raters").fetchone() == (0,)
        assert not votes._database.in_transaction
