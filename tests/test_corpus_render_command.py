"""`deepmatte corpus render` and `corpus kinds`, as users type them."""

from pathlib import Path

import numpy as np
import pytest

from deepmatte import cli, images
from deepmatte.training.corpus import manifest
from deepmatte.training.corpus.render import KINDS, USUAL, job
from deepmatte.training.corpus.render.description import describe

DOCS = Path(__file__).parent.parent / "docs"


def render(folder: Path, *options: str, kinds: str = "grass", count: int = 2) -> int:
    size = ["--size", "37", "--workers", "1"]
    return cli.main(
        ["corpus", "render", kinds, "--count", str(count), "--output", str(folder), *size, *options]
    )


def test_files_are_rendered_and_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = tmp_path / "new" / "corpus"
    assert render(corpus, "--seed", "3", "--optics", "1", kinds="grass,feathers", count=3) == 0
    assert capsys.readouterr().out == f"{corpus}: 3 files rendered, 0 were there already\n"
    files = [entry.file for entry in manifest.read(corpus)]
    assert files == [
        f"foreground/{name}.png" for name in ("feathers-3-000000", "grass-3-000000", "grass-3-000001")
    ]
    assert images.read_photo(corpus / files[0]).pixels.shape == (37, 37, 3)
    assert render(corpus, "--seed", "3", "--optics", "1", kinds="grass,feathers", count=3) == 0
    assert "0 files rendered, 3 were there already" in capsys.readouterr().out
    assert cli.main(["corpus", "check", str(corpus), "--workers", "1"]) == 0


def test_photographs_masks_bits_and_a_licence_are_taken(tmp_path: Path) -> None:
    for name in ("photographs", "masks"):
        (tmp_path / name).mkdir()
    rng = np.random.default_rng(0)
    images.write_image(tmp_path / "photographs/a.jpg", rng.integers(0, 256, (30, 40, 3), np.uint8))
    mask = np.zeros((30, 40), np.uint8)
    mask[5:25, 10:30] = 255
    images.write_image(tmp_path / "masks/a.png", mask)
    options = ["--photographs", str(tmp_path / "photographs"), "--masks", str(tmp_path / "masks")]
    assert render(tmp_path / "out", *options, "--bits", "8", "--licence", "CC-BY-4.0", kinds="fur") == 0
    entries = manifest.read(tmp_path / "out")
    assert [entry.file for entry in entries] == [f"foreground/fur-0-00000{n}.webp" for n in (0, 1)]
    assert {entry.licence for entry in entries} == {"CC-BY-4.0"}


def test_unreadable_assets_are_told_and_end_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs/a.jpg").write_bytes(b"no picture")
    assert render(tmp_path / "out", "--photographs", str(tmp_path / "photographs")) == 1
    told = capsys.readouterr()
    assert "2 files rendered" in told.out
    assert told.err.count("a.jpg") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--optics", "2"], "optics from 0 to 1"),
        (["--photographs", "/none"], "is no folder"),
        (["--size", "9"], "expected 32 to 4096"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert render(tmp_path / "out", *options) == 1
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unknown_kind_is_answered_with_those_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert render(tmp_path / "out", kinds="hare") == 1
    assert "hare is no kind of rendering; expected all, or some of hair," in capsys.readouterr().err
    assert cli.main(["corpus", "kinds", "hare"]) == 1
    assert "hare is no kind" in capsys.readouterr().err


def test_all_may_be_named_beside_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def note(chosen: job.Job, output: Path, **_: object) -> job.Outcome:
        asked.append(chosen.kinds)
        return job.Outcome(0, 0, (), 0.0)

    monkeypatch.setattr(job, "run", note)
    for kinds in ("all", "all,hair", "glass,all"):
        assert render(tmp_path / "out", kinds=kinds) == 0
    assert asked == [USUAL, USUAL, ("glass", *(kind for kind in USUAL if kind != "glass"))]


def test_kinds_are_listed_with_their_ranges(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["corpus", "kinds", "fur"]) == 0
    out = capsys.readouterr().out
    assert "| `fur` | strands | furry animals, toys and masks |" in out
    assert "| `lift` | 0.1 … 0.7 | 0 lies flat, 1 stands up |" in out
    assert "hair" not in out.split("####")[0].replace("furry", "")


def test_the_page_holds_what_the_command_prints() -> None:
    """To bring the page up to date: replace what lies between its two marks by `deepmatte corpus kinds`."""
    page = (DOCS / "corpus.md").read_text("utf-8")
    listed = page.split("<!-- kinds -->\n")[1].split("\n<!-- end of kinds -->")[0]
    assert listed == describe()
    assert all(f"#### {name}\n" in listed for name in KINDS)


def test_ctrl_c_is_answered_with_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "_make", interrupted)
    assert render(tmp_path / "out") == 130
    assert capsys.readouterr().err == "deepmatte: stopped; run the same command again to go on\n"
