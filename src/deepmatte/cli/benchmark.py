"""The commands of those who prepare benchmarks: benchmark import."""

import argparse
from pathlib import Path

from deepmatte.cli.console import Command, command_group, extra, progress_bar, say, whole_number

# Named here too, for --help loads nothing of the evaluation.
LAYOUTS = (
    "alphamatting-training",
    "alphamatting-training-highres",
    "alphamatting-test",
    "aim-500",
    "p3m-500-p",
    "p3m-500-np",
    "composition-1k",
    "distinctions-646",
)
ROUNDINGS = ("official", "nearest")


def _add_import(command: argparse.ArgumentParser) -> None:
    command.add_argument("layout", metavar="LAYOUT", choices=LAYOUTS, help=f"one of {', '.join(LAYOUTS)}")
    command.add_argument("source", metavar="SOURCE", help="the folder of the data set, as it is published")
    command.add_argument("--output", metavar="DIR", required=True, help="the benchmark folder to make")
    command.add_argument(
        "--backgrounds", metavar="DIR", help="pictures to lay foregrounds over, if not in SOURCE"
    )
    command.add_argument(
        "--per-foreground",
        metavar="N",
        type=whole_number,
        help="how many backgrounds each foreground is laid over (default: all that are listed for it)",
    )
    command.add_argument(
        "--rounding",
        choices=ROUNDINGS,
        help="whose composites to build: the official script's (default), or those rounded to nearest",
    )


def _import(arguments: argparse.Namespace) -> int:
    with extra("evaluate"):
        from deepmatte.evaluation.layouts import import_layout
    with progress_bar() as progress:
        cases = import_layout(
            arguments.layout,
            Path(arguments.source),
            Path(arguments.output),
            backgrounds=Path(arguments.backgrounds) if arguments.backgrounds else None,
            per_foreground=arguments.per_foreground,
            rounding=arguments.rounding,
            progress=lambda done, total: progress("writing", done / total),
        )
    sets = sorted({case.trimap_set for case in cases})
    count = len(cases) // len(sets)
    say(f"{arguments.output}: {count} picture{'s' if count > 1 else ''}, with {', '.join(sets)}")
    return 0


COMMANDS = (
    command_group(
        "benchmark",
        (Command("import", _add_import, _import, "make a benchmark folder of a published data set"),),
        "prepare photos with true alphas to measure on",
    ),
)
