"""Pixel conventions the whole project relies on, and the maths that is only pixels.

An image is float32 (H, W, 3), RGB as stored in the file (gamma-encoded), in [0, 1].
An alpha is float32 (H, W) in [0, 1]; 1 is wholly foreground.
Sizes are (height, width).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepmatte.errors import BadInput

# Photographs mix foreground and background as values to this power. sRGB's own curve is about 2.2, but
# cameras bend it further; measured on photographs with true alpha (docs/experiments.md).
LIGHT = 1.5

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
AnyArray = NDArray[Any]


def to_unit(array: AnyArray) -> Floats:
    """Return any pixel array as float32 in [0, 1].

    uint8 is divided by 255, uint16 by 65535, bool becomes 0 and 1, floats must lie in [0, 1] already.
    Raises BadInput for other types, NaN, and floats outside [0, 1].
    """
    if is_levels(array):
        return array.astype(np.float32) / np.float32(255 if array.itemsize == 1 else 65535)
    if array.dtype == np.bool_:
        return array.astype(np.float32)
    if array.dtype.kind != "f":
        raise BadInput(
            f"pixels are {array.dtype}; expected uint8, uint16 or floats in [0, 1]: convert them first"
        )
    unit = array.astype(np.float32)
    if unit.size and not (float(unit.min()) >= 0 and float(unit.max()) <= 1):
        raise BadInput(
            f"float pixels range from {float(np.min(array)):g} to {float(np.max(array)):g};"
            " expected [0, 1]: divide by the largest value the file can hold"
        )
    return unit


def is_levels(array: AnyArray) -> bool:
    """Return whether an array is uint8 or uint16, in any byte order."""
    return array.dtype.kind == "u" and array.itemsize <= 2


def to_light(values: Floats) -> Floats:
    """Return values in [0, 1] raised to the power of LIGHT: alpha is a line in what a lens mixes."""
    light: Floats = np.sqrt(values)  # many times as fast as a power
    light *= values
    return light


def to_bytes(unit: AnyArray) -> Bytes:
    """Return [0, 1] floats as uint8. Rounds: cutting off darkens soft edges by half a level."""
    levels: Bytes = np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)
    return levels


def to_words(unit: AnyArray) -> NDArray[np.uint16]:
    """Return [0, 1] floats as uint16, rounded."""
    levels: NDArray[np.uint16] = np.rint(np.clip(unit, 0, 1) * 65535).astype(np.uint16)
    return levels


def turn_upright(pixels: AnyArray, orientation: int) -> AnyArray:
    """Undo an EXIF orientation, 1 to 8. pixels: (H, W, ...)."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


@dataclass(frozen=True)
class Kernel:
    """The weights of a resized pixel's mean, by distance up to reach: in pixels of the picture, or of the
    result where those are larger, against moiré.
    """

    reach: int
    weigh: Callable[[AnyArray], AnyArray]


def _weigh_cubic(distance: AnyArray) -> AnyArray:
    """Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -1/2."""
    near = (1.5 * distance - 2.5) * distance * distance + 1
    far = (((distance - 5) * distance + 8) * distance - 4) * -0.5
    return np.where(distance < 1, near, np.where(distance < 2, far, 0))


LINEAR = Kernel(1, lambda distance: np.maximum(0, 1 - distance))
# Sharper: hairs stay as bright as they were. May go beyond the picture's range.
CUBIC = Kernel(2, _weigh_cubic)


def window(
    picture: Floats,
    height: int,
    width: int,
    top: float,
    left: float,
    down: float,
    across: float,
    kernel: Kernel = LINEAR,
) -> Floats:
    """Return what a window of a picture shows, (height, width, C).

    picture: (H, W, C); top, left: where the window's corner lies, in pixels of the picture; down, across: how
    many of them one pixel of the window spans. Beyond the border the outermost pixels repeat.
    """
    reach = kernel.reach * max(across, 1.0)
    first = min(max(math.floor(left - reach) - 1, 0), picture.shape[1] - 1)
    # Crop before scaling: a strip 9000 px wide may show 10.
    strip = picture[:, first : max(math.ceil(left + width * across + reach), first) + 1]
    rows = _resample(strip, height, top, down, kernel)
    columns = _resample(rows.swapaxes(0, 1), width, left - first, across, kernel)
    return np.ascontiguousarray(columns.swapaxes(0, 1))


def resize(picture: Floats, height: int, width: int, kernel: Kernel = LINEAR) -> Floats:
    """Return a picture (H, W, C) as (height, width, C), as `window` does."""
    old_height, old_width = picture.shape[:2]
    return window(picture, height, width, 0, 0, old_height / height, old_width / width, kernel)


def _resample(lines: Floats, count: int, start: float, step: float, kernel: Kernel) -> Floats:
    """Return `count` lines, `step` apart from `start` on. lines: (n, m, C)."""
    centres = start + (np.arange(count) + 0.5) * step - 0.5
    unit = max(step, 1.0)
    reach = kernel.reach * unit
    first = np.ceil(centres - reach).astype(np.int64)
    total = np.zeros((count, *lines.shape[1:]), np.float32)
    weights = np.zeros(count, np.float32)
    for tap in range(2 * math.ceil(reach) + 1):
        share = kernel.weigh(np.abs(first + tap - centres) / unit).astype(np.float32)
        weights += share
        total += share[:, None, None] * lines[np.clip(first + tap, 0, len(lines) - 1)]
    total /= weights[:, None, None]
    return total


def composite(foreground: AnyArray, background: AnyArray, alpha: AnyArray) -> Floats:
    """Lay foreground over background: I = αF + (1 − α)B, on gamma-encoded values. Returns float32 (H, W, 3).

    foreground: (H, W, 3); background: (H, W, 3) or one colour (3,); alpha: (H, W). Each may be uint8, uint16
    or floats in [0, 1]. Raises BadInput for shapes that do not fit, and as `to_unit` does.
    """
    foreground, background, alpha = map(np.asarray, (foreground, background, alpha))
    if foreground.shape != (*alpha.shape, 3) or background.shape not in ((3,), foreground.shape):
        raise BadInput(
            f"foreground {foreground.shape}, background {background.shape} and alpha {alpha.shape} do not"
            " fit; expected (H, W, 3), the same or (3,), and (H, W)"
        )
    return lay_over(to_unit(foreground), to_unit(background), to_unit(alpha))


def lay_over(foreground: Floats, background: Floats, alpha: Floats) -> Floats:
    """Return what `composite` does of arrays that are known to fit and to lie in [0, 1], float32."""
    weight = alpha[..., None]
    return np.asarray(weight * foreground + (1 - weight) * background, dtype=np.float32)
