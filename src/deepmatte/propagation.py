"""A rough alpha spread from the known pixels along smooth colours, with the line in colour space that
explains it.

Where colours vary little, alpha is locally a linear function of colour, α = a·I + b (Levin, Lischinski, Weiss
2008, "A Closed-Form Solution to Natural Image Matting"). The quadratic that punishes deviation from this, the
matting Laplacian L, is minimised here on a small grid by conjugate gradients, from coarse to fine: each level
starts from the lines (a, b) found on the level below. Beside it, unknown cells of nearly the same colour are
linked wherever they lie, as information-flow matting does (Aksoy, Aydın, Pollefeys 2017, "Designing Effective
Inter-Pixel Information Flow for Natural Image Matting", the flow within the unknown region): a gap in hair
that no known cell reaches learns from the background beside the hair.

Grids are (..., H, W) as in grids; an image is (..., 3, H, W). Leading axes are independent pictures.
"""

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import cg
from scipy.spatial import cKDTree

from deepmatte.grids import box3, enlarge, halve
from deepmatte.pixels import AnyArray, Floats

# Conjugate-gradient steps at most on each level, coarsest first, and how far a residual must fall to stop.
# Measured in docs/experiments.md.
STEPS = (50, 50, 50, 100, 300)
TOLERANCE = 3e-4
# Each unknown cell is linked to this many others, by colour and, a little, by place (in shares of the sides);
# the weight of links beside αᵀLα.
NEIGHBOURS = 5
LINKS = 0.005
_PLACE = 0.03
# Regularisation of a window's colour covariance (light in [0, 1]): smaller follows noise, larger blurs edges.
LAPLACIAN_EPSILON = 3e-8
LINE_EPSILON = 1e-5
# Noise (its variance) asks for more: of lines as much as it has, of the Laplacian this share. Clean
# photographs have this variance on the finest grid, and need none. Measured in docs/experiments.md.
_NOISE_SHARE, _QUIET = 0.03, 1.6e-5
# Less than this many cells on a side holds no 3 × 3 window pair worth a level.
SMALLEST_SIDE = 8

_WINDOW = tuple((y, x) for y in range(3) for x in range(3))
_OFFSETS = tuple((dy, dx) for dy in range(3) for dx in range(-2, 3) if dy > 0 or dx > 0)


def measure_noise(image: Floats) -> Floats:
    """Return the variance of a picture's noise, (...), as far as it is above that of clean photographs.

    image: (..., 3, H, W). Told by second differences across and down, where colours and soft edges leave
    nothing (Immerkær 1996, "Fast Noise Variance Estimation"), in the fifth of the picture where they are
    least.
    """
    if min(image.shape[-2:]) < 3:
        return np.zeros(image.shape[:-3], np.float32)
    down = image[..., :-2, :] - 2 * image[..., 1:-1, :] + image[..., 2:, :]
    across = down[..., :-2] - 2 * down[..., 1:-1] + down[..., 2:]
    # Of a normal distribution a fifth lies within 0.2533 deviations; the weights' squares add up to 36.
    deviation = np.quantile(np.abs(across), 0.2, axis=(-3, -2, -1)) / (0.2533 * 6)
    return np.asarray(np.maximum(deviation**2 - _QUIET, 0), dtype=np.float32)


def propagate(
    image: Floats,
    known: Floats,
    alpha: Floats,
    hint: Floats | None = None,
    trust: Floats | None = None,
    noise: Floats | float = 0.0,
) -> Floats:
    """Spread alpha from the known cells to the others.

    image: (..., 3, H, W), light in [0, 1]; known: (..., H, W), 1 where alpha is given, else 0; alpha: (...,
    H, W), 0 or 1 where known; hint: (..., H, W) in [0, 1], what else is thought of alpha; trust: (..., H, W)
    ≥ 0, the weight of (α − hint)² beside αᵀLα; noise: (...), what measure_noise returns. Returns (..., H, W)
    in [0, 1]; without any known cell or trust it is ½ everywhere.
    """
    if hint is None or trust is None:
        hint = trust = np.zeros_like(alpha)
    height, width = alpha.shape[-2:]
    images = image.reshape(-1, 3, height, width)
    grids = (grid.reshape(-1, height, width) for grid in (known, alpha, hint, trust * (1 - known)))
    variances = np.broadcast_to(noise, alpha.shape[:-2]).ravel().tolist()
    out = [_spread(_Level(*picture)) for picture in zip(images, *grids, variances, strict=True)]
    return np.stack(out).reshape(alpha.shape)


def _spread(finest: "_Level") -> Floats:
    """Return the alpha of one picture."""
    levels = [finest]
    while len(levels) < len(STEPS) and min(levels[-1].known.shape) >= 2 * SMALLEST_SIDE:
        levels.append(_reduce(levels[-1]))
    rough: Floats | None = None
    coarser = finest.image
    for level, steps in zip(reversed(levels), STEPS[-len(levels) :], strict=True):
        if rough is None:
            guess = np.full_like(level.alpha, 0.5)
        else:
            lines = enlarge(fit_lines(coarser, rough, level.noise), 2, *level.alpha.shape)
            guess = np.clip(apply_lines(lines, level.image), 0, 1)
        rough = _descend(level, np.where(level.known > 0, level.alpha, guess), steps)
        coarser = level.image
    assert rough is not None
    return rough


def fit_lines(image: Floats, alpha: Floats, noise: Floats | float = 0.0) -> Floats:
    """Fit α = a·I + b in each 3 × 3 window and average over the windows that hold a cell (He et al. 2010).

    image: (..., 3, H, W), alpha: (..., H, W); noise: (...), what measure_noise returns. Returns (..., 4, H,
    W): a for red, green, blue, then b.
    """
    # In double precision, for where channels are nearly alike the determinant is a small difference of large
    # numbers.
    image, alpha = image.astype(np.float64), alpha.astype(np.float64)
    mean_image, mean_alpha = box3(image), box3(alpha)
    cov = box3(image * alpha[..., None, :, :]) - mean_image * mean_alpha[..., None, :, :]
    (rr, rg, rb), (gg, gb), (bb,) = (
        [box3(image[..., i, :, :] * image[..., j, :, :]) - mean_image[..., i, :, :] * mean_image[..., j, :, :]
         for j in range(i, 3)]
        for i in range(3)
    )  # fmt: skip
    epsilon = LINE_EPSILON + np.asarray(noise, np.float64)[..., None, None]
    rr, gg, bb = rr + epsilon, gg + epsilon, bb + epsilon
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
    return box3(np.concatenate([slope, offset[..., None, :, :]], axis=-3)).astype(np.float32)


def apply_lines(lines: Floats, image: Floats) -> Floats:
    """Return a·I + b. lines: (..., 4, H, W), image: (..., 3, H, W). Returns (..., H, W), not clipped."""
    alpha = lines[..., 3, :, :].copy()
    for channel in range(3):
        alpha += lines[..., channel, :, :] * image[..., channel, :, :]
    return alpha


class _Level(NamedTuple):
    """What propagate is given of one picture, on one of its grids."""

    image: Floats
    known: Floats
    alpha: Floats
    hint: Floats
    trust: Floats
    noise: float = 0.0


def _reduce(level: _Level) -> _Level:
    """Halve all grids; a cell stays known only where all of it is known and agrees."""
    is_foreground = (halve(level.known * level.alpha) == 1).astype(np.float32)
    is_background = (halve(level.known * (1 - level.alpha)) == 1).astype(np.float32)
    trust = halve(level.trust)
    hint = np.divide(halve(level.hint * level.trust), np.maximum(trust, 1e-12), dtype=np.float32)
    known = is_foreground + is_background
    return _Level(halve(level.image), known, is_foreground, hint, trust, level.noise)


def _descend(level: _Level, start: Floats, steps: int) -> Floats:
    """Take conjugate-gradient steps on αᵀLα + links + Σ trust (α − hint)² over the unknown cells."""
    is_free = level.known.ravel() == 0
    free = np.flatnonzero(is_free)
    alpha = start.ravel().copy()
    if len(free):
        matrix, right = _assemble(level, is_free)
        scale = sparse.diags(1 / np.maximum(matrix.diagonal(), 1e-6))
        # Where nothing is known the right side is 0, and rounding errors are no residual to follow.
        enough = max(TOLERANCE * float(np.linalg.norm(right)), 3e-6 * len(free) ** 0.5)
        # As a correction: cg answers 0 to a right side of 0, wherever it starts.
        residual = right - matrix @ alpha[free]
        alpha[free] += cg(matrix, residual, rtol=0, atol=enough, maxiter=steps, M=scale)[0]
    return np.clip(alpha, 0, 1, out=alpha).reshape(start.shape)


def _assemble(level: _Level, is_free: AnyArray) -> tuple[Any, Floats]:
    """Return the sparse matrix (N, N) and the right side (N,) of the equations of the N unknown cells."""
    cells, width = is_free.size, level.image.shape[-1]
    free = np.flatnonzero(is_free)
    place = np.cumsum(is_free, dtype=np.int32) - 1
    alpha = level.alpha.ravel()
    diagonal = level.trust.ravel().copy()
    right = diagonal * level.hint.ravel()
    entries: list[tuple[Any, Any, Floats]] = []
    epsilon = LAPLACIAN_EPSILON + _NOISE_SHARE * level.noise
    for (dy, dx), weight in _affinities(level.image, epsilon).items():
        if abs(dx) >= width:
            continue  # no row holds both cells
        shift = dy * width + dx
        # Cells are numbered through rows, so that each offset is one contiguous shift. Weights across the end
        # of a row are 0, as no window holds both cells.
        part = weight.ravel()[: max(cells - shift, 0)]
        near, far = slice(len(part)), slice(cells - len(part), None)
        diagonal[near] += part
        diagonal[far] += part
        right[near] += part * (alpha[far] * ~is_free[far])
        right[far] += part * (alpha[near] * ~is_free[near])
        both = np.flatnonzero(is_free[near] & is_free[far])
        entries.append((place[both], place[both + shift], part[both]))
    rows, columns, weights = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    half = sparse.csr_matrix((weights, (rows, columns)), shape=(len(free), len(free)))
    links = _link(level.image, free)
    links.setdiag(links.diagonal() - np.asarray(links.sum(axis=1)).ravel())
    return (sparse.diags(diagonal[free]) - half - half.T - links).tocsr(), right[free]


def _link(image: Floats, free: AnyArray) -> Any:
    """Return the symmetric weights (N, N) between unknown cells of nearly the same colour."""
    height, width = image.shape[-2:]
    y, x = np.divmod(free, width)
    # Light is mixed, but how alike two colours are is seen in roots: the square root of what files hold.
    colours = np.cbrt(image.reshape(3, -1)[:, free])
    points = np.stack([*colours, _PLACE * x / width, _PLACE * y / height], axis=-1).astype(np.float32)
    # Neighbours up to twice as far as the nearest do as well, and are found in half the time.
    _, nearest = cKDTree(points).query(points, min(NEIGHBOURS + 1, len(free)), eps=1)
    nearest = nearest.reshape(len(free), -1)  # the cell itself among them, whose weight cancels out
    distance = np.abs(points[:, None] - points[nearest]).sum(axis=-1)
    weights = np.float32(LINKS / 2) * np.maximum(1 - distance, 0)
    starts = np.arange(0, nearest.size + 1, nearest.shape[1])
    links = sparse.csr_matrix((weights.ravel(), nearest.ravel(), starts), shape=(len(free), len(free)))
    return links + links.T


def _affinities(image: Floats, epsilon: float) -> dict[tuple[int, int], Floats]:
    """Sum (1 + (I_i − μ)ᵀ Σ⁻¹ (I_j − μ)) / 9 over the 3 × 3 windows that hold both cells i and j = i +
    offset.
    """
    height, width = image.shape[-2:]
    rows, columns = max(height - 2, 0), max(width - 2, 0)
    whitened = _whiten([image[..., y : y + rows, x : x + columns] for y, x in _WINDOW], epsilon)
    weights = {offset: np.zeros((*image.shape[:-3], height, width), np.float32) for offset in _OFFSETS}
    for (first, at), (second, to) in combinations(enumerate(_WINDOW), 2):
        affinity = (whitened[first] * whitened[second]).sum(axis=-3)
        affinity += 1
        affinity *= np.float32(1 / 9)
        offset = (to[0] - at[0], to[1] - at[1])
        weights[offset][..., at[0] : at[0] + rows, at[1] : at[1] + columns] += affinity
    return weights


def _whiten(views: list[Floats], epsilon: float) -> list[Floats]:
    """Return the windows' cells less their mean, times the inverse Cholesky factor of their colour
    covariance plus epsilon over their number.
    """
    mean = sum(views[1:], views[0].copy()) / np.float32(len(views))
    rows = [view - mean for view in views]
    # Gram and Schmidt's way on the cells themselves, a channel at a time, regularisation as three cells more.
    # The covariance of print, or of a grey photo, has lost in float32 what tells its channels apart.
    for channel in range(3):
        extra = np.zeros_like(mean)
        extra[..., channel, :, :] = epsilon**0.5
        rows.append(extra)
    share = np.float32(1 / len(views))
    for channel in range(3):
        own = [row[..., channel, :, :] for row in rows]
        length = np.sqrt(_dot(own, own) * share)
        for part in own:
            part /= length
        for later in range(channel + 1, 3):
            others = [row[..., later, :, :] for row in rows]
            along = _dot(own, others) * share
            for part, other in zip(own, others, strict=True):
                other -= along * part
    return rows[: len(views)]


def _dot(left: list[Floats], right: list[Floats]) -> Floats:
    total = left[0] * right[0]
    for a, b in zip(left[1:], right[1:], strict=True):
        total += a * b
    return total
