"""Clouds of density in three dimensions: noise, light that is lost on its way, and the view through them.

A volume is (H, W, D) float32: down, right, away from the viewer, over the picture's square and as deep as its
cells are wide. Transmittance is that of Beer and Lambert: exp(−density × way).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.pixels import Floats
from deepmatte.training.corpus.render.noise import spline
from deepmatte.training.corpus.render.rendering import Generator

Doubles = NDArray[np.float64]

# Cells down, right and away.
SHAPE = (160, 160, 56)


def axes() -> tuple[Floats, Floats, Floats]:
    """Return y, x and z of a volume's cells, in shares of the picture; z is 0 in the middle of it."""
    down, right, away = SHAPE
    y = ((np.arange(down) + 0.5) / down).astype(np.float32)[:, None, None]
    x = ((np.arange(right) + 0.5) / right).astype(np.float32)[None, :, None]
    z = ((np.arange(away) + 0.5 - away / 2) / down).astype(np.float32)[None, None, :]
    return y, x, z


def cloud(
    rng: Generator, cells: float, octaves: int, gain: float, stretch: float, is_billowy: bool
) -> Floats:
    """Return smooth noise of mean about 0 and deviation about 1 in a volume.

    cells: bumps along the picture's side; gain: how strong each octave is after the one before; stretch: how
    much longer bumps are down than across; is_billowy: round bumps with creases between them.
    """
    total, power = np.zeros(SHAPE, np.float32), 0.0
    for octave in range(octaves):
        own = _one(rng, cells * 2**octave, stretch)
        total += np.float32(gain**octave) * ((np.abs(own) - 0.8) * 1.66 if is_billowy else own)
        power += gain ** (2 * octave)
    return total * np.float32(1 / np.sqrt(power))


def _one(rng: Generator, cells: float, stretch: float) -> Floats:
    counts = [cells / stretch, cells, cells * SHAPE[2] / SHAPE[1]]
    knots = rng.normal(size=[int(np.ceil(count)) + 4 for count in counts])
    # The axis with the fewest cells first, so that most of the work is done once.
    for axis in (2, 1, 0):
        steps = np.linspace(0, counts[axis], SHAPE[axis]) + 1 + rng.random()
        rows = np.moveaxis(knots, axis, 0)
        shape = rows.shape[1:]
        read = spline(rows.reshape(len(rows), -1), steps)
        knots = np.moveaxis(read.reshape(len(steps), *shape), 0, axis)
    # A cubic B-spline of independent numbers has 0.48² · 0.69 of their deviation in three dimensions.
    return (knots / 0.33).astype(np.float32)


def lit(density: Floats, slope: tuple[float, float], from_side: int) -> Floats:
    """Return how much density the light has met on its way to each cell, in cells.

    slope: how far the light goes aside and away on its way down one cell; from_side: 0 from above, −1 from
    the left, 1 from the right.
    """
    turned = density if not from_side else np.moveaxis(density, 1, 0)
    turned = turned[::-1] if from_side > 0 else turned
    met = np.zeros_like(turned)
    path = np.zeros(turned.shape[1:], np.float32)
    for row in range(len(turned)):
        met[row] = path + turned[row] / 2
        path = ndimage.shift(path + turned[row], slope, order=1, mode="constant")
    met = met[::-1] if from_side > 0 else met
    return met if not from_side else np.moveaxis(met, 0, 1)


def view(density: Floats, brightness: Floats) -> tuple[Doubles, Doubles]:
    """Look through a volume: its optical depth (H, W), and the mean brightness of what is seen (H, W).

    density: (H, W, D), in optical depths per cell; brightness: (H, W, D).
    """
    behind = np.cumsum(density, axis=2, dtype=np.float64)
    through = np.exp(-behind)
    seen = np.concatenate([1 - through[..., :1], through[..., :-1] - through[..., 1:]], axis=2)
    weight = seen + 1e-9 * density
    total = weight.sum(axis=2)
    mean = (weight * brightness).sum(axis=2) / np.maximum(total, 1e-12)
    return behind[..., -1], np.where(total > 1e-12, mean, brightness.mean())


def opacity(depth: Doubles) -> Doubles:
    """Return the alpha of an optical depth: 1 − exp(−depth)."""
    return np.asarray(-np.expm1(-depth))


def enlarged(plane: Doubles, warp: Doubles) -> Doubles:
    """Return a plane (H, W) at the picture's size, read where warp (S, S, 2), in shares, leads."""
    height, width = plane.shape
    size = len(warp)
    steps = (np.arange(size) + 0.5) / size
    where = np.stack([(steps[:, None] + warp[..., 1]) * height, (steps[None, :] + warp[..., 0]) * width])
    return np.asarray(ndimage.map_coordinates(plane, where - 0.5, order=3, mode="nearest", prefilter=False))
