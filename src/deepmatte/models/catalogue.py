"""Names of models → their files and checksums.

weights/catalogue.json lists what ships with the program and names the default:

    {"default": "name", "models": {"name": {"file": "name.onnx", "sha256": "..."}}}

A shipped model's checksum is compared on every load. Nothing is ever downloaded.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from deepmatte.errors import ModelUnavailable
from deepmatte.models.spec import ModelSpec, read_spec

DEFAULT = "default"  # stands for the model that the catalogue names as its default
WEIGHTS = Path(__file__).parent / "weights"

_REINSTALL = 'reinstall deepmatte ("pip install --force-reinstall .")'


@dataclass(frozen=True)
class Entry:
    """Where a shipped model is, and what its bytes must hash to."""

    path: Path
    sha256: str


def names() -> list[str]:
    """Return the names of the shipped models, the default first. Raises ModelUnavailable."""
    default, entries = _read()
    return sorted(entries, key=lambda name: (name != default, name))


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the file of a model: of a shipped name, of "default", or a path to any .onnx file.

    Raises ModelUnavailable for an unknown name (it lists the names) or a file that is not there.
    """
    return _locate(name_or_path).path


def load_bytes(name_or_path: str | os.PathLike[str]) -> tuple[bytes, ModelSpec]:
    """Return a model file's content and what it says of itself.

    name_or_path: as for find. The checksum is compared if the model is a shipped one.
    Raises ModelUnavailable if there is no such model, or it is damaged or not made for this program.
    """
    entry = _locate(name_or_path)
    try:
        content = entry.path.read_bytes()
    except OSError as error:
        raise ModelUnavailable(f"cannot read the model {entry.path}: {error.strerror}") from error
    if entry.sha256 and hashlib.sha256(content).hexdigest() != entry.sha256:
        raise ModelUnavailable(f"the model file {entry.path} is damaged (wrong checksum): {_REINSTALL}")
    try:
        return content, read_spec(content)
    except ModelUnavailable as error:
        raise ModelUnavailable(f"{entry.path}: {error}") from error


def _locate(name_or_path: str | os.PathLike[str]) -> Entry:
    """Return where a model is; the checksum is empty for a file of one's own."""
    name = os.fspath(name_or_path)
    default, entries = _read()
    found = entries.get(default if name == DEFAULT else name)
    if found is not None:
        return found
    shipped = ", ".join(names()) or "(none is shipped)"
    path = Path(name)
    # Of the text, for a Path has forgotten that it began with "./".
    if not (isinstance(name_or_path, os.PathLike) or path.suffix or os.path.basename(name) != name):
        raise ModelUnavailable(
            f'there is no model "{name}"; expected one of {shipped}, or the path of an .onnx file'
        )
    if not os.path.isfile(path):  # also where no file can have such a name
        raise ModelUnavailable(
            f'there is no model file "{name}"; expected the path of an .onnx file, or one of {shipped}'
        )
    return Entry(path, "")


def _read() -> tuple[str, dict[str, Entry]]:
    """Return the default's name and the shipped models. Raises ModelUnavailable if the list is damaged."""
    path = WEIGHTS / "catalogue.json"
    try:
        listed = json.loads(path.read_text("utf-8"))
        entries = {
            name: Entry(WEIGHTS / entry["file"], entry["sha256"]) for name, entry in listed["models"].items()
        }
        return str(listed["default"]), entries
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelUnavailable(f"the list of models {path} is missing or damaged: {_REINSTALL}") from error
