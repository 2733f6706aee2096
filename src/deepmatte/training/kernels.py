"""Kernels as whole numbers: a level for each weight, and a step for each output channel.

The largest kernels, which stand where the picture is coarsest, have the fewest levels: four bits do there,
and a file of them compresses to half. A step is the one, of some around the largest weight's, that leaves the
least squared error. Networks are trained in floats; only what is handed out is rounded.
"""

from copy import deepcopy
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from deepmatte.pixels import Floats

N = TypeVar("N", bound=nn.Module)

# Levels on each side of 0, by how many weights a kernel has at least.
_LEVELS = ((400_000, 7), (100_000, 15), (0, 127))
# Of the largest weight of a channel: what is beyond is cut off where that leaves the others finer steps.
_CUTS = np.linspace(0.5, 1, 26)


def is_kernel(weight: Floats) -> bool:
    """Return whether an array is rounded: one of two or more dimensions, unless training has spoilt it."""
    return weight.ndim > 1 and bool(np.isfinite(weight).all())


def to_levels(kernel: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Return a kernel's levels, int8 (O, …), and their steps, float32 (O, 1, …), whose product is about it.

    kernel: (O, …), at least two dimensions, finite. What is such a product already comes back the same.
    """
    most = next(levels for size, levels in _LEVELS if kernel.size >= size)
    rows = kernel.reshape(len(kernel), -1).astype(np.float64)
    largest = np.abs(rows).max(axis=1)
    largest[largest == 0] = most  # any step will do for a channel of zeros
    least, steps = np.full(len(rows), np.inf), largest / most
    for cut in _CUTS:
        tried = largest * cut / most
        error = np.square(_round(rows, tried, most) * tried[:, None] - rows).sum(axis=1)
        is_better = error <= least
        least[is_better], steps[is_better] = error[is_better], tried[is_better]
    levels = _round(rows, steps, most).astype(np.int8).reshape(kernel.shape)
    return levels, steps.astype(np.float32).reshape(-1, *[1] * (kernel.ndim - 1))


def _round(rows: NDArray[np.float64], steps: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    return np.clip(np.rint(rows / steps[:, None]), -most, most)


def from_levels(levels: NDArray[np.int8], steps: Floats) -> Floats:
    """Return the kernel that levels and steps stand for, float32."""
    return levels.astype(np.float32) * steps


@torch.no_grad()
def rounded(network: N) -> N:
    """Return a copy of a network whose kernels are products of levels and steps."""
    network = deepcopy(network)
    for weight in network.parameters():
        if is_kernel(weight.numpy()):
            weight.copy_(torch.from_numpy(from_levels(*to_levels(weight.numpy()))))
    return network
