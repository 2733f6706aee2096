"""The command's work from folder to folder: find the cases, try the methods, write what was found.

OUTPUT/robustness.json               everything, for programs
OUTPUT/dilated-trimap1.svg, .png     a plot for each kind of change with a distance, and trimap set
OUTPUT/rows/                         see trials
"""

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from deepmatte import outputs
from deepmatte.errors import BadInput
from deepmatte.evaluation.benchmarks import Case, find_cases
from deepmatte.evaluation.methods import Method
from deepmatte.evaluation.robustness import plot, runs
from deepmatte.evaluation.robustness.changes import Change
from deepmatte.evaluation.robustness.curves import draw_charts
from deepmatte.evaluation.robustness.summary import document
from deepmatte.evaluation.robustness.trials import Trial
from deepmatte.evaluation.runs import Progress
from deepmatte.outputs import show

DOCUMENT = "robustness.json"


def examine(
    directory: Path,
    methods: Sequence[Method],
    changes: Sequence[Change],
    output: Path,
    *,
    trimap_sets: Collection[str] = (),
    every_other: Collection[str] = (),
    from_alpha: bool = False,
    workers: int = 0,
    resume: bool = False,
    progress: Progress | None = None,
) -> list[Trial]:
    """Try methods on a benchmark folder with changed trimaps; write document and plots; return the trials.

    trimap_sets: those to use, all by default. All else is as for runs.run, and so is what it raises; BadInput
    also for a folder that is no benchmark and for sets it does not have.
    """
    cases = _of_sets(find_cases(directory), trimap_sets)
    if (output / DOCUMENT).exists() and not resume:
        raise BadInput(
            f"{show(output)} holds the results of a run; add --resume to go on with it, or name another"
            " folder"
        )
    trials = runs.run(
        cases,
        methods,
        changes,
        every_other=every_other,
        from_alpha=from_alpha,
        output=output,
        workers=workers,
        resume=resume,
        progress=progress,
    )
    write_results(output, trials)
    return trials


def _of_sets(cases: list[Case], trimap_sets: Collection[str]) -> list[Case]:
    found = {case.trimap_set for case in cases}
    if strangers := set(trimap_sets) - found:
        raise BadInput(
            f"the benchmark has no trimaps called {', '.join(map(show, sorted(strangers)))}; expected some of"
            f" {', '.join(map(show, sorted(found)))}"
        )
    return [case for case in cases if case.trimap_set in (trimap_sets or found)]


def write_results(folder: Path, trials: Sequence[Trial]) -> list[Path]:
    """Write the document and the plots of trials to a folder; return their paths. Raises BadOutput.

    What is there of an earlier run is replaced. Kinds of change without any curve have no plot, nor keep one.
    """
    content = {folder / DOCUMENT: json.dumps(document(trials), indent=1, ensure_ascii=False).encode()}
    outdated: list[Path] = []
    for chart in draw_charts(trials):
        paths = {kind: folder / f"{chart.kind}-{chart.trimap_set}.{kind}" for kind in plot.FORMATS}
        if chart.curves:
            content |= {path: plot.draw(chart, kind) for kind, path in paths.items()}
        else:
            outdated += paths.values()
    for path, data in content.items():
        outputs.write_bytes(path, data, overwrite=True)
    for path in outdated:
        path.unlink(missing_ok=True)
    return list(content)
