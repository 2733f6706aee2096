"""Errors of an alpha matte over the unknown region of its trimap.

Definitions of the alphamatting.com benchmark (Rhemann et al., "A perceptually motivated online benchmark for
image matting", CVPR 2009) as the evaluation code of Xu et al. ("Deep Image Matting", CVPR 2017) computes
them: only pixels that the trimap calls unknown (128) count. All four are printed in the literature's scale:
sad, gradient and connectivity are sums in thousands, mse is a mean, in thousandths when printed.

A matte is (H, W) in [0, 1], float; a trimap is uint8 (H, W) of {0, 128, 255}. Mattes are not rounded to
8 bits, as they are for the figures of most papers. Every function raises BadInput for sizes that differ,
values outside [0, 1] and NaN, and for a trimap with other values.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.errors import BadInput
from deepmatte.pixels import AnyArray, Bytes, Floats
from deepmatte.trimap import BACKGROUND, FOREGROUND, UNKNOWN

NAMES = ("sad", "mse", "gradient", "connectivity")

_SIGMA, _KERNEL_END = 1.4, 1e-2  # of the gradient's Gaussian; the kernel ends where the Gaussian is this low
_STEPS = 10  # of the connectivity's thresholds: 0.1, 0.2, ..., 1
_DEAD_ZONE = 0.15  # a pixel this little above its level is taken as connected


@dataclass(frozen=True)
class Errors:
    """The four errors of one matte as papers print them; each is better when lower."""

    sad: float  # thousands of wholly wrong pixels
    mse: float  # thousandths, mean over unknown pixels
    gradient: float  # thousands
    connectivity: float  # thousands


def measure(pred_alpha: AnyArray, true_alpha: AnyArray, trimap: Bytes) -> Errors:
    """Return all four errors of a matte, in the scales that papers print."""
    matte, truth, is_unknown = _checked(pred_alpha, true_alpha, trimap)
    return Errors(
        _sad(matte, truth, is_unknown),
        1000 * _mse(matte, truth, is_unknown),
        _gradient(matte, truth, is_unknown),
        _connectivity(matte, truth, is_unknown),
    )


def sad(pred_alpha: AnyArray, true_alpha: AnyArray, trimap: Bytes) -> float:
    """Return the sum of absolute differences over unknown pixels, in thousands."""
    return _sad(*_checked(pred_alpha, true_alpha, trimap))


def mse(pred_alpha: AnyArray, true_alpha: AnyArray, trimap: Bytes) -> float:
    """Return the mean squared difference over unknown pixels; 0 where nothing is unknown.

    Plain: papers print it in thousandths, as `measure` does.
    """
    return _mse(*_checked(pred_alpha, true_alpha, trimap))


def gradient(pred_alpha: AnyArray, true_alpha: AnyArray, trimap: Bytes) -> float:
    """Return the sum over unknown pixels of the squared difference of gradient magnitudes, in thousands.

    Each matte is first stretched so that its own lowest and highest value in the whole picture become 0 and
    1; that changes nothing where it reaches both already. Its gradient is that of a Gaussian of sigma 1.4 px,
    whose kernels have 9 × 9 entries (they end where the Gaussian is below 0.01) and a Euclidean norm, not a
    sum, of 1; pixels beyond the border repeat the outermost ones.
    """
    return _gradient(*_checked(pred_alpha, true_alpha, trimap))


def connectivity(pred_alpha: AnyArray, true_alpha: AnyArray, trimap: Bytes) -> float:
    """Return the sum over unknown pixels of how differently the mattes hang together, in thousands.

    A pixel's level l is the last of the thresholds 0, 0.1, ..., 1 up to which it belongs without a break to
    the largest 4-connected component of the picture where both mattes reach the threshold. Where a matte is
    d = alpha - l above the level its degree of connectivity is 1 - d, or 1 if d is under 0.15; summed is the
    absolute difference of both degrees. Of components of one size, the one whose leftmost column comes
    first counts, then the topmost in that column.
    """
    return _connectivity(*_checked(pred_alpha, true_alpha, trimap))


def _checked(
    pred_alpha: AnyArray, true_alpha: AnyArray, trimap: Bytes
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return both mattes as float32, and which pixels count."""
    if not pred_alpha.shape == true_alpha.shape == trimap.shape or trimap.ndim != 2:
        raise BadInput(
            f"matte {pred_alpha.shape}, true alpha {true_alpha.shape} and trimap {trimap.shape} differ in"
            " size; expected one (height, width)"
        )
    is_unknown = trimap == UNKNOWN
    if not np.all(is_unknown | (trimap == BACKGROUND) | (trimap == FOREGROUND)):
        raise BadInput("the trimap has other values than 0, 128 and 255; expected what trimap.parse returns")
    return _unit(pred_alpha, "the matte"), _unit(true_alpha, "the true alpha"), is_unknown


def _unit(matte: AnyArray, name: str) -> Floats:
    if matte.dtype.kind != "f":
        raise BadInput(f"{name} is {matte.dtype}; expected floats in [0, 1]: pixels.to_unit converts")
    if matte.size and not np.isfinite(matte).all():
        raise BadInput(f"{name} holds values that are no numbers; expected [0, 1]")
    if matte.size and not (float(matte.min()) >= 0 and float(matte.max()) <= 1):
        raise BadInput(
            f"{name} ranges from {float(matte.min()):g} to {float(matte.max()):g}; expected [0, 1]"
        )
    return matte.astype(np.float32, copy=False)


def _sad(matte: Floats, truth: Floats, is_unknown: NDArray[np.bool_]) -> float:
    return float(np.abs(_difference(matte, truth, is_unknown)).sum() / 1000)


def _mse(matte: Floats, truth: Floats, is_unknown: NDArray[np.bool_]) -> float:
    error = _difference(matte, truth, is_unknown)
    return float(np.square(error).mean()) if error.size else 0.0


def _difference(matte: Floats, truth: Floats, is_unknown: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.asarray(matte[is_unknown].astype(np.float64) - truth[is_unknown])


def _gradient(matte: Floats, truth: Floats, is_unknown: NDArray[np.bool_]) -> float:
    error = _magnitude(matte)[is_unknown] - _magnitude(truth)[is_unknown]
    return float(np.square(error).sum() / 1000)


def _magnitude(matte: Floats) -> NDArray[np.float64]:
    """Return the length of the gradient at each pixel of the stretched matte."""
    if matte.size == 0:
        return np.zeros(matte.shape)
    stretched = matte.astype(np.float64)
    lowest, highest = float(stretched.min()), float(stretched.max())
    if highest > lowest:
        stretched = (stretched - lowest) / (highest - lowest)
    reach = math.ceil(_SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * _SIGMA * _KERNEL_END)))
    offset = np.arange(-reach, reach + 1)
    smooth = np.exp(-(offset**2) / (2 * _SIGMA**2))
    slope = -offset * smooth
    # The kernel is the product of these two, so it has norm 1 if both have.
    smooth, slope = smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)

    def along(axis: int) -> NDArray[np.float64]:
        smoothed = ndimage.convolve1d(stretched, smooth, axis=1 - axis, mode="nearest")
        return np.asarray(ndimage.convolve1d(smoothed, slope, axis=axis, mode="nearest"))

    return np.hypot(along(0), along(1))


def _connectivity(matte: Floats, truth: Floats, is_unknown: NDArray[np.bool_]) -> float:
    level = _levels(np.minimum(matte, truth), is_unknown)[is_unknown]
    degrees = (_degree(each[is_unknown], level) for each in (matte, truth))
    return float(np.abs(np.subtract(*degrees), dtype=np.float64).sum() / 1000)


def _degree(alpha: Floats, level: Floats) -> NDArray[np.float64]:
    """Return how connected pixels of this alpha and level are, 1 at most."""
    above = alpha.astype(np.float64) - level
    return 1 - np.where(above >= _DEAD_ZONE, above, 0)


def _levels(lower: Floats, is_unknown: NDArray[np.bool_]) -> Floats:
    """Return each unknown pixel's level; of other pixels nothing is promised.

    lower: the smaller of both mattes, which reaches a threshold where both do.
    """
    # Turned, so that components are numbered column by column. Thresholds are float32 as the matte is: 51/255
    # reaches 0.2.
    lower = np.ascontiguousarray(lower.T)
    thresholds = np.arange(_STEPS + 1, dtype=np.float32) / np.float32(_STEPS)
    level = np.ones(lower.shape, np.float32)
    is_open = np.ascontiguousarray(is_unknown.T)  # unknown, and in the largest component up to here
    for below, threshold in itertools.pairwise(thresholds):
        is_largest = _largest_component(lower >= threshold)
        level[is_open & ~is_largest] = below
        is_open &= is_largest
        if not is_open.any():  # the other thresholds cannot change anything any more
            break
    return level.T


def _largest_component(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest 4-connected component, of equal ones that which comes first row by row."""
    components, count = ndimage.label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(components.ravel())
    return np.asarray(components == 1 + int(np.argmax(sizes[1:])))
