"""`deepmatte corpus`, as users type it."""

import json
from pathlib import Path

import pytest
from small_corpus import write_corpus

from deepmatte import cli


def test_a_sound_corpus_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["corpus", "check", str(write_corpus(tmp_path))]) == 0
    assert capsys.readouterr() == ("", "")


def test_faults_are_listed_by_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = write_corpus(tmp_path)
    (corpus / "background/1.png").unlink()
    assert cli.main(["corpus", "check", str(corpus)]) == 1
    assert capsys.readouterr().out == "background/1.png: is listed but not there\n"
    assert cli.main(["corpus", "check", str(corpus), "--json"]) == 1
    assert [finding["subject"] for finding in json.loads(capsys.readouterr().out)] == ["missing"]


def test_corpus_alone_is_wrong_use() -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["corpus"])
