"""The five commands of docs/training.md, from a folder of cut-outs to a model that is measured."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from deepmatte import cli, images
from deepmatte.pixels import resize, to_bytes
from deepmatte.training import export, loop, recipes

GUIDE = (Path(__file__).parent.parent / "docs/training.md").read_text("utf-8")


def _write_pictures(cutouts: Path, photos: Path) -> None:
    """Write eight cut-outs of 53 × 77 px and eight photographs, none related to another."""
    for number in range(8):
        rng = np.random.default_rng(number)
        (cutouts / "toys").mkdir(parents=True, exist_ok=True)
        photos.mkdir(exist_ok=True)
        patches = resize(rng.random((5, 7, 4), np.float32), 53, 77)
        alpha = to_bytes(np.clip(patches[..., 3] * 3 - 1, 0, 1))
        images.write_image(cutouts / "toys" / f"{number}.png", to_bytes(patches[..., :3]), alpha)
        photo = to_bytes(resize(rng.random((6, 9, 3), np.float32), 90, 140))
        images.write_image(photos / f"{number}.png", photo)


def _commands() -> list[list[str]]:
    block = re.search(r"<!-- commands: five -->\s*```bash\n(.+?)\n```", GUIDE, re.S)
    assert block is not None
    return [shlex.split(line) for line in block[1].splitlines()]


def _in_small(command: list[str]) -> list[str]:
    """Return a command of the guide as a test can afford it: another recipe, its model, few steps."""
    assert command[0] == "deepmatte"
    small = {"deepmatte train default": "deepmatte train smoke", "--start default": "--start start.onnx",
             "--minutes 60": "--steps 4"}  # fmt: skip
    text = shlex.join(command)
    for whole, part in small.items():
        text = text.replace(whole, part)
    return shlex.split(text)[1:] + (["--workers", "1"] if command[1] in ("corpus", "evaluate") else [])


def test_five_commands_lead_from_cutouts_to_a_measured_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _write_pictures(tmp_path / "CUTOUTS", tmp_path / "PHOTOS")
    loop.Training(recipes.find("smoke")).save(tmp_path / "start")
    export.export(tmp_path / "start", tmp_path / "start.onnx")
    monkeypatch.chdir(tmp_path)
    commands = _commands()
    assert len(commands) == 5
    for command in commands:
        assert cli.main(_in_small(command)) == 0, command
    printed = capsys.readouterr()
    assert "8 files added" in printed.out
    assert not [line for line in printed.err.splitlines() if line.startswith("deepmatte:")]
    state = json.loads(Path("runs/mine/state.json").read_text())
    assert [each["step"] for each in state["evaluations"]] == [1, 2, 3, 4]
    assert {path.name for path in Path("runs/mine").iterdir()} == {
        "last.pt", "best.pt", "state.json", "events", "scenes"
    }  # fmt: skip
    assert Path("mine.onnx").stat().st_size > 1000
    table = printed.out[printed.out.index("mine.onnx\n") :]
    assert re.search(r"\bmine\b", table)
    assert re.search(r"\bdefault\b", table)


def test_every_option_of_the_command_is_in_the_guide(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    flags = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert {flag for flag in flags if f"`{flag}" not in GUIDE} - {"--output"} == set()
    assert {name for name in recipes.RECIPES if f"`{name}`" not in GUIDE} == set()


def test_every_file_that_the_guide_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", GUIDE)
    assert links
    assert [link for link in links if not (Path(__file__).parent.parent / "docs" / link).exists()] == []
