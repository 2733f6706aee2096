"""What came of one method on one picture with one changed trimap, and where that is kept.

    rows/METHOD/TRIMAP_SET/CHANGE/NAME.json    such as rows/knn/trimap1/dilated-07/cat.json

Each file appears whole or not at all. A row counts as long as the picture, its trimap, its truth, the change
and the method are what they were, byte by byte; so another model measures its own rows only.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepmatte import outputs
from deepmatte.evaluation import records
from deepmatte.evaluation.benchmarks import Case
from deepmatte.evaluation.methods import Method
from deepmatte.evaluation.metrics import Errors
from deepmatte.evaluation.robustness.changes import ONE_SIDED, Change

_FORMAT = 1  # to be raised when changes, regions or metrics mean something else


@dataclass(frozen=True)
class Trial:
    """One method on one picture with one changed trimap.

    errors: by region (see changes.REGIONS); unknown_px: how many pixels each region has. Without errors there
    is a failure, in one line, or the change left nothing unknown, so that nothing was asked. seconds: of the
    method alone. is_refusal: the failure is the method's answer, not a picture's or a machine's fault.
    """

    method: str
    name: str
    trimap_set: str
    kind: str
    distance_px: int
    errors: dict[str, Errors] | None = None
    unknown_px: dict[str, int] | None = None
    seconds: float | None = None
    failure: str | None = None
    is_refusal: bool = False

    @property
    def is_finding(self) -> bool:
        """Whether this answers what was asked: errors, or no result where the trimap lacks a side."""
        return self.failure is None or (self.is_refusal and self.kind in ONE_SIDED)

    @property
    def is_closed(self) -> bool:
        """Whether the change left nothing unknown, so that there was nothing to ask."""
        return self.failure is None and self.errors is None

    def to_dict(self) -> dict[str, Any]:
        """Return the trial as plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Trial":
        """Return what to_dict made plain. Raises TypeError for other values."""
        errors = values["errors"]
        by_region = None if errors is None else {region: Errors(**each) for region, each in errors.items()}
        return cls(**{**values, "errors": by_region})


@dataclass(frozen=True)
class Ledger:
    """The rows of a run on disk.

    from_alpha: whether trimaps are made of true alphas before they are changed.
    """

    directory: Path
    from_alpha: bool = False

    def load(self, method: Method, case: Case, change: Change) -> Trial | None:
        """Return the trial of a case if there is one that still counts; what failed does not."""
        try:
            values = json.loads(self._path(method, case, change).read_text("utf-8"))
            trial = Trial.from_dict(values["row"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        kept = values.get("fingerprint")
        is_current = kept is not None and kept == self.fingerprint(method, case, change)
        return trial if trial.is_finding and is_current else None

    def store(self, method: Method, case: Case, change: Change, trial: Trial, stamp: str | None) -> None:
        """Keep a trial. stamp: the fingerprint from before the work, as in records. Raises BadOutput."""
        path = self._path(method, case, change)
        outputs.make_folder(path.parent)
        now = self.fingerprint(method, case, change)
        content = {"row": trial.to_dict(), "fingerprint": now if now == stamp else None}
        outputs.write_bytes(path, json.dumps(content, indent=1).encode(), overwrite=True)

    def _path(self, method: Method, case: Case, change: Change) -> Path:
        return self.directory / "rows" / method.name / case.trimap_set / change.name / f"{case.name}.json"

    def fingerprint(self, method: Method, case: Case, change: Change) -> str | None:
        """Return a checksum of all that a trial depends on, None where a file cannot be read."""
        files = records.fingerprint(method, case)
        parts = [_FORMAT, files, change.name, change.offset(case.name), self.from_alpha]
        return None if files is None else hashlib.sha256(json.dumps(parts).encode()).hexdigest()
