"""The commands of those who train: train, export."""

import argparse
from pathlib import Path
from typing import Any

from deepmatte.cli.console import Command, count, extra, names, positive, progress_bar, whole_number
from deepmatte.errors import BadInput


def _add_train(command: argparse.ArgumentParser) -> None:
    command.add_argument("recipe", metavar="RECIPE", help="the name of a recipe")
    command.add_argument(
        "--corpus",
        metavar="CORPUS",
        required=True,
        action="append",
        help="foregrounds and backgrounds, a folder or a packed one; may be given several times",
    )
    command.add_argument(
        "--without", metavar="GROUP,...", type=names, default=[], help="leave out groups of the corpus"
    )
    command.add_argument("--output", metavar="RUN", required=True, help="the folder for checkpoints")
    budget = command.add_mutually_exclusive_group()
    budget.add_argument("--minutes", metavar="N", type=positive, help="stop after this time")
    budget.add_argument("--steps", metavar="N", type=whole_number, help="stop after this many steps")
    command.add_argument("--seed", metavar="K", type=count, help="decides on weights and samples")
    command.add_argument("--start", metavar="MODEL", help="begin with an exported model's weights")
    command.add_argument("--resume", action="store_true", help="go on from the last checkpoint in RUN")


def _train(arguments: argparse.Namespace) -> int:
    with extra("train"):
        from deepmatte.training.loop import train
    output = Path(arguments.output)
    if arguments.resume and not output.exists():
        raise BadInput(f"{output} does not exist, so there is no run to resume; leave out --resume")
    if not arguments.resume and output.exists() and any(output.iterdir()):
        raise BadInput(f"{output} is not empty; add --resume to go on with its run, or name another folder")
    with progress_bar() as progress:
        state = train(
            arguments.recipe,
            [Path(corpus) for corpus in arguments.corpus],
            output,
            without=arguments.without,
            minutes=arguments.minutes,
            steps=arguments.steps,
            seed=arguments.seed,
            start=Path(arguments.start) if arguments.start else None,
            progress=lambda state, share: progress(_standing(state), share),
        )
    print(f"{output}: {state.step} steps, {state.samples} samples, {state.seconds / 60:.0f} min")
    return 0


def _standing(state: Any) -> str:
    """Return what a progress bar says of a run."""
    return (
        f"step {state.step}, loss {state.losses['total']:.4f}, {state.samples_per_second:.1f} samples/s,"
        f" {state.data_share:.0%} lost waiting for data"
    )


def _add_export(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", metavar="RUN", help="the folder that `deepmatte train` wrote")
    command.add_argument("--output", metavar="FILE", required=True, help="the .onnx file to write")


def _export(arguments: argparse.Namespace) -> int:
    with extra("train"):
        from deepmatte.training.export import export
    export(Path(arguments.run), Path(arguments.output))
    print(arguments.output)
    return 0


COMMANDS = (
    Command("train", _add_train, _train, "train a network by a recipe"),
    Command("export", _add_export, _export, "turn a training run into a model file"),
)
