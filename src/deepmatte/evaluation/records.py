"""Rows and mattes on disk, so that a run that was ended goes on where it was.

    rows/METHOD/TRIMAP_SET/NAME.json     the row, and a fingerprint of all it depends on
    mattes/METHOD/TRIMAP_SET/NAME.png    the alpha, 16 bits, of methods that were run
    result.json                          everything, once the run is complete

Each file appears whole or not at all, the row last, so there is neither half a row nor one twice. A row
counts as long as the picture, its trimap, its truth and the method are byte by byte what they were. Changes
to a method's code under the same version number are not seen.
"""

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepmatte import images, outputs
from deepmatte.evaluation.benchmarks import Case
from deepmatte.evaluation.methods import Method, Predictions
from deepmatte.evaluation.results import Row
from deepmatte.outputs import make_folder
from deepmatte.pixels import AnyArray, to_words

_FORMAT = 1  # of the fingerprint and what it stands for: to be raised when metrics change


@dataclass(frozen=True)
class Records:
    """The folder of a run."""

    directory: Path

    def matte_path(self, method: Method | Predictions, case: Case) -> Path:
        """Return where the matte of a case is, or will be; predictions stay where they are."""
        if isinstance(method, Predictions):
            return method.paths[case.trimap_set, case.name]
        return self.directory / "mattes" / method.name / case.trimap_set / f"{case.name}.png"

    def _row_path(self, method: Method | Predictions, case: Case) -> Path:
        return self.directory / "rows" / method.name / case.trimap_set / f"{case.name}.json"

    def is_empty(self) -> bool:
        """Whether no run has left rows here."""
        return not (self.directory / "rows").exists()

    def load(self, method: Method | Predictions, case: Case) -> Row | None:
        """Return the row of a case if there is one that still counts; failures do not."""
        try:
            values = json.loads(self._row_path(method, case).read_text("utf-8"))
            row = Row.from_dict(values["row"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        is_whole = row.failure is None and self.matte_path(method, case).is_file()
        kept = values.get("fingerprint")
        return row if is_whole and kept is not None and kept == fingerprint(method, case) else None

    def store(
        self,
        method: Method | Predictions,
        case: Case,
        row: Row,
        alpha: AnyArray | None,
        stamp: str | None,
    ) -> None:
        """Keep a row, and the alpha (H, W) in [0, 1] where there is one. Raises BadOutput.

        stamp: the fingerprint from before the work. If a file has changed since, nobody knows which of both
        was measured, and the row counts no more.
        """
        if alpha is not None and isinstance(method, Method):
            path = self.matte_path(method, case)
            make_folder(path.parent)
            images.write_image(path, to_words(alpha), overwrite=True)
        path = self._row_path(method, case)
        make_folder(path.parent)
        now = fingerprint(method, case)
        content = {"row": row.to_dict(), "fingerprint": now if now == stamp else None}
        outputs.write_bytes(path, json.dumps(content, indent=1).encode(), overwrite=True)

    def store_document(self, document: dict[str, Any]) -> None:
        """Keep a whole result as result.json, instead of an earlier one. Raises BadOutput."""
        content = json.dumps(document, indent=1, ensure_ascii=False).encode()
        outputs.write_bytes(self.directory / "result.json", content, overwrite=True)


def fingerprint(method: Method | Predictions, case: Case) -> str | None:
    """Return a checksum of all that a row depends on, None where a file cannot be read."""
    paths = (case.image_path, case.trimap_path, case.alpha_path)
    try:
        parts = [None if path is None else _checksum(path, *_state(path)) for path in paths]
        parts += [str(_FORMAT), method.fingerprint(case)]
    except OSError:
        return None
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=4096)
def _checksum(path: Path, size: int, changed_ns: int) -> str:
    """Return a file's SHA-256. size, changed_ns: so that a file that has changed is read again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
