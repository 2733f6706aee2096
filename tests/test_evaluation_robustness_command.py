"""`deepmatte robustness` as users type it."""

import argparse
import json
import re
from pathlib import Path

import pytest
from small_benchmark import CRASHING, HALF, TRUTH, make_benchmark

from deepmatte import cli
from deepmatte.cli import robustness as command
from deepmatte.cli.console import print_table
from deepmatte.evaluation import methods
from deepmatte.evaluation.robustness import changes


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the benchmark `photos`; half, truth and crashing are methods."""
    make_benchmark(tmp_path / "photos")
    known = {each.name: each for each in (HALF, TRUTH, CRASHING)}
    original = methods.open_method
    monkeypatch.setattr(methods, "open_method", lambda name: known.get(name) or original(name))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def robustness(arguments: str) -> int:
    return cli.main(["robustness", "photos", *arguments.split()])


def test_our_model_is_the_default_and_answers_every_trimap(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert robustness("--output out --trimaps trimap1 --distances 1-3:2") == 0
    out, err = capsys.readouterr()
    assert err == ""
    titles = [line.strip() for line in out.splitlines() if line.strip().startswith("trimap1")]
    assert titles == [
        "trimap1 dilated: mean SAD of 2 pictures",
        "trimap1 dilated: mean SAD of 2 pictures, over the original's unknown pixels only",
        "trimap1 eroded: mean SAD of 2 pictures; nothing stays unknown somewhere at 3 px",
        "trimap1 shifted: mean SAD of 2 pictures",
        "trimap1 no-foreground",
        "trimap1 no-background",
        "trimap1 all-unknown",
    ]
    assert len(re.findall(r"deepmatte +2 of 2", out)) == 3
    content = json.loads(Path("out/robustness.json").read_text("utf-8"))
    assert content["methods"] == ["deepmatte"]
    assert {row["trimap_set"] for row in content["rows"]} == {"trimap1"}
    assert Path("out/dilated-trimap1.svg").is_file()


def test_json_is_for_programs_and_a_run_goes_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = "--output out --changes dilated --distances 1,2 --json"
    assert robustness(f"{arguments} --method half") == 0
    first = json.loads(capsys.readouterr().out)
    assert robustness(f"{arguments} --method truth,half --resume") == 0
    second = json.loads(capsys.readouterr().out)
    assert second == json.loads(Path("out/robustness.json").read_text("utf-8"))
    assert second["methods"] == ["truth", "half"]
    half = [row for row in second["rows"] if row["method"] == "half"]
    assert half == first["rows"]  # seconds as well, so they were not done again
    assert list(second["graded"]) == ["trimap1", "trimap2"]


def test_a_failure_is_one_line_and_exit_1_and_the_rest_is_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert robustness("--output out --method half,crashing --distances 1 --trimaps trimap2") == 1
    out, err = capsys.readouterr()
    assert err.startswith("deepmatte: 3 of 24 failed: crashing on b (trimap2 dilated by 1 px): ZeroDivision")
    assert err.count("\n") == 1
    assert "trimap2 dilated: mean SAD of 1 picture; without b" in out
    assert "ZeroDivisionError: no answer for this one" in out  # of one-sided trimaps, where it is a finding
    assert Path("out/dilated-trimap2.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--method closed", "there is no method 'closed'"),
        ("--model nowhere.onnx", "nowhere.onnx"),
        ("--method half --trimaps trimap7", "no trimaps called trimap7; expected some of trimap1, trimap2"),
        ("--method half --every-other truth", "no method is called truth"),
        ("--method half,half", "two methods are called half"),
        ("--method half --resume", "new does not exist"),
    ],
)
def test_bad_input_is_one_line_and_exit_1(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: str, said: str
) -> None:
    assert robustness(f"--output new {arguments}") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("deepmatte: ")
    assert err.count("\n") == 1
    assert said in err
    assert not Path("new").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "--output"),
        ("--output o --predictions photos/alpha", "'photos/alpha' were made for other trimaps"),
        ("--output o --distances 0", "no list of distances"),
        ("--output o --distances 1-", "no list of distances"),
        ("--output o --distances 9-3", "no list of distances"),
        ("--output o --distances 1-9:0", "no list of distances"),
        ("--output o --distances 1,,3", "no list of distances"),
        ("--output o --distances=-3", "no list of distances"),
        ("--output o --distances 1000", "up to 999"),
        ("--output o --distances ١", "no list of distances"),
        ("--output o --changes blurred", "expected some of dilated"),
        ("--output o --direction nan", "no angle"),
        ("--output o --direction up", "no angle"),
        ("--output o --workers 0", "whole number above 0"),
    ],
)
def test_wrong_use_is_exit_2(
    folder: Path, arguments: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        robustness(arguments)
    assert end.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", [7]),
        ("1-19:3", list(changes.PAPER_DISTANCES)),
        ("1-4", [1, 2, 3, 4]),
        ("19, 0 , 1-3,2", [0, 1, 2, 3, 19]),
        ("0-999:333", [0, 333, 666, 999]),
    ],
)
def test_distances_are_read_as_they_are_written(text: str, expected: list[int]) -> None:
    assert command.distances(text) == expected


def test_the_command_line_knows_what_the_library_knows() -> None:
    assert (command.GRADED, command.ONE_SIDED) == (changes.GRADED, changes.ONE_SIDED)
    assert command.METHODS == methods.NAMES
    parser = argparse.ArgumentParser()
    command.COMMANDS[0].add(parser)
    assert parser.parse_args(["d", "--output", "o"]).distances == list(changes.PAPER_DISTANCES)


def test_without_matplotlib_the_command_says_how_to_get_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    for name in [name for name in sys.modules if name.startswith(("deepmatte.evaluation", "matplotlib"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert robustness("--output out --method half") == 1
    assert "pip install 'deepmatte[evaluate]'" in capsys.readouterr().err


def test_tables_are_neither_folded_nor_cut_off(capsys: pytest.CaptureFixture[str]) -> None:
    title, cell = "a title that is wider than its table", "x" * 120
    print_table(title, ("method", "SAD"), [("a", "1")])
    print_table("t", ("method", "SAD"), [(cell, cell)])
    out = capsys.readouterr().out
    assert title in out.splitlines()
    assert out.count(cell) == 2


def test_a_kind_named_twice_is_tried_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        robustness("--output out --method half --trimaps trimap1 --changes no-foreground,no-foreground") == 0
    )
    assert "2 of 2" in capsys.readouterr().out
