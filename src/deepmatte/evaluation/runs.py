"""Runs methods over the cases of a benchmark and measures what they give.

What goes wrong in one method on one picture is a row that says so; the rest goes on.
"""

import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deepmatte.errors import BadInput, MatteError
from deepmatte.evaluation import metrics
from deepmatte.evaluation.benchmarks import Case, find_cases, read_case
from deepmatte.evaluation.methods import Method, Predictions, check_names, open_model
from deepmatte.evaluation.records import Records, fingerprint
from deepmatte.evaluation.results import Result, Row
from deepmatte.outputs import make_folder, show
from deepmatte.pixels import AnyArray, Floats
from deepmatte.processes import do_all

_FAILURE_LETTERS = 300

# Called with what is done next or was done last, how many rows there are, and how many there will be.
Progress = Callable[[str, int, int], None]


def evaluate(
    directory: Path | str,
    methods: Sequence[Method | Predictions] | None = None,
    *,
    output: Path | None = None,
    workers: int = 0,
    resume: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Measure methods on a benchmark folder; by default, our pipeline with the default model.

    Everything else is as for run. Raises BadInput for a folder that is no benchmark, and what run raises.
    """
    chosen = [open_model()] if methods is None else methods
    return run(
        find_cases(Path(directory)), chosen, output=output, workers=workers, resume=resume, progress=progress
    )


def run(
    cases: Sequence[Case],
    methods: Sequence[Method | Predictions],
    *,
    output: Path | None = None,
    workers: int = 0,
    resume: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Run methods over cases, one picture after the other, all methods on each.

    output: a folder that keeps rows and mattes (see records) as they come. workers: 0 for work in this
    process; else in so many others, where a method that takes its process down does no harm. Times are
    comparable for 0 and 1 only. resume: take what the folder holds, as far as it still counts.
    Raises BadInput for methods of the same name and a folder that holds another run's rows without resume,
    BadOutput where the folder cannot be written to.
    """
    check_names(method.name for method in methods)
    records = open_records(output, resume)
    tasks = [(index, case) for case in cases for index in range(len(methods))]
    rows: dict[int, Row] = {}
    if records is not None and resume:
        found = (records.load(methods[index], case) for index, case in tasks)
        rows = {number: row for number, row in enumerate(found) if row is not None}
    todo = [number for number in range(len(tasks)) if number not in rows]
    tell = progress or (lambda *_: None)
    tell("starting", len(rows), len(tasks))
    bench = Bench(tuple(methods), records)
    for number, row in _work([tasks[number] for number in todo], bench, workers):
        rows[todo[number]] = row
        tell(f"{row.name} {row.method}", len(rows), len(tasks))
    return Result(tuple(rows[number] for number in range(len(tasks))))


def open_records(output: Path | None, resume: bool) -> Records | None:
    """Return the folder that rows are kept in, made if need be; None where none is asked for.

    Raises BadInput for a folder that holds a run's rows already, unless that is to be resumed, and BadOutput.
    """
    if output is None:
        return None
    records = Records(output)
    if not (resume or records.is_empty()):
        raise BadInput(
            f"{show(output)} holds the rows of a run; add --resume to go on with it, or name another folder"
        )
    make_folder(output)
    return records


def _work(tasks: list[tuple[int, Case]], bench: "Bench", workers: int) -> Iterator[tuple[int, Row]]:
    runs_code = any(method.is_timed for method in bench.methods)  # reading mattes takes no process down
    if workers > 1 or (workers == 1 and runs_code):
        yield from do_all(tasks, bench, bench.lost, workers)
    else:
        yield from enumerate(map(bench, tasks))


@dataclass
class Bench:
    """Where methods are tried: takes the number of a method and a case, gives the row, and keeps it."""

    methods: tuple[Method | Predictions, ...]
    records: Records | None
    _is_warm: set[str] = field(default_factory=set)

    def __call__(self, task: tuple[int, Case]) -> Row:
        """Return the row of a method on a case; whatever goes wrong is in the row."""
        index, case = task
        method = self.methods[index]
        row = Row(method.name, case.name, case.trimap_set, None, None, 0.0)
        alpha, stamp = None, self._stamp(method, case)
        try:
            image, known, true_alpha = read_case(case)
            row = dataclasses.replace(row, megapixels=known.size / 1e6)
            with contextlib.redirect_stdout(sys.stderr):  # results alone go to stdout, whatever methods print
                self._warm_up(method)
                started = time.perf_counter()
                answer = method.matte(case, image, known.copy())  # it may paint over its copy
                seconds = time.perf_counter() - started
            alpha = check_matte(answer, known.shape)
            errors = None if true_alpha is None else metrics.measure(alpha, true_alpha, known)
            row = dataclasses.replace(row, errors=errors, seconds=seconds if method.is_timed else None)
        except Exception as error:  # noqa: BLE001 - the outermost loop: what any method raises is recorded
            row, alpha = dataclasses.replace(row, failure=describe(error)), None
        return self._keep(method, case, row, alpha, stamp)

    def _stamp(self, method: Method | Predictions, case: Case) -> str | None:
        return None if self.records is None else fingerprint(method, case)

    def _warm_up(self, method: Method | Predictions) -> None:
        if method.name not in self._is_warm:
            method.warm_up()
            self._is_warm.add(method.name)

    def _keep(
        self, method: Method | Predictions, case: Case, row: Row, alpha: Floats | None, stamp: str | None
    ) -> Row:
        if self.records is None:
            return row
        try:
            self.records.store(method, case, row, alpha, stamp)
        except MatteError as error:
            return dataclasses.replace(row, errors=None, seconds=None, failure=describe(error))
        return row

    def lost(self, task: tuple[int, Case], reason: str) -> Row:
        """Return, and keep, the row of a task that took its process down."""
        method, case = self.methods[task[0]], task[1]
        row = Row(method.name, case.name, case.trimap_set, None, None, 0.0, reason)
        return self._keep(method, case, row, None, None)


def check_matte(answer: AnyArray, size: tuple[int, ...]) -> Floats:
    """Return a method's answer as an alpha (H, W), float32. size: of the picture, (height, width).

    Raises BadInput for another size, numbers of another kind, NaN and values outside [0, 1].
    """
    alpha = np.asarray(answer)
    if alpha.shape != size or alpha.dtype.kind != "f":
        raise BadInput(
            f"the matte is {_shape(alpha.shape)} of {alpha.dtype}; expected {_shape(size)} of floats"
        )
    if not np.isfinite(alpha).all():
        raise BadInput("the matte holds values that are no numbers; expected [0, 1]")
    if alpha.size and not (float(alpha.min()) >= 0 and float(alpha.max()) <= 1):
        raise BadInput(f"the matte ranges from {alpha.min():g} to {alpha.max():g}; expected [0, 1]")
    return alpha.astype(np.float32, copy=False)


def _shape(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} × {shape[0]} px" if len(shape) == 2 else str(shape)


def describe(error: Exception) -> str:
    """Return what an error says, in one line that is not too long."""
    kind = "" if isinstance(error, MatteError) else type(error).__name__
    text = ": ".join(filter(None, (kind, " ".join(str(error).split()))))
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:_FAILURE_LETTERS]
