"""Losses: pure functions of named tensors.

pred_alpha, true_alpha, is_unknown: (B, 1, H, W); alpha in [0, 1] where true, not clipped where predicted;
is_unknown is 1 where the trimap is unknown, else 0. Each returns one number.
"""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def absolute(pred_alpha: Tensor, true_alpha: Tensor, is_unknown: Tensor) -> Tensor:
    """Return the mean absolute error over unknown pixels."""
    return ((pred_alpha - true_alpha).abs() * is_unknown).sum() / is_unknown.sum().clamp(min=1)


def squared(pred_alpha: Tensor, true_alpha: Tensor, is_unknown: Tensor) -> Tensor:
    """Return the mean squared error over unknown pixels."""
    return ((pred_alpha - true_alpha).square() * is_unknown).sum() / is_unknown.sum().clamp(min=1)


def laplacian(pred_alpha: Tensor, true_alpha: Tensor, is_unknown: Tensor, levels: int = 4) -> Tensor:
    """Return the weighted L1 difference of Laplacian pyramids (Hou, Liu 2019), error outside unknown set to
    0.

    Level l counts 2^l; the sum is divided by the number of unknown pixels at level 0, and by the number of
    levels.
    """
    error = (pred_alpha - true_alpha) * is_unknown
    total = error.new_zeros(())
    for level in range(levels):
        coarse = F.avg_pool2d(error, 2)
        detail = error - F.interpolate(coarse, scale_factor=2.0, mode="nearest")
        # One pixel here stands for 4^level pixels of the picture.
        total = total + 2**level * detail.abs().sum() * 4**level
        error = coarse
    total = total + 2**levels * error.abs().sum() * 4**levels
    return total / (is_unknown.sum().clamp(min=1) * 2**levels)


def cut_off(pred_alpha: Tensor, true_alpha: Tensor) -> Tensor:
    """Return pred_alpha with what lies beyond the truth at 0 and 1 cut off, as it is in use.

    Where the truth is 0 or 1 a prediction beyond it costs nothing, so a network may overshoot and come out
    exactly 0 or 1; everywhere else it keeps its gradient, which a plain clamp would take from it.
    """
    below_one = torch.where(true_alpha >= 1, pred_alpha.clamp(max=1), pred_alpha)
    return torch.where(true_alpha <= 0, below_one.clamp(min=0), below_one)


TERMS = {"absolute": absolute, "squared": squared, "laplacian": laplacian}


def total(
    weights: dict[str, float], pred_alpha: Tensor, true_alpha: Tensor, is_unknown: Tensor
) -> dict[str, Tensor]:
    """Return each term by name, and their weighted sum as "total". Raises KeyError for an unknown term.

    The prediction is cut off first (see cut_off).
    """
    pred_alpha = cut_off(pred_alpha, true_alpha)
    terms = {name: TERMS[name](pred_alpha, true_alpha, is_unknown) for name in weights}
    terms["total"] = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
    return terms
