import os
from pathlib import Path

import pytest

from deepmatte.errors import BadOutput
from deepmatte.training.corpus.journal import Journal

JOB = {"what": "test", "seed": 1}


def _read(path: Path) -> dict[str, dict[str, object]]:
    journal = Journal(path, JOB)
    journal.close()
    return journal.done


def test_what_was_done_is_known_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", JOB)
    journal.add("a", {"size": 1})
    journal.add("b", {"size": 2, "note": "ö\nö"})
    journal.close()
    again = Journal(tmp_path / "journal", {"seed": 1, "what": "test"})
    assert again.done == {"a": {"size": 1}, "b": {"size": 2, "note": "ö\nö"}}
    again.remove()
    assert list(tmp_path.iterdir()) == []


def test_another_job_begins_anew(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", JOB)
    journal.add("a", {})
    journal.close()
    Journal(tmp_path / "journal", {**JOB, "seed": 2}).close()
    assert _read(tmp_path / "journal") == {}


@pytest.mark.parametrize("torn", [b'{"key": "b", "si', b'{"key": "b"', b"\0\0\0\n", b"[]\n"])
def test_a_line_that_was_cut_off_does_not_count(tmp_path: Path, torn: bytes) -> None:
    journal = Journal(tmp_path / "journal", JOB)
    journal.add("a", {"size": 1})
    journal.close()
    with (tmp_path / "journal").open("ab") as file:
        file.write(torn)
    again = Journal(tmp_path / "journal", JOB)
    assert again.done == {"a": {"size": 1}}
    again.add("c", {})
    again.close()
    assert list(_read(tmp_path / "journal")) == ["a", "c"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    os.symlink("/dev/full", tmp_path / "journal")
    with pytest.raises(BadOutput, match="No space left"):
        Journal(tmp_path / "journal", JOB)
