"""Files and folders that appear whole or not at all.

What is written goes to a temporary name in the target's folder and is renamed when it is complete, so a
full disk, an error or an interruption leaves neither half a file nor a lost old one.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepmatte.errors import BadOutput

_PART = ".deepmatte-{}.part"  # what is half-written
_LONGEST = 200  # bytes of a name, of the 255 that file systems take
_NAMED = 10  # as many files are listed by name in a message


def check_target(path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Raise BadOutput where `whole_file` could not put a file at the path: to be asked before long work."""
    target = Path(path)
    shown = show(target)
    folder = target.parent
    try:
        if target.is_dir() or not target.name:
            raise BadOutput(f"{shown} is a folder; expected the name of a file to write")
        if not folder.is_dir():
            raise BadOutput(f"the folder {show(folder)} does not exist; make it first")
        if target.exists() and not target.is_file():
            raise BadOutput(f"{shown} is no regular file; choose another name")
        if target.exists() and not overwrite:
            raise _exists(shown)
        # Where a link leads to, it is written there.
        end = Path(os.path.realpath(target)).parent
        if not end.is_dir():
            raise BadOutput(f"{shown} leads to the folder {show(end)}, which does not exist; make it")
        for place in (folder, end):
            _check_writable(place)
    except (OSError, ValueError) as error:
        raise _failed(shown, error) from error


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[int]:
    """Yield an open descriptor to read and write; when the block ends well, its file appears at the path.

    On any exception, KeyboardInterrupt included, nothing is left behind. A symbolic link is followed, and
    what is replaced keeps its permissions.
    Raises BadOutput where the system refuses, and where the path exists (checked again at the very end)
    unless overwrite.
    """
    with whole_files([path], overwrite) as descriptors:
        yield descriptors[0]


@contextlib.contextmanager
def whole_files(paths: Sequence[str | os.PathLike[str]], overwrite: bool = False) -> Iterator[list[int]]:
    """Yield as many descriptors; when the block ends well, all files appear, one right after the other.

    As `whole_file` otherwise. Where the system refuses one of them at the very end, those that are new are
    removed again; what has been replaced by then stays so.
    """
    halves: list[_Half] = []
    try:
        for path in paths:
            check_target(path, overwrite)
            halves.append(_Half.open(path))
        try:
            yield [half.descriptor for half in halves]
        except OSError as error:
            raise _failed(", ".join(half.shown for half in halves), error) from error
        for half in halves:
            half.finish()
        _publish_all(halves, overwrite)
    finally:
        for half in halves:
            half.drop()


@dataclass
class _Half:
    """A file that is being written: where it is to be, how that is shown, where it is meanwhile."""

    target: Path
    shown: str
    temporary: Path
    descriptor: int  # -1 once it is closed

    @staticmethod
    def open(path: str | os.PathLike[str]) -> "_Half":
        shown = show(path)
        try:
            target = Path(os.path.realpath(path))
            temporary = _beside(target)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            half = _Half(target, shown, temporary, os.open(temporary, flags, 0o666))
        except (OSError, ValueError) as error:
            raise _failed(shown, error) from error
        _copy_permissions(target, temporary)
        return half

    def finish(self) -> None:
        """Have all of it on the disk."""
        try:
            os.fsync(self.descriptor)
        except OSError as error:
            raise _failed(self.shown, error) from error
        finally:
            self._close()

    def drop(self) -> None:
        """Leave nothing behind at the temporary place."""
        self._close()
        self.temporary.unlink(missing_ok=True)

    def _close(self) -> None:
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _publish_all(halves: Sequence[_Half], overwrite: bool) -> None:
    new: list[Path] = []
    try:
        for half in halves:
            is_new = not half.target.exists()
            try:
                _publish(half.temporary, half.target, overwrite)
            except FileExistsError:
                raise _exists(half.shown) from None
            except OSError as error:
                raise _failed(half.shown, error) from error
            new += [half.target] if is_new else []
    except BaseException:
        for target in new:
            target.unlink(missing_ok=True)
        raise


def write_bytes(path: str | os.PathLike[str], content: bytes | memoryview, overwrite: bool = False) -> None:
    """Write a file whole or not at all. Raises BadOutput as `whole_file` does."""
    with whole_file(path, overwrite) as descriptor, os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)


@contextlib.contextmanager
def whole_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty folder to fill; when the block ends well, it appears at the path.

    On any exception, KeyboardInterrupt included, nothing is left behind; a process that is killed leaves a
    hidden folder whose name ends in .part. Raises BadOutput where the system refuses, and where the path is
    anything but free or an empty folder (checked again at the very end).
    """
    shown = show(path)
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise BadOutput(f"{shown} exists already and is no empty folder; choose another name")
        if not target.parent.is_dir():
            raise BadOutput(f"the folder {show(target.parent)} does not exist; make it first")
        temporary = _beside(target)
        temporary.mkdir()
    except (OSError, ValueError) as error:
        raise _failed(shown, error) from error
    try:
        yield temporary
        if target.exists():
            target.rmdir()  # fails if something has been put there meanwhile
        temporary.rename(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise _failed(shown, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def make_folder(folder: Path) -> None:
    """Make a folder, and those it lies in, where they are missing. Raises BadOutput where that fails, and
    for one that takes no files.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadOutput(f"the folder {show(folder)} cannot be made: {reason}") from error
    _check_writable(folder)


def _check_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadOutput(f"the folder {show(folder)} cannot be written to; choose another one")


def is_part(path: Path) -> bool:
    """Whether a file is named as one that is half-written."""
    return path.match(_PART.format("*"))


def remove_parts(*folders: Path) -> None:
    """Remove what processes that were killed left half-written in folders; nobody may be writing there."""
    for folder in folders:
        for path in folder.glob(_PART.format("*")):
            with contextlib.suppress(OSError):
                path.unlink()


def _beside(target: Path) -> Path:
    return target.parent / _PART.format(secrets.token_hex(6))


def _copy_permissions(target: Path, temporary: Path) -> None:
    """Give a file those of the one that it is to replace, where there is one and the file system has them."""
    with contextlib.suppress(OSError):
        temporary.chmod(stat.S_IMODE(target.stat().st_mode))


def _publish(temporary: Path, target: Path, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(target)
    else:
        try:
            os.link(temporary, target)  # fails if the target has appeared meanwhile, which a rename does not
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if target.exists():
                raise FileExistsError from None
            temporary.replace(target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Let a rename in the folder outlive a power cut."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    # Some folders may be written to but not read, and some network file systems cannot; the file is there.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _exists(shown: str) -> BadOutput:
    return BadOutput(f"{shown} exists already; choose another name or allow overwriting")


def _failed(shown: str, error: Exception) -> BadOutput:
    reason = getattr(error, "strerror", None) or str(error)
    return BadOutput(f"{shown} cannot be written: {reason}")


def is_folder_name(name: str) -> bool:
    """Return whether any system takes a name for one folder, or one file, and shows it."""
    return bool(name.strip(". ")) and not set(name) & set('/\\:*?"<>|') and name.isprintable()


def shorten(name: str) -> str:
    """Return a name that leaves room for a suffix, a number and what a temporary name has more: itself, or
    its beginning and eight digits that tell it from others that begin so.
    """
    if len(name.encode()) <= _LONGEST:
        return name
    start = name.encode()[: _LONGEST - 9].decode(errors="ignore")
    return f"{start}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def is_text(text: str) -> bool:
    """Return whether a text can be written down in UTF-8: what was typed, or a file's name, may not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def show(path: str | os.PathLike[str]) -> str:
    """Return a path as it may stand in a one-line message: odd characters escaped."""
    text = os.fspath(path)
    return text if text.isprintable() else ascii(text)


def name_some(names: Iterable[str]) -> str:
    """Return names as they may stand in a message: sorted, and not all of very many."""
    listed = [show(name) for name in sorted(names)]
    rest = len(listed) - _NAMED
    return ", ".join(listed) if rest <= 1 else f"{', '.join(listed[:_NAMED])} and {rest} more"
