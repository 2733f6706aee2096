"""Pictures by Blender: what is staged, how its process is asked and understood, and one real picture."""

import importlib.util
import json
import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from deepmatte import cli
from deepmatte.errors import MatteError
from deepmatte.training.corpus.render import KINDS, USUAL
from deepmatte.training.corpus.render.blender import engine, staging
from deepmatte.training.corpus.render.blender.engine import FINER, Mesh, Stage, develop, linear
from deepmatte.training.corpus.render.job import Job
from deepmatte.training.corpus.render.rendering import Assets

NAMES = ("blender-fur", "blender-hair", "blender-glass")
SIDE = 37
TRIANGLE = Mesh(np.eye(3), np.array([[0, 1, 2, 2]]), {"Roughness": 0.5})
PLAIN = Stage([TRIANGLE], None, np.zeros((4, 8, 3)), 1.0, [], 7)


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, lines: str) -> None:
    """Let a small program take the place of the interpreter that has Blender."""
    program = folder / "blender"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys\nimport numpy as np\nfolder = sys.argv[2]\n{lines}\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv(engine.PYTHON, str(program))


def test_the_picture_of_the_process_is_read_and_developed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(
        tmp_path,
        monkeypatch,
        "p = np.zeros((74, 74, 4), np.float32)\np[:37] = 0.25, 0.1, 0, 0.5\n"
        "np.save(folder + '/picture.npy', p)",
    )
    colours, alpha = engine.render(PLAIN, SIDE)
    np.testing.assert_allclose(alpha[:18], 0.5)
    np.testing.assert_allclose(alpha[18], 0.25)
    np.testing.assert_allclose(alpha[19:], 0)
    np.testing.assert_allclose(colours[5, 5] / 0.5, [0.7354, 0.4845, 0], atol=1e-4)


def test_what_is_staged_is_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept"
    stand_in(tmp_path, monkeypatch, f"import shutil\nshutil.copytree(folder, {str(kept)!r})\nsys.exit(3)")
    with pytest.raises(MatteError):
        engine.render(PLAIN, SIDE)
    arrays, settings = np.load(kept / "scene.npz"), json.loads((kept / "scene.json").read_text())
    # x to the right, y away, z upwards about the picture's middle
    np.testing.assert_allclose(arrays["vertices0"], [[0.5, 0, 0.5], [-0.5, 0, -0.5], [-0.5, -1, 0.5]])
    assert settings["side"] == SIDE * FINER
    assert settings["seed"] == 7
    assert settings["meshes"][0]["material"] == {"Roughness": 0.5}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("os.kill(os.getpid(), 11)", "Blender ended with SIGSEGV: it said nothing"),
        ("sys.exit('first\\nno memory')", "Blender ended with exit code 1: no memory"),
        ("", "Blender ended without a picture"),
        (
            "np.save(folder + '/picture.npy', np.zeros((5, 7, 4), np.float32))",
            r"float32 \(5, 7, 4\); expected",
        ),
        ("np.save(folder + '/picture.npy', np.full((74, 74, 4), np.nan, np.float32))", "expected finite"),
        ("open(folder + '/picture.npy', 'wb').write(b'no array')", "without a picture"),
    ],
)
def test_a_process_that_fails_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, message: str
) -> None:
    stand_in(tmp_path, monkeypatch, lines)
    with pytest.raises(MatteError, match=message) as told:
        engine.render(PLAIN, SIDE)
    assert "\n" not in str(told.value)


def test_an_interpreter_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engine.PYTHON, "/none/python")
    with pytest.raises(MatteError, match="/none/python cannot be run"):
        engine.render(PLAIN, SIDE)


@pytest.mark.parametrize("name", NAMES)
def test_without_blender_the_command_names_what_to_install(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(engine.PYTHON, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MatteError, match="bpy"):
        Job((name,), 1, SIDE)
    assert cli.main(["corpus", "render", name, "--count", "1", "--output", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().err
    assert "pip install 'deepmatte[blender]'" in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_all_leaves_out_what_needs_blender() -> None:
    assert set(KINDS) - set(USUAL) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_stages_the_same_scene(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = []

    def keep(stage: Stage, size: int) -> tuple[np.ndarray, np.ndarray]:
        stages.append(stage)
        alpha = np.linspace(0, 0.9, size * size, dtype=np.float32).reshape(size, size)
        return np.zeros((size, size, 3), np.float32), alpha

    monkeypatch.setattr(staging.engine, "render", keep)
    for index in (0, 0, 1):
        KINDS[name].render(5, index, SIDE, Assets())
    first, second, other = stages
    for one, same in zip(first.meshes, second.meshes, strict=True):
        np.testing.assert_array_equal(one.vertices, same.vertices)
        assert one.faces.max() < len(one.vertices)
        assert np.isfinite(one.vertices).all()
    assert (first.seed, first.lamps) == (second.seed, second.lamps)
    assert first.seed != other.seed
    if first.fibres is not None and second.fibres is not None:
        np.testing.assert_array_equal(first.fibres.places, second.fibres.places)
        assert np.isfinite(first.fibres.places).all()
        assert first.fibres.places.shape[:2] == first.fibres.radii.shape
        assert first.fibres.radii.min() > 0
        assert 0 < first.fibres.tints.min() <= first.fibres.tints.max() < 1


def test_bright_colours_are_held_back_and_linear_ones_come_back() -> None:
    greys = np.array([0.0, 0.001, 0.2, 0.7])
    picture = np.broadcast_to(np.append(np.full(3, 9.0), 1.0), (4, 6, 4)).astype(np.float32).copy()
    assert 0.99 < develop(picture)[0].max() <= 1
    for grey in greys:
        picture[..., :3] = grey
        np.testing.assert_allclose(linear(develop(picture)[0]), grey, atol=1e-5)


HAS_BLENDER = engine.PYTHON in os.environ or importlib.util.find_spec("bpy") is not None


@pytest.mark.skipif(not HAS_BLENDER, reason="bpy is not installed: pip install 'deepmatte[blender]'")
@pytest.mark.slow
def test_blender_renders_the_same_picture_of_a_seed() -> None:
    first, second = (KINDS["blender-glass"].render(1, 0, SIDE) for _ in range(2))
    np.testing.assert_array_equal(first.alpha, second.alpha)
    np.testing.assert_array_equal(first.colours, second.colours)
    assert first.is_usable()
