"""What the commands share: how they are declared, and how they talk to a terminal."""

import argparse
import contextlib
import json
import math
import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic as _now
from typing import Any, TextIO

from deepmatte.errors import BadInput, MatteError

_WIDEST = 10_000  # letters in a line of a table
# What the library's messages say, and what is typed instead. Whole phrases: files have names like these.
_FLAGS = {
    ": raise max_pixels if": ": raise --max-megapixels if",
    "or allow overwriting": "or add --overwrite",
    "band_px is given without": "--band is given without",
    "make band_px smaller": "make --band smaller",
    "make band_px larger": "make --band larger",
}
_PATIENCE_S = 1.0  # what takes longer gets a progress bar


@dataclass(frozen=True)
class Command:
    """One command: its name, what adds its flags, what runs it and returns the exit code, and a summary."""

    name: str
    add: Callable[[argparse.ArgumentParser], None]
    handler: Callable[[argparse.Namespace], int]
    summary: str


def add_commands(parser: argparse.ArgumentParser, commands: tuple[Command, ...]) -> None:
    """Let a parser choose between commands; the namespace's `handler` is the chosen one's."""
    choices = parser.add_subparsers(metavar="COMMAND", required=True)
    for each in commands:
        summary = f"{each.summary[0].upper()}{each.summary[1:]}."
        command = choices.add_parser(each.name, help=each.summary, description=summary)
        each.add(command)
        command.set_defaults(handler=each.handler)


def command_group(name: str, commands: tuple[Command, ...], summary: str) -> Command:
    """Return a command that only chooses between others: `deepmatte NAME COMMAND`."""
    # Which one is required, and its own handler replaces this one.
    return Command(name, lambda parser: add_commands(parser, commands), commands[0].handler, summary)


@contextlib.contextmanager
def extra(name: str) -> Iterator[None]:
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
def progress_bar() -> Iterator[Callable[[str, float], None]]:
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


def positive(text: str) -> float:
    """Return a number above nought, or say what was expected."""
    with contextlib.suppress(ValueError):
        number = float(text)
        if number > 0 and math.isfinite(number):
            return number
    raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")


def whole_number(text: str) -> int:
    """Return a whole number above nought, or say what was expected."""
    with contextlib.suppress(ValueError):
        if int(text) > 0:
            return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")


def count(text: str) -> int:
    """Return a whole number, 0 included, or say what was expected."""
    return 0 if text == "0" else whole_number(text)


def names(text: str) -> list[str]:
    """Return names that stand in a row with commas between, or say what was expected."""
    parts = [part.strip() for part in text.split(",")]
    if all(parts):
        return parts
    raise argparse.ArgumentTypeError(f"{text!r} has an empty name; expected names with a comma between")


def named_path(text: str) -> tuple[str | None, str]:
    """Return the name, None where there is none, and the path of NAME=PATH or PATH. Raises BadInput."""
    name, _, path = ("", "", text) if Path(text).exists() else text.rpartition("=")
    if not path:
        raise BadInput(f"{text!r} has no path; expected NAME=PATH, or a path alone")
    return name or None, path


def name_flags(message: str) -> str:
    """Return what the library says with the flags' names for its own."""
    for name, flag in _FLAGS.items():
        message = message.replace(name, flag)
    return message


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], best: Collection[tuple[int, int]] = ()
) -> None:
    """Print a table, never cut off: the first column to the left, figures to the right.

    best: row and column of the cells to stress.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left", no_wrap=True)
    for row, cells in enumerate(rows):
        stressed = ("bold green" if (row, column) in best else "" for column in range(len(cells)))
        table.add_row(*map(Text, cells, stressed))
    console = Console()
    # A console only measures up to its own width.
    console.width = max(console.width, Console(width=_WIDEST).measure(table).maximum, len(title))
    console.print(Text(title, style="bold"))  # no title of the table, which would be folded to its width
    console.print(table)


def print_json(report: object) -> None:
    """Print a report as JSON, for programs."""
    is_utf8 = "utf-8" in str(getattr(sys.stdout, "encoding", "")).lower()
    say(json.dumps(report, indent=2, ensure_ascii=not is_utf8))


def say(text: object) -> None:
    """Print a result. Raises MatteError where it cannot be told."""
    with _telling():
        print(text)


def remark(*words: object) -> None:
    """Say something beside the results, on stderr. Where that cannot be, the work counts all the same."""
    try:
        print("deepmatte:", *words, file=sys.stderr)
    except OSError:
        drop(sys.stderr)


def flush() -> None:
    """Have printed what was printed. Raises MatteError where it cannot be told."""
    if sys.stdout is not None:  # closed by whoever started this
        with _telling():
            sys.stdout.flush()


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        drop(sys.stdout)
        raise MatteError(f"what was done is done, but it cannot be told: {error.strerror}") from error


def drop(stream: TextIO) -> None:
    """Let what is left in a stream's buffer go nowhere, or Python would try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def chosen_options(arguments: argparse.Namespace) -> Any:
    """Return the options whose flags were given; the others keep the library's defaults."""
    from deepmatte.matting import MattingOptions

    given = {"model": arguments.model, "second_look": arguments.second_look}
    return MattingOptions(**{name: value for name, value in given.items() if value is not None})
