"""Exact Euclidean distances up to a limit, for many masks at once, on any device."""

from collections.abc import Sequence

import torch
from torch import Tensor


def square_depths(is_inside: Tensor, limits: Sequence[int]) -> Tensor:
    """Return the squared distance of each pixel to the nearest one that is not inside, 0 where it is not.

    is_inside: (N, H, W) bool; limits: for each mask, how far to look, in pixels. Returns (N, H, W) float32,
    exact up to limit², and something greater beyond; whole numbers, which float32 holds exactly.

    The transform is separable (Meijster, Roerdink, Hesselink 2000): distances within rows, then the least of
    d² + dy² over the rows around.
    """
    # Masks that are looked at farthest come first, so that the others can leave early.
    order = sorted(range(len(limits)), key=lambda number: -limits[number])
    farthest = [limits[number] for number in order]
    across = _across(is_inside[order], torch.tensor(farthest, device=is_inside.device))
    least = across.clone()
    for down in range(1, min(max(farthest, default=0), is_inside.shape[1] - 1) + 1):
        left = sum(limit >= down for limit in farthest)
        away = across[:left] + float(down * down)
        torch.minimum(least[:left, down:], away[:, :-down], out=least[:left, down:])
        torch.minimum(least[:left, :-down], away[:, down:], out=least[:left, :-down])
    back = torch.empty_like(least)
    back[order] = least
    return back


def _across(is_inside: Tensor, limits: Tensor) -> Tensor:
    """Return the squared distance to the nearest pixel of the row that is not inside, up to (limit + 1)²."""
    width = is_inside.shape[2]
    column = torch.arange(width, dtype=torch.int32, device=is_inside.device)
    nowhere = -2 * width - 2
    before = torch.where(is_inside, nowhere, column).cummax(dim=2).values
    after = -torch.where(is_inside, nowhere - width, -column).flip(2).cummax(dim=2).values.flip(2)
    distance = torch.minimum(column - before, after - column)
    return torch.minimum(distance, limits.int()[:, None, None] + 1).float().square_()
