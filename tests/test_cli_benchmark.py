"""`deepmatte benchmark`, as users type it."""

from pathlib import Path

import numpy as np
import pytest

from deepmatte import cli, images
from deepmatte.cli import benchmark
from deepmatte.evaluation import benchmarks, layouts, rounding

DOCS = (Path(__file__).parent.parent / "docs" / "benchmarks.md").read_text("utf-8")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A foreground and two backgrounds of Distinctions-646; the working directory is the folder around."""
    monkeypatch.chdir(tmp_path)
    for name, size in {
        "FG/owl": (13, 17, 3),
        "GT/owl": (13, 17),
        "BG/b": (9, 8, 3),
        "BG/c": (6, 7, 3),
    }.items():
        path = tmp_path / "source" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        images.write_image(path, np.full(size, 90, np.uint8))
    (tmp_path / "source" / "fg_test.txt").write_text("owl.png\n")
    (tmp_path / "source" / "bg_test.txt").write_text("b.png\nc.png\n")
    return tmp_path / "source"


def _import(*arguments: str) -> int:
    return cli.main(["benchmark", "import", "distinctions-646", "source", "--output", "made", *arguments])


def test_import_makes_a_benchmark_and_says_so(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _import() == 0
    assert capsys.readouterr() == ("made: 2 pictures, with trimap-generated\n", "")
    assert [case.name for case in benchmarks.find_cases(Path("made"))] == ["owl_0", "owl_1"]
    assert _import() == 1
    assert "made exists already and is no empty folder" in capsys.readouterr().err


def test_import_takes_every_option(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (source / "BG").rename(source.parent / "elsewhere")
    assert _import() == 1
    assert "without backgrounds" in capsys.readouterr().err
    assert _import("--backgrounds", "elsewhere", "--per-foreground", "1", "--rounding", "nearest") == 0
    assert capsys.readouterr().out.startswith("made: 1 picture, with")
    assert "rounding nearest" in Path("made/benchmark.toml").read_text()


@pytest.mark.parametrize(
    "arguments", [["--per-foreground", "0"], ["--per-foreground", "two"], ["--rounding", "bankers"]]
)
def test_import_refuses_wrong_use(source: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        _import(*arguments)


def test_a_layout_that_is_not_known_is_wrong_use() -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["benchmark", "import", "coco", "source", "--output", "made"])


def test_benchmark_alone_is_wrong_use() -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["benchmark"])


def test_help_and_docs_name_what_there_is() -> None:
    assert tuple(layouts.LAYOUTS) == benchmark.LAYOUTS
    assert tuple(rounding.ROUNDINGS) == benchmark.ROUNDINGS
    assert [name for name in benchmark.LAYOUTS if f"| `{name}` |" not in DOCS] == []
    assert [name for name in benchmark.ROUNDINGS if f"`{name}`" not in DOCS] == []
