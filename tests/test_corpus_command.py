"""`deepmatte corpus`, as users type it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_blobs import write_blobs
from small_corpus import write_corpus

from deepmatte import cli, images
from deepmatte.cli import corpus as corpus_commands
from deepmatte.training.corpus import manifest, origins


def test_a_sound_corpus_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = write_corpus(tmp_path)
    assert cli.main(["corpus", "check", str(corpus), "--workers", "1"]) == 0
    assert capsys.readouterr() == ("", f"deepmatte: {corpus}: faults: 0, notes: 0\n")


def test_faults_are_listed_by_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = write_corpus(tmp_path)
    (corpus / "background/1.png").unlink()
    check = ["corpus", "check", str(corpus), "--workers", "1"]
    assert cli.main(check) == 1
    assert capsys.readouterr().out == "background/1.png: cannot be read: No such file or directory\n"
    assert cli.main([*check, "--json"]) == 1
    assert [finding["subject"] for finding in json.loads(capsys.readouterr().out)] == ["unusable"]


def test_notes_are_faults_when_told_to_be_strict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = write_corpus(tmp_path)
    photo = images.read_photo(corpus / "background/0.png")
    images.write_image(corpus / "background/1.png", photo.pixels[:, ::-1], overwrite=True)
    check = ["corpus", "check", str(corpus), "--workers", "1"]
    assert cli.main(check) == 0
    assert capsys.readouterr().out.startswith("note: background/0.png, background/1.png: look the same")
    assert cli.main([*check, "--strict"]) == 1


def test_corpus_alone_is_wrong_use() -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["corpus"])


def test_a_sheet_is_drawn_and_its_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus, output = write_corpus(tmp_path), str(tmp_path / "sheet.png")
    options = ["--count", "3", "--side", "30", "--columns", "3", "--over", "black", "--alpha", "--seed", "5"]
    draw = ["corpus", "sheet", str(corpus), "--output", output, *options]
    assert cli.main(draw) == 0
    assert capsys.readouterr().out.startswith("row 1: foreground/")
    assert images.read_photo(output).pixels.shape == (38, 196, 3)
    assert cli.main(draw) == 1
    assert "sheet.png exists already" in capsys.readouterr().err
    (corpus / "foreground/soft/0.png").unlink()
    assert cli.main([*draw, "--overwrite", "--group", "soft", "--kind", "foreground"]) == 1
    assert "soft/0.png does not exist" in capsys.readouterr().err


def test_a_corpus_is_packed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus, output = write_corpus(tmp_path), str(tmp_path / "packed.zip")
    (corpus / "background/1.png").unlink()
    options = ["--side", "90", "--max-megabytes", "1.5", "--workers", "1"]
    assert cli.main(["corpus", "pack", str(corpus), "--output", output, *options]) == 1
    said = capsys.readouterr()
    assert said.out == f"{output}: 5 files, 0.0 MB, quality 90\n"
    assert said.err.startswith("deepmatte: skipped: ")
    assert said.err.endswith("background/1.png does not exist; expected a picture file\n")


def test_pictures_are_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = write_corpus(tmp_path / "source"), tmp_path / "made"
    (source / "manifest.csv").unlink()
    images.write_image(source / "foreground/opaque.png", np.zeros((5, 7, 3), np.uint8))
    imports = ["corpus", "import", "rgba", str(source / "foreground"), "--output", str(output)]
    imports += ["--workers", "1"]
    assert cli.main(imports) == 1
    assert "have no licence" in capsys.readouterr().err
    assert cli.main([*imports, "--licence", "CC0-1.0", "--author", "me", "--origin", "here"]) == 1
    said = capsys.readouterr()
    assert said.out == f"{output}: 4 files added, 0 there already\n"
    assert said.err.startswith("deepmatte: skipped: ")
    assert "opaque.png has no alpha channel" in said.err
    (source / "foreground/opaque.png").unlink()
    options = ["--allow-unknown-licence", "--group", "more", "--split", "test", "--keep-colours"]
    assert cli.main([*imports, *options]) == 0
    said = capsys.readouterr()
    assert said.out == f"{output}: 0 files added, 4 there already\n"
    assert said.err.startswith("deepmatte: note: sharp/0.png is foreground/sharp/0.png already\n")


def test_help_and_docs_name_the_layouts_there_are() -> None:
    assert tuple(origins.LAYOUTS) == corpus_commands.LAYOUTS
    docs = (Path(__file__).parent.parent / "docs" / "corpus.md").read_text("utf-8")
    assert [name for name in origins.LAYOUTS if f"| `{name}` |" not in docs] == []


def test_compositions_are_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = write_blobs(tmp_path / "source"), tmp_path / "made"
    compose = ["corpus", "compose", str(source), "--output", str(output), "--workers", "1"]
    options = ["--train", "0", "--test", "2", "--test-share", "0.3", "--trimap-px", "0,4", "--side", "30"]
    assert cli.main([*compose, *options, "--layers", "--seed", "3"]) == 0
    said = capsys.readouterr()
    made = len(list((output / "test/layers/foreground").iterdir()))
    assert said == (f"{output}: {made} compositions to test\n", "")
    assert [path.name for path in output.iterdir() if path.is_dir()] == ["test"]
    assert cli.main([*compose, *options]) == 1
    assert "made with another seed, with_layers; choose another folder" in capsys.readouterr().err


def test_compositions_go_to_shards_and_what_is_left_out_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = write_blobs(tmp_path / "source"), tmp_path / "made"
    entries = manifest.read(source)
    entries[0], entries[1] = (
        replace(entry, split=split, extra=(("subject", "one"),))
        for entry, split in zip(entries[:2], ("train", "test"), strict=True)
    )
    manifest.write(source, entries)
    (source / "background/0.png").unlink()
    options = ["--train", "2", "--test", "1", "--shards", "3", "--workers", "1"]
    assert cli.main(["corpus", "compose", str(source), "--output", str(output), *options]) == 1
    said = capsys.readouterr()
    assert "note: related to a test's, so left out: foreground/0.png\n" in said.err
    assert "skipped: " in said.err
    assert {path.suffix for path in output.iterdir()} == {".tar", ".json"}


@pytest.mark.parametrize("span", ["5,4", "1", "a,b", "-1,3"])
def test_compose_refuses_wrong_use(span: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["corpus", "compose", "corpus", "--output", "made", f"--trimap-px={span}"])


def test_photos_that_are_refused_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = write_corpus(tmp_path / "source"), tmp_path / "made"
    (source / "manifest.csv").unlink()
    command = ["corpus", "import", "rgba", str(source / "foreground"), "--output", str(output)]
    command += ["--licence", "CC0-1.0", "--photos", str(tmp_path / "nowhere")]
    assert cli.main(command) == 1
    assert "nowhere" in capsys.readouterr().err
    assert not output.exists()
