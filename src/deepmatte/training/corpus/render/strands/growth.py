"""How strands grow: locks that fall over a body, strands within a lock, fur on a surface.

Everything is in space as bodies have it: x right, y down, z towards the viewer, in shares of the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from deepmatte.training.corpus.render.bodies import Cone, Surface, outside, unit
from deepmatte.training.corpus.render.rendering import Generator

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Strands:
    """N strands of K nodes in space.

    places, normals: (N, K, 3), where they are and which way leads out of the mass of them; lock: (N,), which
    lock each belongs to; depth: (N,), how deep within its lock, 0 on its outside; is_stray: (N,), those that
    have left their lock.
    """

    places: Doubles
    normals: Doubles
    lock: NDArray[np.intp]
    depth: Doubles
    is_stray: NDArray[np.bool_]

    @property
    def tangents(self) -> Doubles:
        """Return the unit vectors along the strands: (N, K, 3)."""
        return unit(np.gradient(self.places, axis=1))


@dataclass(frozen=True)
class Fall:
    """How locks leave the head and fall: shares of 1 unless said otherwise.

    stiffness: how much a lock keeps its way; weight: how strongly it is drawn down (below 0: up); wind:
    sideways; stray: how much each lock wanders.
    """

    stiffness: float
    weight: float
    wind: float
    stray: float


@dataclass(frozen=True)
class Wave:
    """How strands wind about their lock's line: radius in shares of the picture, turns over the whole length,
    evenness: how alike the strands of one lock are, 0 to 1, flatness: 0 a helix, 1 a wave in one plane.
    """

    radius: float
    turns: float
    evenness: float
    flatness: float


def together(first: Strands, second: Strands) -> Strands:
    """Return both sets of strands, of as many nodes each, as one; the second's locks count on."""
    lock = np.concatenate([first.lock, second.lock + int(first.lock.max(initial=-1)) + 1])
    rest = ("places", "normals", "depth", "is_stray")
    joined = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in rest}
    return Strands(lock=lock, **joined)


def grow_locks(
    rng: Generator,
    roots: Doubles,
    directions: Doubles,
    lengths: Doubles,
    lifts: Doubles,
    fall: Fall,
    cones: Sequence[Cone],
    nodes: int,
) -> tuple[Doubles, Doubles]:
    """Let locks fall over a body. Returns their lines and the normals along them, both (G, nodes, 3).

    roots, directions: (G, 3); lengths: (G,); lifts: (G,), how far above the body each lock lies.
    """
    pull = np.array([fall.wind, fall.weight, 0.0])
    own = rng.normal(0, fall.stray, (len(roots), 3))
    places, ways = roots.copy(), unit(directions)
    lines, normals = np.empty((2, len(roots), nodes, 3))
    step = (lengths / (nodes - 1))[:, None]
    keep = fall.stiffness ** (12 / nodes)  # the same bend however many nodes
    for node in range(nodes):
        away, out = outside(cones, places)
        lines[:, node], normals[:, node] = places, out
        inward = np.minimum((ways * out).sum(axis=1, keepdims=True), 0)
        touches = (away < lifts * 1.2)[:, None]
        ways = np.where(touches, ways - inward * out, ways)
        own = own * 0.85 + rng.normal(0, fall.stray * 0.5, own.shape)
        aim = pull + own
        # Pressed against the head a lock slides; it does not coil up.
        aim = np.where(touches, aim - np.minimum((aim * out).sum(axis=1, keepdims=True), 0) * out, aim)
        ways = unit(keep * ways + (1 - keep) * aim)
        places = places + step * ways
        away, out = outside(cones, places)
        places = places + out * np.clip(lifts - away, 0, step[:, 0])[:, None]
    return _smoothed(lines), unit(_smoothed(normals))


def _smoothed(lines: Doubles) -> Doubles:
    """Return lines (N, K, 3) with their kinks rounded off; roots and tips stay."""
    for _ in range(3):
        middle = 0.25 * lines[:, :-2] + 0.5 * lines[:, 1:-1] + 0.25 * lines[:, 2:]
        lines = np.concatenate([lines[:, :1], middle, lines[:, -1:]], axis=1)
    return lines


def fill_locks(
    rng: Generator,
    lines: Doubles,
    normals: Doubles,
    strands: int,
    spread: Doubles,
    wave: Wave,
    frizz: float,
    stray_share: float,
) -> tuple[Strands, Doubles]:
    """Fill locks with strands. Returns them and the locks' own lines, waved: (G, K, 3).

    lines, normals: (G, K, 3), of the locks; strands: how many in each; spread: (3,), the radius of a lock at
    its root, its middle and its tip; frizz: how far a strand wanders off on its own by its tip; stray_share:
    how many wander much further. Lengths in shares of the picture.
    """
    locks, nodes = lines.shape[:2]
    count = locks * strands
    lock = np.repeat(np.arange(locks), strands)
    along = np.linspace(0, 1, nodes)
    is_stray = rng.random(count) < stray_share
    reach = np.where(is_stray, rng.uniform(0.4, 1.0, count), 1 - 0.35 * rng.random(count) ** 2)
    places = _stretched(lines[lock], reach)
    outward = _stretched(normals[lock], reach)

    offset = unit(rng.normal(size=(count, 3))) * np.sqrt(rng.random(count))[:, None]
    radius = np.interp(along, [0, 0.45, 1], spread) * rng.uniform(0.6, 1.4, (locks, 1))[lock]
    loose = np.where(is_stray, rng.uniform(1.0, 2.5, count), 1.0)[:, None]
    places = places + offset[:, None] * (radius * loose)[..., None]
    winding = _Winding.of(rng, wave, locks)
    own = winding.strands(rng, wave, lock)
    places += own.offsets(along * reach[:, None], wave.flatness)
    wander = frizz * np.where(is_stray, rng.uniform(3, 14, count), rng.uniform(0.3, 1.5, count))
    places += _wandering(rng, count, along) * wander[:, None, None]
    rounded = unit(unit(outward) + 0.8 * offset[:, None])
    depth = 1 - np.clip((offset * outward[:, nodes // 2]).sum(axis=1) * 0.5 + 0.5, 0, 1)
    waved = lines + winding.offsets(np.broadcast_to(along, (locks, nodes)), wave.flatness)
    return Strands(places, rounded, lock, depth, is_stray), waved


def _stretched(lines: Doubles, reach: Doubles) -> Doubles:
    """Return lines (N, K, 3) cut off at a share of their length (N,), with as many nodes as before."""
    nodes = lines.shape[1]
    where = reach[:, None] * np.arange(nodes)
    first = np.minimum(where.astype(np.intp), nodes - 2)
    each = np.arange(len(lines))[:, None]
    share = (where - first)[..., None]
    return np.asarray(lines[each, first] * (1 - share) + lines[each, first + 1] * share)


@dataclass(frozen=True, eq=False)
class _Winding:
    """How each of N lines winds. All (N,): phase in turns, turns, radius, and the plane's angle."""

    phase: Doubles
    turns: Doubles
    radius: Doubles
    plane: Doubles

    @classmethod
    def of(cls, rng: Generator, wave: Wave, count: int) -> "_Winding":
        """Return how locks wind."""
        turns, radius = (
            wave.turns * rng.uniform(0.75, 1.25, count),
            wave.radius * rng.uniform(0.6, 1.3, count),
        )
        return cls(rng.random(count), turns, radius, rng.random(count) * 2 * np.pi)

    def strands(self, rng: Generator, wave: Wave, lock: NDArray[np.intp]) -> "_Winding":
        """Return how the strands of the locks (N,) wind, each a little of its own."""
        own = (1 - wave.evenness) * rng.normal(0, 1, (3, len(lock)))
        return _Winding(
            self.phase[lock] + 0.5 * own[0],
            self.turns[lock] * (1 + 0.12 * own[1]),
            self.radius[lock] * (1 + 0.25 * own[2]),
            self.plane[lock],
        )

    def offsets(self, along: Doubles, flatness: float) -> Doubles:
        """Return how far lines are off their middle at shares (N, K) of their length: (N, K, 3)."""
        angle = 2 * np.pi * (self.phase[:, None] + self.turns[:, None] * along)
        grown = self.radius[:, None] * np.minimum(along * 3, 1)
        across, deep = np.cos(angle) * grown, np.sin(angle) * grown * (1 - flatness)
        tilt = np.cos(self.plane)[:, None] * flatness
        return np.stack([across, tilt * across * 0.4 + 0.3 * deep, deep + tilt * across], axis=2)


def _wandering(rng: Generator, count: int, along: Doubles) -> Doubles:
    """Return smooth wanderings that start at nought and reach about 1 at the tip: (count, K, 3)."""
    total = np.zeros((count, len(along), 3))
    for turns in (0.5, 1.1, 2.3):
        phase = rng.random((count, 1, 3))
        size = rng.normal(0, 0.6 / turns, (count, 1, 3))
        swing = np.sin(2 * np.pi * (phase + turns * along[None, :, None])) - np.sin(2 * np.pi * phase)
        total += size * swing
    return total * along[None, :, None] ** 0.7


def grow_fur(
    rng: Generator,
    surface: Surface,
    roots: Doubles,
    lengths: Doubles,
    lift: float,
    droop: float,
    mess: float,
    clump: tuple[float, float],
    nodes: int,
    lay: Doubles | None = None,
) -> Strands:
    """Grow fur on a surface.

    roots: (N, 2); lengths: (N,); lift: 0 lies flat, 1 stands up; droop: how much its tips bend down; mess:
    how differently neighbours point; clump: the distance between tufts in shares of the picture, and how
    tightly their tips gather, 0 to 1; lay: (N, 3), where it lies, if not as the body says.
    """
    normal = unit(surface.read(surface.normal, roots))
    flow = surface.read(surface.lay, roots) if lay is None else lay
    flow = unit(flow - (flow * normal).sum(axis=1, keepdims=True) * normal)
    start = unit(lift * normal + (1 - lift) * flow + rng.normal(0, mess, normal.shape))
    end = unit(start + droop * np.array([0.0, 1.0, 0.0]) + 0.5 * flow)
    along = np.linspace(0, 1, nodes)[None, :, None]
    base = np.concatenate([roots, surface.read(surface.height, roots)[:, None]], axis=1)
    bend = start[:, None] * (along - 0.5 * along**2) + end[:, None] * (0.5 * along**2)
    curve = _wandering(rng, len(roots), along[0, :, 0]) * (0.12 * (0.5 + mess))
    places = base[:, None] + lengths[:, None, None] * (bend + curve)

    spacing, gather = clump
    tufts = max(1, round(1.0 / max(spacing, 1e-3) ** 2 * 0.5))
    heads = rng.choice(len(roots), min(tufts, len(roots)), replace=False)
    off, nearest = cKDTree(roots[heads]).query(roots + rng.normal(0, spacing * 0.2, roots.shape))
    leader = places[heads][nearest]
    pull = (
        gather * np.clip(1.5 - off / spacing, 0, 1)[:, None, None] * rng.uniform(0.5, 1, (len(roots), 1, 1))
    )
    places = places + pull * along**1.5 * (leader - places)
    depth = np.clip(off / spacing, 0, 1)
    normals = np.broadcast_to(normal[:, None], places.shape)
    return Strands(places, normals, nearest, depth, np.zeros(len(roots), bool))
