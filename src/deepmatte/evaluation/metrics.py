"""Errors of an alpha matte over the unknown region of its trimap.

Definitions of the alphamatting.com benchmark (Rhemann et al. 2009) and of the evaluation code of Xu et al.
2017: only pixels that the trimap calls unknown (128) count. Mattes are float32 (H, W) in [0, 1].
"""

import numpy as np

from deepmatte.errors import BadInput
from deepmatte.pixels import Bytes, Floats
from deepmatte.trimap import UNKNOWN


def sad(pred_alpha: Floats, true_alpha: Floats, trimap: Bytes) -> float:
    """Return the sum of absolute differences over unknown pixels, in thousands."""
    return float(np.abs(_error(pred_alpha, true_alpha, trimap)).sum() / 1000)


def mse(pred_alpha: Floats, true_alpha: Floats, trimap: Bytes) -> float:
    """Return the mean squared difference over unknown pixels; 0 where nothing is unknown."""
    error = _error(pred_alpha, true_alpha, trimap)
    return float(np.square(error).mean()) if error.size else 0.0


def _error(
    pred_alpha: Floats, true_alpha: Floats, trimap: Bytes
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the signed error of each unknown pixel. Raises BadInput for mattes that cannot be compared."""
    if not pred_alpha.shape == true_alpha.shape == trimap.shape:
        raise BadInput(
            f"matte {pred_alpha.shape}, true alpha {true_alpha.shape} and trimap {trimap.shape} differ in"
            " size; expected one (height, width)"
        )
    is_unknown = trimap == UNKNOWN
    error = pred_alpha[is_unknown].astype(np.float64) - true_alpha[is_unknown]
    if not np.isfinite(error).all():
        raise BadInput("a matte holds values that are no numbers; expected [0, 1]")
    return np.asarray(error)
