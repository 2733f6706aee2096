"""Three-valued maps that say where the foreground is, where it is not, and where nobody knows.

A trimap is uint8 (H, W) with exactly {0 background, 128 unknown, 255 foreground}.
`parse` is the one door for maps from outside; its rule is in docs/conventions.md.
"""

import math

import numpy as np
from numpy.typing import NDArray

from deepmatte.errors import BadInput
from deepmatte.pixels import AnyArray, Bytes, Floats, to_unit

BACKGROUND, UNKNOWN, FOREGROUND = 0, 128, 255

Bools = NDArray[np.bool_]

_LOW, _HIGH = 0.1, 0.9  # shares of the type's range; room for JPEG noise and anti-aliasing
_SURE = 0.02  # of 0 or 1: an alpha as near to it is sure
# How far what is sure lies from what is not before it counts as known. What a first look mistakes for
# background would be believed up to its edge (docs/decisions/second-look.md).
_SURE_FOREGROUND_PX, _SURE_BACKGROUND_PX = 1, 3
BAND_PX = 10  # how far a mask's outline may be off, to either side
_STRIP_ROWS = 512
_THICK_PX = 2  # from its outline to its middle: what is thinner may be off by its own width
_CHANNEL_SPREAD = (
    0.1  # how far the channels of a grey map saved as colour may differ, as a share of the range
)


def parse(array: AnyArray) -> Bytes:
    """Read any sloppy trimap as exactly {0, 128, 255}, (H, W).

    array: (H, W), (H, W, 1), or a grey map saved as colour (H, W, 3) or opaque (H, W, 4).
    Integers whose largest value is at most 2 are labels: 0 background, 1 unknown, 2 foreground. All else is
    a level: under 10 % of the range is background, over 90 % foreground, the rest unknown. The range is
    255 (for uint16 65535), for floats and booleans 1.
    Raises BadInput for other shapes and types, values outside the range, NaN, colours and transparency.
    """
    levels, top = _levels(one_channel(np.asarray(array), "trimap"), "trimap")
    if levels.dtype.kind in "iu" and int(levels.max()) <= 2:
        return np.array([BACKGROUND, UNKNOWN, FOREGROUND], np.uint8)[levels]
    trimap = np.full(levels.shape, UNKNOWN, np.uint8)
    trimap[levels < _LOW * top] = BACKGROUND
    trimap[levels > _HIGH * top] = FOREGROUND
    return trimap


def one_channel(array: AnyArray, name: str) -> AnyArray:
    """Return a grey map of any layout as (H, W), in the type it came in.

    array: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); name: what to call it in an error.
    Raises BadInput for other shapes, no pixels, colours (channels more than 10 % of the range apart) and
    transparency.
    """
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))) or array.size == 0:
        raise BadInput(
            f"{name} has the shape {array.shape}; expected (height, width) with at least one pixel"
        )
    if array.ndim == 2:
        return array
    if array.shape[2] == 1:
        return array[..., 0]
    levels, top = _levels(array, name)
    if levels.shape[2] == 4 and not np.all(levels[..., 3] == top):
        raise BadInput(f"{name} has transparent pixels; expected an opaque grey picture: flatten it first")
    red, green, blue = (levels[..., channel] for channel in range(3))
    highest = np.maximum(np.maximum(red, green), blue)
    lowest = np.minimum(np.minimum(red, green), blue)
    if float((highest - lowest).max()) > _CHANNEL_SPREAD * top:
        raise BadInput(f"{name} has colours; expected black, grey and white: save it as a grey picture")
    return green


def _levels(array: AnyArray, name: str) -> tuple[AnyArray, int]:
    """Return the array with its range checked, and the value that stands for white."""
    kind = array.dtype.kind
    if kind == "b":
        return array.astype(np.float32), 1
    if kind not in "iuf":
        raise BadInput(f"{name} is {array.dtype}; expected whole numbers or floats in [0, 1]")
    top = 1 if kind == "f" else 65535 if kind == "u" and array.itemsize == 2 else 255
    lowest, highest = float(array.min()), float(array.max())
    if not (lowest >= 0 and highest <= top):
        raise BadInput(
            f"{name} of {array.dtype} ranges from {lowest:g} to {highest:g}; expected [0, {top}]:"
            " use floats in [0, 1], uint8, uint16 or labels 0, 1, 2"
        )
    return array, top


def check_size(
    trimap_shape: tuple[int, ...],
    image_shape: tuple[int, ...],
    rotated_by_exif: bool = False,
    name: str = "trimap",
) -> None:
    """Raise BadInput unless both shapes (height, width, ...) have the same height and width.

    rotated_by_exif: the image's sides were swapped by its EXIF orientation when it was read; name: what to
    call the first in an error.
    """
    trimap_size, image_size = trimap_shape[:2], image_shape[:2]
    if trimap_size == image_size:
        return
    message = f"{name} is {_size(trimap_size)} but the image is {_size(image_size)}; they must match"
    if trimap_size == image_size[::-1]:
        message += (
            f": the image's EXIF orientation turns it by 90°, so turn the {name} too"
            if rotated_by_exif
            else ": the sides are swapped, so turn one of them by 90°"
        )
    raise BadInput(message)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} × {shape[0]} px"


def check_not_one_colour(trimap: Bytes, of_mask: bool = False) -> None:
    """Raise BadInput for a trimap that is wholly foreground or wholly background: nothing is asked.

    A wholly unknown one passes. of_mask: it was made from a mask.
    """
    given, advice = (
        ("mask", "white (above half) where the foreground is, and black elsewhere")
        if of_mask
        else ("trimap", "black, white and grey areas: paint the unknown band grey")
    )
    for value, name in ((BACKGROUND, "background (black)"), (FOREGROUND, "foreground (white)")):
        if bool(np.all(trimap == value)):
            raise BadInput(f"{given} is all {name}; expected {advice}")


def has_unknown(trimap: Bytes) -> bool:
    """Whether any pixel is unknown."""
    return bool(np.any(trimap == UNKNOWN))


def from_mask(mask: AnyArray, inner_px: float = BAND_PX, outer_px: float = BAND_PX) -> Bytes:
    """Make a trimap whose unknown band runs along a mask's outline.

    mask: (H, W), (H, W, 1), or grey saved as colour; bool, integers holding only 0 and 1, uint8, uint16 or
    floats in [0, 1]; above half is foreground. inner_px, outer_px: how far the band reaches into the
    foreground and out of it. The picture's border is no outline: a mask touching it is not eroded there.
    A pole or a leg that lies alone and is nowhere thick enough to keep a core keeps its inner half; only
    parts of at most (2 · inner_px)² px, or 2 px thick, become wholly unknown.
    Raises BadInput for a mask or widths that cannot be used.
    """
    levels, top = _levels(one_channel(np.asarray(mask), "mask"), "mask")
    if levels.dtype.kind in "iu" and int(levels.max()) <= 1:
        top = 1
    is_foreground = levels > top / 2
    trimap = _with_band(is_foreground, ~is_foreground, inner_px, outer_px)
    _keep_cores(trimap, is_foreground, inner_px)
    return trimap


def _keep_cores(trimap: Bytes, is_foreground: Bools, inner_px: float) -> None:
    """Mark the inner half of every large part of the foreground of which the band left nothing known."""
    from scipy import ndimage

    parts, count = ndimage.label(is_foreground, np.ones((3, 3)))
    areas = np.bincount(parts.ravel(), minlength=count + 1)
    reach = min(inner_px, sum(trimap.shape))
    is_lost = areas > (2 * reach) ** 2
    is_lost[0] = False  # the background
    is_lost[parts[trimap == FOREGROUND]] = False
    if not is_lost.any():
        return
    places = np.flatnonzero(is_lost[parts])
    depths = _depths(is_foreground, math.ceil(reach) + 1).ravel()[places]
    deepest = np.zeros(count + 1, np.float32)
    owners = parts.ravel()[places]
    np.maximum.at(deepest, owners, depths)
    is_core = (depths > deepest[owners] / 2) & (deepest[owners] >= _THICK_PX)
    trimap.ravel()[places[is_core]] = FOREGROUND


def _depths(mask: Bools, most_px: int) -> Floats:
    """Return how far each pixel lies from the next outside the mask, exact up to most_px. A strip at a time,
    as the transform takes forty times the strip's memory.
    """
    from scipy import ndimage

    depths = np.empty(mask.shape, np.float32)
    for top in range(0, len(mask), _STRIP_ROWS):
        first, last = max(top - most_px, 0), min(top + _STRIP_ROWS, len(mask))
        strip = ndimage.distance_transform_edt(mask[first : last + most_px])
        depths[top:last] = strip[top - first : last - first]
    return depths


def from_alpha(alpha: AnyArray, inner_px: float = 0, outer_px: float = 0) -> Bytes:
    """Make the trimap that a true alpha deserves: unknown wherever it is neither 0 nor 1.

    alpha: (H, W), uint8, uint16, bool or floats in [0, 1]. inner_px, outer_px: how far the unknown region
    grows into the foreground and into the background.
    """
    unit = to_unit(one_channel(np.asarray(alpha), "alpha"))
    return _with_band(unit == 1, unit == 0, inner_px, outer_px)


def settle(trimap: Bytes, alpha: Floats) -> Bytes:
    """Return a trimap of which more is known: where an alpha, and all around it, is within 0.02 of 1 (up to
    1 px away) or of 0 (up to 3 px). What was known stays so.

    trimap: (H, W), parsed; alpha: (H, W) in [0, 1] that keeps to it.
    """
    settled = _with_band(alpha >= 1 - _SURE, alpha <= _SURE, _SURE_FOREGROUND_PX, _SURE_BACKGROUND_PX)
    return np.where(trimap == UNKNOWN, settled, trimap)


def _with_band(is_foreground: Bools, is_background: Bools, inner_px: float, outer_px: float) -> Bytes:
    trimap = np.full(is_foreground.shape, UNKNOWN, np.uint8)
    trimap[~dilate(~is_foreground, inner_px)] = FOREGROUND
    trimap[~dilate(~is_background, outer_px)] = BACKGROUND
    return trimap


def dilate(mask: Bools, radius_px: float) -> Bools:
    """Return where any pixel of the mask lies within radius_px (Euclidean, inclusive). mask: bool (H, W).

    Exact for any radius. Raises BadInput for a radius that is negative or not finite.
    """
    if not (math.isfinite(radius_px) and radius_px >= 0):
        raise BadInput(f"a width of {radius_px:g} px cannot be used; expected 0 or more")
    height, width = mask.shape
    if radius_px < 1 or mask.size == 0:
        return mask.copy()
    radius_px = min(radius_px, height + width)  # whose square is a number
    across = _distance_in_row(mask, limit=math.floor(min(radius_px, width)))
    grown = np.zeros_like(mask)
    for down in range(min(math.floor(radius_px), height - 1) + 1):
        # A disc is a stack of rows; the one `down` rows away reaches this far to each side.
        near = across <= min(math.floor(math.sqrt(radius_px**2 - down**2)), width)
        grown[down:] |= near[: height - down]
        grown[: height - down] |= near[down:]
    return grown


def _distance_in_row(mask: Bools, limit: int) -> NDArray[np.unsignedinteger]:
    """Return the distance in px to the nearest True in the same row; more than limit where none is near."""
    width = mask.shape[1]
    column = np.arange(width, dtype=np.int32)
    far = np.int32(2 * width + 2)
    left = np.maximum.accumulate(np.where(mask, column, -far), axis=1)
    distance = column - left
    right = np.minimum.accumulate(np.where(mask, column, far)[:, ::-1], axis=1)[:, ::-1]
    np.minimum(distance, right - column, out=distance)
    return np.minimum(distance, limit + 1).astype(np.uint8 if limit < 255 else np.uint32)


def keep_known(alpha: Floats, trimap: Bytes) -> Floats:
    """Return alpha with exactly 0 where the trimap says background and 1 where it says foreground.

    alpha: (H, W) in [0, 1]; trimap: (H, W), parsed.
    """
    kept = np.where(trimap == FOREGROUND, np.float32(1), alpha)
    return np.where(trimap == BACKGROUND, np.float32(0), kept).astype(np.float32, copy=False)
