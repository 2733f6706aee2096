"""The commands of those who train: train, export."""

import argparse
import importlib.util
import os
from pathlib import Path
from typing import Any

from deepmatte.cli.console import (
    Command,
    count,
    extra,
    names,
    positive,
    progress_bar,
    remark,
    say,
    whole_number,
)
from deepmatte.errors import BadInput


def _add_train(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("recipe", metavar="RECIPE", help="the name of a recipe")
    add(
        "--corpus",
        metavar="CORPUS",
        required=True,
        action="append",
        help="foregrounds and backgrounds, a folder or a packed one; may be given several times",
    )
    add("--without", metavar="GROUP,...", type=names, help="leave out groups of the corpus")
    add("--output", metavar="RUN", required=True, help="the folder for checkpoints")
    budget = command.add_mutually_exclusive_group()
    budget.add_argument("--minutes", metavar="N", type=positive, help="stop after this time")
    budget.add_argument("--steps", metavar="N", type=whole_number, help="stop after this many steps")
    add("--pause-after", metavar="MINUTES", type=positive, help="leave the rest for --resume after this time")
    add("--resume", action="store_true", help="go on from RUN's last checkpoint, as it began")
    add(
        "--start",
        metavar="MODEL",
        help="begin with the weights of a model: a name, or an .onnx file; for dim also a VGG-16 (.pth)",
    )
    add("--seed", metavar="K", type=count, help="decides on weights and samples")
    add("--batches", metavar="N", type=whole_number, help="batches in one step (default: 1)")
    add("--workers", metavar="N", type=count, default=2, help="processes that draw samples (default: 2)")
    add(
        "--evaluate", metavar="BENCHMARK", help="measure the model on a benchmark as it learns, keep the best"
    )
    add("--evaluations", metavar="N", type=whole_number, default=10, help="how many times (default: 10)")
    add("--save-every", metavar="MINUTES", type=positive, default=2.0, help="a checkpoint (default: 2)")
    add(
        "--part-megabytes", metavar="N", type=positive, help="write checkpoints in files of at most this size"
    )
    add("--no-tensorboard", action="store_true", help="write no RUN/events for TensorBoard")


def _train(arguments: argparse.Namespace) -> int:
    output = Path(arguments.output)
    with extra("train"):
        from deepmatte.training.loop import train
        from deepmatte.training.upkeep import Upkeep
    is_first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun started, if it did
    _check_run(output, arguments.resume, is_first)
    upkeep = Upkeep(
        save_seconds=60 * arguments.save_every,
        benchmark=Path(arguments.evaluate) if arguments.evaluate else None,
        measurements=arguments.evaluations,
        board=not arguments.no_tensorboard and _has_tensorboard(is_first),
        part_bytes=max(int(1e6 * arguments.part_megabytes), 1) if arguments.part_megabytes else None,
    )
    with progress_bar() as progress:
        state = train(
            arguments.recipe,
            [Path(corpus) for corpus in arguments.corpus],
            output,
            without=arguments.without,
            minutes=arguments.minutes,
            steps=arguments.steps,
            pause_minutes=arguments.pause_after,
            seed=arguments.seed,
            start=Path(arguments.start) if arguments.start else None,
            draws=arguments.batches,
            workers=arguments.workers,
            upkeep=upkeep,
            progress=lambda state, share: progress(_standing(state), share),
        )
    if is_first:
        say(f"{output}: {_summary(state)}")
    return 0


def _check_run(output: Path, resume: bool, is_first: bool) -> None:
    """Raise BadInput where a run cannot begin, or with --resume go on, in the folder, or would spoil it."""
    from deepmatte.training import checkpoint

    try:
        exists = output.exists()
        if exists and not output.is_dir():
            raise BadInput(f"{output} is a file; expected a folder for the run")
        is_empty = not exists or not any(output.iterdir())
    except OSError as error:
        raise BadInput(f"{output} cannot be used: {error.strerror}; name another folder") from error
    if not resume:
        if not is_empty:
            raise BadInput(
                f"{output} is not empty; add --resume to go on with its run, or name another folder"
            )
    elif not exists:
        raise BadInput(f"{output} does not exist, so there is no run to resume; leave out --resume")
    elif checkpoint.is_unbegun(output):
        if is_first:
            remark(f"note: {output} holds no checkpoint yet; the run begins anew")
    elif not checkpoint.exists(output):
        raise BadInput(
            f"{output} holds no {checkpoint.LAST}.pt, so there is no run to resume; expected the folder"
            " that deepmatte train wrote"
        )


def _has_tensorboard(is_first: bool) -> bool:
    has_it = importlib.util.find_spec("tensorboard") is not None
    if is_first and not has_it:
        remark(
            "note: tensorboard is not installed, so RUN/events is not written:"
            " pip install 'deepmatte[train]', or add --no-tensorboard"
        )
    return has_it


def _summary(state: Any) -> str:
    """Return what a run has come to, in one line."""
    parts = [f"{state.step} steps", f"{state.samples} samples", f"{state.seconds / 60:.1f} min"]
    if state.seconds:
        parts.append(f"{state.waited / state.seconds:.0%} of it lost waiting for data")
    if state.evaluations:
        from deepmatte.training.measurements import best_sad

        last = state.evaluations[-1]
        best = best_sad(state, last.get("benchmark", ""))
        parts.append(f"SAD {last['sad']:.3f} at step {last['step']}, {best:.3f} at best")
    return ", ".join(parts)


def _standing(state: Any) -> str:
    """Return what a progress bar says of a run."""
    return (
        f"step {state.step}, loss {state.losses['total']:.4f}, {state.samples_per_second:.1f} samples/s,"
        f" {state.data_share:.0%} lost waiting for data"
    )


def _add_export(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", metavar="RUN", help="the folder that `deepmatte train` wrote")
    command.add_argument("--output", metavar="FILE", required=True, help="the .onnx file to write")
    command.add_argument(
        "--which",
        choices=("last", "best"),
        default="last",
        help="the last checkpoint, or the one with the lowest SAD that --evaluate found (default: last)",
    )
    command.add_argument("--overwrite", action="store_true", help="replace an existing file")


def _export(arguments: argparse.Namespace) -> int:
    with extra("train"):
        from deepmatte.training.export import export
    export(Path(arguments.run), Path(arguments.output), which=arguments.which, overwrite=arguments.overwrite)
    say(arguments.output)
    return 0


COMMANDS = (
    Command("train", _add_train, _train, "train a network by a recipe"),
    Command("export", _add_export, _export, "turn a training run into a model file"),
)
