"""Runs a model over a benchmark and measures it.

Alphas come from the pipeline that users run.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepmatte import matting, models
from deepmatte.evaluation import metrics
from deepmatte.evaluation.benchmarks import find_cases, read_case

# Called with the number of pictures done and their total.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Row:
    """What was measured on one case. sad in thousands, mse in thousandths, over unknown pixels."""

    name: str
    trimap_set: str
    sad: float
    mse: float
    megapixels: float
    seconds: float


@dataclass(frozen=True)
class Report:
    """All rows, and their means by trimap set."""

    model: str
    rows: tuple[Row, ...]

    def means(self) -> dict[str, dict[str, float]]:
        """Return mean sad, mean mse and seconds per megapixel of each trimap set."""
        sets = sorted({row.trimap_set for row in self.rows})
        return {each: _mean([row for row in self.rows if row.trimap_set == each]) for each in sets}

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return {"model": self.model, "means": self.means(), "rows": [asdict(row) for row in self.rows]}

    def __str__(self) -> str:
        names = [row.name for row in self.rows] + ["mean"]
        width = max(map(len, names))
        lines = [f"{'picture':{width}}  {'trimap':10} {'SAD k':>8} {'MSE e-3':>8}"]
        lines += [f"{r.name:{width}}  {r.trimap_set:10} {r.sad:8.2f} {r.mse:8.2f}" for r in self.rows]
        for each, mean in self.means().items():
            speed = f"{mean['seconds_per_megapixel']:.2f} s/Mpx"
            lines.append(f"{'mean':{width}}  {each:10} {mean['sad']:8.2f} {mean['mse']:8.2f}  {speed}")
        return "\n".join(lines)


def _mean(rows: list[Row]) -> dict[str, float]:
    return {
        "sad": float(np.mean([row.sad for row in rows])),
        "mse": float(np.mean([row.mse for row in rows])),
        "seconds_per_megapixel": sum(row.seconds for row in rows) / sum(row.megapixels for row in rows),
        "pictures": len(rows),
    }


def evaluate(
    directory: Path | str,
    options: matting.MattingOptions | None = None,
    *,
    model: models.Model | None = None,
    progress: Progress | None = None,
) -> Report:
    """Measure a model on a benchmark folder. model: one that is loaded, instead of the one the options name.

    Raises BadInput for a folder that is no benchmark, and what estimate_alpha raises.
    """
    options = options or matting.MattingOptions()
    model = model or matting.open_model(options)
    rows = []
    cases = find_cases(Path(directory))
    for done, case in enumerate(cases, start=1):
        image, known, true_alpha = read_case(case)
        start = time.perf_counter()
        pred_alpha = matting.solve(image, known, options, model)
        seconds = time.perf_counter() - start
        error = metrics.sad(pred_alpha, true_alpha, known), 1000 * metrics.mse(pred_alpha, true_alpha, known)
        rows.append(Row(case.name, case.trimap_set, *error, known.size / 1e6, seconds))
        if progress is not None:
            progress(done, len(cases))
    return Report(model.spec.name, tuple(rows))
