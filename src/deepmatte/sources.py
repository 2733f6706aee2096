"""What a picture is read from: a regular file, or the bytes of one in memory."""

import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from deepmatte.errors import BadInput
from deepmatte.outputs import show


@dataclass(frozen=True)
class Encoded:
    """A picture file in memory. name: what to call it in a message; content: its bytes."""

    name: str
    content: bytes


Source = str | os.PathLike[str] | Encoded


def shown(source: Source) -> str:
    """Return a source's path or name as it may stand in a one-line message."""
    return show(source.name if isinstance(source, Encoded) else source)


def open_source(source: Source) -> BinaryIO:
    """Open a source for reading: a io.BytesIO for bytes in memory, else a file with a descriptor.

    Raises BadInput where there is no such file, it may not be read, or it is no regular file.
    """
    if isinstance(source, Encoded):
        return io.BytesIO(source.content)
    try:
        mode = os.stat(source).st_mode
        if stat.S_ISDIR(mode):
            raise BadInput(f"{show(source)} is a folder; expected a picture file")
        if not stat.S_ISREG(mode):  # opening a pipe would wait for ever
            raise BadInput(f"{show(source)} is no regular file; expected a picture file")
        return Path(source).open("rb")
    except FileNotFoundError:
        raise BadInput(f"{show(source)} does not exist; expected a picture file") from None
    except PermissionError:
        raise BadInput(f"{show(source)} may not be read; check its permissions") from None
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{show(source)} cannot be opened: {getattr(error, 'strerror', None) or error}"
        ) from error
