"""Bodies that strands grow from: smooth unions of rounded cones in space, or masks blown up like cushions.

Space has x to the right and y downwards in shares of the picture's side, and z towards the viewer in the same
unit. A body is seen from far away along z.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.pixels import AnyArray, Floats
from deepmatte.training.corpus.render.noise import sample, smooth_noise

Doubles = NDArray[np.float64]

# Cells along a side of the grid a surface is kept on, and how far it goes beyond the picture on each side.
GRID = 280
MARGIN = 0.2
# How softly cones melt into each other.
_BLEND = 0.04


@dataclass(frozen=True)
class Cone:
    """All within a radius, which changes evenly, of a line in space.

    start, end: (x, y, z); radii: at both; part: what it is of the body; flatness: its depth as a share of its
    width. Hair lies from start to end.
    """

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radii: tuple[float, float]
    part: str
    flatness: float = 1.0

    def distances(self, places: Doubles) -> Doubles:
        """Return how far places (..., 2), seen along z, are outside: below 0 within."""
        nearest, radius, _ = self._nearest(places)
        return np.asarray(np.sqrt(((places - nearest) ** 2).sum(axis=-1)) - radius)

    def heights(self, places: Doubles) -> Doubles:
        """Return the z of the cone's front at places (..., 2); it falls off steeply outside."""
        nearest, radius, share = self._nearest(places)
        square = radius**2 - ((places - nearest) ** 2).sum(axis=-1)
        middle = self.start[2] + share * (self.end[2] - self.start[2])
        bulge = np.sqrt(np.maximum(square, 0)) * self.flatness
        return np.asarray(middle + bulge - 2 * np.sqrt(np.maximum(-square, 0)))

    def _nearest(self, places: Doubles) -> tuple[Doubles, Doubles, Doubles]:
        start, end = np.array(self.start)[:2], np.array(self.end)[:2]
        axis = end - start
        share = np.clip(((places - start) * axis).sum(axis=-1) / max(float((axis**2).sum()), 1e-12), 0, 1)
        radius = self.radii[0] + share * (self.radii[1] - self.radii[0])
        return start + share[..., None] * axis, radius, share


def outside(cones: Sequence[Cone], points: Doubles) -> tuple[Doubles, Doubles]:
    """Return how far points in space (N, 3) are outside of all cones, and the way out of the nearest."""
    starts, ends = (np.array([getattr(cone, end) for cone in cones]) for end in ("start", "end"))
    radii, axes = np.array([cone.radii for cone in cones]), ends - starts
    away = points[:, None] - starts
    share = (away * axes).sum(axis=2) / np.maximum((axes**2).sum(axis=1), 1e-12)
    share = np.clip(share, 0, 1)
    away = away - share[..., None] * axes
    length = np.sqrt((away**2).sum(axis=2))
    distances = length - radii[:, 0] - share * (radii[:, 1] - radii[:, 0])
    each, nearest = np.arange(len(points)), distances.argmin(axis=1)
    return distances[each, nearest], away[each, nearest] / np.maximum(length[each, nearest], 1e-9)[:, None]


@dataclass(frozen=True, eq=False)
class Surface:
    """The front of a body on a square grid that goes MARGIN beyond the picture on each side.

    distance: (G, G), how far outside the outline, below 0 within; height: (G, G), z; normal: (G, G, 3),
    outwards, of length 1; lay: (G, G, 3), where hair lies; parts: names, part: (G, G), which of them is seen;
    colours: (H, W, 3) over the picture, of a cut-out.
    """

    distance: Doubles
    height: Doubles
    normal: Doubles
    lay: Doubles
    parts: tuple[str, ...]
    part: NDArray[np.intp]
    colours: Floats | None = None

    @functools.cached_property
    def openness(self) -> Doubles:
        """Return how much of the sky each cell sees, (G, G) from 0.35 to 1: less beside what stands out."""
        cells, total = GRID / (1 + 2 * MARGIN), np.zeros_like(self.height)
        # What is not the body must not darken its rim, so only the body is averaged.
        within = (self.distance < 0).astype(np.float64)
        height = np.where(within > 0, self.height, 0.0)
        for reach in (0.012, 0.04):
            around = ndimage.gaussian_filter(height, reach * cells)
            around /= np.maximum(ndimage.gaussian_filter(within, reach * cells), 1e-6)
            total += np.maximum(around - self.height, 0) / reach
        total *= np.clip(1.6 * self.normal[..., 2] - 0.3, 0, 1)  # a rim slopes away from all, and stands free
        return np.asarray(np.clip(1 - 0.32 * total, 0.35, 1))

    def read(self, field: AnyArray, places: Doubles) -> Doubles:
        """Read one of the fields at places (..., 2) in shares of the picture."""
        return sample(field, (places[..., :2] + MARGIN) / (1 + 2 * MARGIN))

    def over_picture(self, field: AnyArray, size: int) -> Doubles:
        """Return a field over the picture's pixels: (size, size) or (size, size, C)."""
        return self.read(field, grid_places(size))

    def scatter(self, rng: np.random.Generator, count: int, weights: Doubles | None = None) -> Doubles:
        """Return places (count, 2) strewn over what is seen of the body. weights: (G, G), how densely."""
        density = np.where(self.distance < 0, 1.0 if weights is None else np.maximum(weights, 0), 0.0)
        reached = np.cumsum(density.ravel())
        if reached[-1] <= 0:
            return np.zeros((0, 2))
        cells = np.searchsorted(reached, rng.random(count) * reached[-1], "right")
        cells = np.minimum(cells, density.size - 1)
        places = np.stack([cells % GRID, cells // GRID], axis=1) + rng.random((count, 2))
        return np.asarray(places / GRID * (1 + 2 * MARGIN) - MARGIN)


def grid_places(size: int, margin: float = 0.0) -> Doubles:
    """Return the centres of a grid's cells over the picture and a margin around it: (size, size, 2)."""
    steps = (np.arange(size) + 0.5) / size * (1 + 2 * margin) - margin
    return np.stack(np.broadcast_arrays(steps[None, :], steps[:, None]), axis=2)


def surface_of(rng: np.random.Generator, cones: Sequence[Cone], roughness: float = 0.004) -> Surface:
    """Return the front of a smooth union of cones.

    roughness: how far its outline wanders from the cones', as a share of the picture.
    """
    places = grid_places(GRID, MARGIN)
    wander = np.stack([smooth_noise(rng, 9, GRID, octaves=2) for _ in range(2)], axis=2)
    places = places + roughness * wander
    parts = tuple(dict.fromkeys(cone.part for cone in cones))
    distance, height = np.full((2, GRID, GRID), np.inf)
    height = -height
    lay, seen = np.zeros((GRID, GRID, 3)), np.full((GRID, GRID), -np.inf)
    part = np.zeros((GRID, GRID), np.intp)
    for cone in cones:
        distance = smooth_minimum(distance, cone.distances(places), _BLEND)
        front = cone.heights(places)
        height = -smooth_minimum(-height, -front, _BLEND)
        part = np.where(front > seen, parts.index(cone.part), part)
        seen = np.maximum(seen, front)
        axis = np.array(cone.end) - np.array(cone.start)
        length = np.sqrt((axis**2).sum())
        if length > 0:
            lay += (axis / length) / (0.03 + np.maximum(height - front, 0))[..., None] ** 2
    return Surface(distance, height, _normals(distance, height), unit(lay), parts, part)


def surface_of_mask(alpha: AnyArray, colours: Floats | None = None) -> Surface:
    """Return a mask blown up like a cushion, its longer side filling the picture.

    alpha: (H, W) in [0, 1], where more than half is the body; colours: (H, W, 3) of a cut-out.
    """
    longer = max(alpha.shape)
    frame = np.zeros((longer, longer))
    top, left = (longer - alpha.shape[0]) // 2, (longer - alpha.shape[1]) // 2
    window = (slice(top, top + alpha.shape[0]), slice(left, left + alpha.shape[1]))
    frame[window] = alpha
    places = (grid_places(GRID, MARGIN) - 0.5) / 0.9 + 0.5  # a little air around
    inside = (places.min(axis=2) >= 0) & (places.max(axis=2) < 1)
    cells = np.clip((places * longer).astype(np.intp), 0, longer - 1)
    reduced = ndimage.uniform_filter(frame, max(1, round(longer / GRID)))
    is_body = inside & (reduced[cells[..., 1], cells[..., 0]] > 0.5)
    scale = (1 + 2 * MARGIN) / GRID
    distance = ndimage.distance_transform_edt(~is_body) - ndimage.distance_transform_edt(is_body)
    distance = ndimage.gaussian_filter(distance, 1.0) * scale
    depth = np.maximum(-distance, 0)
    thickness = min(float(depth.max()), 0.15)
    # A quarter circle at the rim, flat within.
    height = np.sqrt(np.maximum(1 - (1 - np.minimum(depth / max(thickness, 1e-6), 1)) ** 2, 0)) * thickness
    height = ndimage.gaussian_filter(height, 3.0) - np.maximum(distance, 0)
    lay = np.broadcast_to(np.array([0.0, 1.0, 0.0]), (GRID, GRID, 3))
    picture = None
    if colours is not None:
        picture = np.zeros((longer, longer, 3), np.float32)
        picture[window] = colours
        spots = np.clip((((grid_places(longer) - 0.5) / 0.9 + 0.5) * longer).astype(np.intp), 0, longer - 1)
        picture = picture[spots[..., 1], spots[..., 0]]
    part = np.zeros((GRID, GRID), np.intp)
    return Surface(distance, height, _normals(distance, height), lay, ("body",), part, picture)


def smooth_minimum(first: Doubles, second: Doubles, blend: float) -> Doubles:
    """Return the smaller of two fields, rounded off by a parabola where they are closer than blend."""
    gap = np.maximum(blend - np.abs(first - second), 0) / blend
    return np.asarray(np.minimum(first, second) - gap**2 * (blend / 4))


def unit(vectors: Doubles) -> Doubles:
    """Return vectors (..., C) at length 1; a vector of nothing stays nothing."""
    return np.asarray(vectors / np.maximum(np.sqrt((vectors**2).sum(axis=-1, keepdims=True)), 1e-9))


def _normals(distance: Doubles, height: Doubles) -> Doubles:
    """Return the normals (G, G, 3) of a front; outside the outline they lie in the picture's plane."""
    step = (1 + 2 * MARGIN) / GRID
    down, right = np.gradient(height, step)
    facing = unit(np.stack([-right, -down, np.ones_like(height)], axis=2))
    facing = unit(ndimage.gaussian_filter(facing, (2.0, 2.0, 0)))
    below, beside = np.gradient(ndimage.gaussian_filter(distance, 2.0), step)
    outward = unit(np.stack([beside, below, np.zeros_like(height)], axis=2))
    share = np.clip(1 + distance / (2 * step), 0, 1)[..., None]
    return unit(facing * (1 - share) + outward * share)
