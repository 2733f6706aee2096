"""Thin sheets that drift: what smoke and flames are made of, as sums of parcels of mass.

Parcels leave a source one after another and are carried by eddies: a velocity without divergence, the curl of
a random potential (Bridson et al., Curl-noise for procedural fluid flow, 2007). The parcels that left one
line form a sheet. Its picture is the mass that each pixel holds: where a sheet is folded, or seen edge on, it
is dense, as the bright lines in smoke are. Mass is conserved: what is splatted adds up to what was given.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.pixels import AnyArray
from deepmatte.training.corpus.render.noise import sample, smooth_noise, spline
from deepmatte.training.corpus.render.rendering import Generator, settle

Doubles = NDArray[np.float64]

# Cells along the side of a flow, and how far it reaches beyond the picture on each side.
_FLOW, _REACH = 192, 0.5
# Points that are splatted at once, so that memory stays flat.
_AT_ONCE = 1 << 19


@dataclass(frozen=True, eq=False)
class Flow:
    """Eddies around the picture. velocity: (N, N, 2), x and y, of root mean square 1; scroll: (2,), how the
    eddies themselves move, in shares of the picture per unit of time.
    """

    velocity: Doubles
    scroll: Doubles

    def at(self, places: Doubles, time: float) -> Doubles:
        """Return velocities at places (..., 2) in shares of the picture."""
        moved = (places - self.scroll * time + _REACH) / (1 + 2 * _REACH)
        return sample(self.velocity, moved)


def eddies(rng: Generator, cells: float, octaves: int, scroll: Doubles) -> Flow:
    """Return random eddies. cells: how many large ones along the picture's side."""
    potential = np.zeros((_FLOW, _FLOW))
    for octave in range(octaves):
        # Velocities fall as the cube root of the scale (Kolmogorov), and the potential once more by it.
        finer = 2.0**octave
        potential += smooth_noise(rng, cells * 2 * finer, _FLOW) * finer ** (-4 / 3)
    down, right = np.gradient(potential)
    velocity = np.stack([down, -right], axis=2)
    return Flow(velocity / np.sqrt((velocity**2).sum(axis=2).mean()), scroll)


@dataclass(frozen=True, eq=False)
class Sheet:
    """Parcels by age and by where they left. places: (K, M, 2), in shares; weights: (K, M, C)."""

    places: Doubles
    weights: Doubles


def drift(
    starts: Doubles, ages: Doubles, flow: Flow, rise: Doubles, turbulence: float, calm: float, steps: int = 48
) -> Doubles:
    """Return where parcels are: (K, M, 2).

    starts: (M, 2), where they leave; ages: (K,) in [0, 1], for how long they have been under way; rise: (2,),
    the way that all go in a unit of time; turbulence: speed of the eddies; calm: how far from its start a
    parcel is carried by them wholly.
    """
    places = np.broadcast_to(starts, (len(ages), *starts.shape)).copy()
    for step in range(steps):
        # Parcels of age a leave at time 1 − a.
        lasting = np.clip(ages - (1 - (step + 1) / steps), 0, 1 / steps)
        moving = lasting > 0
        here = places[moving]
        gone = np.sqrt(((here - starts) ** 2).sum(axis=2, keepdims=True))
        share = np.clip(gone / calm, 0.02, 1)
        velocity = rise + turbulence * share * flow.at(here, step / steps)
        places[moving] = here + velocity * lasting[moving][:, None, None]
    return places


def splat(places: AnyArray, weights: AnyArray, size: int) -> Doubles:
    """Return the sum of weights in each pixel: (S, S, C). places: (N, 2), x and y in pixels; weights: (N, C).

    A weight is shared by the four pixels whose centres are nearest; what lies outside is left out.
    """
    corner = np.clip(settle(places).astype(np.float64) - 0.5, -2, size + 0.5)
    first = np.floor(corner).astype(np.intp)
    part = corner - first
    side = size + 4  # with a border for what lies outside
    start = (first[:, 1] + 2) * side + first[:, 0] + 2
    planes = []
    for channel in range(weights.shape[1]):
        total = np.zeros(side * side)
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            share = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1]) * weights[:, channel]
            total += np.bincount(start + dy * side + dx, share, side * side)
        planes.append(total.reshape(side, side)[2:-2, 2:-2])
    return np.stack(planes, axis=2)


def mass_of(sheets: Sequence[Sheet], size: int, blurs_px: tuple[float, ...]) -> Doubles:
    """Return what sheets' parcels weigh per pixel, for a picture of 512 pixels: (S, S, C).

    blurs_px: how far parcels have spread, from the youngest to the oldest, in pixels of a picture of 512.
    """
    total = np.zeros((size, size, sheets[0].weights.shape[2]))
    for number, blur_px in enumerate(blurs_px):
        layer = np.zeros_like(total)
        for sheet in sheets:
            layer += _layer(sheet, number, len(blurs_px), size)
        sigma = max(blur_px * size / 512, 0.6)
        for channel in range(layer.shape[2]):
            total[..., channel] += ndimage.gaussian_filter(layer[..., channel], sigma, truncate=3.0)
    return total * (512 / size) ** 2


def _layer(sheet: Sheet, number: int, count: int, size: int) -> Doubles:
    """Return the mass of one of `count` parts of a sheet, by age, in each pixel: (S, S, C)."""
    ages, across = sheet.places.shape[:2]
    fine_ages = _fineness(sheet.places, 0, size, 4 * size)
    fine_across = _fineness(sheet.places, 1, size, int(1.5 * size))
    joined = np.concatenate([sheet.places * size, sheet.weights], axis=2)
    channels = joined.shape[2]
    wide = spline(np.moveaxis(joined, 1, 0).reshape(across, -1), np.linspace(0, across - 1, fine_across))
    rows = np.moveaxis(wide.reshape(fine_across, ages, channels), 1, 0).reshape(ages, -1)
    part = np.array_split(np.linspace(0, ages - 1, fine_ages), count)[number]
    at_once = max(1, _AT_ONCE // fine_across)
    layer = np.zeros((size, size, channels - 2))
    for start in range(0, len(part), at_once):
        points = spline(rows, part[start : start + at_once]).reshape(-1, channels)
        layer += splat(points[:, :2], points[:, 2:], size)
    return layer * (ages * across) / (fine_ages * fine_across)


def _fineness(places: Doubles, axis: int, size: int, most: int) -> int:
    """Return how many points along an axis lie about as far apart as the finest blur reaches, mostly."""
    steps = np.sqrt((np.diff(places, axis=axis) ** 2).sum(axis=2)) * size
    lengths = steps.sum(axis=axis)
    apart_px = 0.8 * max(1, size / 512)
    return int(np.clip(np.sort(lengths)[int(0.95 * (len(lengths) - 1))] / apart_px, 24, most))
