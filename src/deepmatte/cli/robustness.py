"""The command of those who doubt trimaps: robustness."""

import argparse
import contextlib
import math
import re
from pathlib import Path
from typing import Any

from deepmatte.cli.console import (
    Command,
    extra,
    named_path,
    names,
    print_json,
    print_table,
    progress_bar,
    remark,
    say,
    whole_number,
)
from deepmatte.cli.evaluation import METHODS
from deepmatte.errors import BadInput

# Named here too, for --help loads nothing of the evaluation.
GRADED = ("dilated", "eroded", "shifted")
ONE_SIDED = ("no-foreground", "no-background", "all-unknown")
PAPER_DISTANCES = "1-19:3"
MOST_PX = 999

_DISTANCES = re.compile(r"(\d{1,3})(?:-(\d{1,3})(?::(\d{1,3}))?)?", re.ASCII)


def distances(text: str) -> list[int]:
    """Return whole numbers of a list such as 1,4,7 or ranges such as 1-19 and 1-19:3, in order, each once."""
    found: set[int] = set()
    for part in text.split(","):
        match = _DISTANCES.fullmatch(part.strip())
        if match is None:
            break
        first, last, step = (int(figure) if figure else None for figure in match.groups())
        if first is None or step == 0 or (last is not None and last < first):
            break
        found |= set(range(first, (first if last is None else last) + 1, step or 1))
    else:
        if any(found):
            return sorted(found)
    raise argparse.ArgumentTypeError(
        f"{text!r} is no list of distances; expected whole px up to {MOST_PX} such as 1,4,7 or 1-19 or 1-19:3"
    )


def degrees(text: str) -> float:
    """Return an angle, or say what was expected."""
    with contextlib.suppress(ValueError):
        if math.isfinite(float(text)):
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no angle; expected degrees, 0 for right and 90 for up")


def kinds(text: str) -> list[str]:
    """Return kinds of changes that stand in a row with commas between, or say what was expected."""
    chosen = names(text)
    if set(chosen) <= {*GRADED, *ONE_SIDED}:
        return chosen
    raise argparse.ArgumentTypeError(
        f"{text!r} is no list of changes; expected some of {', '.join(GRADED + ONE_SIDED)}"
    )


def _no_predictions(text: str) -> str:
    raise argparse.ArgumentTypeError(
        f"the mattes in {text!r} were made for other trimaps than these; use --model or --method"
    )


def _add_robustness(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("directory", metavar="BENCHMARK_DIR", help="a folder with image/, alpha/ and trimap1/")
    add("--output", metavar="DIR", required=True, help="where plots, robustness.json and all rows go")
    add("--model", metavar="[NAME=]MODEL", action="append", help="see `deepmatte models`; or an .onnx file")
    add(
        "--method",
        metavar="NAME,...",
        type=names,
        action="extend",
        help=f"of {', '.join(METHODS)} (default: {METHODS[0]})",
    )
    add("--predictions", type=_no_predictions, help=argparse.SUPPRESS)
    add(
        "--distances",
        metavar="LIST",
        type=distances,
        default=PAPER_DISTANCES,
        help="px, such as 1,4,7 or 1-19 (default: %(default)s, every third); 0 is the trimap as it is",
    )
    add(
        "--every-other",
        metavar="NAME,...",
        type=names,
        action="extend",
        help="slow methods, to be tried at every other distance, and at the last, only",
    )
    add(
        "--changes",
        metavar="KIND,...",
        type=kinds,
        action="extend",
        help=f"some of {', '.join(GRADED + ONE_SIDED)} (default: all)",
    )
    add("--trimaps", metavar="SET,...", type=names, action="extend", help="trimap sets (default: all)")
    add("--from-alpha", action="store_true", help="make trimaps of the true alphas, then change those")
    add("--direction", metavar="DEGREES", type=degrees, help="where trimaps are shifted: 0 right, 90 up")
    add("--seed", metavar="K", type=int, default=0, help="decides each picture's direction (default: 0)")
    add("--resume", action="store_true", help="go on with the run that --output holds")
    add("--workers", metavar="N", type=whole_number, default=1, help="processes (default: %(default)s)")
    add("--json", action="store_true", help="print everything measured for programs")


def _robustness(arguments: argparse.Namespace) -> int:
    output = Path(arguments.output)
    if arguments.resume and not output.exists():
        raise BadInput(f"{output} does not exist, so there is no run to resume; leave out --resume")
    with extra("evaluate"):
        from deepmatte.evaluation.robustness import results, summary
        from deepmatte.evaluation.robustness.changes import list_changes

        methods = _chosen_methods(arguments)
    wanted = list(dict.fromkeys(arguments.changes or [*GRADED, *ONE_SIDED]))
    changes = list_changes(wanted, arguments.distances, arguments.direction, arguments.seed)
    with progress_bar() as progress:
        trials = results.examine(
            Path(arguments.directory),
            methods,
            changes,
            output,
            trimap_sets=arguments.trimaps or (),
            every_other=arguments.every_other or (),
            from_alpha=arguments.from_alpha,
            workers=arguments.workers,
            resume=arguments.resume,
            progress=lambda step, done, total: progress(step, done / total),
        )
    if arguments.json:
        print_json(summary.document(trials))
    else:
        for table in summary.tables(trials):
            print_table(table.title, table.columns, table.rows, table.best)
        say(summary.UNITS)
    if complaint := summary.complaint(trials):
        remark(complaint)
    return 1 if complaint else 0


def _chosen_methods(arguments: argparse.Namespace) -> list[Any]:
    """Return the methods in the order of the flags; the default model where none is chosen."""
    from deepmatte.evaluation import methods

    chosen = [methods.open_model(model, name) for name, model in map(named_path, arguments.model or ())]
    chosen += [methods.open_method(name) for name in arguments.method or ()]
    return chosen or [methods.open_model()]


COMMANDS = (
    Command(
        "robustness", _add_robustness, _robustness, "measure how methods bear trimaps that are badly drawn"
    ),
)
