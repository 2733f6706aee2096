import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from deepmatte.errors import BadInput, BadOutput
from deepmatte.training.corpus import manifest
from deepmatte.training.corpus.manifest import Entry

OWL = Entry(
    'foreground/owl, "grey".png',
    "foreground",
    "animals",
    "CC0-1.0",
    source="https://example.org/owl",
    author="Ö. Wl\nand others",
    split="train",
    sha256="0" * 64,
    extra=(("width", "13"), ("height", "17")),
)
SKY = Entry("background/sky.jpg", "background", "skies", "CC-BY-4.0")


@pytest.mark.parametrize("parquet", [False, True])
def test_what_is_written_comes_back(tmp_path: Path, parquet: bool) -> None:
    if parquet:
        pytest.importorskip("pyarrow")
    manifest.write(tmp_path, [OWL, SKY], parquet=parquet)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.parquet" if parquet else "manifest.csv"]
    assert manifest.read(tmp_path) == [OWL, replace(SKY, extra=(("width", ""), ("height", "")))]


def test_three_columns_are_enough(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(
        "file,group,licence\nforeground/a.png,hair,CC0-1.0\nbackground/b.jpg,skies,CC0-1.0\n"
    )
    assert manifest.read(tmp_path) == [
        Entry("foreground/a.png", "foreground", "hair", "CC0-1.0"),
        Entry("background/b.jpg", "background", "skies", "CC0-1.0"),
    ]


def test_the_column_kind_goes_before_the_folder(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("file,kind,group,licence\nphotos/b.jpg,background,skies,CC0-1.0\n")
    assert manifest.read(tmp_path)[0].kind == "background"


def test_files_without_a_licence_are_refused_by_name(tmp_path: Path) -> None:
    manifest.write(tmp_path, [OWL, replace(SKY, licence="")])
    with pytest.raises(BadInput, match=r"background/sky\.jpg has no licence"):
        manifest.read(tmp_path)
    assert manifest.read(tmp_path, needs_licence=False)[1].licence == ""


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("file,licence\nforeground/a.png,CC0-1.0", "without file or group"),
        ("file,group,licence\n,hair,CC0-1.0", "without file or group"),
        ("file,group,licence\nphotos/a.png,hair,CC0-1.0", "of the kind 'photos'"),
        ("file,group,licence\nforeground/../../a.png,hair,CC0-1.0", "no path below"),
        ("file,group,licence\n/foreground/a.png,hair,CC0-1.0", "no path below"),
        ("file,group,licence\nforeground/a.png,hair,CC-BY-4.0, by me", "more cells for foreground/a.png"),
        ("file,group,licence,split\nforeground/a.png,hair,CC0-1.0,half", "in the split 'half'"),
        ("file,group,licence\n" + 2 * "foreground/a.png,hair,CC0-1.0\n", "a.png twice"),
        ('file,group,licence\n"foreground/a.png,hair', "cannot be read"),
    ],
)
def test_rows_that_make_no_sense_are_refused(tmp_path: Path, rows: str, said: str) -> None:
    (tmp_path / "manifest.csv").write_text(rows + "\n")
    with pytest.raises(BadInput, match=said):
        manifest.read(tmp_path)


def test_a_table_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "manifest.parquet").write_bytes(b"nothing")
    with pytest.raises(BadInput, match=r"manifest\.parquet cannot be read"):
        manifest.read(tmp_path)


def test_a_table_that_nothing_here_reads_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "manifest.parquet").write_bytes(b"anything")
    with pytest.raises(BadInput, match=r"pip install 'deepmatte\[corpus\]'"):
        manifest.read(tmp_path)


def test_one_manifest_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no readable manifest\.csv"):
        manifest.read(tmp_path)
    (tmp_path / "manifest.parquet").touch()
    with pytest.raises(BadOutput, match=r"manifest\.parquet already"):
        manifest.write(tmp_path, [OWL])
    (tmp_path / "manifest.csv").touch()
    with pytest.raises(BadInput, match="has both"):
        manifest.read(tmp_path)


def test_writing_replaces_the_manifest(tmp_path: Path) -> None:
    manifest.write(tmp_path, [OWL])
    manifest.write(tmp_path, [SKY])
    assert manifest.read(tmp_path) == [SKY]


def test_the_digest_is_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert manifest.digest(tmp_path / "empty").startswith("e3b0c44298fc1c14")
    with pytest.raises(BadInput, match="cannot be read"):
        manifest.digest(tmp_path / "nothing")


def test_the_corpus_works_without_torch() -> None:
    script = (
        "import importlib, pkgutil, sys\n"
        "from deepmatte.training import corpus\n"
        "for each in pkgutil.walk_packages(corpus.__path__, corpus.__name__ + '.'):\n"
        "    importlib.import_module(each.name)\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_cell_with_a_carriage_return_comes_back(tmp_path: Path) -> None:
    entry = Entry(
        "foreground/a.png", "foreground", "g", "CC0-1.0", author="a\rb", extra=(("note", "c\r\nd"),)
    )
    manifest.write(tmp_path, [entry])
    assert manifest.read(tmp_path) == [entry]


def test_a_column_with_a_carriage_return_comes_back(tmp_path: Path) -> None:
    entry = Entry("foreground/a.png", "foreground", "g", "CC0-1.0", extra=(("a\rb", "c"),))
    manifest.write(tmp_path, [entry])
    assert manifest.read(tmp_path) == [entry]
