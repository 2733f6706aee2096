"""Smooth random fields over the unit square, and reading fields at places."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.pixels import AnyArray

Doubles = NDArray[np.float64]


def smooth_noise(rng: np.random.Generator, cells: float, size: int, octaves: int = 1) -> Doubles:
    """Return a smooth random field (size, size) of mean about 0 and standard deviation about 1.

    cells: how many bumps along a side, roughly; octaves: how many finer and fainter fields are added, each
    twice as fine and half as strong.
    """
    total = np.zeros((size, size))
    for octave in range(octaves):
        total += _one(rng, cells * 2**octave, size) / 2**octave
    # A cubic B-spline of independent numbers has 0.48 of their deviation.
    return np.asarray(total / (0.48 * np.sqrt(sum(4.0**-octave for octave in range(octaves)))))


def _one(rng: np.random.Generator, cells: float, size: int) -> Doubles:
    knots = rng.normal(size=(int(np.ceil(cells)) + 4,) * 2)
    steps = np.linspace(0, cells, size) + 1 + rng.random()
    columns = spline(knots, steps)
    return spline(columns.T, steps).T


def spline(rows: Doubles, steps: Doubles) -> Doubles:
    """Read rows (K, M) at positions (N,) along the first axis by a cubic B-spline: (N, M).

    A cubic B-spline smooths: it does not go through the rows. Positions before row 1 or beyond row K − 2 read
    the nearest row more than once.
    """
    first = np.floor(steps).astype(np.intp)
    t = (steps - first)[:, None]
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    last = len(rows) - 1
    parts = (rows[np.clip(first - 1 + i, 0, last)] * weight for i, weight in enumerate(weights))
    return np.asarray(sum(parts, np.zeros(())) / 6)


def sample(field: AnyArray, places: Doubles) -> Doubles:
    """Read a field over the unit square, (H, W) or (H, W, C), at places (..., 2), x and y, linearly.

    Places outside read the nearest cell.
    """
    height, width = field.shape[:2]
    flat = places.reshape(-1, 2)
    where = np.stack([flat[:, 1] * height - 0.5, flat[:, 0] * width - 0.5])
    planes = field[..., None] if field.ndim == 2 else field
    read = [
        ndimage.map_coordinates(planes[..., c].astype(np.float64), where, order=1, mode="nearest")
        for c in range(planes.shape[2])
    ]
    values = np.stack(read, axis=1).reshape(*places.shape[:-1], len(read))
    return np.asarray(values[..., 0] if field.ndim == 2 else values)
