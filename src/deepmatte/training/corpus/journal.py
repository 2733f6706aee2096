"""What a long job has done so far, so that it goes on after it was ended in any way.

A file of JSON lines: what the job is, then a line for each thing done. A line that was cut off does not
count.
"""

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from deepmatte.errors import BadOutput
from deepmatte.outputs import show

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

Record = dict[str, Any]


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other jobs out of a folder, where the system can. Raises BadOutput where one is at work."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told = f"another job is at work in {show(folder)}; wait for its end or choose another folder"
            raise BadOutput(told) from None
        yield
    finally:
        os.close(descriptor)


class Journal:
    """done: the records of a job by key; left: the keys of another job that was ended in the same place; its
    records are forgotten.
    """

    def __init__(self, path: Path, job: Mapping[str, Any]) -> None:
        """Open, or begin, the journal of a job. Raises BadOutput where it cannot be written."""
        self.path = path
        self.done: dict[str, Record] = {}
        self.left: set[str] = set()
        head = json.dumps(dict(job), sort_keys=True).encode()
        try:
            lines = _whole_lines(path)
            is_ours = bool(lines) and lines[0] == head
            # Unbuffered, so that a full disk is told at once and closing writes nothing more.
            self._file = cast(BinaryIO, path.open("r+b" if is_ours else "wb", buffering=0))
        except OSError as error:
            raise self._failed(error) from error
        if not is_ours:
            self.left = {key for line in lines[1:] if (key := json.loads(line).get("key"))}
            self._add_line(head)
        else:
            self._file.truncate(self._file.seek(sum(len(line) + 1 for line in lines)))
            for line in lines[1:]:
                record = json.loads(line)
                self.done[record.pop("key")] = record

    def add(self, key: str, record: Record) -> None:
        """Note that something is done. Raises BadOutput where the disk is full."""
        self._add_line(json.dumps({"key": key, **record}).encode())
        self.done[key] = record

    def close(self) -> None:
        """Leave the journal for later."""
        self._file.close()

    def remove(self) -> None:
        """Remove the journal of a job that is finished."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _add_line(self, line: bytes) -> None:
        try:
            if self._file.write(line + b"\n") <= len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self.close()
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> BadOutput:
        return BadOutput(f"{show(self.path)} cannot be written: {error.strerror}")


def _whole_lines(path: Path) -> list[bytes]:
    """Return the lines that are there, down to the first that is no JSON object."""
    content = path.read_bytes() if path.is_file() else b""
    lines = []
    for line in content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]:
        try:
            is_record = isinstance(json.loads(line), dict)
        except ValueError:
            is_record = False
        if not is_record:
            break
        lines.append(line)
    return lines
