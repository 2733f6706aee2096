"""How bright a picture is, and the same picture as bright as photographs mostly are.

What is seen through a darker glass has the same alpha: light is multiplied, and a power of it, as files keep,
as well. Guides and networks were made for photographs whose lightest values are white and whose darkest are
nearly black; night, haze and flat profiles of cameras are none. So those are stretched to it before anything
looks at them. Alphas and cutouts are of the picture as it was.
"""

import math

import numpy as np

from deepmatte.pixels import AnyArray, Floats, is_levels, to_unit, to_words

# Shares of values that are darker than what becomes nearly black, than what becomes white.
_DARKEST, _LIGHTEST = 0.001, 0.999
# What the darkest becomes, as in photographs that need nothing, where this share of the lightest or more has
# to be taken from all values for it.
_PEDESTAL, _VEIL = 0.06, 0.05
# Values that span this much then stay as they are; what spans less than the least is noise, and is not all
# brought out.
_ENOUGH, _LEAST = 0.9, 0.05
# Of so many pixels, spread evenly, values are counted.
_COUNTED = 1_000_000


def expose(image: AnyArray) -> AnyArray:
    """Return a picture whose values span [0, 1] as those of most photographs do, and itself where they do.

    image: (H, W, 3), uint8, uint16, bool or floats in [0, 1]. What is changed comes back as uint16, floats as
    float32; all channels by the same line. Raises BadInput as to_unit does.
    """
    if not is_levels(image):
        image = to_unit(image)
    low, high = _measure(image)
    if high - low >= _ENOUGH:
        return image
    high = max(high, low + _LEAST)
    if not is_levels(image):
        return _stretch(image, low, high)
    levels = np.arange(1 << 8 * image.itemsize).astype(image.dtype.newbyteorder("="))
    return to_words(_stretch(to_unit(levels), low, high))[image]


def _measure(image: AnyArray) -> tuple[float, float]:
    """Return the value that becomes black and the one that becomes white."""
    step = math.isqrt(image.shape[0] * image.shape[1] // _COUNTED) + 1
    counts = np.bincount(to_words(to_unit(image[::step, ::step])).ravel(), minlength=1 << 16)
    shares = np.cumsum(counts) / counts.sum()
    darkest, lightest = (np.searchsorted(shares, (_DARKEST, _LIGHTEST)) / 65535).tolist()
    black = (darkest - _PEDESTAL * lightest) / (1 - _PEDESTAL)
    return black if black >= _VEIL * lightest else 0.0, lightest


def _stretch(values: Floats, low: float, high: float) -> Floats:
    stretched: Floats = ((values - np.float32(low)) * np.float32(1 / (high - low))).clip(0, 1)
    return stretched
