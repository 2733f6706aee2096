"""A file in numbered parts below a size, for machines that hand back nothing but small files.

NAME becomes NAME.CHECKSUM.000, NAME.CHECKSUM.001 and so on, and NAME.parts, which lists them and is written
last; so the set changes whole or not at all.
"""

import hashlib
import json
import re
from pathlib import Path

from deepmatte import outputs
from deepmatte.errors import BadInput


def write(path: Path, content: bytes | memoryview, part_bytes: int | None) -> None:
    """Write a file, in parts of at most part_bytes if given, in place of what is there in either form.

    Raises BadOutput where the system refuses.
    """
    if part_bytes is None:
        outputs.write_bytes(path, content, overwrite=True)
        _remove(path, keep=[path.name])
        return
    checksum = hashlib.sha256(content).hexdigest()
    names = []
    for number, start in enumerate(range(0, len(content), part_bytes)):
        names.append(f"{path.name}.{checksum[:12]}.{number:03}")
        part = content[start : start + part_bytes]
        outputs.write_bytes(path.with_name(names[-1]), part, overwrite=True)
    index = json.dumps({"sha256": checksum, "parts": names}, indent=2) + "\n"
    outputs.write_bytes(_index(path), index.encode(), overwrite=True)
    _remove(path, keep=[*names, _index(path).name])


def exists(path: Path) -> bool:
    """Return whether there is such a file, whole or in parts."""
    return path.is_file() or _index(path).is_file()


def read(path: Path) -> bytes:
    """Return a file's content, whole or in parts; of both, where a change of form was cut short, the newer.

    Raises BadInput where it cannot be read, a part is missing, or the parts do not make up the file.
    """
    index = _index(path)
    is_whole = path.is_file() and not (index.is_file() and index.stat().st_mtime_ns > path.stat().st_mtime_ns)
    try:
        if is_whole:
            return path.read_bytes()
        listed = json.loads(index.read_text("utf-8"))
        content = b"".join(path.with_name(name).read_bytes() for name in listed["parts"])
        is_right = hashlib.sha256(content).hexdigest() == listed["sha256"]
    except FileNotFoundError as error:
        raise BadInput(f"{error.filename} is missing; copy all parts that {index} lists") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    if not is_right:
        raise BadInput(f"the parts that {index} lists are damaged; copy them again")
    return content


def _index(path: Path) -> Path:
    return path.with_name(f"{path.name}.parts")


def _remove(path: Path, keep: list[str]) -> None:
    """Remove a file's other forms and former parts, and nothing else that lies beside it."""
    is_ours = re.compile(re.escape(path.name) + r"(\.parts|\.[0-9a-f]{12}\.\d{3,})?")
    for other in path.parent.glob(f"{path.name}*"):
        if is_ours.fullmatch(other.name) and other.name not in keep:
            other.unlink(missing_ok=True)
