"""Runs methods on every picture of a benchmark with trimaps that are changed on purpose.

What goes wrong in one method on one picture is a trial that says so; the rest goes on. Mattes are not kept.
"""

import dataclasses
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepmatte import trimap
from deepmatte.errors import BadInput, MatteError
from deepmatte.evaluation import metrics
from deepmatte.evaluation.benchmarks import Case, read_case
from deepmatte.evaluation.methods import Method, check_names
from deepmatte.evaluation.robustness.changes import GRADED, Change, regions
from deepmatte.evaluation.robustness.trials import Ledger, Trial
from deepmatte.evaluation.runs import Progress, check_matte, describe, open_records
from deepmatte.pixels import AnyArray, Bytes, Floats
from deepmatte.processes import do_all

FROM_ALPHA = "from-alpha"  # the trimap set of cases whose trimaps are made of their true alphas

Task = tuple[int, Case, Change]


def run(
    cases: Sequence[Case],
    methods: Sequence[Method],
    changes: Sequence[Change],
    *,
    every_other: Collection[str] = (),
    from_alpha: bool = False,
    output: Path | None = None,
    workers: int = 0,
    resume: bool = False,
    progress: Progress | None = None,
) -> list[Trial]:
    """Try methods on cases, one change after the other, all methods on each picture.

    every_other: names of methods that are tried at every other distance only, and at the last one.
    from_alpha: change the trimap that the true alpha deserves (unknown wherever it is neither 0 nor 1), not
    the benchmark's; trimap sets make no difference then, and the only one is called FROM_ALPHA.
    output: a folder that keeps the rows; workers, resume: as for evaluation.runs.run.
    Raises BadInput for methods of one name, names in every_other that no method has, and a folder that holds
    another run's rows without resume; BadOutput where the folder cannot be written to.
    """
    check_names(method.name for method in methods)
    if strangers := set(every_other) - {method.name for method in methods}:
        raise BadInput(
            f"no method is called {', '.join(sorted(strangers))}; expected names of methods that are tried"
        )
    open_records(output, resume)
    bench = Bench(tuple(methods), None if output is None else Ledger(output, from_alpha), from_alpha)
    cases = _once_each(cases) if from_alpha else cases
    tasks = list(_tasks(cases, methods, changes, every_other))
    trials: dict[int, Trial] = {}
    if bench.ledger is not None and resume:
        found = (bench.ledger.load(methods[index], case, change) for index, case, change in tasks)
        trials = {number: trial for number, trial in enumerate(found) if trial is not None}
    todo = [number for number in range(len(tasks)) if number not in trials]
    tell = progress or (lambda *_: None)
    tell("starting", len(trials), len(tasks))
    asked = [tasks[number] for number in todo]
    work = do_all(asked, bench, bench.lost, workers) if workers else enumerate(map(bench, asked))
    for number, trial in work:
        trials[todo[number]] = trial
        tell(f"{trial.name} {asked[number][2].name} {trial.method}", len(trials), len(tasks))
    return [trials[number] for number in range(len(tasks))]


def _once_each(cases: Sequence[Case]) -> list[Case]:
    """Return the cases of one trimap set, whose trimaps are not used."""
    first = {case.name: case for case in reversed(cases)}
    return [dataclasses.replace(first[name], trimap_set=FROM_ALPHA) for name in sorted(first)]


def _tasks(
    cases: Sequence[Case], methods: Sequence[Method], changes: Sequence[Change], every_other: Collection[str]
) -> Iterator[Task]:
    distances = sorted({change.distance_px for change in changes if change.kind in GRADED})
    rare = {0, *distances[::2], *distances[-1:]}
    for change in changes:
        for case in cases:
            for index, method in enumerate(methods):
                if method.name not in every_other or change.distance_px in rare:
                    yield index, case, change


@dataclass
class Bench:
    """Where methods are tried: takes a method's number, a case and a change; gives, and keeps, the trial."""

    methods: tuple[Method, ...]
    ledger: Ledger | None = None
    from_alpha: bool = False
    _is_warm: set[str] = field(default_factory=set)

    def __call__(self, task: Task) -> Trial:
        """Return the trial of a method on a case; whatever goes wrong is in it."""
        trial, stamp = self._blank(task), self._stamp(task)
        try:
            trial = self._try(trial, task)
        except Exception as error:  # noqa: BLE001 - the outermost loop: what goes wrong is recorded
            trial = dataclasses.replace(trial, failure=describe(error))
        return self._keep(task, trial, stamp)

    def _stamp(self, task: Task) -> str | None:
        index, case, change = task
        if self.ledger is None:
            return None
        return self.ledger.fingerprint(self.methods[index], case, change)

    def _try(self, trial: Trial, task: Task) -> Trial:
        index, case, change = task
        method = self.methods[index]
        image, original, true_alpha = read_case(case)
        if true_alpha is None:
            raise BadInput(f"{case.name} has no true alpha; expected one to measure against")
        original = trimap.from_alpha(true_alpha) if self.from_alpha else original
        given = change.apply(original, case.name)
        areas = regions(given, original)
        unknown_px = {region: int((area == trimap.UNKNOWN).sum()) for region, area in areas.items()}
        trial = dataclasses.replace(trial, unknown_px=unknown_px)
        if not trimap.has_unknown(given):
            return trial
        if method.name not in self._is_warm:
            method.warm_up()
            self._is_warm.add(method.name)
        try:
            started = time.perf_counter()
            answer = method.matte(case, image, given.copy())  # it may write on it
            seconds = time.perf_counter() - started
            alpha = check_matte(answer, given.shape)
        except Exception as error:  # noqa: BLE001 - a method that gives no result has answered
            refuses = not isinstance(error, MemoryError)
            return dataclasses.replace(trial, failure=describe(error), is_refusal=refuses)
        return dataclasses.replace(trial, errors=_measure(alpha, true_alpha, areas), seconds=seconds)

    def lost(self, task: Task, reason: str) -> Trial:
        """Return, and keep, the trial of a task that took its process down."""
        return self._keep(task, dataclasses.replace(self._blank(task), failure=reason), None)

    def _blank(self, task: Task) -> Trial:
        index, case, change = task
        return Trial(self.methods[index].name, case.name, case.trimap_set, change.kind, change.distance_px)

    def _keep(self, task: Task, trial: Trial, stamp: str | None) -> Trial:
        index, case, change = task
        if self.ledger is not None:
            try:
                self.ledger.store(self.methods[index], case, change, trial, stamp)
            except MatteError as error:
                return dataclasses.replace(trial, errors=None, seconds=None, failure=describe(error))
        return trial


def _measure(alpha: Floats, true_alpha: Floats, areas: dict[str, Bytes]) -> dict[str, metrics.Errors]:
    """Return the errors in each region; regions of the same pixels are measured once."""
    measured: list[tuple[AnyArray, metrics.Errors]] = []
    errors = {}
    for region, area in areas.items():
        mask = area == trimap.UNKNOWN
        known = [each for other, each in measured if (other == mask).all()]
        errors[region] = known[0] if known else metrics.measure(alpha, true_alpha, area)
        measured.append((mask, errors[region]))
    return errors
