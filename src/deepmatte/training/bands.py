"""Trimaps as people draw them: unknown reaches a random, uneven way into what is surely known.

What is drawn is settled on the host (Bands); painting it is a fixed computation on any device.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from deepmatte import trimap
from deepmatte.pixels import Floats
from deepmatte.training import noise
from deepmatte.training.distances import square_depths

Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Side:
    """How far unknown reaches into one side. reach: in pixels; leaves: the share of the side, from its edge,
    that it may swallow at most, or None; unevenness: in [0, 1], by how much of it a smooth field (noise's
    coarse values) holds it back.
    """

    reach: float
    leaves: float | None
    unevenness: float
    field: Floats


@dataclass(frozen=True, eq=False)
class Bands:
    """One trimap. tolerance: alphas as near as this to 0 and 1 count as known; foreground, background: None
    where nothing of that side is marked; blobs: unknown discs (y, x, radius) in pixels.
    """

    tolerance: float
    foreground: Side | None
    background: Side | None
    blobs: tuple[tuple[float, float, float], ...]


def draw(
    size: int,
    rng: Rng,
    *,
    narrowest_band: float,
    widest_band: float,
    one_sided_trimap: float,
    something_stays_known: float,
) -> Bands:
    """Draw bands for a sample of size × size pixels, log-uniform from narrowest_band, in pixels, to
    widest_band · size, or the narrowest where that is more, a side.
    """

    def draw_side() -> Side | None:
        if rng.random() < one_sided_trimap:
            return None
        reach = noise.draw_log_uniform(narrowest_band, max(narrowest_band, widest_band * size), rng)
        leaves = rng.uniform(0.2, 0.95) if rng.random() < something_stays_known else None
        unevenness = rng.uniform(0, 1)
        return Side(reach, leaves, unevenness, noise.draw_smooth(size, rng.uniform(0.05, 0.5) * size, rng))

    tolerance = (0.5, 2, 8)[rng.integers(3)] / 255
    foreground, background = draw_side(), draw_side()
    blobs = tuple(
        (rng.random() * size, rng.random() * size, rng.uniform(0.02, 0.15) * size)
        for _ in range(rng.integers(1, 4) if rng.random() < 0.15 else 0)
    )
    return Bands(tolerance, foreground, background, blobs)


def paint(alpha: Tensor, is_marked: Tensor, bands: Sequence[Bands]) -> Tensor:
    """Return trimaps (B, S, S) uint8 of {0, 128, 255}.

    alpha: (B, S, S); is_marked: (B, S, S) bool, where foreground may be known at all.
    """
    tolerance = torch.tensor([each.tolerance for each in bands], device=alpha.device)[:, None, None]
    tri = torch.full_like(alpha, trimap.UNKNOWN, dtype=torch.uint8)
    is_known = (
        (trimap.FOREGROUND, [each.foreground for each in bands], (alpha >= 1 - tolerance) & is_marked),
        (trimap.BACKGROUND, [each.background for each in bands], alpha <= tolerance),
    )
    for value, sides, known in is_known:
        chosen = [number for number, side in enumerate(sides) if side is not None]
        if chosen:
            is_deep = _deep(known[chosen], [side for side in sides if side is not None])
            tri[chosen] = tri[chosen].masked_fill_(is_deep, value)
    row = torch.arange(alpha.shape[1], device=alpha.device)
    for number, each in enumerate(bands):
        for y, x, radius in each.blobs:
            is_blob = (row[:, None] - y) ** 2 + (row - x) ** 2 < radius**2
            tri[number].masked_fill_(is_blob, trimap.UNKNOWN)
    return tri


def _deep(is_known: Tensor, sides: Sequence[Side]) -> Tensor:
    """Return where what is known lies beyond the bands: (N, S, S) bool."""
    device, size = is_known.device, is_known.shape[1]
    limits = [math.ceil(side.reach) for side in sides]
    square = square_depths(is_known, limits)
    shares = [math.inf if side.leaves is None else side.leaves for side in sides]
    reach = torch.tensor([side.reach for side in sides], device=device)
    reach = torch.minimum(reach, _quantile(square, is_known, shares, max(limits)).sqrt())
    unevenness = torch.tensor([side.unevenness for side in sides], device=device)[:, None, None]
    field = 1 - unevenness * noise.spread([side.field for side in sides], size, device)
    return square > (reach[:, None, None] * field) ** 2


def _quantile(square: Tensor, is_known: Tensor, shares: Sequence[float], limit: int) -> Tensor:
    """Return the squared depth that a share of the known pixels does not exceed: (N,); infinite shares have
    infinite ones. Depths beyond the limit, in pixels, count as the limit and one.

    They are whole numbers, so that they need counting and no sorting.
    """
    count, bins = len(square), (limit + 1) ** 2 + 1
    first = torch.arange(count, device=square.device)[:, None, None] * bins
    cells = (square.clamp(max=bins - 1).long() + first).view(-1)
    counts = torch.zeros(count * bins, dtype=torch.int32, device=square.device)
    running = counts.scatter_add_(0, cells, is_known.view(-1).int()).view(count, bins).cumsum(dim=1)
    share = torch.tensor(shares, device=square.device)
    rank = (share.clamp(max=1) * (running[:, -1] - 1)).floor()
    depth = (running <= rank[:, None]).sum(dim=1).float()
    return torch.where(share.isinf(), share, depth)
