"""TIFF headers: how a file's pixels are packed. Not: pixels.

Tags and their numbers are those of TIFF 6.0, and of BigTIFF, whose numbers are longer.
"""

import io
from typing import BinaryIO

_COMPRESSION = 259
# None, LZW, deflate (of Adobe and as it was before), PackBits: whose decoders find damage by themselves.
_EXACT = (1, 5, 8, 32946, 32773)


def is_exact(file: BinaryIO) -> bool:
    """Return whether the first picture of a TIFF file is packed so that its damage is an error.

    Decoders of the other kinds, such as JPEG, only warn of it, as all of them do of odd headers.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(16)
    is_little = head[:2] == b"II"

    def number(content: bytes) -> int:
        return int.from_bytes(content, "little" if is_little else "big")

    is_big = number(head[2:4]) == 43
    word, entry = (8, 20) if is_big else (4, 12)  # bytes of an offset, and of a directory's entry
    start = number(head[8:16] if is_big else head[4:8])
    if start > size:
        return False
    file.seek(start)
    count = number(file.read(8 if is_big else 2))
    for _ in range(min(count, 0xFFFF)):
        tag = file.read(entry)
        if len(tag) < entry:
            return False
        if number(tag[:2]) == _COMPRESSION:
            return number(tag[4 + word : 6 + word]) in _EXACT  # a number of 16 bits
    return True  # nothing is said: as in a file that is not packed
