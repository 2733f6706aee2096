"""A corpus on disk: a folder, or the same folder packed into one file.

A packed corpus is a zip archive whose members are the folder's files, so any unpacker makes a folder of it
again.
"""

import functools
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from deepmatte.errors import BadInput
from deepmatte.outputs import show
from deepmatte.sources import Encoded, Source
from deepmatte.training.corpus import manifest
from deepmatte.training.corpus.manifest import Entry


@dataclass(frozen=True)
class Store:
    """Where a corpus lies: a folder with a manifest, or one file that `deepmatte corpus pack` made."""

    path: Path

    @property
    def is_packed(self) -> bool:
        """Whether it is one file."""
        return self.path.is_file()

    def entries(self, *, needs_licence: bool = True) -> list[Entry]:
        """Return what the manifest lists. Raises BadInput as `manifest.read` does."""
        if not self.is_packed:
            return manifest.read(self.path, needs_licence=needs_licence)
        try:
            content = _archive(self.path, *_state(self.path)).read(manifest.CSV)
        except KeyError:
            raise BadInput(
                f"{show(self.path)} holds no {manifest.CSV}; expected what `deepmatte corpus pack` writes"
            ) from None
        except _DAMAGES as error:
            raise _damaged(self.path, error) from error
        return manifest.parse(content, f"{self.path}/{manifest.CSV}", needs_licence=needs_licence)

    def source(self, entry: Entry) -> Source:
        """Return what an entry's picture is read from. Raises BadInput where a packed one is not there."""
        if not self.is_packed:
            return self.path / entry.file
        name = f"{self.path}/{entry.file}"
        try:
            return Encoded(name, _archive(self.path, *_state(self.path)).read(entry.file))
        except KeyError:
            raise BadInput(f"{show(name)} is listed but not there; pack the corpus again") from None
        except _DAMAGES as error:
            raise _damaged(self.path, error) from error

    def content(self, entry: Entry) -> bytes:
        """Return the bytes of an entry's file. Raises BadInput where they cannot be read."""
        source = self.source(entry)
        if isinstance(source, Encoded):
            return source.content
        try:
            return Path(source).read_bytes()
        except OSError as error:
            raise BadInput(f"{show(source)} cannot be read: {error.strerror}") from error


# RuntimeError: what zipfile raises of members that seem encrypted, or compressed as it does not know.
_DAMAGES = (OSError, zipfile.BadZipFile, RuntimeError, EOFError, zlib.error)


def _damaged(path: Path, error: Exception) -> BadInput:
    reason = getattr(error, "strerror", None) or error
    return BadInput(f"{show(path)} cannot be read: {reason}; expected a packed corpus, or a folder of one")


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=8)
def _archive(path: Path, size: int, changed_ns: int) -> zipfile.ZipFile:
    """Open an archive once; again when its file has changed. Reading is safe from several threads."""
    return zipfile.ZipFile(os.fspath(path))
