"""The command line: parse, call one library function, print. Nothing heavy is imported for --help.

Results go to stdout, talk goes to stderr. Exit 0: done; 1: the input is bad or a result cannot be written,
said in one line; 2: wrong use; 130: interrupted.
"""

import argparse
import contextlib
import dataclasses
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic as _now
from typing import Any

from deepmatte.errors import BadInput, MatteError
from deepmatte.version import __version__

MAX_MEGAPIXELS = 300
_PATIENCE_S = 1.0  # what takes longer gets a progress bar


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code. Wrong use and --help end in SystemExit, as argparse does."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.handler(arguments)
        sys.stdout.flush()
        return code
    except MatteError as error:
        return _fail(str(error))
    except MemoryError:
        return _fail("not enough memory for a picture of this size; try a smaller one")
    except BrokenPipeError:  # whoever read our output has gone; nothing more can be said to them
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _fail(message: str) -> int:
    """Say what is wrong in one line, with the flags' names for the library's."""
    words = message.replace("max_pixels", "--max-megapixels").replace("allow overwriting", "add --overwrite")
    print("deepmatte:", " ".join(words.split()), file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deepmatte", description="Cut hair, fur, lace, glass and smoke out of photos."
    )
    parser.add_argument("--version", action="version", version=f"deepmatte {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, add, handler, summary in _COMMANDS:
        command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        add(command)
        command.set_defaults(handler=handler)
    return parser


def _add_cut(command: argparse.ArgumentParser) -> None:
    command.add_argument("image", metavar="IMAGE", help="the photo: JPEG, PNG, WebP, TIFF, BMP or GIF")
    known = command.add_mutually_exclusive_group(required=True)
    known.add_argument(
        "--trimap", metavar="T", help="white: foreground, black: background, grey: to be found"
    )
    known.add_argument("--mask", metavar="M", help="white: foreground, black: background, edges rough")
    command.add_argument(
        "--output", "-o", metavar="O", help="the cutout (default: IMAGE-cutout.png beside it)"
    )
    command.add_argument("--alpha-output", metavar="A", help="also write the alpha as a grey picture")
    command.add_argument("--foreground-output", metavar="F", help="also write the foreground's clean colours")
    command.add_argument(
        "--background",
        metavar="COLOUR|IMAGE",
        help="lay the cutout on a colour (#rrggbb, a name) or a picture",
    )
    command.add_argument("--model", metavar="NAME|PATH", help="see `deepmatte models`; or an .onnx file")
    command.add_argument("--overwrite", action="store_true", help="replace results that exist")
    command.add_argument("--json", action="store_true", help="print a report for programs")
    command.add_argument(
        "--max-megapixels",
        metavar="N",
        type=_positive,
        default=MAX_MEGAPIXELS,
        help="refuse larger pictures before decoding them (default: %(default)s)",
    )


def _cut(arguments: argparse.Namespace) -> int:
    from deepmatte.cutout import cut

    with _progress_bar() as progress:
        report = cut(
            arguments.image,
            arguments.trimap,
            arguments.output,
            mask_path=arguments.mask,
            alpha_path=arguments.alpha_output,
            foreground_path=arguments.foreground_output,
            background=arguments.background,
            options=_options(arguments),
            overwrite=arguments.overwrite,
            max_pixels=int(arguments.max_megapixels * 1e6),
            progress=progress,
        )
    for note in report.notes:
        print("deepmatte: note:", note, file=sys.stderr)
    if arguments.json:
        _print_json(dataclasses.asdict(report))
        return 0
    for path in (report.output, report.alpha_output, report.foreground_output):
        if path is not None:
            print(path)
    return 0


def _options(arguments: argparse.Namespace) -> Any:
    """Return the options whose flags were given; the others keep the library's defaults."""
    from deepmatte.matting import MattingOptions

    return MattingOptions() if arguments.model is None else MattingOptions(model=arguments.model)


def _add_models(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print a report for programs")


def _models(arguments: argparse.Namespace) -> int:
    from deepmatte.models import catalogue

    specs = {name: catalogue.load_bytes(name)[1] for name in catalogue.names()}
    if arguments.json:
        _print_json({name: dataclasses.asdict(spec) for name, spec in specs.items()})
        return 0
    for name, spec in specs.items():
        print(f"{name}  {spec.name} {spec.version}, trained {spec.trained}, {spec.licence}")
    return 0


def _add_train(command: argparse.ArgumentParser) -> None:
    command.add_argument("recipe", metavar="RECIPE", help="the name of a recipe")
    command.add_argument("--corpus", metavar="DIR", required=True, help="foregrounds and backgrounds")
    command.add_argument("--output", metavar="RUN", required=True, help="the folder for checkpoints")
    command.add_argument("--minutes", metavar="N", type=_positive, help="stop after this time")
    command.add_argument("--start", metavar="MODEL", help="begin with an exported model's weights")
    command.add_argument("--resume", action="store_true", help="go on from the last checkpoint in RUN")


def _train(arguments: argparse.Namespace) -> int:
    with _extra("train"):
        from deepmatte.training.loop import train
    corpus, output = Path(arguments.corpus), Path(arguments.output)
    if arguments.resume and not output.exists():
        raise BadInput(f"{output} does not exist, so there is no run to resume; leave out --resume")
    if not arguments.resume and output.exists() and any(output.iterdir()):
        raise BadInput(f"{output} is not empty; add --resume to go on with its run, or name another folder")
    with _progress_bar() as progress:
        state = train(
            arguments.recipe,
            corpus,
            output,
            minutes=arguments.minutes,
            start=Path(arguments.start) if arguments.start else None,
            progress=lambda state, share, _: progress(f"step {state.step}", share),
        )
    print(f"{output}: {state.step} steps, {state.samples} samples, {state.seconds / 60:.0f} min")
    return 0


def _add_export(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", metavar="RUN", help="the folder that `deepmatte train` wrote")
    command.add_argument("--output", metavar="FILE", required=True, help="the .onnx file to write")


def _export(arguments: argparse.Namespace) -> int:
    with _extra("train"):
        from deepmatte.training.export import export
    export(Path(arguments.run), Path(arguments.output))
    print(arguments.output)
    return 0


def _add_evaluate(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "directory", metavar="BENCHMARK_DIR", help="a folder with image/, alpha/ and trimap1/"
    )
    command.add_argument("--model", metavar="NAME|PATH", help="see `deepmatte models`; or an .onnx file")
    command.add_argument("--json", action="store_true", help="print a report for programs")


def _evaluate(arguments: argparse.Namespace) -> int:
    from deepmatte.evaluation.benchmarks import evaluate

    with _progress_bar() as progress:
        report = evaluate(
            arguments.directory,
            _options(arguments),
            progress=lambda done, total: progress("measuring", done / total),
        )
    if arguments.json:
        _print_json(report.to_dict())
    else:
        print(report)
    return 0


@contextlib.contextmanager
def _extra(name: str) -> Iterator[None]:
    """Turn a missing optional package into one line that says how to get it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "deepmatte":
            raise
        raise MatteError(
            f"this command needs {error.name}, which is not installed: pip install 'deepmatte[{name}]'"
        ) from error


@contextlib.contextmanager
def _progress_bar() -> Iterator[Callable[[str, float], None]]:
    """Yield a function that shows a step's name and how much of it is done.

    Nothing is shown in the first second, nor when stderr is not a terminal.
    """
    started = _now()
    with contextlib.ExitStack() as stack:
        shown: list[tuple[Any, Any]] = []

        def tell(step: str, share: float) -> None:
            if not sys.stderr.isatty() or _now() - started < _PATIENCE_S:
                return
            if not shown:
                from rich.console import Console
                from rich.progress import Progress

                bar = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
                shown.append((bar, bar.add_task(step, total=1.0)))
            bar, task = shown[0]
            bar.update(task, description=step, completed=share)

        yield tell


def _positive(text: str) -> float:
    """Return a number above nought, or say what was expected."""
    with contextlib.suppress(ValueError):
        number = float(text)
        if number > 0 and math.isfinite(number):
            return number
    raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")


def _print_json(report: object) -> None:
    print(json.dumps(report, indent=2, ensure_ascii=False))


_Add = Callable[[argparse.ArgumentParser], None]
_Handler = Callable[[argparse.Namespace], int]
_COMMANDS: tuple[tuple[str, _Add, _Handler, str], ...] = (
    ("cut", _add_cut, _cut, "cut the foreground out of a photo, given a trimap or a mask"),
    ("models", _add_models, _models, "list the models that are installed"),
    ("train", _add_train, _train, "train a network by a recipe"),
    ("export", _add_export, _export, "turn a training run into a model file"),
    ("evaluate", _add_evaluate, _evaluate, "measure a model on photos with true alphas"),
)

if __name__ == "__main__":
    sys.exit(main())
