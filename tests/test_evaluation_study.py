"""The commands study new, study serve and study report, as users type them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from small_study import HEIGHT, WIDTH, write_mattes

import deepmatte
from deepmatte import cli, images
from deepmatte.evaluation.study import composites
from deepmatte.evaluation.study.plan import read_study
from deepmatte.evaluation.study.server import StudyServer
from deepmatte.evaluation.study.votes import Votes

NEW = "study new mattes --methods zebrafinch,yellowhammer --output study"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_mattes(tmp_path / "mattes")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_study_is_made_and_reported_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*NEW.split(), "--checks", "1", "--seed", "7", "--per-rater", "3"]) == 0
    assert capsys.readouterr() == ("study\n", "")
    study = read_study(Path("study"))
    assert (study.seed, study.per_rater, study.methods) == (7, 3, ("zebrafinch", "yellowhammer"))
    votes = Votes(Path("study"), study)
    code = votes.enrol()
    for asked in votes.turns(code):
        votes.vote(code, asked.position, "right" if asked.is_flipped else "left", 1)
    votes.close()
    assert cli.main(["study", "report", "study", "--html", "r.html", "--plot", "r.svg"]) == 0
    assert "zebrafinch" in capsys.readouterr().out
    assert Path("r.html").read_text("utf-8").startswith("<!doctype html>")
    assert Path("r.svg").stat().st_size > 1000
    assert cli.main(["study", "report", "study", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["overall"]["wins"] == [[0, 3], [0, 0]]
    assert cli.main(["study", "report", "study", "--html", "r.html", "--plot", "other.svg"]) == 1
    assert not Path("other.svg").exists()  # both or none
    assert "add --overwrite" in capsys.readouterr().err
    again = ["--html", "r.html", "--overwrite", "--allowed-misses", "1"]
    assert cli.main(["study", "report", "study", *again]) == 0


def test_defaults_are_the_librarys(folder: Path) -> None:
    assert cli.main(NEW.split()) == 0
    study = read_study(Path("study"))
    assert sum(pair.is_check for pair in study.pairs) == composites.CHECKS
    assert study.per_rater is None


def test_pairs_without_difference_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for photo in ("cat", "dog"):
        matte = images.read_map(f"mattes/zebrafinch/{photo}.png")
        images.write_image(f"mattes/yellowhammer/{photo}.png", matte, overwrite=True)
    assert cli.main([*NEW.split(), "--checks", "0"]) == 0
    assert (
        "note: these pairs show no difference: cat/black/zebrafinch/yellowhammer" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (NEW.replace(",yellowhammer", ""), "1 method is named"),
        (NEW.replace(",yellowhammer", ",dodo"), "dodo is no folder"),
        (f"{NEW} --images nowhere", "nowhere is no folder"),
        (f"{NEW} --checks 99", "lower the number of checks"),
        (NEW.replace("--output study", "--output mattes"), "exists already"),
        ("study serve mattes", "expected a folder made by `deepmatte study new`"),
        ("study serve mattes --host 0.0.0.0", "expected a loopback address"),
        ("study report nowhere", "has no study.json"),
    ],
)
def test_bad_input_is_one_line_and_exit_1(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: str, said: str
) -> None:
    assert cli.main(arguments.split()) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("deepmatte: ")
    assert err.count("\n") == 1
    assert said in err
    assert [path.name for path in folder.iterdir()] == ["mattes"]


@pytest.mark.parametrize(
    "arguments", ["study", "study vote", "study new mattes", f"{NEW} --checks few", "study serve s --port x"]
)
def test_wrong_use_is_exit_2(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(arguments.split())
    assert end.value.code == 2
    assert "usage: deepmatte study" in capsys.readouterr().err


def test_serving_prints_the_address_and_ends_well(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(server: StudyServer) -> None:
        raise KeyboardInterrupt

    assert cli.main(NEW.split()) == 0
    capsys.readouterr()
    monkeypatch.setattr(StudyServer, "serve_forever", interrupt)
    assert cli.main(["study", "serve", "study", "--port", "0"]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\n", out)
    assert "Ctrl-C" in err


def test_the_package_carries_the_page() -> None:
    """Whether it is installed or used in place: what is beside the server is what is served."""
    page = Path(deepmatte.__file__).parent / "evaluation" / "study" / "page"
    assert {path.name for path in page.iterdir()} == {"index.html", "page.js", "page.css", "icon.svg"}


def test_a_matte_with_colours_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[..., 0] = 255
    images.write_image("mattes/zebrafinch/cat.png", pixels, overwrite=True)
    assert cli.main(NEW.split()) == 1
    assert "cat.png has colours" in capsys.readouterr().err
