"""The average rank of each method, as alphamatting.com ranks (Rhemann et al. 2009).

On every picture with each of its trimaps, the methods are ranked by each error, the best is 1. Methods that
tie share the mean of the ranks they take up; those that failed come last. Ranks are then averaged.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepmatte.evaluation.metrics import NAMES
from deepmatte.evaluation.results import Result

OVERALL = "overall"  # over all errors; and over all trimap sets

# Trimap set, or OVERALL → method → error, or OVERALL → average rank.
Ranks = dict[str, dict[str, dict[str, float]]]


def rank(result: Result) -> Ranks:
    """Return the average ranks of the methods; empty where nothing was measured.

    Only cases that every method was given count, and of those only the ones with a known truth: where no
    method has errors there is nothing to rank.
    """
    table = {each: _table(result, each) for each in result.trimap_sets}
    table = {each: errors for each, errors in table.items() if errors.size}
    if not table:
        return {}
    table[OVERALL] = np.concatenate(list(table.values()))
    return {each: _averages(result.methods, errors) for each, errors in table.items()}


def ranks(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the ranks along the last axis: 1 for the lowest, the mean of their ranks for those that tie."""
    lower = (values[..., None, :] < values[..., :, None]).sum(axis=-1)
    equal = (values[..., None, :] == values[..., :, None]).sum(axis=-1)
    return np.asarray(lower + (equal + 1) / 2)


def _table(result: Result, trimap_set: str) -> NDArray[np.float64]:
    """Return errors (cases, kinds of error, methods); infinite where a method failed."""
    columns = [result.of(trimap_set, method) for method in result.methods]
    names = [name for name in columns[0] if all(name in column for column in columns)]
    cases = [[column[name] for column in columns] for name in names]
    measured = [rows for rows in cases if any(row.errors for row in rows)]
    return np.array(
        [
            [[getattr(row.errors, name) if row.errors else np.inf for row in rows] for name in NAMES]
            for rows in measured
        ]
    ).reshape(len(measured), len(NAMES), len(columns))


def _averages(methods: list[str], errors: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    by_error = ranks(errors).mean(axis=0)
    return {
        method: {**dict(zip(NAMES, column.tolist(), strict=True)), OVERALL: float(column.mean())}
        for method, column in zip(methods, by_error.T, strict=True)
    }
