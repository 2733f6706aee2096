"""The command line: parse, call one library function, print. Nothing heavy is imported for --help.

Results go to stdout, talk goes to stderr. Exit 0: done; 1: the input is bad or a result cannot be written,
said in one line; 2: wrong use; 130: interrupted.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from deepmatte.cli import benchmark, corpus, cutout, evaluation, robustness, study, training
from deepmatte.cli.console import add_commands
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
    arguments = parser.parse_args(argv)
    # An empty name would stand for the current folder; it is a variable of the shell that was not set.
    if empty := [name for name, value in vars(arguments).items() if value in ("", [""])]:
        parser.error(f"{', '.join(empty)}: found an empty text; expected a name")
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
    add_commands(parser, _COMMANDS)
    return parser
