"""How published benchmarks lay a foreground over a background, to the last bit.

Foregrounds with true alphas are published, composites are not: everyone builds them, and the builder's
rounding moves the scores (the same network measured 35.3 and 37.8 SAD on sets of two builders). Both are
here, as named roundings; each enlarges a background that is too small, keeps its top left corner, and
composites in 8 bits:

official   the script that comes with the Adobe data set. Sides are rounded up, enlarged bicubically as Pillow
           does it, and the composite is cut off to whole numbers.
nearest    the other one in wide use. Sides are int(side + 1), enlarged bilinearly as OpenCV does it, and the
           composite is rounded to the nearest whole number.

Pixels are uint8 here, (H, W, 3) and (H, W).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepmatte import pixels
from deepmatte.errors import BadInput
from deepmatte.pixels import Bytes

Ints = NDArray[np.int64]

_BICUBIC_BITS = 22  # of Pillow's weights after the point
_BILINEAR_BITS = 11  # of OpenCV's
_BAND_PX = 256  # rows that are composited at a time: their floats are eight times as large as their bytes


@dataclass(frozen=True)
class Rounding:
    """One builder: from the exact length of an enlarged side to pixels, how to enlarge, how to composite."""

    side_px: Callable[[float], int]
    resize: Callable[[Bytes, int, int], Bytes]  # (pixels, height, width)
    composite: Callable[[Bytes, Bytes, Bytes], Bytes]  # (foreground, background, alpha)


def compose(foreground: Bytes, background: Bytes, alpha: Bytes, rounding: Rounding) -> Bytes:
    """Lay foreground (H, W, 3) over a background of any size by alpha (H, W). Returns (H, W, 3).

    Raises BadInput where foreground and alpha differ in size.
    """
    height, width = alpha.shape
    if foreground.shape != (height, width, 3):
        raise BadInput(
            f"the foreground is {foreground.shape[1]} × {foreground.shape[0]} px but its alpha {width} ×"
            f" {height} px; they must match"
        )
    background_height, background_width = background.shape[:2]
    # In this order of divisions and products, for their last bit decides where sides are rounded up.
    ratio = max(width / background_width, height / background_height)
    if ratio > 1:
        sides = (rounding.side_px(side * ratio) for side in (background_height, background_width))
        background = rounding.resize(background, *sides)
    return rounding.composite(foreground, background[:height, :width], alpha)


def resize_bicubic(picture: Bytes, height: int, width: int) -> Bytes:
    """Enlarge as Pillow does: across, then down, each rounded to 8 bits. picture: (H, W, C)."""
    across = _bicubic_down(picture.swapaxes(0, 1), width).swapaxes(0, 1)
    return _bicubic_down(across, height)


def _bicubic_down(picture: Bytes, height: int) -> Bytes:
    """Enlarge along the first axis by Keys' kernel with a = -1/2; beyond the border nothing has weight."""
    old_height = len(picture)
    centre = (np.arange(height) + 0.5) * (old_height / height)
    rows = np.floor(centre - 1.5).astype(np.int64)[:, None] + np.arange(5)
    weights = pixels.CUBIC.weigh(np.abs(rows + 0.5 - centre[:, None]))
    weights[(rows < 0) | (rows >= old_height)] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    whole = _half_away(weights * 2**_BICUBIC_BITS).astype(np.int32)
    total = np.full((height, *picture.shape[1:]), 2 ** (_BICUBIC_BITS - 1), np.int32)
    for tap in range(rows.shape[1]):
        row = np.clip(rows[:, tap], 0, old_height - 1)
        total += whole[:, tap, None, None] * picture[row]
    enlarged: Bytes = np.clip(total >> _BICUBIC_BITS, 0, 255).astype(np.uint8)
    return enlarged


def _half_away(number: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.trunc(number + np.copysign(0.5, number))


def resize_bilinear(picture: Bytes, height: int, width: int) -> Bytes:
    """Enlarge as OpenCV does, in whole numbers. picture: (H, W, C)."""
    left, right, near, far = _bilinear_taps(picture.shape[1], width, stays_inside=True)
    wide = picture.astype(np.int32)
    across = wide[:, left] * near[:, None] + wide[:, right] * far[:, None]
    across >>= 4
    top, bottom, near, far = _bilinear_taps(picture.shape[0], height, stays_inside=False)
    upper = (across[top] * near[:, None, None]) >> 16
    lower = (across[bottom] * far[:, None, None]) >> 16
    return ((upper + lower + 2) >> 2).astype(np.uint8)


def _bilinear_taps(
    old_side: int, side: int, stays_inside: bool
) -> tuple[Ints, Ints, NDArray[np.int32], NDArray[np.int32]]:
    """Return for each pixel of the new side the two of the old one it lies between, and their weights.

    stays_inside: a pixel beyond the outermost centres is the outermost one. Otherwise it is a mixture of it
    with itself, which the cutting off of bits tells from it; OpenCV does the one across and the other down.
    """
    place = ((np.arange(side) + 0.5) * (1 / (side / old_side)) - 0.5).astype(np.float32)
    before = np.floor(place).astype(np.int64)
    share = place - before.astype(np.float32)
    if stays_inside:
        share[(before < 0) | (before >= old_side - 1)] = 0
    near, far = (
        np.rint(part * np.float32(2**_BILINEAR_BITS)).astype(np.int32) for part in (1 - share, share)
    )
    first, second = (np.clip(before + step, 0, old_side - 1) for step in (0, 1))
    return first, second, near, far


def _cut_off(foreground: Bytes, background: Bytes, alpha: Bytes) -> Bytes:
    """Composite in doubles and cut off, as Python's int() does."""
    composite = np.empty_like(foreground)
    for top in range(0, len(alpha), _BAND_PX):
        rows = slice(top, top + _BAND_PX)
        weight = alpha[rows, :, None] / 255
        composite[rows] = (weight * foreground[rows] + (1 - weight) * background[rows]).astype(np.uint8)
    return composite


def _nearest(foreground: Bytes, background: Bytes, alpha: Bytes) -> Bytes:
    """Composite and round. In 255ths no sum lies half way, so floats of 32 bits are exact enough."""
    return pixels.to_bytes(pixels.composite(foreground, background, alpha))


ROUNDINGS = {
    "official": Rounding(math.ceil, resize_bicubic, _cut_off),
    "nearest": Rounding(lambda side: int(side + 1), resize_bilinear, _nearest),
}
