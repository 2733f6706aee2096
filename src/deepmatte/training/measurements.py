"""How good a run is as it goes: its averaged weights, measured by the very pipeline that users run."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepmatte import matting
from deepmatte.errors import MatteError
from deepmatte.evaluation import metrics, runs
from deepmatte.evaluation.benchmarks import find_cases
from deepmatte.evaluation.methods import Method
from deepmatte.training import inference
from deepmatte.training.checkpoint import State


class Measurements:
    """A benchmark that a run is measured on, so many times, evenly over its budget.

    Raises BadInput for a folder that is no benchmark.
    """

    def __init__(self, benchmark: Path, times: int, device: torch.device) -> None:
        self._cases = find_cases(benchmark)
        self._times = times
        self._device = device

    def is_due(self, state: State, used: float) -> bool:
        """Return whether the run is to be measured now. used: share of its budget."""
        last = state.evaluations[-1]["used"] if state.evaluations else 0.0
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
        best = min((each["sad"] for each in state.evaluations), default=np.inf)
        state.evaluations.append({"step": state.step, "used": min(used, 1.0), **means, "sets": sets})
        return means["sad"] < best
