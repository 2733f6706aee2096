"""Windows bitmaps (BMP), which the codec library of `images` cannot read: bytes in, arrays out.

1, 4, 8, 16, 24 and 32 bits a pixel, palettes, bit masks, run-length coding, either direction of rows, and
the profile a version 5 header may hold. Pixels are uint8 (H, W, 3), RGB. Layout after Microsoft's
BITMAPINFOHEADER, BITMAPV5HEADER and "Bitmap Compression" pages.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepmatte.errors import BadInput
from deepmatte.pixels import Bytes

HEAD_BYTES = 14 + 124 + 12 + 1024  # file header, longest information header, masks, longest palette

_CORE, _V2, _V3, _V5 = 12, 52, 56, 124  # lengths of information headers; 40 is the usual one
_PLAIN, _RLE8, _RLE4, _MASKS, _MASKS_WITH_ALPHA = 0, 1, 2, 3, 6
_BITS_OF = {
    _PLAIN: (1, 2, 4, 8, 16, 24, 32),
    _RLE8: (8,),
    _RLE4: (4,),
    _MASKS: (16, 32),
    _MASKS_WITH_ALPHA: (16, 32),
}
_EMBEDDED_PROFILE = 0x4D424544  # "MBED"


@dataclass(frozen=True)
class Header:
    """What stands before the pixels, checked."""

    width: int
    height: int
    top_down: bool
    bits: int  # a pixel
    compression: int
    pixels_at: int  # byte offset of the pixels
    palette: Bytes  # (N, 3) RGB; N is 0 for 16 bits and more
    masks: tuple[int, int, int, int]  # red, green, blue, alpha; used for 16 and 32 bits
    profile_at: tuple[int, int]  # offset and length of the ICC profile in bytes; (0, 0) if there is none


@dataclass(frozen=True, eq=False)
class Bitmap:
    """A decoded bitmap: pixels uint8 (H, W, 3), alpha uint8 (H, W) or None, icc bytes or None."""

    pixels: Bytes
    alpha: Bytes | None
    icc: bytes | None


def read_header(head: bytes) -> Header:
    """Read what stands before the pixels. head: the first HEAD_BYTES of the file, or all of a shorter one.

    Raises BadInput where the header is cut short, contradicts itself or asks for what is not read here.
    """
    try:
        return _read_header(head)
    except struct.error:
        raise BadInput("the BMP header is cut short; expected a whole file: export it again") from None


def _read_header(head: bytes) -> Header:
    pixels_at, length = struct.unpack_from("<II", head, 10)
    if length == _CORE:
        width, height, planes, bits = struct.unpack_from("<HHHH", head, 18)
        compression = colours = 0
    elif 40 <= length <= _V5:
        width, height, planes, bits, compression = struct.unpack_from("<iiHHI", head, 18)
        (colours,) = struct.unpack_from("<I", head, 46)
    else:
        raise BadInput(f"the BMP header is {length} bytes long; expected 12 or 40 to 124: export it again")
    if planes != 1 or width <= 0 or height == 0 or bits not in _BITS_OF.get(compression, ()):
        raise BadInput(
            f"the BMP header says {width} × {height} px, {bits} bits, compression {compression};"
            " expected 1 to 32 bits, uncompressed or run-length coded: export it as PNG"
        )
    if height < 0 and compression in (_RLE8, _RLE4):
        raise BadInput(
            "the BMP is run-length coded from the top; the format has no such thing: export it again"
        )
    after_header = 14 + length
    if compression in (_MASKS, _MASKS_WITH_ALPHA) and length < _V2:
        after_header += 12 if compression == _MASKS else 16
    return Header(
        width=width,
        height=abs(height),
        top_down=height < 0,
        bits=bits,
        compression=compression,
        pixels_at=pixels_at,
        palette=_palette(head, after_header, length, bits, colours),
        masks=_masks(head, length, bits, compression),
        profile_at=_profile_at(head, length),
    )


def _palette(head: bytes, start: int, length: int, bits: int, colours: int) -> Bytes:
    if bits > 8:
        return np.zeros((0, 3), np.uint8)
    entry_bytes = 3 if length == _CORE else 4
    count = min(colours or 1 << bits, 1 << bits)
    stored = np.frombuffer(head[start : start + count * entry_bytes], np.uint8)
    if stored.size < count * entry_bytes:
        raise BadInput("the BMP palette is cut short; expected a whole file: export it again")
    palette = np.zeros((1 << bits, 3), np.uint8)  # an index past the palette is black
    palette[:count] = stored.reshape(count, entry_bytes)[:, 2::-1]
    return palette


def _masks(head: bytes, length: int, bits: int, compression: int) -> tuple[int, int, int, int]:
    if bits not in (16, 32):
        return (0, 0, 0, 0)
    if compression == _PLAIN:
        return (0x7C00, 0x03E0, 0x001F, 0) if bits == 16 else (0xFF0000, 0x00FF00, 0x0000FF, 0)
    has_alpha = length >= _V3 or compression == _MASKS_WITH_ALPHA
    red, green, blue, alpha = struct.unpack_from("<IIII" if has_alpha else "<III", head, 54) + (0,) * (
        not has_alpha
    )
    for mask in (red, green, blue, alpha):
        lowest_bit = mask & -mask
        if mask >> bits or (mask and (mask // lowest_bit) & (mask // lowest_bit + 1)):
            raise BadInput(f"the BMP channel mask {mask:#x} is no run of bits; export the picture again")
    return (red, green, blue, alpha)


def _profile_at(head: bytes, length: int) -> tuple[int, int]:
    if length < _V5 or struct.unpack_from("<I", head, 14 + 56)[0] != _EMBEDDED_PROFILE:
        return (0, 0)
    offset, size = struct.unpack_from("<II", head, 14 + 112)
    return (14 + offset, size)


def decode(header: Header, data: bytes) -> Bitmap:
    """Decode the pixels. data: the whole file, its header included.

    An alpha channel that is zero everywhere is a filler that many programs leave, so it counts as none.
    Raises BadInput where pixels are missing.
    """
    if header.compression in (_RLE8, _RLE4):
        rows = header.palette[_run_length(header, data)[::-1]]
        return Bitmap(rows, None, _profile(header, data))
    stride = (header.width * header.bits + 31) // 32 * 4
    needed = header.pixels_at + stride * header.height
    if header.pixels_at < 26 or len(data) < needed:
        raise BadInput(f"the BMP has {len(data)} bytes; expected {needed}: it is cut short, export it again")
    rows = np.frombuffer(data, np.uint8, stride * header.height, header.pixels_at)
    rows = rows.reshape(header.height, stride)
    if not header.top_down:
        rows = rows[::-1]
    alpha = None
    if header.bits <= 8:
        pixels = header.palette[_indices(rows, header.bits, header.width)]
    elif header.bits == 24:
        pixels = rows[:, : header.width * 3].reshape(header.height, header.width, 3)[..., ::-1]
    else:
        words = np.ascontiguousarray(rows).view(f"<u{header.bits // 8}")[:, : header.width]
        pixels = np.stack([_channel(words, mask) for mask in header.masks[:3]], axis=2)
        alpha = _channel(words, header.masks[3])
    has_alpha = alpha is not None and bool(alpha.any())
    return Bitmap(np.ascontiguousarray(pixels), alpha if has_alpha else None, _profile(header, data))


def _profile(header: Header, data: bytes) -> bytes | None:
    offset, size = header.profile_at
    return data[offset : offset + size] or None


def _indices(rows: Bytes, bits: int, width: int) -> Bytes:
    """Unpack 1, 2, 4 or 8 bit indices; the leftmost pixel is in the highest bits."""
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    spread: Bytes = (rows[..., None] >> shifts) & np.uint8((1 << bits) - 1)
    return spread.reshape(rows.shape[0], -1)[:, :width]


def _channel(words: NDArray[np.unsignedinteger], mask: int) -> Bytes:
    """Cut one channel out of 16 or 32 bit words and stretch it to 0 to 255, rounded."""
    if mask == 0:
        return np.zeros(words.shape, np.uint8)
    if mask in (0xFF, 0xFF00, 0xFF0000, 0xFF000000):  # the usual case, without 64 bit numbers
        return (words >> words.dtype.type((mask & -mask).bit_length() - 1)).astype(np.uint8)
    lowest_bit = mask & -mask
    top = mask // lowest_bit
    values = ((words & words.dtype.type(mask)) // words.dtype.type(lowest_bit)).astype(np.uint64)
    stretched: Bytes = ((values * 510 + top) // (2 * top)).astype(np.uint8)
    return stretched


def _run_length(header: Header, data: bytes) -> Bytes:
    """Decode runs into palette indices (H, W), bottom row first. Pixels that no run reaches stay 0."""
    indices = np.zeros((header.height, header.width), np.uint8)
    row = column = 0
    at = header.pixels_at
    try:
        while row < header.height:
            count, value = data[at], data[at + 1]
            at += 2
            if count:
                run = _repeated(value, count, header.bits)
            elif value == 0:  # end of the row
                row, column = row + 1, 0
                continue
            elif value == 1:  # end of the picture
                break
            elif value == 2:  # skip to the right and up
                column, row, at = column + data[at], row + data[at + 1], at + 2
                continue
            else:
                stored = (value * header.bits + 7) // 8
                run = _literal(data[at : at + stored], value, header.bits)
                at += stored + stored % 2
            kept = min(run.size, max(header.width - column, 0))
            indices[row, column : column + kept] = run[:kept]
            column += run.size
    except IndexError:
        raise BadInput("the BMP ends inside its pixels: it is cut short, export it again") from None
    return indices


def _repeated(value: int, count: int, bits: int) -> Bytes:
    pair = (value, value) if bits == 8 else (value >> 4, value & 15)
    return np.resize(np.array(pair, np.uint8), count)


def _literal(stored: bytes, count: int, bits: int) -> Bytes:
    if len(stored) * 8 < count * bits:
        raise IndexError
    return _indices(np.frombuffer(stored, np.uint8)[None], bits, count).reshape(-1)
