"""The commands of those who measure: evaluate."""

import argparse
import contextlib
import dataclasses
import tempfile
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
from deepmatte.errors import BadInput
from deepmatte.outputs import check_target, show

# Named here too, for --help loads nothing of the evaluation.
METHODS = (
    "deepmatte", "second-look", "closed-form", "knn", "learning-based", "large-kernel", "random-walk",
    "information-flow",
)  # fmt: skip


def _add_evaluate(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("directory", metavar="BENCHMARK_DIR", help="a folder with image/, alpha/ and trimap1/")
    add("--model", metavar="[NAME=]MODEL", action="append", help="see `deepmatte models`; or an .onnx file")
    add(
        "--predictions",
        metavar="[NAME=]DIR",
        action="append",
        help="a folder of mattes: TRIMAP_SET/NAME.png, or NAME.png where there is one trimap set",
    )
    add(
        "--method",
        metavar="NAME,...",
        type=names,
        action="extend",
        help=f"of {', '.join(METHODS)}",
    )
    add(
        "--against",
        metavar="NAME,...",
        type=names,
        action="extend",
        help="what to compare those with: names of methods, or folders of mattes",
    )
    add("--output", metavar="DIR", help="keep mattes and measurements there as they come")
    add("--mattes-only", action="store_true", help="measure no errors: for photos without true alphas")
    add("--resume", action="store_true", help="go on with the run that --output holds")
    add("--html", metavar="FILE", help="write a report with tables and pictures of the worst places")
    add("--overwrite", action="store_true", help="replace a report that exists; --resume does so too")
    add(
        "--workers",
        metavar="N",
        type=whole_number,
        default=1,
        help="processes; times are comparable for 1 only (default: %(default)s)",
    )
    add("--json", action="store_true", help="print everything measured for programs")


def _evaluate(arguments: argparse.Namespace) -> int:
    output = Path(arguments.output) if arguments.output else None
    _check_flags(arguments, output)
    with extra("evaluate"), contextlib.ExitStack() as stack:
        from deepmatte.evaluation import benchmarks, records, runs, tables

        cases = benchmarks.find_cases(Path(arguments.directory), needs_truth=not arguments.mattes_only)
        if arguments.mattes_only:
            cases = [dataclasses.replace(case, alpha_path=None) for case in cases]
        methods = _chosen_methods(arguments, cases)
        output = output or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        progress = stack.enter_context(progress_bar())
        result = runs.run(
            cases,
            methods,
            output=output if arguments.output or arguments.html else None,
            workers=arguments.workers,
            resume=arguments.resume,
            progress=lambda step, done, total: progress(step, done / total),
        )
        if arguments.output:
            records.Records(output).store_document(tables.document(result))
        if arguments.html:
            _write_report(arguments, result, cases, methods, output, progress)
    if arguments.json:
        print_json(tables.document(result))
    else:
        for table in tables.tables(result):
            print_table(table.title, table.columns, table.rows, table.best)
        say(tables.UNITS)
    if complaint := tables.complaint(result):
        remark(complaint)
    return 1 if complaint else 0


def _check_flags(arguments: argparse.Namespace, output: Path | None) -> None:
    """Raise BadInput or BadOutput for flags that do not go together, before any work."""
    if arguments.resume and (output is None or not output.exists()):
        found = f"{show(output)} does not exist" if output else "no --output is given"
        raise BadInput(f"{found}, so there is no run to resume; leave out --resume")
    if arguments.mattes_only and output is None:
        raise BadInput("--mattes-only is given without --output; name a folder for the mattes")
    if arguments.html:
        is_made_later = output is not None and not output.exists() and Path(arguments.html).parent == output
        if not is_made_later:
            check_target(arguments.html, arguments.overwrite or arguments.resume)


def _write_report(
    arguments: argparse.Namespace,
    result: Any,
    cases: list[Any],
    methods: list[Any],
    output: Any,
    progress: Any,
) -> None:
    from deepmatte.evaluation.records import Records
    from deepmatte.evaluation.report import write_report

    write_report(
        Path(arguments.html),
        result,
        cases,
        methods,
        Records(output),
        title=show(Path(arguments.directory).resolve().name),
        overwrite=arguments.overwrite or arguments.resume,
        progress=lambda done, total: progress("writing the report", done / total),
    )


def _chosen_methods(arguments: argparse.Namespace, cases: list[Any]) -> list[Any]:
    """Return the methods in the order of the flags; the default model where none is chosen."""
    from deepmatte.evaluation import methods

    def read(text: str) -> Any:
        name, folder = named_path(text)
        return methods.open_predictions(Path(folder), cases, name)

    def compare(text: str) -> Any:
        if "=" not in text:
            is_folder = not methods.is_method(text) and Path(text).is_dir()
            return read(text) if is_folder else methods.open_method(text)
        name, path = named_path(text)
        is_model = path.endswith(".onnx") and not Path(path).is_dir()
        return methods.open_model(path, name) if is_model else read(text)

    chosen: list[Any] = [
        methods.open_model(model, name) for name, model in map(named_path, arguments.model or ())
    ]
    chosen += [read(text) for text in arguments.predictions or ()]
    chosen += [methods.open_method(name) for name in arguments.method or ()]
    chosen = chosen or [methods.open_model()]
    return chosen + [compare(text) for text in arguments.against or ()]


COMMANDS = (Command("evaluate", _add_evaluate, _evaluate, "measure methods on photos with true alphas"),)
