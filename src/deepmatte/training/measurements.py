"""How good a run is as it goes: its averaged weights, measured by the very pipeline that users run."""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepmatte import matting
from deepmatte.errors import MatteError
from deepmatte.evaluation import metrics, runs
from deepmatte.evaluation.benchmarks import Case, find_cases
from deepmatte.evaluation.methods import Method
from deepmatte.training import inference
from deepmatte.training.checkpoint import State
from deepmatte.training.corpus.manifest import digest


class Measurements:
    """A benchmark that a run is measured on, so many times, evenly over its budget.

    Raises BadInput for a folder that is no benchmark.
    """

    def __init__(self, benchmark: Path, times: int, device: torch.device) -> None:
        self._cases = find_cases(benchmark)
        self._benchmark = _digest(self._cases)
        self._times = times
        self._device = device

    def is_due(self, state: State, used: float) -> bool:
        """Return whether the run is to be measured now. used: share of its budget."""
        if not state.evaluations:
            last = 0.0
        else:
            last = state.evaluations[-1]["used"]
            if last > used:  # of a smaller budget, that this run has outgrown
                last = used * state.evaluations[-1]["step"] / max(state.step, 1)
        return int(min(used, 1.0) * self._times + 1e-9) > int(last * self._times + 1e-9)

    def take(self, state: State, weights: dict[str, Any], used: float) -> bool:
        """Measure these weights and note it in the state; return whether no earlier ones had a lower SAD.

        Raises MatteError where the pipeline failed on a picture.
        """
        model = inference.as_model(state, {"average": weights}, state.recipe, self._device)
        options = matting.MattingOptions()
        method = Method("average", lambda image, known: matting.solve(image, known, options, model))
        result = runs.run(self._cases, [method])
        if result.failures:
            row = result.failures[0]
            raise MatteError(
                f"the run cannot be measured on {row.trimap_set} of {row.name}: {row.failure}; its last"
                " checkpoint is kept: go on without that picture"
            )
        sets = {
            trimap_set: {name: means["average"][name] for name in metrics.NAMES}
            for trimap_set, means in result.means().items()
        }
        means = {name: float(np.mean([each[name] for each in sets.values()])) for name in metrics.NAMES}
        best = best_sad(state, self._benchmark)
        place = {"step": state.step, "used": min(used, 1.0), "benchmark": self._benchmark}
        state.evaluations.append({**place, **means, "sets": sets})
        return means["sad"] < best


def best_sad(state: State, benchmark: str) -> float:
    """Return the lowest SAD of a run on one benchmark, by its digest; infinite where none was measured."""
    same = (each for each in state.evaluations if each.get("benchmark", benchmark) == benchmark)
    return min((each["sad"] for each in same), default=math.inf)


def _digest(cases: Sequence[Case]) -> str:
    """Return a checksum of a benchmark's files: what was measured on other ones cannot be compared."""
    paths = [path for each in cases for path in (each.image_path, each.trimap_path, each.alpha_path) if path]
    return hashlib.sha256("\n".join(map(digest, paths)).encode()).hexdigest()
