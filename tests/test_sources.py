import io
import os
from pathlib import Path

import pytest

from deepmatte import sources
from deepmatte.errors import BadInput
from deepmatte.sources import Encoded


def test_bytes_and_files_are_opened_alike(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    for source in (tmp_path / "a", str(tmp_path / "a"), Encoded("a", b"abc")):
        with sources.open_source(source) as file:
            assert file.read() == b"abc"
            assert isinstance(file, io.BytesIO) == isinstance(source, Encoded)


def test_names_are_shown_on_one_line() -> None:
    assert sources.shown(Encoded("a\nb", b"")) == r"'a\nb'"
    assert sources.shown(Path("a/b")) == "a/b"


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, said in (("nothing", "does not exist"), (".", "is a folder"), ("pipe", "no regular file")):
        with pytest.raises(BadInput, match=said):
            sources.open_source(tmp_path / name)
    with pytest.raises(BadInput, match="cannot be opened"):
        sources.open_source("a\0b")
