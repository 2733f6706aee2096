"""The command line: exit codes, streams, and that it stays light and polite."""

import inspect
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from constant_model import constant_model
from small_corpus import write_corpus

import deepmatte
from deepmatte import cli, cutout, images, matting
from deepmatte.cli import console
from deepmatte.version import __version__

PUBLIC_NAMES = [
    "BadInput",
    "BadOutput",
    "MatteError",
    "MattingOptions",
    "ModelUnavailable",
    "__version__",
    "composite",
    "cut",
    "estimate_alpha",
    "estimate_foreground",
    "load_model",
    "trimap",
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with photo.png and trimap.png; any model is a constant one."""
    pixels = np.random.default_rng(0).integers(0, 256, (21, 34, 3), dtype=np.uint8)
    trimap = np.full((21, 34), 128, np.uint8)
    trimap[:, :10], trimap[:, 25:] = 255, 0
    images.write_image(tmp_path / "photo.png", pixels)
    images.write_image(tmp_path / "trimap.png", trimap)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(matting, "load_model", lambda *_, **__: constant_model())
    return tmp_path


def test_public_names_are_these_and_all_load() -> None:
    assert deepmatte.__all__ == PUBLIC_NAMES
    assert len(PUBLIC_NAMES) <= 12
    for name in PUBLIC_NAMES:
        assert getattr(deepmatte, name) is not None
    assert set(PUBLIC_NAMES) <= set(dir(deepmatte))
    with pytest.raises(AttributeError, match="nothing"):
        _ = deepmatte.nothing


@pytest.mark.parametrize("arguments", ["--help", "--version", "cut --help", "models --help", "train --help"])
def test_help_and_version_load_nothing_heavy(arguments: str) -> None:
    program = (
        "import sys\nfrom deepmatte.cli import main\n"
        f"try:\n    main({arguments.split()!r})\nexcept SystemExit as end:\n    code = end.code\n"
        "heavy = {'numpy', 'pyvips', 'openvino', 'onnxruntime', 'rich', 'torch'} & set(sys.modules)\n"
        "print(code, sorted(heavy), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "0 []\n"
    assert done.stdout


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = "import sys, deepmatte; print(sorted({'numpy', 'pyvips', 'openvino'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"deepmatte {__version__}\n"


def test_cut_writes_the_default_output_and_prints_its_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["cut", "photo.png", "--trimap", "trimap.png"]) == 0
    assert capsys.readouterr() == ("photo-cutout.png\n", "")
    assert images.read_photo("photo-cutout.png").alpha is not None


def test_every_flag_of_cut_reaches_the_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    known_names = set(inspect.signature(cutout.cut).parameters)

    def cut(*paths: str | None, **rest: Any) -> cutout.CutReport:
        seen.update(rest, paths=paths)
        return cutout.CutReport("p", "o", None, None, 1, 1, 0.0, None, 0.0, ())

    monkeypatch.setattr(cutout, "cut", cut)
    flags = "--mask m --band 4 --output o --alpha-output a --foreground-output f --background b --model n"
    flags += " --overwrite --second-look"
    assert cli.main(["cut", "photo.png", *flags.split(), "--max-megapixels", "0.5"]) == 0
    progress = seen.pop("progress")
    assert callable(progress)
    assert seen == {
        "paths": ("photo.png", None, "o"),
        "mask_path": "m",
        "band_px": 4.0,
        "alpha_path": "a",
        "foreground_path": "f",
        "background": "b",
        "options": matting.MattingOptions(model="n", second_look=True),
        "overwrite": True,
        "max_pixels": 500_000,
    }
    assert set(seen) - {"paths"} <= known_names


def test_defaults_are_the_librarys() -> None:
    assert cli.cutout.MAX_MEGAPIXELS * 1_000_000 == images.MAX_PIXELS


def test_json_goes_to_stdout_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cut", "photo.png", "--trimap", "trimap.png", "--alpha-output", "a.png", "--json"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert err == ""
    assert report["output"] == "photo-cutout.png"
    assert report["alpha_output"] == "a.png"
    assert report["unknown_share"] == pytest.approx(15 / 34)
    assert report["model"] == "rule"


def test_notes_name_flags_in_json_as_well(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images.write_image("mask.png", np.where(images.read_map("trimap.png") > 0, 255, 0).astype(np.uint8))
    assert cli.main(["cut", "photo.png", "--mask", "mask.png", "--band", "0.5", "--json"]) == 0
    out, err = capsys.readouterr()
    (note,) = json.loads(out)["notes"]
    assert "make --band larger" in note
    assert note in err


def test_notes_go_to_stderr(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images.write_image("grey.png", np.full((21, 34), 128, np.uint8))
    assert cli.main(["cut", "photo.png", "--trimap", "grey.png"]) == 0
    assert capsys.readouterr().err.startswith("deepmatte: note: trimap is unknown everywhere")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("cut missing.png --trimap trimap.png", "missing.png"),
        ("cut . --trimap trimap.png", "folder"),
        ("cut photo.png --trimap trimap.png --background blueish", "blueish"),
        ("cut photo.png --trimap trimap.png --output o.jpg", "transparent"),
        ("cut photo.png --trimap trimap.png --max-megapixels 0.0001", "raise --max-megapixels"),
        ("cut photo.png --trimap photo.png", "colours"),
        ("evaluate missing", "missing"),
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
    assert {path.name for path in folder.iterdir()} == {"photo.png", "trimap.png"}


def test_an_existing_result_names_the_flag_that_replaces_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "photo-cutout.png").write_text("mine")
    assert cli.main(["cut", "photo.png", "--trimap", "trimap.png"]) == 1
    assert "add --overwrite" in capsys.readouterr().err
    assert cli.main(["cut", "photo.png", "--trimap", "trimap.png", "--overwrite"]) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "paste",
        "cut",
        "cut photo.png",
        "cut photo.png --trimap t --mask m",
        "cut photo.png --trimap t --colour red",
        "cut photo.png --trimap t --max-megapixels -1",
        "cut photo.png --trimap t --max-megapixels nan",
        "train recipe",
        "export run",
    ],
)
def test_wrong_use_is_exit_2(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(arguments.split())
    assert end.value.code == 2
    assert "usage: deepmatte" in capsys.readouterr().err


def test_an_empty_name_is_wrong_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is what `--output $NAME` comes to where the variable is not set, and not the current folder."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        cli.main(["corpus", "render", "hair", "--count", "1", "--size", "32", "--output", ""])
    assert end.value.code == 2
    assert "output: found an empty text; expected a name" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [(KeyboardInterrupt(), 130, ""), (MemoryError(), 1, "deepmatte: not enough memory")],
)
def test_interruptions_and_lack_of_memory_are_quiet(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    def cut(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cutout, "cut", cut)
    assert cli.main(["cut", "photo.png", "--trimap", "trimap.png"]) == code
    assert capsys.readouterr().err.startswith(said)


ENDED = """
import os, signal, sys
from pathlib import Path
from deepmatte import cli, cutout, outputs

def cut(*_, **__):
    with outputs.whole_file("out.png") as descriptor:
        os.write(descriptor, b"half of it")
        print(len(list(Path().iterdir())), flush=True)
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        print("went on", flush=True)

cutout.cut = cut
# Who started the tests may have had them ignore some, as nohup does, and shells for what they run behind.
usual = signal.default_int_handler if sys.argv[1] == "SIGINT" else signal.SIG_DFL
signal.signal(getattr(signal, sys.argv[1]), signal.SIG_IGN if sys.argv[2] == "ignored" else usual)
sys.exit(cli.main(["cut", "photo.png", "--trimap", "trimap.png"]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals end programs as on Unix")
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_what_ends_a_command_leaves_nothing_half_done(folder: Path, name: str, code: int) -> None:
    before = set(Path().iterdir())
    run = [sys.executable, "-c", ENDED, name]
    done = subprocess.run([*run, "heard"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (code, f"{len(before) + 1}\n", "")
    assert set(Path().iterdir()) == before
    if name != "SIGINT":
        assert "went on" in subprocess.run([*run, "ignored"], capture_output=True, text=True).stdout


def test_files_whose_names_are_like_the_library_s_words_keep_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("max_pixels.png", "my  band_px.png", "allow overwriting.png"):
        assert cli.main(["cut", name, "--trimap", "trimap.png"]) == 1
        assert f"{name} does not exist" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", ["train recipe --corpus c --output r", "export r --output m.onnx"], ids=["train", "export"]
)
def test_without_torch_the_command_says_how_to_get_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: str
) -> None:
    for name in [name for name in sys.modules if name.startswith("deepmatte.training")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert cli.main(arguments.split()) == 1
    message = "deepmatte: this command needs torch, which is not installed: pip install 'deepmatte[train]'\n"
    assert capsys.readouterr().err == message


def test_models_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from deepmatte.models import catalogue

    monkeypatch.setattr(catalogue, "names", lambda: ["rule"])
    monkeypatch.setattr(catalogue, "load_bytes", lambda name: (b"", constant_model().spec))
    assert cli.main(["models"]) == 0
    assert capsys.readouterr().out == "rule  rule 1, trained 2025-01-31, Apache-2.0\n"
    assert cli.main(["models", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rule"]["licence"] == "Apache-2.0"


def test_training_refuses_a_folder_that_holds_something_unless_resumed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    assert cli.main(["train", "recipe", "--corpus", ".", "--output", "."]) == 1
    assert "add --resume" in capsys.readouterr().err
    assert cli.main(["train", "recipe", "--corpus", ".", "--output", "new", "--resume"]) == 1
    assert "leave out --resume" in capsys.readouterr().err
    (folder / "mistyped").mkdir()
    (folder / "mistyped" / "notes.txt").write_text("")
    assert cli.main(["train", "recipe", "--corpus", ".", "--output", "mistyped", "--resume"]) == 1
    assert "holds no last.pt" in capsys.readouterr().err
    assert cli.main(["train", "recipe", "--corpus", ".", "--output", "mistyped/notes.txt"]) == 1
    assert "notes.txt is a file; expected a folder" in capsys.readouterr().err


def test_training_begins_anew_where_it_ended_before_its_first_checkpoint(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    corpus = str(write_corpus(folder / "corpus"))
    (folder / "run" / "scenes").mkdir(parents=True)
    for name in (".deepmatte-0123456789ab.part", "last.pt.0123456789ab.000", "best.pt"):
        (folder / "run" / name).write_bytes(b"half of it")
    command = ["train", "smoke", "--corpus", corpus, "--output", "run", "--resume", "--steps", "1"]
    assert cli.main([*command, "--workers", "0", "--no-tensorboard"]) == 0
    assert "run holds no checkpoint yet; the run begins anew" in capsys.readouterr().err
    assert not list((folder / "run").glob(".*"))
    assert cli.main([*command[:4], "--output", "x" * 300]) == 1
    assert "name another folder" in capsys.readouterr().err


def test_training_reads_several_corpora_but_for_the_groups_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    corpus = str(write_corpus(folder / "corpus"))
    train = ["train", "smoke", "--output", "run", "--corpus", corpus, "--corpus"]
    assert cli.main([*train, "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert cli.main([*train, corpus, "--without", "soft,furry"]) == 1
    assert "no group called furry" in capsys.readouterr().err
    assert cli.main([*train, corpus, "--without", "soft"]) == 0
    assert capsys.readouterr().out.startswith("run: 4 steps")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def waited(monkeypatch: pytest.MonkeyPatch, seconds: float) -> Iterator[None]:
    """Let the command line believe that so many seconds pass between two looks at the clock."""
    clock = iter(np.arange(0, 1000, seconds).tolist())
    with monkeypatch.context() as patch:
        patch.setattr(console, "_now", lambda: next(clock))
        yield


@pytest.mark.parametrize(
    ("stream", "seconds", "is_shown"),
    [(Terminal, 2.0, True), (Terminal, 0.1, False), (io.StringIO, 2.0, False)],
    ids=["slow", "quick", "no terminal"],
)
def test_a_bar_is_shown_for_long_work_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch, stream: Callable[[], io.StringIO], seconds: float, is_shown: bool
) -> None:
    errors = stream()
    monkeypatch.setattr(sys, "stderr", errors)
    with waited(monkeypatch, seconds), console.progress_bar() as tell:
        tell("finding alpha", 0.5)
        tell("writing", 1.0)
    assert ("writing" in errors.getvalue()) == is_shown


def test_python_m_deepmatte_is_the_same_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deepmatte", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"deepmatte {__version__}\n"


def _run(program: str, redirect: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    code = f"from deepmatte import cli; import sys; sys.exit(cli.main({program}))"
    return subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {redirect}', sys.executable, code],
        capture_output=True, text=True, check=False, env=os.environ | environment,
    )  # fmt: skip


@pytest.mark.parametrize("redirect", [">&-", "> /dev/full"])
def test_results_that_cannot_be_told_are_no_traceback(redirect: str) -> None:
    if "full" in redirect and not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    done = _run("['models']", redirect)
    assert "Traceback" not in done.stderr
    assert done.returncode == (1 if "full" in redirect else 0)
    assert len(done.stderr.splitlines()) == ("full" in redirect)


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_names_that_a_terminal_cannot_show_are_no_traceback(folder: Path, encoding: str) -> None:
    for name in ("ü 猫.png", os.fsdecode(b"b\xff.png")):
        os.link(folder / "photo.png", folder / name)
        arguments = ["cut", name, "--trimap", "trimap.png", "--json", "--overwrite"]
        done = _run(repr(arguments), PYTHONIOENCODING=encoding)
        assert done.stderr == ""
        assert done.returncode == 0
        assert Path(json.loads(done.stdout)["output"]).suffix == ".png"


def test_no_number_of_megapixels_is_too_large(folder: Path) -> None:
    assert cli.main(["cut", "photo.png", "--trimap", "trimap.png", "--max-megapixels", "1e305"]) == 0


def test_the_band_is_a_flag_in_messages(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cut", "photo.png", "--trimap", "trimap.png", "--band", "4"]) == 1
    assert "--band is given without a mask" in capsys.readouterr().err


def test_a_reader_that_has_gone_is_no_traceback() -> None:
    program = "from deepmatte import cli; import sys; sys.exit(cli.main(['models', '--json']))"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize("redirect", ["2>&-", "2> /dev/full"])
def test_work_counts_where_nothing_can_be_said_of_it(folder: Path, redirect: str) -> None:
    if "full" in redirect and not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    images.write_image(
        folder / "known.png",
        np.where(np.arange(34) < 10, 255, 0).repeat(21).reshape(34, 21).T.astype(np.uint8),
    )
    done = _run("['cut', 'photo.png', '--trimap', 'known.png', '--json']", redirect)
    assert json.loads(done.stdout)["notes"]
    assert done.returncode == 0
    done = _run("['cut', 'gone.png', '--trimap', 'known.png', '--json']", redirect)
    assert done.stdout == ""
    assert done.returncode == 1
