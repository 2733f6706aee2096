"""What may be wrong with a corpus folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deepmatte.training.corpus import manifest


@dataclass(frozen=True)
class Finding:
    """What was found. subject: in a word; files: which it is about; is_fault: or else only worth knowing."""

    subject: str
    files: tuple[str, ...]
    message: str
    is_fault: bool = True


def check(directory: Path) -> list[Finding]:
    """Return what is wrong with a corpus folder, nothing if all is well.

    Raises BadInput where its manifest cannot be read.
    """
    entries = manifest.read(directory, needs_licence=False)
    return [finding for entry in entries for finding in _check_entry(Path(directory), entry)]


def _check_entry(directory: Path, entry: manifest.Entry) -> Iterator[Finding]:
    if not entry.licence:
        yield Finding("licence", (entry.file,), "has no licence; expected one, or unknown")
    if not (directory / entry.file).is_file():
        yield Finding("missing", (entry.file,), "is listed but not there")
    elif entry.sha256 and manifest.digest(directory / entry.file) != entry.sha256:
        yield Finding("changed", (entry.file,), "is not the file that the manifest describes")
