"""Exact Euclidean distances up to a limit, for many masks at once, on any device."""

from collections.abc import Sequence

import torch
from torch import Tensor

# Twice the square of one more than this is the largest number of 16 bits that is needed.
_SHORT = 126


def square_depths(is_inside: Tensor, limits: Sequence[int]) -> Tensor:
    """Return the squared distance of each pixel to the nearest one that is not inside, 0 where it is not.

    is_inside: (N, H, W) bool; limits: for each mask, how far to look, in pixels. Returns (N, H, W) whole
    numbers of 16 or 32 bits, exact up to limit², and something greater beyond.

    The transform is separable (Meijster, Roerdink, Hesselink 2000): distances within rows, then the least of
    d² + dy² over the rows around.
    """
    # Masks that are looked at farthest come first, so that the others can leave early.
    order = sorted(range(len(limits)), key=lambda number: -limits[number])
    farthest = [limits[number] for number in order]
    across = _across(is_inside[order], farthest)
    across *= across
    least = across.clone()
    for down in range(1, min(max(farthest, default=0), is_inside.shape[1] - 1) + 1):
        left = sum(limit >= down for limit in farthest)
        away = across[:left] + down * down
        torch.minimum(least[:left, down:], away[:, :-down], out=least[:left, down:])
        torch.minimum(least[:left, :-down], away[:, down:], out=least[:left, :-down])
    back = torch.empty_like(least)
    back[order] = least
    return back


def _across(is_inside: Tensor, limits: Sequence[int]) -> Tensor:
    """Return the distance to the nearest pixel of the row that is not inside, up to limit + 1."""
    most = max(limits, default=0)
    far = torch.tensor(limits, device=is_inside.device)[:, None, None] + 1
    distance = is_inside.to(torch.int16 if most <= _SHORT else torch.int32) * (most + 1)
    # Every distance is a sum of powers of two: one step of each leads there.
    step = 1
    while step <= min(most, is_inside.shape[2] - 1):
        away = distance + step
        torch.minimum(distance[..., step:], away[..., :-step], out=distance[..., step:])
        torch.minimum(distance[..., :-step], away[..., step:], out=distance[..., :-step])
        step *= 2
    return torch.minimum(distance, far.to(distance.dtype))
