"""The command line: parse, call one library function, print. Nothing heavy is imported for --help.

Results go to stdout, talk goes to stderr. Exit 0: done; 1: the input is bad or a result cannot be written,
said in one line; 2: wrong use; 130: interrupted; 143, 129: ended by SIGTERM, by SIGHUP.
"""

import argparse
import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence

from deepmatte.cli import benchmark, corpus, cutout, evaluation, robustness, study, training
from deepmatte.cli.console import add_commands, drop, flush, name_flags, remark
from deepmatte.errors import MatteError
from deepmatte.version import __version__

_COMMANDS = (
    *cutout.COMMANDS,
    *corpus.COMMANDS,
    *training.COMMANDS,
    *evaluation.COMMANDS,
    *robustness.COMMANDS,
    *benchmark.COMMANDS,
    *study.COMMANDS,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code. Wrong use and --help end in SystemExit, as argparse does."""
    parser = _parser()
    if sys.stderr is None:  # closed by whoever started this; what is said there must not go to stdout
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (for as long as Python runs)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names may hold what a terminal's encoding does not
            stream.reconfigure(errors="backslashreplace")
    arguments = parser.parse_args(argv)
    # An empty name would stand for the current folder; it is a variable of the shell that was not set.
    if empty := [name for name, value in vars(arguments).items() if value in ("", [""])]:
        parser.error(f"{', '.join(empty)}: found an empty text; expected a name")
    try:
        with _ended_by_signals():
            code: int = arguments.handler(arguments)
        flush()
        return code
    except MatteError as error:
        return _fail(str(error))
    except MemoryError:
        return _fail("not enough memory for a picture of this size; try a smaller one")
    except BrokenPipeError:  # whoever read our output has gone; nothing more can be said to them
        drop(sys.stdout)
        return 1
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        return _fail(f"the system refuses: {named}{error.strerror or error}")
    except KeyboardInterrupt:
        return 130


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does: nothing that is half done stays behind.

    Not where somebody handles or, as nohup does, ignores them.
    """
    from deepmatte.processes import ENDING

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    taken = []
    if threading.current_thread() is threading.main_thread():  # others may set none
        taken = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in taken:
            signal.signal(number, end)
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _fail(message: str) -> int:
    """Say what is wrong in one line."""
    remark(" ".join(name_flags(message).splitlines()))
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deepmatte", description="Cut hair, fur, lace, glass and smoke out of photos."
    )
    parser.add_argument("--version", action="version", version=f"deepmatte {__version__}")
    add_commands(parser, _COMMANDS)
    return parser
