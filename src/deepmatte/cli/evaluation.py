"""The commands of those who measure: evaluate."""

import argparse

from deepmatte.cli.console import Command, chosen_options, extra, print_json, progress_bar


def _add_evaluate(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "directory", metavar="BENCHMARK_DIR", help="a folder with image/, alpha/ and trimap1/"
    )
    command.add_argument("--model", metavar="NAME|PATH", help="see `deepmatte models`; or an .onnx file")
    command.add_argument("--json", action="store_true", help="print a report for programs")


def _evaluate(arguments: argparse.Namespace) -> int:
    with extra("evaluate"):
        from deepmatte.evaluation.runs import evaluate

    with progress_bar() as progress:
        report = evaluate(
            arguments.directory,
            chosen_options(arguments),
            progress=lambda done, total: progress("measuring", done / total),
        )
    if arguments.json:
        print_json(report.to_dict())
    else:
        print(report)
    return 0


COMMANDS = (Command("evaluate", _add_evaluate, _evaluate, "measure a model on photos with true alphas"),)
