"""Random numbers and fields: drawn as a few numbers on the host, spread out on any device."""

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from deepmatte.pixels import Floats

Rng = np.random.Generator

# Values of the one table that grain is cut from.
_TABLE = 2**21


def draw_log_uniform(low: float, high: float, rng: Rng) -> float:
    """Draw a number between two above 0: as likely in each octave."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def draw_smooth(size: int, wavelength: float, rng: Rng) -> Floats:
    """Draw the coarse values (cells, cells) of a field that varies over about wavelength of size pixels."""
    cells = max(2, round(size / wavelength) + 1)
    return rng.random((cells, cells), np.float32)


def spread(coarse: Sequence[Floats], size: int, device: torch.device) -> Tensor:
    """Return smooth fields (N, size, size) in [0, 1] through coarse values, by bicubic interpolation."""
    most = max((len(cells) for cells in coarse), default=1)
    grids = np.zeros((len(coarse), most, most), np.float32)
    weights = np.zeros((len(coarse), size, most), np.float32)
    for number, cells in enumerate(coarse):
        grids[number, : len(cells), : len(cells)] = cells
        weights[number, :, : len(cells)] = _bicubic(len(cells), size)
    # In double precision, for what is beside a field decides how its sums are rounded.
    across, values = (torch.from_numpy(part).to(device).double() for part in (weights, grids))
    return (across @ values @ across.mT).float().clamp_(0, 1)


@functools.lru_cache(256)
def _bicubic(cells: int, size: int) -> Floats:
    """Return the weights (size, cells) of each cell at each pixel; the outer cells lie at the ends."""
    units = torch.eye(cells)[None, None]
    return F.interpolate(units, size=(size, cells), mode="bicubic", align_corners=True)[0, 0].numpy()


def draw_grain(rng: Rng) -> int:
    """Draw which part of the table some grain is."""
    return int(rng.integers(_TABLE))


def grain(starts: Sequence[int], shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Return normal noise (N, *shape) of mean 0 and deviation 1, as parts of one long table.

    Made anew it would cost a third of a sample, and differ between devices.
    """
    table, count = _table(device), int(np.prod(shape))
    parts = [
        torch.cat([table[start : start + count], table[: max(0, start + count - _TABLE)]]) for start in starts
    ]
    return torch.stack(parts).view(len(starts), *shape)


@functools.lru_cache(2)
def _table(device: torch.device) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal(_TABLE, np.float32)).to(device)
