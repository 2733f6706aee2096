"""`deepmatte evaluate` as users type it."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_benchmark import make_benchmark

from deepmatte import cli, images
from deepmatte.models import catalogue


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the benchmark `photos` and two folders of mattes, `truth` and `black`."""
    make_benchmark(tmp_path / "photos")
    for each in ("trimap1", "trimap2"):
        shutil.copytree(tmp_path / "photos" / "alpha", tmp_path / "truth" / each)
        (tmp_path / "black" / each).mkdir(parents=True)
        for name, size in (("a", (7, 9)), ("b", (11, 6))):
            images.write_image(tmp_path / "black" / each / f"{name}.png", np.zeros(size, np.uint8))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def evaluate(arguments: str) -> int:
    return cli.main(["evaluate", "photos", *arguments.split()])


def test_the_table_has_a_row_for_each_method_and_set(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--predictions truth --predictions none=black") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.split()[0] for line in out.splitlines() if re.match(r" +(truth|none) ", line)] == [
        "truth",
        "none",
    ] * 3
    assert "trimap2: means of 2 pictures; × is relative to truth" in out
    assert "…" not in out  # nothing is cut off, though this is no terminal
    assert "average ranks" in out


def test_folders_may_be_compared_with(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("--predictions truth --against black,again=truth --json") == 0
    assert json.loads(capsys.readouterr().out)["methods"] == ["truth", "black", "again"]


def test_json_is_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("--predictions black --predictions truth --json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["methods"] == ["black", "truth"]
    assert report["means"]["trimap1"]["truth"]["sad"] == 0
    assert report["ratios"]["trimap1"]["truth"]["sad"] == 0
    assert report["ranks"]["overall"]["black"]["overall"] == 2
    assert len(report["rows"]) == 8
    assert {row["seconds"] for row in report["rows"]} == {None}


def test_our_model_is_the_default(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("photos/trimap2")
    assert evaluate("--output out --json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["methods"] == ["deepmatte"]
    assert all(row["seconds"] > 0 for row in report["rows"])
    assert images.read_map("out/mattes/deepmatte/trimap1/b.png").shape == (11, 6)
    assert evaluate("--output out --json --resume") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == report["rows"]


def test_a_failure_is_one_line_and_exit_1_and_the_rest_is_printed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("black/trimap1/a.png").unlink()
    Image.fromarray(np.full((7, 9), np.nan, np.float32)).save("black/trimap1/a.tif")
    assert evaluate("--predictions black --json") == 1
    out, err = capsys.readouterr()
    assert len(json.loads(out)["rows"]) == 4
    assert err.startswith("deepmatte: 1 of 4 failed: black on a (trimap1): black/trimap1/a.tif")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--predictions nowhere", "nowhere is no folder"),
        ("--predictions photos/alpha", "trimap1, trimap2"),
        ("--predictions truth --predictions truth", "two methods are called truth"),
        ("--predictions ../=truth", "cannot be a method's name"),
        ("--method closed", "there is no method 'closed'"),
        ("--against closed-form,no", "there is no method 'no'"),
        ("--model nowhere.onnx", "nowhere.onnx"),
        ("--resume", "no --output is given"),
        ("--mattes-only", "without --output"),
        ("--output new --resume", "new does not exist"),
        ("--html nowhere/report.html --output new", "the folder nowhere does not exist"),
    ],
)
def test_bad_input_is_one_line_and_exit_1(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: str, said: str
) -> None:
    before = sorted(folder.rglob("*"))
    assert evaluate(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("deepmatte: ")
    assert err.count("\n") == 1
    assert said in err
    assert sorted(folder.rglob("*")) == before


def test_a_report_is_written_and_replaced_only_when_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--predictions black --html report.html") == 0
    first = Path("report.html").read_text("utf-8")
    assert first.startswith("<!doctype html>")
    assert "<h1>photos</h1>" in first
    capsys.readouterr()
    assert evaluate("--predictions truth --html report.html") == 1
    assert "add --overwrite" in capsys.readouterr().err
    assert Path("report.html").read_text("utf-8") == first
    assert evaluate("--predictions truth --html report.html --overwrite") == 0
    assert "truth" in Path("report.html").read_text("utf-8")
    assert {path.name for path in folder.iterdir()} == {"photos", "truth", "black", "report.html"}


def test_a_report_may_go_to_the_folder_that_the_run_makes(folder: Path) -> None:
    assert evaluate("--predictions black --output new --html new/report.html") == 0
    assert Path("new/report.html").is_file()
    assert Path("new/rows/black/trimap1/a.json").is_file()
    assert json.loads(Path("new/result.json").read_text("utf-8"))["methods"] == ["black"]


def test_photos_without_truth_get_mattes_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("photos/alpha")
    assert evaluate("--predictions black --output out") == 1
    assert "no alpha/" in capsys.readouterr().err
    assert evaluate("--predictions black --output out --mattes-only --json --html out/report.html") == 0
    report = json.loads(capsys.readouterr().out)
    assert [row["errors"] for row in report["rows"]] == [None] * 4
    assert report["ranks"] == {}


@pytest.mark.parametrize("arguments", ["--workers 0", "--workers two", "--against a,,b"])
def test_wrong_use_is_exit_2(folder: Path, arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        evaluate(arguments)
    assert end.value.code == 2
    assert "usage: deepmatte evaluate" in capsys.readouterr().err


def test_without_pymatting_the_command_says_how_to_get_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert evaluate("--predictions truth --against closed-form") == 1
    assert "pip install 'deepmatte[evaluate]'" in capsys.readouterr().err


def test_a_name_is_a_method_though_there_is_a_folder_of_that_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "deepmatte").mkdir()
    assert evaluate("--predictions mine=truth --against deepmatte --json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["methods"] == ["mine", "deepmatte"]
    assert content["means"]["trimap1"]["deepmatte"]["seconds_per_megapixel"] is not None


def test_two_models_of_one_name_can_be_told_apart(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for each in ("a", "b"):
        (folder / each).mkdir()
        shutil.copy(catalogue.find("default"), folder / each / "best.onnx")
    assert evaluate("--model a/best.onnx --model b/best.onnx") == 1
    assert "NAME=PATH" in capsys.readouterr().err
    assert evaluate("--model first=a/best.onnx --model b/best.onnx --json") == 0
    assert json.loads(capsys.readouterr().out)["methods"] == ["first", "best"]
    assert evaluate("--against again=a/best.onnx --json") == 0
    assert json.loads(capsys.readouterr().out)["methods"] == ["deepmatte", "again"]


def test_a_folder_without_a_path_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("--predictions mine=") == 1
    assert "has no path; expected NAME=PATH" in capsys.readouterr().err
