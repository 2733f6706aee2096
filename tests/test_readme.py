"""The README's promises, run with the model that ships."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from deepmatte import cli, images

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_the_cut_command_gives_a_clean_cutout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = re.search(r"<!-- command: main -->\s*```bash\n(.+)\n```", README)
    assert command is not None
    install, cut = (shlex.split(part) for part in command[1].split("&&"))
    assert install == ["pip", "install", "."]
    cut[cut.index("--output") + 1] = str(tmp_path / "cutout.png")
    monkeypatch.chdir(ROOT)
    assert cut[0] == "deepmatte"
    assert cli.main(cut[1:]) == 0
    cutout = images.read_photo(tmp_path / "cutout.png")
    trimap = images.read_map(ROOT / "examples" / "cat-trimap.png")
    assert cutout.alpha is not None
    assert (cutout.alpha[trimap == 0] == 0).all()
    assert (cutout.alpha[trimap == 255] == 255).all()
    soft = cutout.alpha[trimap == 128]
    # Both sides of the edge are found, and something in between.
    assert np.mean(soft > 200) > 0.1
    assert np.mean(soft < 55) > 0.1
    assert np.mean((soft >= 55) & (soft <= 200)) > 0.05


def test_the_python_example_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    block = re.search(r"```python\n(.+?)```", README, re.S)
    assert block is not None
    names: dict[str, object] = {}
    exec(block[1], names)
    alpha, foreground = names["alpha"], names["foreground"]
    assert isinstance(alpha, np.ndarray)
    assert isinstance(foreground, np.ndarray)
    assert foreground.shape == (*alpha.shape, 3)
    assert len(list(filter(None, block[1].splitlines()))) == 5


def test_every_file_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


def test_both_commands_are_marked() -> None:
    assert re.findall(r"<!-- command: (\w+) -->", README) == ["main", "tests"]
