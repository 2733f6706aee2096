"""Solid things in space, as chains of rings, and how they are seen.

A solid is a chain of closed rings of as many places each; between two rings it is their convex hull, so its
outline in the picture is the union of the hulls of what is seen of each two. What is seen of its surface is
found by strewing places over it, closer than pixels, of which the nearest to the viewer counts in each pixel.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from deepmatte.pixels import AnyArray
from deepmatte.training.corpus.render.bodies import unit
from deepmatte.training.corpus.render.rendering import settle
from deepmatte.training.corpus.render.tubes import Camera

Doubles = NDArray[np.float64]

_APART_PX = 0.75
_MOST = 2000  # places along a ring or a chain, at most
_AROUND = np.linspace(0, 2 * np.pi, 49)


@dataclass(frozen=True, eq=False)
class Solid:
    """One part of a thing.

    rings: (R, N, 3), the last place of a ring its first; material: the number of what it is made of; is_flat:
    whether it has edges, so that it is not shaded as if it were round.
    """

    rings: Doubles
    material: int = 0
    is_flat: bool = False

    def moved(self, turn: Doubles, shift: AnyArray, scale: float = 1.0) -> "Solid":
        """Return it enlarged, turned (3, 3) and shifted (3,)."""
        return Solid(scale * self.rings @ turn.T + shift, self.material, self.is_flat)


@dataclass(frozen=True, eq=False)
class View:
    """What is seen of solids: over (S, S) pixels, which solid, -1 for none, where on it, (S, S, 2) in its own
    measure of about one unit, its normals (S, S, 3) and depth (S, S).
    """

    which: NDArray[np.intp]
    spots: Doubles
    normals: Doubles
    depth: Doubles


def revolved(profile: AnyArray, material: int = 0, squash: float = 1.0) -> Solid:
    """Return a body of revolution about the y axis. profile: (R, 2), radius and y, downwards for what
    is seen from outside, upwards for what is hollow; squash: its depth.
    """
    profile = np.asarray(profile, np.float64)
    radius, y = profile[:, :1], profile[:, 1:]
    places = [radius * np.cos(_AROUND), y + 0 * _AROUND, -radius * np.sin(_AROUND) * squash]
    return Solid(np.stack(places, axis=2), material)


def swept(
    line: AnyArray, radii: AnyArray | Sequence[float] | float, material: int = 0, flat: float = 1.0
) -> Solid:
    """Return a tube along a line (R, 3) of radii (R,), with round ends; flat: its depth beside its width."""
    line = np.asarray(line, np.float64)
    widths = np.broadcast_to(np.asarray(radii, np.float64), len(line))
    caps = np.array([0.995, 0.85, 0.55, 0.0])
    way = unit(np.gradient(line, axis=0))
    start = [line[0] - way[0] * widths[0] * c for c in caps[:-1]]
    end = [line[-1] + way[-1] * widths[-1] * c for c in caps[-2::-1]]
    round_off = np.sqrt(1 - caps[:-1] ** 2)
    line = np.concatenate([start, line, end])
    widths = np.concatenate([widths[0] * round_off, widths, widths[-1] * round_off[::-1]])
    way = np.concatenate([np.repeat(way[:1], 3, 0), way, np.repeat(way[-1:], 3, 0)])
    aside = np.array([0.0, 0.0, 1.0]) if abs(way[0, 2]) < 0.9 else np.array([0.0, 1.0, 0.0])
    first = []
    for each in way:  # carried along, so that it does not spin
        aside = unit(aside - (aside @ each) * each)
        first.append(aside)
    one = np.array(first)
    other = np.cross(way, one)
    around = np.cos(_AROUND)[:, None] * flat * one[:, None] + np.sin(_AROUND)[:, None] * other[:, None]
    return Solid(line[:, None] + widths[:, None, None] * around, material)


def box(half: Sequence[float] | Doubles, material: int = 0, edge: float = 0.15, bulge: float = 0.0) -> Solid:
    """Return a box with edges cut by a share of its smallest side; bulge: how much wider its middle is."""
    x, y, z = half
    cut = edge * float(np.min(half))
    corner = np.linspace(0, np.pi / 2, 4)
    arc = np.stack([np.cos(corner), np.sin(corner)], axis=1)
    ring = []
    for quarter in range(4):
        c, s = round(np.cos(quarter * np.pi / 2)), round(np.sin(quarter * np.pi / 2))
        sign = np.array([c - s, c + s])
        ring.append((arc @ np.array([[c, s], [-s, c]])) * cut + (np.array([x, z]) - cut) * sign)
    flat = np.concatenate([*ring, ring[0][:1]])[::-1]
    rings = []
    for height, inset in (
        (-1.0, 1.0),
        (-1 + 0.5 * edge, 0.3),
        (-1 + edge, 0.0),
        (0, -bulge / max(cut, 1e-6)),
        (1 - edge, 0.0),
        (1 - 0.5 * edge, 0.3),
        (1.0, 1.0),
    ):
        scale = 1 - inset * cut / np.array([x, z])
        level = flat * scale
        rings.append(np.stack([level[:, 0], np.full(len(level), height * y), level[:, 1]], axis=1))
    closed = [rings[0] * [0, 1, 0], *rings, rings[-1] * [0, 1, 0]]
    return Solid(np.array(closed), material, is_flat=True)


def faceted(points: AnyArray, material: int = 0) -> list[Solid]:
    """Return the faces of the convex hull of places (K, 3), each a part of its own."""
    points = settle(np.asarray(points) * 64).astype(np.float64) / 64
    hull = ConvexHull(points)
    solids = []
    for corners, equation in zip(hull.simplices, hull.equations, strict=True):
        face = points[corners]
        if np.cross(face[1] - face[0], face[2] - face[0]) @ equation[:3] < 0:
            face = face[::-1]
        ring = np.concatenate([face, face[:1]])
        middle = np.broadcast_to(face.mean(axis=0), ring.shape)
        solids.append(Solid(np.stack([ring, middle]), material, is_flat=True))
    return solids


def outlines(solids: Sequence[Solid], camera: Camera) -> list[Doubles]:
    """Return polygons (K, 2), all turning the same way, whose union is what solids cover of the picture."""
    found = []
    for solid in solids:
        seen = settle(camera.see(solid.rings)[..., :2] * 4096).astype(np.float64) / 4096
        for first, second in itertools.pairwise(seen):
            both = np.concatenate([first, second])
            try:
                found.append(both[ConvexHull(both).vertices])
            except QhullError:  # seen edge-on: it covers nothing
                continue
    return found


def view(solids: Sequence[Solid], camera: Camera, size: int) -> View:
    """Return what is seen of solids in a picture of size × size pixels."""
    parts = [_strewn(solid, camera, size) for solid in solids]
    places, normals, spots = (np.concatenate([part[n] for part in parts]) for n in range(3))
    number = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    cells = np.floor(places[:, :2] * size).astype(np.intp)
    inside = ((cells >= 0) & (cells < size)).all(axis=1)
    order = np.flatnonzero(inside)
    # The nearest last, so that it stays; of those about as near, the one nearest to the pixel's middle.
    off = np.abs(places[order, :2] * size - cells[order] - 0.5).max(axis=1)
    near = np.floor(places[order, 2] * (size / 2)) + 0.99 - off
    order = order[np.argsort(near, kind="stable")]
    pixel = cells[order, 1] * size + cells[order, 0]
    last = np.full(size * size, -1, np.intp)
    last[pixel] = order
    front = last.reshape(size, size)
    if (front >= 0).any():  # between strewn places, and around: as nearby
        rows, columns = ndimage.distance_transform_edt(front < 0, return_distances=False, return_indices=True)
        last_all = front[rows, columns]
    else:
        last_all = np.zeros_like(front)
    which = np.where(front >= 0, number[last_all], -1)
    return View(which, spots[last_all], normals[last_all], places[last_all, 2])


def _strewn(solid: Solid, camera: Camera, size: int) -> tuple[Doubles, Doubles, Doubles]:
    """Return places (P, 3) in the picture, normals (P, 3) and spots (P, 2) of what faces the viewer."""
    rings = solid.rings
    seen = camera.see(rings)
    along = np.hypot(*np.moveaxis(np.diff(seen[..., :2], axis=0), -1, 0)).max(axis=1)
    around = np.hypot(*np.moveaxis(np.diff(seen[..., :2], axis=1), -1, 0)).max(axis=0)
    rows, columns = (_steps(each * size) for each in (along, around))
    dense = _between(_between(seen, rows, 0), columns, 1)
    down, right = np.gradient(seen, axis=0), np.gradient(seen, axis=1)
    if not solid.is_flat:
        right[:, [0, -1]] = (seen[:, 1:2] - seen[:, -2:-1]) / 2  # a ring is closed
    facing = np.cross(right, down)
    lengths = np.sqrt((facing**2).sum(axis=2, keepdims=True))
    # Where a ring is a point its neighbours' normal holds.
    for i, j in ((0, 1), (-1, -2)):
        if lengths[i].max() < 1e-9:
            facing[i] = facing[j]
    if solid.is_flat:
        facing = np.cross(seen[:-1, 1:] - seen[:-1, :-1], seen[1:, :-1] - seen[:-1, :-1])
        facing = facing + np.cross(seen[1:, 1:] - seen[1:, :-1], seen[1:, 1:] - seen[:-1, 1:])
        normals = unit(facing)[np.minimum(rows.astype(np.intp), len(rings) - 2)]
        normals = normals[:, np.minimum(columns.astype(np.intp), rings.shape[1] - 2)]
    else:
        normals = unit(_between(_between(unit(facing), rows, 0), columns, 1))
    lengths = np.sqrt((np.diff(rings, axis=0) ** 2).sum(axis=2)).max(axis=1)
    run = np.concatenate([[0], np.cumsum(lengths)])
    girth = np.sqrt((np.diff(rings, axis=1) ** 2).sum(axis=2)).sum(axis=1).max()
    spots = np.stack(
        np.broadcast_arrays(
            (columns / (rings.shape[1] - 1) * girth)[None, :],
            np.interp(rows, np.arange(len(run)), run)[:, None],
        ),
        axis=2,
    )
    front = normals[..., 2] > 0
    return dense[front], normals[front], spots[front]


def _steps(lengths_px: Doubles) -> Doubles:
    """Return positions along stretches of lengths (K,) in pixels that are closer than _APART_PX."""
    counts = np.ceil(lengths_px / _APART_PX).astype(np.intp)
    counts = np.maximum(counts, 1)
    if counts.sum() > _MOST:
        counts = np.maximum(counts * _MOST // counts.sum(), 1)
    parts = [i + np.arange(count) / count for i, count in enumerate(counts)]
    return np.concatenate([*parts, [float(len(counts))]])


def _between(values: Doubles, where: Doubles, axis: int) -> Doubles:
    """Read values along an axis between its places, linearly."""
    first = np.minimum(where.astype(np.intp), values.shape[axis] - 2)
    share = (where - first).reshape([-1 if each == axis else 1 for each in range(3)])
    low, high = np.take(values, first, axis), np.take(values, first + 1, axis)
    return np.asarray(low + share * (high - low))
