"""Objects of everyday life as solids: vessels, tools, fruit, stones, crystals, toys, furniture, plants.

Each stands around nought, about one unit large; y goes downwards, z towards the viewer. The numbers of
materials are 0 for most of it, 1 and 2 for parts.
"""

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from deepmatte.training.corpus.render.figures import ANIMALS
from deepmatte.training.corpus.render.rendering import Generator
from deepmatte.training.corpus.render.shapes.hulls import Solid, box, faceted, revolved, swept

Doubles = NDArray[np.float64]

_I = np.eye(3)


def vessel(rng: Generator) -> list[Solid]:
    """Make a mug, jug, vase, bottle, bowl or pot, perhaps with handles and a spout."""
    tall, wide = rng.uniform(0.55, 1.1), rng.uniform(0.18, 0.42)
    t = np.linspace(0, 1, 40)
    knots = wide * np.exp(rng.normal(0, rng.choice([0.03, 0.35]), 6))
    radius = np.interp(t, np.linspace(0, 1, 6), knots)
    for _ in range(3):
        radius = np.convolve(np.pad(radius, 2, mode="edge"), np.ones(5) / 5, "valid")
    if rng.random() < 0.35:  # a neck
        neck = rng.uniform(0.05, 0.12)
        share = np.clip((t - rng.uniform(0.5, 0.7)) / 0.15, 0, 1)
        share = share * share * (3 - 2 * share)
        radius = radius * (1 - share) + neck * share
    y = tall * (0.5 - t)
    wall = rng.uniform(0.015, 0.03)
    inner = np.stack([np.maximum(radius[::-1] - wall, 0.01), y[::-1]], axis=1)[:26]
    rim = [[radius[-1], y[-1] - wall * 0.3], [radius[-1] - wall * 0.5, y[-1] - wall * 0.6]]
    profile = np.concatenate([[[0.001, y[0]], [radius[0] * 0.96, y[0]]], np.stack([radius, y], 1), rim])
    hollow = np.concatenate([rim[1:], inner, [[0.001, inner[-1, 1]]]])
    # Down a profile is outwards, up a profile inwards.
    solids = [revolved(profile[::-1]), revolved(hollow[::-1], 1)]
    handles = int(rng.choice([0, 1, 1, 2]))
    turn, thick = rng.uniform(0, np.pi), rng.uniform(0.018, 0.045)
    for number in range(handles):
        way = np.array([np.cos(turn + number * np.pi), 0, np.sin(turn + number * np.pi)])
        low, high = rng.uniform(0.12, 0.35), rng.uniform(0.65, 0.92)
        s = np.linspace(0, 1, 24)[:, None]
        share = low + (high - low) * s[:, 0]
        reach = np.interp(share, t, radius) - 0.01 + 0.32 * tall * np.sin(np.pi * s[:, 0]) ** 0.6
        line = way * reach[:, None] + np.stack([0 * share, tall * (0.5 - share), 0 * share], axis=1)
        solids.append(swept(line, np.full(24, thick), 0, rng.uniform(0.6, 1.6)))
    if handles and rng.random() < 0.4:  # a spout
        way = np.array([np.cos(turn + np.pi), 0, np.sin(turn + np.pi)])
        s = np.linspace(0, 1, 14)[:, None]
        base = float(np.interp(0.4, t, radius))
        line = way * (base * 0.8 + 0.3 * s) + np.array([0, 0.1 * tall, 0]) - np.array([0, 0.45, 0]) * s**1.6
        solids.append(swept(line, np.linspace(0.075, 0.03, 14)))
    return solids


def tool(rng: Generator) -> list[Solid]:
    """Make a hammer, screwdriver, spanner, brush, spoon, fork, pen or knife."""
    long, thick = rng.uniform(0.4, 0.6), rng.uniform(0.02, 0.05)
    t = np.linspace(-1, 1, 20)
    grip = thick * (1 + 0.3 * np.sin(t * rng.uniform(1, 4) + rng.uniform(0, 6)))
    line = np.stack([0 * t, long * (0.5 + 0.5 * t), 0 * t], axis=1)
    solids = [swept(line, grip, 0, rng.uniform(0.6, 1.0))]
    head = rng.integers(6)
    rod = np.stack([0 * t, -long * (0.5 - 0.5 * t), 0 * t], axis=1)
    if head == 0:  # a hammer
        solids.append(swept(rod, thick * 0.85))
        across = np.linspace(-1, 1, 14)
        shape = np.interp(across, [-1, -0.5, 0, 0.6, 0.62, 1], [0.012, 0.05, 0.06, 0.04, 0.065, 0.065])
        solids.append(swept(np.stack([0.22 * across, -long + 0.05 * across**2, 0 * across], 1), shape, 1))
    elif head == 1:  # a screwdriver
        solids.append(swept(rod, np.interp(t, [-1, -0.9, 1], [0.5, 0.4, 0.4]) * thick, 1))
    elif head == 2:  # a spanner
        solids[0] = swept(np.concatenate([rod, line[1:]]), thick * 0.9, 1, 0.35)
        for y, gap in ((-long, rng.uniform(0.6, 1.0)), (long, rng.uniform(0.5, 1.0))):
            turn = np.linspace(gap, 2 * np.pi - gap, 26) - np.pi / 2 * np.sign(y) * -1
            loop = np.stack([0.075 * np.cos(turn), y + 0.075 * np.sin(turn), 0 * turn], axis=1)
            solids.append(swept(loop, 0.028, 1, 0.5))
    elif head == 3:  # a brush
        solids.append(swept(rod[10:], thick * 1.1, 1))
        for _ in range(int(rng.integers(60, 160))):
            tip = rng.normal(0, 1, 3) * np.array([0.05, 0, 0.02])
            start = np.array([0, -long * 0.45, 0]) + tip * 0.6
            end = start + np.array([0, -rng.uniform(0.3, 0.42) * long * 1.5, 0]) + tip * 0.8
            solids.append(swept(np.linspace(start, end, 4), [0.007, 0.006, 0.005, 0.002], 2))
    elif head == 4:  # a spoon or a fork
        solids = [
            swept(np.concatenate([rod, line[1:]]), 0.02 + 0.012 * np.abs(np.linspace(-1, 1, 39)), 1, 0.4)
        ]
        if rng.random() < 0.5:
            bowl = 0.1 * np.sqrt(np.clip(1 - np.linspace(-1, 0.98, 16) ** 2, 0, 1)) + 0.004
            down = -long - 0.14 * np.linspace(-1, 1, 16)
            solids.append(
                swept(np.stack([0 * down, down, 0.03 * np.linspace(-1, 1, 16) ** 2], 1), bowl, 1, 0.25)
            )
        else:
            for x in np.linspace(-0.07, 0.07, 4):
                down = np.linspace(-long - 0.02, -long - 0.32, 8)
                tines = [0.012, 0.014, 0.013, 0.012, 0.011, 0.01, 0.008, 0.003]
                bow = x * np.array([0.2, 0.8, 1, 1, 1, 1, 1, 0.97])
                solids.append(swept(np.stack([bow, down, 0.02 * np.cos(down * 9)], 1), tines, 1, 0.6))
    else:  # a pen or a knife
        solids.append(
            swept(rod, np.interp(t, [-1, -0.75, 1], [0.05, 0.8, 1.0]) * thick, 1, rng.choice([0.2, 1]))
        )
    return solids


def fruit(rng: Generator) -> list[Solid]:
    """Make apples, pears, lemons, pumpkins, mushrooms, with stems and leaves."""
    solids: list[Solid] = []
    for number in range(int(rng.choice([1, 1, 1, 2, 3]))):
        t = np.linspace(0.001, np.pi - 0.001, 44)
        form, long = rng.integers(5), rng.uniform(0.75, 1.5)
        radius, y = np.sin(t), np.cos(t) * long
        if form == 0:  # an apple: drawn in at both ends
            y = y - 0.45 * long * np.exp(-((t - np.pi) ** 2) * 5) * -1 - 0.25 * long * np.exp(-(t**2) * 6)
        elif form == 1:  # a pear
            radius = radius * (0.72 - 0.32 * np.cos(t + 2.8))
        elif form == 2:  # a lemon
            y = y * (1 + 0.18 * np.abs(np.cos(t)) ** 8)
        elif form == 3:  # a mushroom, or a bell
            radius = np.where(t > 1.6, radius, 0.3 + 0 * t) * np.minimum(t * 8, 1)
            y = np.where(t > 1.6, y, 0.9 * np.cos(t * 0.98))
        whole = revolved(np.stack([radius, y], axis=1)[::-1] * [1, 1], int(number % 2))
        rings = whole.rings
        if form == 4:  # a pumpkin
            ribs = int(rng.integers(6, 13))
            rings = (
                rings
                * np.array([1, 0.75, 1])
                * (1 - 0.09 * np.abs(np.cos(_around() * ribs / 2)) ** 0.5)[:, None]
            )
        dent = _bumps(rng, rings.shape[:2], rng.uniform(0.0, 0.06))
        rings = rings * (1 + dent[..., None] * np.array([1, 1, 1]))
        size = rng.uniform(0.24, 0.4) * (0.65 if number else 1)
        shift = np.array([0.42 * number * (-1) ** number, 0.05 * number, 0.1 * number])
        top = -float(long * (0.75 if form == 4 else 0.6 if form == 0 else 0.95))
        parts = [Solid(rings, int(number % 2))]
        s = np.linspace(0, 1, 9)
        stem = np.stack([rng.normal(0, 0.25) * s**2, top - rng.uniform(0.2, 0.5) * s, 0.1 * s], axis=1)
        parts.append(swept(stem, np.interp(s, [0, 0.2, 1], [0.08, 0.045, 0.06]), 2))
        if rng.random() < 0.4:
            leaf = np.stack([0.05 + 0.7 * s, stem[4, 1] - 0.25 * np.sin(s * 2.4), 0.2 * s], axis=1)
            parts.append(swept(leaf, 0.01 + 0.2 * np.sin(np.pi * s) ** 0.8, 2, 0.06))
        turn = _turn(rng, 0.5)
        solids += [part.moved(turn, shift, size) for part in parts]
    return solids


def stone(rng: Generator) -> list[Solid]:
    """Make stones, potatoes, bread: lumps, one or some."""
    solids = []
    for number in range(int(rng.choice([1, 1, 2, 4]))):
        t = np.linspace(0.001, np.pi - 0.001, 60)
        whole = revolved(np.stack([np.sin(t), -np.cos(t)], axis=1))
        lumps = _bumps(rng, whole.rings.shape[:2], rng.uniform(0.05, 0.18), ends=t)
        rings = whole.rings * (1 + lumps[..., None]) * rng.uniform(0.55, 1.0, 3)
        size = rng.uniform(0.3, 0.46) * (0.6 if number else 1)
        shift = rng.normal(0, 0.3, 3) * (number > 0)
        solids.append(Solid(rings, int(number % 2)).moved(_turn(rng, 2), shift, size))
    return solids


def crystal(rng: Generator) -> list[Solid]:
    """Make polyhedra: cut stones, dice, crystals, boxes, some with spikes."""
    solids: list[Solid] = []
    form = rng.integers(4)
    if form == 0:
        points = rng.normal(size=(int(rng.integers(7, 40)), 3))
        points /= np.sqrt((points**2).sum(axis=1, keepdims=True))
        solids += faceted(points * rng.uniform(0.3, 0.5, 3))
    elif form == 1:  # a druse
        for number in range(int(rng.integers(3, 10))):
            corners = np.linspace(0, 2 * np.pi, 7)[:-1]
            long, wide = rng.uniform(0.25, 0.6), rng.uniform(0.04, 0.12)
            hexagon = np.stack([wide * np.cos(corners), 0 * corners, wide * np.sin(corners)], axis=1)
            points = np.concatenate([hexagon, hexagon - [0, long, 0], [[0, -long - wide * 1.4, 0]]])
            lean = _turn(rng, 0.45)
            solids += [part.moved(lean, np.array([0, 0.3, 0])) for part in faceted(points, number % 2)]
    elif form == 2:  # boxes, stacked
        top = 0.45
        for number in range(int(rng.integers(1, 5))):
            half = rng.uniform(0.08, 0.3, 3) * [1, 0.6, 1]
            top -= half[1]
            turn = rng.normal(0, 0.4)
            about = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
            part = box(half, number % 3, rng.uniform(0.02, 0.5))
            solids.append(part.moved(about, np.array([rng.normal(0, 0.04), top, 0])))
            top -= half[1]
    else:  # a star with spikes
        for _ in range(int(rng.integers(8, 40))):
            way = rng.normal(size=3)
            way /= np.sqrt((way**2).sum())
            s = np.linspace(0, 1, 6)[:, None]
            solids.append(swept(way * s * rng.uniform(0.35, 0.55), np.linspace(0.06, 0.003, 6)))
        t = np.linspace(0.001, np.pi - 0.001, 24)
        solids.append(revolved(0.2 * np.stack([np.sin(t), -np.cos(t)], axis=1), 1))
    return solids


def toy(rng: Generator) -> list[Solid]:
    """Make an animal of wood, clay or plastic."""
    name = str(rng.choice(["side", "sitting", "bird", "side"]))
    figure = ANIMALS[name](rng).placed(
        0.42, (0.0, -0.12 if name == "sitting" else 0.0), 0.0, rng.normal(0, 0.5)
    )
    parts = {part: int(rng.integers(2)) for part in sorted({cone.part for cone in figure.cones})}
    solids = []
    for cone in figure.cones:
        s = np.linspace(0, 1, 8)[:, None]
        line = np.array(cone.start) + s * (np.array(cone.end) - np.array(cone.start) + [0, 1e-4, 0])
        radii = np.linspace(*cone.radii, 8)
        solids.append(swept(line, radii, parts[cone.part]))
    for mark in figure.marks:
        t = np.linspace(0.001, np.pi - 0.001, 12)
        ball = revolved(mark.radii[0] * np.stack([np.sin(t), -np.cos(t)], axis=1), 2)
        solids.append(ball.moved(_I, np.array(mark.place)))
    return solids


def furniture(rng: Generator) -> list[Solid]:
    """Make a chair, stool, table or lamp on thin legs."""
    solids: list[Solid] = []
    wide, deep = rng.uniform(0.2, 0.4, 2)
    seat, thin = rng.uniform(-0.15, 0.15), rng.uniform(0.012, 0.03)
    solids.append(box((wide, rng.uniform(0.012, 0.05), deep), 1, 0.6).moved(_I, np.array([0, seat, 0])))
    splay = rng.uniform(0.0, 0.12)
    for x in (-1, 1):
        for z in (-1, 1):
            top = np.array([x * (wide - 0.04), seat, z * (deep - 0.04)])
            foot = np.array([x * (wide + splay - 0.04), 0.5, z * (deep + splay - 0.04)])
            solids.append(swept(np.linspace(top, foot, 8), np.linspace(thin, thin * 0.7, 8)))
    if rng.random() < 0.6:  # a back
        high, bars = rng.uniform(-0.55, -0.35), int(rng.integers(0, 7))
        s = np.linspace(0, 1, 8)[:, None]
        for x in (*np.array([-1, 1]) * (wide - 0.03), *np.linspace(-wide * 0.7, wide * 0.7, bars)):
            low, up = np.array([x, seat, -deep + 0.03]), np.array([x * 0.95, high, -deep - 0.06])
            solids.append(swept(low + s * (up - low), thin * (0.9 if abs(x) > wide * 0.8 else 0.5)))
        bow = np.linspace(-1, 1, 14)
        line = np.stack([bow * wide * 0.95, high - 0.06 * (1 - bow**2), -deep - 0.06 + 0 * bow], axis=1)
        solids.append(swept(line, thin * 1.6, 0, 0.6))
    else:  # a lamp stands on it
        solids.append(swept(np.linspace([0, seat, 0], [0, -0.3, 0], 10), 0.012))
        shade = np.array([[0.09, -0.5], [0.16, -0.4], [0.2, -0.28], [0.19, -0.275], [0.02, -0.3]])
        solids.append(revolved(np.repeat(shade, 3, axis=0) + np.arange(15)[:, None] * 1e-5, 2))
    return solids


def cactus(rng: Generator) -> list[Solid]:
    """Make a cactus with spines, in a pot."""
    pot = np.array([[0.001, 0.5], [0.15, 0.5], [0.2, 0.25], [0.22, 0.25], [0.22, 0.2], [0.001, 0.19]])
    solids = [revolved(np.concatenate([np.linspace(a, b, 8) for a, b in itertools.pairwise(pot)])[::-1], 1)]
    ribs = int(rng.integers(8, 16))
    for number in range(int(rng.integers(1, 4))):
        s = np.linspace(0, 1, 20)
        tall, wide = rng.uniform(0.3, 0.62) * (0.6 if number else 1), rng.uniform(0.06, 0.13)
        side = rng.choice([-1, 1]) * (number > 0)
        line = np.stack([side * 0.22 * np.minimum(s * 3, 1), 0.2 - 0.15 * number - tall * s, 0 * s], axis=1)
        arm = swept(line, wide * (0.8 + 0.3 * np.sin(np.pi * s)))
        middle = arm.rings.mean(axis=1, keepdims=True)
        ribbed = 1 - 0.16 * np.abs(np.cos(_around() * ribs / 2))
        rings = middle + (arm.rings - middle) * ribbed[:, None]
        solids.append(Solid(rings))
        for _ in range(int(rng.integers(40, 120))):
            i, j = rng.integers(3, len(rings) - 1), int(rng.integers(ribs)) * 48 // ribs + 48 // ribs // 2
            root, way = rings[i, j % 48], rings[i, j % 48] - middle[i, 0]
            tip = root + rng.uniform(0.3, 0.8) * way + rng.normal(0, 0.02, 3)
            solids.append(swept(np.linspace(root, tip, 4), [0.003, 0.0026, 0.002, 0.001], 2))
    return solids


def _around() -> Doubles:
    return np.linspace(0, 2 * np.pi, 49)


def _turn(rng: Generator, by: float) -> Doubles:
    """Return a random rotation (3, 3) by about so many radians."""
    x, y, z = rng.normal(0, by, 3)
    half = np.array([1.0, x / 2, y / 2, z / 2])
    w, x, y, z = half / np.sqrt((half**2).sum())
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _bumps(rng: Generator, shape: tuple[int, int], by: float, ends: Doubles | None = None) -> Doubles:
    """Return smooth bumps over rings (R, N) that close, and fade at both ends of a chain where asked."""
    rows = np.linspace(0, np.pi, shape[0])[:, None]
    total = np.zeros(shape)
    for waves in range(1, 7):
        for _ in range(2):
            phase = rng.uniform(0, 2 * np.pi, 2)
            across = np.cos(waves * _around() + phase[0])
            total += rng.normal(0, 1 / waves) * across * np.cos(waves * 1.3 * rows + phase[1])
    fade = 1.0 if ends is None else np.sin(ends)[:, None] ** 0.7
    return np.asarray(by * total * fade)


OBJECTS: dict[str, Callable[[Generator], list[Solid]]] = {
    "vessel": vessel,
    "tool": tool,
    "fruit": fruit,
    "stone": stone,
    "crystal": crystal,
    "toy": toy,
    "furniture": furniture,
    "cactus": cactus,
}
