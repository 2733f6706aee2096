"""A rough alpha spread from the known pixels along smooth colours, with the line in colour space that
explains it.

Where colours vary little, alpha is locally a linear function of colour, α = a·I + b (Levin, Lischinski, Weiss
2008, "A Closed-Form Solution to Natural Image Matting"). The quadratic that punishes deviation from this, the
matting Laplacian L, is minimised here on a small grid with a fixed number of conjugate-gradient steps, from
coarse to fine: each level starts from the lines (a, b) found on the level below. Few steps leave errors far
from the known pixels; the network that reads the result corrects them, and the time is bounded whatever the
picture.

Grids are (..., H, W) as in grids; an image is (..., 3, H, W). Leading axes are independent pictures.
"""

import math
from itertools import combinations
from typing import NamedTuple

import numpy as np

from deepmatte.grids import box3, enlarge, halve
from deepmatte.pixels import Floats

# Conjugate-gradient steps on each level, coarsest first. Measured in docs/experiments.md.
STEPS = (50, 50, 100, 300)
# Regularisation of a window's colour covariance (image in [0, 1]): smaller follows noise, larger blurs edges.
LAPLACIAN_EPSILON = 1e-6
LINE_EPSILON = 1e-5
# Less than this many cells on a side holds no 3 × 3 window pair worth a level.
SMALLEST_SIDE = 8

_WINDOW = tuple((y, x) for y in range(3) for x in range(3))
_OFFSETS = tuple((dy, dx) for dy in range(3) for dx in range(-2, 3) if dy > 0 or dx > 0)


def propagate(
    image: Floats, known: Floats, alpha: Floats, hint: Floats | None = None, trust: Floats | None = None
) -> Floats:
    """Spread alpha from the known cells to the others.

    image: (..., 3, H, W) in [0, 1]; known: (..., H, W), 1 where alpha is given, else 0; alpha: (..., H, W), 0
    or 1 where known; hint: (..., H, W) in [0, 1], what else is thought of alpha; trust: (..., H, W) ≥ 0, the
    weight of (α − hint)² beside αᵀLα. Returns (..., H, W) in [0, 1]; without any known cell or trust it is ½
    everywhere.
    """
    if hint is None or trust is None:
        hint = trust = np.zeros_like(alpha)
    levels = [_Level(image, known, alpha, hint, trust * (1 - known))]
    while len(levels) < len(STEPS) and min(levels[-1].known.shape[-2:]) >= 2 * SMALLEST_SIDE:
        levels.append(_reduce(levels[-1]))
    rough: Floats | None = None
    coarser = image
    for level, steps in zip(reversed(levels), STEPS[-len(levels) :], strict=True):
        if rough is None:
            guess = np.full_like(level.alpha, 0.5)
        else:
            lines = fit_lines(coarser, rough)
            height, width = level.alpha.shape[-2:]
            guess = np.clip(apply_lines(enlarge(lines, 2, height, width), level.image), 0, 1)
        start = np.where(level.known > 0, level.alpha, guess)
        rough = np.clip(_descend(level, start, steps), 0, 1)
        coarser = level.image
    assert rough is not None
    return rough


def fit_lines(image: Floats, alpha: Floats) -> Floats:
    """Fit α = a·I + b in each 3 × 3 window and average over the windows that hold a cell (He et al. 2010).

    image: (..., 3, H, W), alpha: (..., H, W). Returns (..., 4, H, W): a for red, green, blue, then b.
    """
    mean_image, mean_alpha = box3(image), box3(alpha)
    cov = box3(image * alpha[..., None, :, :]) - mean_image * mean_alpha[..., None, :, :]
    (rr, rg, rb), (gg, gb), (bb,) = (
        [box3(image[..., i, :, :] * image[..., j, :, :]) - mean_image[..., i, :, :] * mean_image[..., j, :, :]
         for j in range(i, 3)]
        for i in range(3)
    )  # fmt: skip
    rr, gg, bb = rr + LINE_EPSILON, gg + LINE_EPSILON, bb + LINE_EPSILON
    # The inverse of a symmetric 3 × 3 matrix by cofactors: one vectorised line each instead of a loop of
    # solves.
    c00, c01, c02 = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    c11, c12, c22 = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    det = np.maximum(rr * c00 + rg * c01 + rb * c02, LINE_EPSILON**3)
    r, g, b = cov[..., 0, :, :], cov[..., 1, :, :], cov[..., 2, :, :]
    slope = np.stack(
        [c00 * r + c01 * g + c02 * b, c01 * r + c11 * g + c12 * b, c02 * r + c12 * g + c22 * b], axis=-3
    )
    slope /= det[..., None, :, :]
    offset = mean_alpha - (slope * mean_image).sum(axis=-3)
    return box3(np.concatenate([slope, offset[..., None, :, :]], axis=-3))


def apply_lines(lines: Floats, image: Floats) -> Floats:
    """Return a·I + b. lines: (..., 4, H, W), image: (..., 3, H, W). Returns (..., H, W), not clipped."""
    alpha = lines[..., 3, :, :].copy()
    for channel in range(3):
        alpha += lines[..., channel, :, :] * image[..., channel, :, :]
    return alpha


class _Level(NamedTuple):
    """What propagate is given, on one of its grids."""

    image: Floats
    known: Floats
    alpha: Floats
    hint: Floats
    trust: Floats


def _reduce(level: _Level) -> _Level:
    """Halve all grids; a cell stays known only where all of it is known and agrees."""
    is_foreground = (halve(level.known * level.alpha) == 1).astype(np.float32)
    is_background = (halve(level.known * (1 - level.alpha)) == 1).astype(np.float32)
    trust = halve(level.trust)
    hint = np.divide(halve(level.hint * level.trust), np.maximum(trust, 1e-12), dtype=np.float32)
    return _Level(halve(level.image), is_foreground + is_background, is_foreground, hint, trust)


def _descend(level: _Level, start: Floats, steps: int) -> Floats:
    """Take conjugate-gradient steps on αᵀLα + Σ trust (α − hint)² over the unknown cells, each picture on its
    own.
    """
    laplacian = _Laplacian(level.image)
    laplacian.diagonal += level.trust
    free = 1 - level.known
    scale = free / np.maximum(laplacian.diagonal, 1e-6)
    alpha = start
    residual = (level.trust * level.hint - laplacian.times(alpha)) * free
    direction = scale * residual
    energy = _dot(residual, direction)
    # Below this a picture has converged: further steps would divide rounding errors by each other.
    floor = np.float32(1e-9 * free.shape[-2] * free.shape[-1])
    enough = np.maximum(energy * np.float32(1e-7), floor)
    for _ in range(steps):
        pushed = laplacian.times(direction) * free
        curvature = _dot(direction, pushed)
        goes_on = (energy > enough) & (curvature > 0)
        if not goes_on.any():
            break
        length = np.where(goes_on, energy / np.where(goes_on, curvature, 1), 0)
        alpha = alpha + length * direction
        residual = residual - length * pushed
        scaled = scale * residual
        before, energy = energy, _dot(residual, scaled)
        direction = scaled + np.where(goes_on, energy / np.where(goes_on, before, 1), 0) * direction
    return alpha


def _dot(left: Floats, right: Floats) -> Floats:
    return np.asarray((left * right).sum(axis=(-2, -1), keepdims=True), dtype=np.float32)


class _Laplacian:
    """The matting Laplacian of a grid as weights between a cell and the twelve cells after it in a 5 × 5
    square.

    Cells are numbered through rows and pictures, so that each of the twelve is one contiguous shift. Weights
    across the end of a row or a picture are 0, as no window holds both cells.
    """

    def __init__(self, image: Floats) -> None:
        self.shape = (*image.shape[:-3], *image.shape[-2:])
        cells = math.prod(self.shape)
        diagonal = np.zeros(cells, np.float32)
        self.parts = []
        for (dy, dx), weight in _affinities(image).items():
            shift = dy * image.shape[-1] + dx
            part = weight.ravel()[: max(cells - shift, 0)]
            diagonal[: len(part)] += part
            diagonal[cells - len(part) :] += part
            self.parts.append((cells - len(part), part))
        self.diagonal = diagonal.reshape(self.shape)
        self.scratch = np.empty(cells, np.float32)

    def times(self, alpha: Floats) -> Floats:
        """Return Lα, (..., H, W)."""
        values = alpha.ravel()
        out = self.diagonal.ravel() * values
        for shift, part in self.parts:
            product = self.scratch[: len(part)]
            np.multiply(part, values[shift:], out=product)
            out[: len(part)] -= product
            np.multiply(part, values[: len(part)], out=product)
            out[shift:] -= product
        return out.reshape(self.shape)


def _affinities(image: Floats) -> dict[tuple[int, int], Floats]:
    """Sum (1 + (I_i − μ)ᵀ Σ⁻¹ (I_j − μ)) / 9 over the 3 × 3 windows that hold both cells i and j = i +
    offset.
    """
    height, width = image.shape[-2:]
    rows, columns = max(height - 2, 0), max(width - 2, 0)
    whitened = _whiten([image[..., y : y + rows, x : x + columns] for y, x in _WINDOW])
    weights = {offset: np.zeros((*image.shape[:-3], height, width), np.float32) for offset in _OFFSETS}
    for (first, at), (second, to) in combinations(enumerate(_WINDOW), 2):
        affinity = (whitened[first] * whitened[second]).sum(axis=-3)
        affinity += 1
        affinity *= np.float32(1 / 9)
        offset = (to[0] - at[0], to[1] - at[1])
        weights[offset][..., at[0] : at[0] + rows, at[1] : at[1] + columns] += affinity
    return weights


def _whiten(views: list[Floats]) -> list[Floats]:
    """Return the windows' cells less their mean, times the inverse Cholesky factor of their colour
    covariance.
    """
    mean = sum(views[1:], views[0].copy()) / np.float32(len(views))
    centred = [view - mean for view in views]
    floor = np.float32(LAPLACIAN_EPSILON / len(views))

    def covariance(i: int, j: int) -> Floats:
        total = sum(
            (c[..., i, :, :] * c[..., j, :, :] for c in centred[1:]),
            centred[0][..., i, :, :] * centred[0][..., j, :, :],
        )
        return np.asarray(total / np.float32(len(views)), dtype=np.float32)

    f00 = np.sqrt(covariance(0, 0) + floor)
    f10, f20 = covariance(0, 1) / f00, covariance(0, 2) / f00
    f11 = np.sqrt(np.maximum(covariance(1, 1) + floor - f10**2, floor))
    f21 = (covariance(1, 2) - f20 * f10) / f11
    f22 = np.sqrt(np.maximum(covariance(2, 2) + floor - f20**2 - f21**2, floor))
    for c in centred:
        c[..., 0, :, :] /= f00
        c[..., 1, :, :] = (c[..., 1, :, :] - f10 * c[..., 0, :, :]) / f11
        c[..., 2, :, :] = (c[..., 2, :, :] - f20 * c[..., 0, :, :] - f21 * c[..., 1, :, :]) / f22
    return centred
