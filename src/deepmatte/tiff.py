"""TIFF headers: how a file's pixels are packed, and what its channels mean. Not: pixels.

Tags and their numbers are those of TIFF 6.0, and of BigTIFF, whose numbers are longer.
"""

import io
from typing import BinaryIO

_PACKING = 259
# How a picture lies in the file: what a sound header says, whatever else is odd about it. Rows, columns, bits
# of each channel, packing, what channels mean, how many there are.
_LAYOUT = {256, 257, 258, _PACKING, 262, 277}
_BITS, _CHANNELS, _BESIDE = 258, 277, 338
# Where its parts are, and how long: strips, tiles.
_PARTS = ((273, 279), (324, 325))
# None, LZW, deflate (of Adobe and as it was before), PackBits: whose decoders find damage by themselves.
_EXACT = (1, 5, 8, 32946, 32773)


def is_exact(file: BinaryIO) -> bool:
    """Return whether the first picture of a TIFF file has a header that says how it lies there, and is packed
    so that its damage is an error.

    Decoders of the other kinds, such as JPEG, only warn of it, as all of them do of odd headers.
    """
    counts, values = _read_directory(file)
    has_parts = any(counts.get(where, 0) == counts.get(length, -1) > 0 for where, length in _PARTS)
    is_sound = counts.keys() >= _LAYOUT and counts[_BITS] == values[_CHANNELS] and has_parts
    return is_sound and values[_PACKING] in _EXACT


def has_plain_channel(file: BinaryIO) -> bool:
    """Return whether the first picture of a TIFF file says that its one channel beside the colours is not
    opacity: a selection, as editors save them with a picture.

    A file that does not say what the channel is means opacity, as most that write such files do.
    """
    counts, values = _read_directory(file)
    return counts.get(_BESIDE) == 1 and values[_BESIDE] == 0


def _read_directory(file: BinaryIO) -> tuple[dict[int, int], dict[int, int]]:
    """Return the first directory of a TIFF file: how many values each tag has, and the first 16 bits that
    stand for them. Both are empty where there is none, or no whole one.
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
        return {}, {}
    file.seek(start)
    count = number(file.read(8 if is_big else 2))
    counts: dict[int, int] = {}
    values: dict[int, int] = {}
    for _ in range(min(count, 0xFFFF)):
        field = file.read(entry)
        if len(field) < entry:
            return {}, {}
        tag = number(field[:2])
        counts[tag] = number(field[4 : 4 + word])
        values[tag] = number(field[4 + word : 6 + word])  # of those that are asked for, 16 bits
    return counts, values
