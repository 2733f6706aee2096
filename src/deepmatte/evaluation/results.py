"""What was measured: one row for each method on each case, and what follows from the rows.

Errors are those that metrics.measure gives. Means are over the pictures of one trimap set, one after the
other, as the literature has them; ratios are to the first method, over the pictures that both have.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from deepmatte.evaluation.metrics import NAMES, Errors

SPEED = "seconds_per_megapixel"
FIGURES = (*NAMES, SPEED)

# Trimap set → method → figure → value, None where there is none.
Figures = dict[str, dict[str, dict[str, float | None]]]


@dataclass(frozen=True)
class Row:
    """One method on one case.

    errors: None where it failed, or the truth is not known; seconds: wall-clock time of the method alone,
    None where it failed or was not run; megapixels: of the picture; failure: what went wrong, in one line.
    """

    method: str
    name: str
    trimap_set: str
    errors: Errors | None
    seconds: float | None
    megapixels: float
    failure: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Row":
        """Return what to_dict made plain. Raises TypeError for other values."""
        errors = values["errors"]
        return cls(**{**values, "errors": None if errors is None else Errors(**errors)})


@dataclass(frozen=True)
class Result:
    """All rows of a run, in the order in which methods and cases were named."""

    rows: tuple[Row, ...]

    @property
    def methods(self) -> list[str]:
        """The methods' names, in order."""
        return list(dict.fromkeys(row.method for row in self.rows))

    @property
    def trimap_sets(self) -> list[str]:
        """The trimap sets' names, in order."""
        return list(dict.fromkeys(row.trimap_set for row in self.rows))

    @property
    def failures(self) -> list[Row]:
        """The rows that hold a failure."""
        return [row for row in self.rows if row.failure is not None]

    def of(self, trimap_set: str, method: str) -> dict[str, Row]:
        """Return the rows of one method on one trimap set, by picture."""
        return {row.name: row for row in self.rows if row.trimap_set == trimap_set and row.method == method}

    def means(self) -> Figures:
        """Return the mean of each error, and seconds per megapixel, over the pictures that did not fail."""
        return {
            each: {method: _means(self.of(each, method).values()) for method in self.methods}
            for each in self.trimap_sets
        }

    def ratios(self) -> Figures:
        """Return each mean as a multiple of the first method's, over the pictures that both have."""
        return {
            each: {method: self._ratio(each, method) for method in self.methods} for each in self.trimap_sets
        }

    def _ratio(self, trimap_set: str, method: str) -> dict[str, float | None]:
        first, other = self.of(trimap_set, self.methods[0]), self.of(trimap_set, method)
        shared = [
            name for name in first if name in other and not (first[name].failure or other[name].failure)
        ]
        base, mine = (_means([rows[name] for name in shared]) for rows in (first, other))
        return {figure: _divided(mine[figure], base[figure]) for figure in FIGURES}

    def to_dict(self) -> dict[str, Any]:
        """Return rows, means and ratios as plain values for JSON."""
        return {
            "methods": self.methods,
            "means": self.means(),
            "ratios": self.ratios(),
            "rows": [row.to_dict() for row in self.rows],
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Result":
        """Return what to_dict made plain."""
        return cls(tuple(Row.from_dict(row) for row in values["rows"]))


def _means(rows: Iterable[Row]) -> dict[str, float | None]:
    whole = [row for row in rows if row.failure is None]
    measured = [row.errors for row in whole if row.errors is not None]
    means: dict[str, float | None] = {
        name: float(np.mean([getattr(errors, name) for errors in measured])) if measured else None
        for name in NAMES
    }
    timed = [(row.seconds, row.megapixels) for row in whole if row.seconds is not None]
    seconds, megapixels = (sum(column) for column in zip(*timed, strict=True)) if timed else (0, 0)
    return {**means, SPEED: _divided(seconds, megapixels) if timed else None}


def _divided(value: float | None, by: float | None) -> float | None:
    return None if value is None or not by else value / by
