"""The commands of those who gather training data: corpus check."""

import argparse
import dataclasses
import os
import sys
from pathlib import Path

from deepmatte.cli.console import Command, command_group, extra, print_json, progress_bar, whole_number


def _add_workers(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--workers", metavar="N", type=whole_number, help="processes (default: one for each core)"
    )


def _workers(arguments: argparse.Namespace) -> int:
    """Return how many processes to start: none besides this one where one is enough."""
    workers: int = arguments.workers or os.cpu_count() or 1
    return workers if workers > 1 else 0


def _add_check(command: argparse.ArgumentParser) -> None:
    command.add_argument("corpus", metavar="CORPUS", help="a folder with manifest.csv, or a packed corpus")
    command.add_argument("--json", action="store_true", help="print a report for programs")
    command.add_argument("--strict", action="store_true", help="let notes count as faults")
    _add_workers(command)


def _check(arguments: argparse.Namespace) -> int:
    with extra("corpus"):
        from deepmatte.training.corpus.checks import check
    with progress_bar() as progress:
        findings = check(Path(arguments.corpus), workers=_workers(arguments), progress=progress)
    faults = sum(finding.is_fault for finding in findings)
    if arguments.json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        for finding in findings:
            print(f"{'' if finding.is_fault else 'note: '}{', '.join(finding.files)}: {finding.message}")
    notes = len(findings) - faults
    print(f"deepmatte: {arguments.corpus}: faults: {faults}, notes: {notes}", file=sys.stderr)
    return 1 if faults or (arguments.strict and notes) else 0


COMMANDS = (
    command_group(
        "corpus",
        (Command("check", _add_check, _check, "look for faults in a corpus folder"),),
        "make, gather and check foregrounds with true alphas to train on",
    ),
)
