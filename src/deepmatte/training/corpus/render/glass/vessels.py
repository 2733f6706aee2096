"""Vessels: surfaces of revolution, and where a viewer sees their front and back walls.

A vessel stands on y = 0 and reaches up to its height, in shares of the picture. It is seen from far away and
from above by an angle. Each column of the picture cuts every ring of the vessel in a point of its front and
one of its back; between those points the wall is interpolated. Only the columns that a vessel can touch are
drawn: W of the picture's S.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepmatte.training.corpus.render.noise import smooth_noise
from deepmatte.training.corpus.render.rendering import Generator

Doubles = NDArray[np.float64]

_RINGS = 200


@dataclass(frozen=True, eq=False)
class Vessel:
    """A surface of revolution. heights, radii, walls: (K,), of its rings, from the foot to the rim; walls:
    how thick the glass is, the radius where it is solid; bottom: where the inside begins.
    """

    heights: Doubles
    radii: Doubles
    walls: Doubles
    bottom: float

    @property
    def height(self) -> float:
        """How high it is."""
        return float(self.heights[-1])

    def radius(self, heights: Doubles) -> Doubles:
        """Return radii at heights (...)."""
        return np.interp(heights, self.heights, self.radii)

    def wall(self, heights: Doubles) -> Doubles:
        """Return how thick the glass is at heights (...)."""
        return np.interp(heights, self.heights, self.walls)

    def slope(self, heights: Doubles) -> Doubles:
        """Return how fast the radius grows at heights (...)."""
        return np.interp(heights, self.heights, np.gradient(self.radii, self.heights))


@dataclass(frozen=True, eq=False)
class Wall:
    """A wall as it is seen. heights: (S, W), at which height of the vessel each pixel's ray meets it;
    covered: (S, W), the share of the pixel that it covers; across: (S, W), x over the radius there; normals:
    (S, W, 3), right, down and towards the viewer, of length 1, on the side that is seen.
    """

    heights: Doubles
    covered: Doubles
    across: Doubles
    normals: Doubles


@dataclass(frozen=True, eq=False)
class View:
    """Where a vessel is seen. foot: x and y of the middle of its foot, in shares of the picture; angle: from
    how far above, in radians; size: of the picture, in pixels; columns: those that are drawn.
    """

    foot: tuple[float, float]
    angle: float
    size: int
    columns: slice

    def axes(self) -> tuple[Doubles, Doubles]:
        """Return x (W,) and y (S,) of pixels from the vessel's foot, y downwards."""
        steps = (np.arange(self.size) + 0.5) / self.size
        return steps[self.columns] - self.foot[0], steps - self.foot[1]

    def noise(self, rng: Generator, cells: float, octaves: int = 1) -> Doubles:
        """Return smooth noise (S, W)."""
        return smooth_noise(rng, cells, self.size, octaves)[:, self.columns]

    def ring(self, height: float, radius: float) -> Doubles:
        """Return how far pixels (S, W) lie outside a ring's ellipse, in shares, about exact near to it."""
        x, y = self.axes()
        flat = max(radius * np.sin(self.angle), 1.0 / self.size)
        right, down = x[None, :] / radius, (y[:, None] + height * np.cos(self.angle)) / flat
        reached = np.sqrt(right**2 + down**2)
        steep = np.sqrt((right / radius) ** 2 + (down / flat) ** 2) / np.maximum(reached, 1e-9)
        return (reached - 1) / np.maximum(steep, 1e-9)

    def cover(self, distance: Doubles) -> Doubles:
        """Return the share of pixels that lies inside an edge at a distance, in shares, positive outside."""
        return np.asarray(np.clip(0.5 - distance * self.size, 0, 1))


def vessel_of(points: list[tuple[float, float]], height: float, breadth: float, wall: float, bottom: float,
              solid_below: float = 0.0) -> Vessel:  # fmt: skip
    """Return the vessel through points of height and radius, both as shares.

    height: of it; breadth: what a radius of 1 is; wall: thickness; bottom: share of the height at which the
    inside begins; solid_below: share of the height below which the glass is solid.
    """
    where, radii = np.array(points, np.float64).T
    # More rings near the foot, where a foot is flat.
    steps = np.concatenate([np.linspace(0, 0.1, _RINGS // 2, endpoint=False), np.linspace(0.1, 1, _RINGS)])
    own = _eased(steps, where, radii) * breadth
    # Glass grows thick towards the bottom, where the inside rounds off.
    below = np.clip(1 - (steps - bottom) / 0.05, 0, 1)
    walls = wall * breadth * (1 + 0.6 * (1 - steps)) + below**3 * own
    walls = np.where(steps < max(bottom, solid_below), own, np.minimum(walls, own))
    return Vessel(steps * height, np.maximum(own, 1e-4), walls, bottom * height)


def _eased(steps: Doubles, where: Doubles, values: Doubles) -> Doubles:
    """Return values at steps on smooth curves without overshoot (Fritsch and Butland, 1984)."""
    width = np.diff(where)
    secants = np.diff(values) / width
    both, sums = secants[:-1] * secants[1:], secants[:-1] + secants[1:]
    inner = np.where(both > 0, 2 * both / np.where(sums == 0, 1, sums), 0)
    tangents = np.concatenate([secants[:1], inner, secants[-1:]])
    part = np.clip(np.searchsorted(where, steps, "right") - 1, 0, len(width) - 1)
    t = (steps - where[part]) / width[part]
    return np.asarray(
        (2 * t**3 - 3 * t**2 + 1) * values[part]
        + (t**3 - 2 * t**2 + t) * width[part] * tangents[part]
        + (3 * t**2 - 2 * t**3) * values[part + 1]
        + (t**3 - t**2) * width[part] * tangents[part + 1]
    )


def wall_of(vessel: Vessel, view: View, side: int) -> Wall:
    """Return the front wall (side 1) or the back wall (−1) as it is seen."""
    x, y = view.axes()
    cos, sin = np.cos(view.angle), np.sin(view.angle)
    depth = np.sqrt(np.clip(vessel.radii[None, :] ** 2 - x[:, None] ** 2, 0, None))
    down = -vessel.heights[None, :] * cos + side * depth * sin
    # From the foot up each ring lies above the last; where one does not, it is hidden.
    down = np.minimum.accumulate(down, axis=1)
    heights = np.stack([np.interp(-y, -column, vessel.heights) for column in down], axis=1)
    top, foot = down[:, -1], down[:, 0]
    radius = vessel.radius(heights)
    slope = vessel.slope(heights)
    covered = view.cover((np.abs(x)[None, :] - radius) / np.sqrt(1 + slope**2))
    covered *= view.cover(top[None, :] - y[:, None]) * view.cover(y[:, None] - foot[None, :])
    # The last pixel of an edge stands for all of its width, not for the one ray that grazes.
    widest = np.clip(1 - 0.5 / (radius * view.size), 0.3, 1)
    across = np.clip(x[None, :] / radius, -widest, widest)
    forward = side * np.sqrt(1 - across**2)
    up = -slope
    length = np.sqrt(1 + up**2)
    normals = (
        np.stack([across, -up * cos + forward * sin, up * sin + forward * cos], axis=2) / length[..., None]
    )
    seen = np.where(normals[..., 2:] < 0, -1.0, 1.0)
    return Wall(heights, covered, across, normals * seen)


def view_of(rng: Generator, vessel: Vessel, angle: float, size: int) -> View:
    """Return a view of a vessel that shows it about in the picture's middle."""
    foot = rng.uniform(0.42, 0.58), 0.5 + 0.5 * vessel.height
    reach = float(vessel.radii.max()) + 4 / size
    first, last = (int(np.clip((foot[0] + side * reach) * size, 0, size)) for side in (-1, 1))
    return View(foot, angle, size, slice(first, last + 1))
