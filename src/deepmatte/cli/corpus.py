"""The commands of those who gather training data: corpus check."""

import argparse
import dataclasses
from pathlib import Path

from deepmatte.cli.console import Command, command_group, extra, print_json


def _add_check(command: argparse.ArgumentParser) -> None:
    command.add_argument("directory", metavar="CORPUS", help="a folder with manifest.csv and its pictures")
    command.add_argument("--json", action="store_true", help="print a report for programs")


def _check(arguments: argparse.Namespace) -> int:
    with extra("corpus"):
        from deepmatte.training.corpus.checks import check
    findings = check(Path(arguments.directory))
    if arguments.json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        for finding in findings:
            print(f"{', '.join(finding.files)}: {finding.message}")
    return 1 if any(finding.is_fault for finding in findings) else 0


COMMANDS = (
    command_group(
        "corpus",
        (Command("check", _add_check, _check, "look for faults in a corpus folder"),),
        "make, gather and check foregrounds with true alphas to train on",
    ),
)
