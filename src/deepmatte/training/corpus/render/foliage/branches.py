"""Branches: wood that forks again and again, from trunk to twigs thinner than a pixel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepmatte.training.corpus.render.bodies import unit
from deepmatte.training.corpus.render.light import Light
from deepmatte.training.corpus.render.rendering import Generator
from deepmatte.training.corpus.render.ribbons import Ribbons

Doubles = NDArray[np.float64]

NODES = 10
# A branch from its dark edge to where the light meets it: width, how far aside, brightness, opacity.
_ROUND = ((1.0, 0.0, 0.4, 1.0), (0.72, 0.1, 0.75, 0.9), (0.36, 0.2, 1.05, 0.8))
# Branches wider than this many pixels are drawn round.
_ROUND_FROM = 1.5


@dataclass(frozen=True, eq=False)
class Wood:
    """N branches of NODES nodes: lines (N, K, 3), as in `bodies`; radii: (N, K); reach: (N,), lengths."""

    lines: Doubles
    radii: Doubles
    reach: Doubles


@dataclass(frozen=True)
class Fork:
    """How branches bear others.

    children: of each; angle: between them, in radians; share: of the parent's length they have; start: from
    where along it they come; lift: how much they turn upwards, below 0 downwards; wander: how crooked;
    taper: 1 if they are shorter towards the parent's tip, 0 if not; flat: how much they keep to one plane.
    """

    children: int
    angle: float
    share: float
    start: float = 0.25
    lift: float = 0.0
    wander: float = 0.15
    taper: float = 0.6
    flat: float = 0.0


def stem(rng: Generator, base: Doubles, way: Doubles, reach: Doubles, radius: Doubles, wander: float) -> Wood:
    """Return stems from bases (N, 3) along ways (N, 3), of lengths and radii (N,)."""
    lines = _crooked(rng, base, unit(way), reach, wander, 0.0)
    radii = radius[:, None] * np.linspace(1, 0.25, NODES)
    return Wood(lines, radii, reach)


def fork(rng: Generator, wood: Wood, plan: Fork) -> Wood:
    """Return the branches that others bear."""
    count = len(wood.lines) * plan.children
    parent = np.repeat(np.arange(len(wood.lines)), plan.children)
    number = np.tile(np.arange(plan.children), len(wood.lines))
    t = plan.start + (1 - plan.start) * (number + rng.random(count)) / plan.children
    base, along = read(wood.lines, parent, np.clip(t, 0, 0.999))
    radius = wood.radii[parent, np.minimum((t * (NODES - 1)).astype(np.intp), NODES - 1)]
    side = unit(np.cross(along, [0.05, 0.1, 1.0]))
    other = np.cross(along, side)
    turn = number * 2.39996 + rng.normal(0, 0.4, count) + rng.uniform(0, 6.3, len(wood.lines))[parent]
    flat = np.rint(turn / np.pi) * np.pi
    turn = turn + plan.flat * (flat - turn)
    angle = np.clip(plan.angle * rng.normal(1, 0.22, count), 0.1, 1.8)[:, None]
    aside = side * np.cos(turn)[:, None] + other * np.sin(turn)[:, None]
    way = along * np.cos(angle) + aside * np.sin(angle)
    reach = wood.reach[parent] * plan.share * (1 - plan.taper * t) * rng.uniform(0.6, 1.25, count)
    lines = _crooked(rng, base, unit(way), reach, plan.wander, plan.lift)
    own = np.minimum(0.62 * radius, 0.035 * reach + 0.0002)
    return Wood(lines, own[:, None] * np.linspace(1, 0.3, NODES), reach)


def read(lines: Doubles, which: NDArray[np.intp], share: Doubles) -> tuple[Doubles, Doubles]:
    """Return places and ways, both (M, 3), at shares (M,) of the lengths of lines (N, K, 3)."""
    where = share * (lines.shape[1] - 1)
    first = np.minimum(where.astype(np.intp), lines.shape[1] - 2)
    step = lines[which, first + 1] - lines[which, first]
    return lines[which, first] + (where - first)[:, None] * step, unit(step)


def _crooked(
    rng: Generator, base: Doubles, way: Doubles, reach: Doubles, wander: float, lift: float
) -> Doubles:
    """Return lines (N, NODES, 3) that start along ways and stray."""
    count = len(base)
    walk = np.cumsum(rng.normal(0, wander, (count, NODES, 3)), axis=1) * 0.5 + rng.normal(
        0, wander, (count, NODES, 3)
    )
    t = np.linspace(0, 1, NODES)[None, :, None]
    ways = unit(way[:, None] + walk * np.minimum(1, 3 * t) + t * np.array([0.0, -lift, 0.0]))
    steps = ways * (reach / (NODES - 1))[:, None, None]
    return base[:, None] + np.cumsum(steps, axis=1) - steps[:, :1]


def together(parts: list[Wood]) -> Wood:
    """Return all branches of several sets."""
    return Wood(*(np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])))


def wood_ribbons(
    rng: Generator, wood: Wood, tones: Doubles, light: Light, size: int, free: Doubles
) -> Ribbons:
    """Return branches as ribbons, far ones first. tones: (2, 3); free: (N,), how much light reaches them."""
    count = len(wood.lines)
    order = np.argsort(wood.lines[:, :, 2].mean(axis=1), kind="stable")
    lines, free = wood.lines[order], free[order]
    widths = np.maximum(2 * wood.radii[order], 0.3 / size)
    way = unit(np.gradient(lines[..., :2], axis=1))
    across = np.stack([-way[..., 1], way[..., 0]], axis=2)
    lean = (across @ light.direction[:2])[..., None]
    rough = rng.normal(0, 0.1, (count, NODES, 1)) + rng.normal(0, 0.12, (count, 1, 1))
    own = tones[0] + np.clip(0.55 + 2 * rough, 0, 1) * (tones[1] - tones[0])
    thick = widths.max(axis=1) * size > _ROUND_FROM
    parts = []
    bright = light.ambient + (1.1 - light.ambient) * free
    for number, (share, aside, level, opacity) in enumerate(_ROUND):
        shade = np.where(thick | (number > 0), level, 0.8)[:, None, None]
        colours = np.clip(own * shade * light.colour * bright[:, None, None], 0, 1)
        shown = np.full((count, NODES), opacity) * (thick[:, None] if number else 1.0)
        parts.append(
            (lines[..., :2] + across * lean * (aside * widths)[..., None], widths * share, colours, shown)
        )
    return Ribbons(
        *(np.stack(each, axis=1).reshape(-1, *each[0].shape[1:]) for each in zip(*parts, strict=True))
    )
