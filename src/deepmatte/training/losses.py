"""Losses: pure functions of named tensors.

pred_alpha, true_alpha, is_unknown: (B, 1, H, W); alpha in [0, 1] where true, not clipped where predicted;
is_unknown is 1 where the trimap is unknown, else 0. Each returns one number.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

# Keeps the square roots below differentiable at 0 (Xu et al. 2017).
EPSILON = 1e-6


class Truth(NamedTuple):
    """What a prediction is compared with; colours (B, 3, H, W) in [0, 1] only where a loss asks for them."""

    alpha: Tensor
    is_unknown: Tensor
    foreground: Tensor | None = None
    background: Tensor | None = None


def alpha_prediction(pred_alpha: Tensor, true_alpha: Tensor, is_unknown: Tensor) -> Tensor:
    """Return the mean of √((α_p − α_g)² + ε²) over unknown pixels (Xu et al. 2017, equation 1).

    Its derivative by α_p is (α_p − α_g) / √((α_p − α_g)² + ε²), divided by the number of unknown pixels.
    """
    return _mean(((pred_alpha - true_alpha).square() + EPSILON**2).sqrt(), is_unknown)


def compositional(
    pred_alpha: Tensor, true_alpha: Tensor, is_unknown: Tensor, foreground: Tensor, background: Tensor
) -> Tensor:
    """Return the mean of √(‖c_p − c_g‖² + ε²) over unknown pixels (Xu et al. 2017, section 4.1).

    c is the clean composite of the true colours, foreground and background (B, 3, H, W) in [0, 1], by the
    predicted and by the true alpha.
    """
    difference = composite(foreground, background, pred_alpha) - composite(foreground, background, true_alpha)
    return _mean((difference.square().sum(dim=1, keepdim=True) + EPSILON**2).sqrt(), is_unknown)


def known(pred_alpha: Tensor, true_alpha: Tensor, is_unknown: Tensor) -> Tensor:
    """Return the mean absolute error over known pixels."""
    return _mean((pred_alpha - true_alpha).abs(), 1 - is_unknown)


def gradient(pred_alpha: Tensor, true_alpha: Tensor, is_unknown: Tensor) -> Tensor:
    """Return the mean over unknown pixels of the error's steps to the right and down, absolute, summed.

    A step counts where both of its pixels are unknown.
    """
    error = pred_alpha - true_alpha
    right = (error.diff(dim=3).abs() * is_unknown[..., 1:] * is_unknown[..., :-1]).sum()
    down = (error.diff(dim=2).abs() * is_unknown[..., 1:, :] * is_unknown[..., :-1, :]).sum()
    return (right + down) / is_unknown.sum().clamp(min=1)


def absolute(pred_alpha: Tensor, true_alpha: Tensor, is_unknown: Tensor) -> Tensor:
    """Return the mean absolute error over unknown pixels."""
    return _mean((pred_alpha - true_alpha).abs(), is_unknown)


def squared(pred_alpha: Tensor, true_alpha: Tensor, is_unknown: Tensor) -> Tensor:
    """Return the mean squared error over unknown pixels."""
    return _mean((pred_alpha - true_alpha).square(), is_unknown)


def laplacian(pred_alpha: Tensor, true_alpha: Tensor, is_unknown: Tensor, levels: int = 4) -> Tensor:
    """Return the weighted L1 difference of Laplacian pyramids (after Hou, Liu 2019), error outside unknown
    set to 0.

    The pyramid is of boxes, means of 2 × 2 that are repeated, where theirs is Gaussian. Level l counts 2^l
    for each pixel of the picture, what is left after the last level as one level more; the sum is divided by
    the number of unknown pixels and by 2^levels, so that an error of 1 everywhere gives 1.
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


# Terms that compare alphas, and those that compare composites and so need true colours.
ALPHA_TERMS = {
    "absolute": absolute,
    "squared": squared,
    "laplacian": laplacian,
    "alpha_prediction": alpha_prediction,
    "gradient": gradient,
    "known": known,
}
COLOUR_TERMS = {"compositional": compositional}
TERMS = (*ALPHA_TERMS, *COLOUR_TERMS)


def counts(truth: Truth) -> Tensor:
    """Return how many pixels terms are means over, (2,): unknown ones; known ones for the term known."""
    return torch.stack([truth.is_unknown.sum(), (1 - truth.is_unknown).sum()]).clamp(min=1)


def total(
    weights: dict[str, float], pred_alpha: Tensor, truth: Truth, scale: Tensor | None = None
) -> dict[str, Tensor]:
    """Return each term by name, and their weighted sum as "total".

    scale: (2,), what terms over unknown and over known pixels are multiplied by. With counts over their mean
    over several processes, the mean of all processes' terms is the term of all their samples together.
    Raises KeyError for an unknown term, ValueError for one that needs colours the truth lacks.
    """
    terms = {}
    for name in weights:
        if name not in COLOUR_TERMS:
            terms[name] = ALPHA_TERMS[name](pred_alpha, truth.alpha, truth.is_unknown)
        elif truth.foreground is None or truth.background is None:
            raise ValueError(f"the loss {name} needs the true foreground and background")
        else:
            terms[name] = COLOUR_TERMS[name](pred_alpha, *truth)  # type: ignore[arg-type]
        if scale is not None:
            terms[name] = terms[name] * scale[1 if name == "known" else 0]
    terms["total"] = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
    return terms


def _mean(values: Tensor, counts: Tensor) -> Tensor:
    return (values * counts).sum() / counts.sum().clamp(min=1)


def composite(foreground: Tensor, background: Tensor, alpha: Tensor) -> Tensor:
    """pixels.composite for tensors (B, C, H, W), alpha (B, 1, H, W); gradients flow."""
    return background + alpha * (foreground - background)
