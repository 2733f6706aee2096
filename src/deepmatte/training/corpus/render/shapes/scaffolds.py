"""Things made of wire, as lines in space: fences, masts, wheels, baskets, springs.

A structure is about one unit large and stands around nought; y goes downwards, z towards the viewer.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepmatte.training.corpus.render.rendering import Generator

Doubles = NDArray[np.float64]
# A line (K, 3), how thick it is beside the others, and which of the structure's materials it has.
Wire = tuple[Doubles, float, int]


def straight(start: Any, end: Any, nodes: int = 7) -> Doubles:
    """Return a straight line in space: (nodes, 3)."""
    return np.linspace(np.array(start, float), np.array(end, float), nodes)


def ring(centre: Any, first: Any, second: Any, nodes: int = 121) -> Doubles:
    """Return an ellipse about a centre, whose half axes are two vectors: (nodes, 3), closed."""
    angle = np.linspace(0, 2 * np.pi, nodes)[:, None]
    return np.asarray(
        np.array(centre, float) + np.cos(angle) * np.array(first, float) + np.sin(angle) * np.array(second)
    )


def cables(rng: Generator) -> list[Wire]:
    """Make cables that sag across the picture, and perhaps a pole that carries them."""
    wires: list[Wire] = []
    count = int(rng.integers(3, 14))
    t = np.linspace(0, 1, 40)
    bundle = rng.random() < 0.5
    for _ in range(count):
        y0 = rng.uniform(-0.5, 0.3) if not bundle else rng.choice([-0.4, -0.2, 0.05]) + rng.normal(0, 0.03)
        y1 = y0 + rng.normal(0, 0.12)
        sag, z = rng.uniform(0.0, 0.25), rng.uniform(-0.4, 0.4)
        y = y0 + (y1 - y0) * t + sag * 4 * t * (1 - t)
        line = np.stack([-1.7 + 3.4 * t, y, np.full(40, z)], axis=1)
        wires.append((line, rng.choice([0.6, 1.0, 1.0, 1.6]), 0))
        if rng.random() < 0.2:  # a twisted mate
            spin = 2 * np.pi * np.linspace(0, rng.uniform(20, 50), 260)
            many = np.stack(
                [np.interp(np.linspace(0, 1, 260), t, line[:, axis]) for axis in range(3)], axis=1
            )
            turn = np.stack([np.zeros(260), np.cos(spin), np.sin(spin)], axis=1)
            wires.append((many + 0.008 * turn, 0.8, 0))
    if rng.random() < 0.6:
        x = rng.uniform(-0.35, 0.35)
        wires.append((straight((x, -0.62, 0.1), (x + rng.normal(0, 0.03), 1.4, 0.1)), 7.0, 1))
        for y in np.linspace(-0.5, -0.1, int(rng.integers(1, 4))):
            reach = rng.uniform(0.15, 0.4)
            wires.append((straight((x - reach, y, 0.12), (x + reach, y, 0.12)), 3.5, 1))
            for aside in np.linspace(-reach, reach, 4):
                wires.append((straight((x + aside, y - 0.05, 0.14), (x + aside, y, 0.14)), 2.5, 0))
    return wires


def antenna(rng: Generator) -> list[Wire]:
    """Make a mast with booms, rods, a dish or whips, held by guys."""
    wires: list[Wire] = [(straight((0, -0.6, 0), (0, 1.3, 0)), 2.6, 1)]
    for y in np.sort(rng.uniform(-0.55, 0.25, int(rng.integers(1, 5)))):
        length, turn = rng.uniform(0.3, 0.8), rng.uniform(0, np.pi)
        way = np.array([np.cos(turn), rng.normal(0, 0.06), np.sin(turn)])
        aside = np.array([-np.sin(turn), 0, np.cos(turn)])
        if rng.random() < 0.4:
            aside = np.array([0.0, 1.0, 0.0])
        middle = np.array([0, y, 0.02])
        wires.append((straight(middle - way * length * 0.6, middle + way * length * 0.6, 9), 1.4, 0))
        for share in np.linspace(-0.58, 0.58, int(rng.integers(4, 16))):
            reach = length * (0.2 - 0.1 * share) * rng.uniform(0.9, 1.1)
            spot = middle + way * length * share + np.array([0, 0, 0.01])
            wires.append((straight(spot - aside * reach, spot + aside * reach), 0.8, 0))
        if rng.random() < 0.3:  # a folded dipole
            spot = middle - way * length * 0.3
            wires.append((ring(spot, aside * 0.22, way * 0.03, 61), 0.8, 0))
    for _ in range(int(rng.integers(0, 5))):  # whips
        x = rng.normal(0, 0.12)
        t = np.linspace(0, 1, 12)[:, None]
        tip = np.array([x * 2 + rng.normal(0, 0.15), -rng.uniform(0.75, 1.0), rng.normal(0, 0.1)])
        whip = np.array([x, -0.3, 0.0]) * (1 - t) + tip * t + np.array([rng.normal(0, 0.1), 0, 0]) * t**3
        wires.append((whip, 0.6, 0))
    for _ in range(int(rng.integers(0, 6))):  # guys
        turn = rng.uniform(0, 2 * np.pi)
        foot = (np.cos(turn) * 1.1, 1.1, np.sin(turn) * 1.1)
        wires.append((straight((0, rng.uniform(-0.5, 0.1), 0), foot, 30), 0.4, 0))
    if rng.random() < 0.35:  # a dish of wire
        middle = np.array([rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2), 0.1])
        for radius in np.linspace(0.06, 0.34, 6):
            at = middle + np.array([0, 0, radius**2 * 1.5])
            wires.append((ring(at, (radius, 0, 0), (0, radius, 0), 61), 0.7, 0))
        for turn in np.linspace(0, np.pi * 2, 17)[:-1]:
            r = np.linspace(0.02, 0.34, 9)
            spoke = np.stack([r * np.cos(turn), r * np.sin(turn), r**2 * 1.5], axis=1)
            wires.append((spoke + middle, 0.6, 0))
    return wires


def fence(rng: Generator) -> list[Wire]:
    """Make chain-link, welded mesh or barbed wire, with posts."""
    wires: list[Wire] = []
    form = rng.integers(3)
    if form == 0:
        pitch = rng.uniform(0.05, 0.16)
        rows, reach = int(2.4 / pitch), 0.53
        z, k = rng.uniform(0.004, 0.012), np.arange(rows * 6 + 1)
        for number in range(int(2.6 / pitch)):
            phase = np.abs((k / 6 + number) % 2 - 1)  # each second wire bends the other way
            smooth = phase * phase * (3 - 2 * phase)
            zigzag = (0.35 * smooth + 0.65 * phase - 0.5) * 2 * reach * pitch
            x = -1.3 + number * pitch + zigzag
            line = np.stack([x, -1.2 + k / 6 * pitch * 0.5 * 2, z * np.cos(np.pi * (k / 6 + number))], axis=1)
            wires.append((line, 1.0, 0))
    elif form == 1:
        across, down = rng.uniform(0.04, 0.2, 2)
        for x in np.arange(-1.2, 1.2, across):
            wires.append((straight((x, -1.2, 0.006), (x, 1.2, 0.006), 40), 1.0, 0))
        for y in np.arange(-1.2, 1.2, down):
            for step in (0.0, 0.03) if rng.random() < 0.2 else (0.0,):
                wires.append((straight((-1.2, y + step, -0.006), (1.2, y + step, -0.006), 40), 1.2, 0))
    else:
        for y in np.sort(rng.uniform(-0.6, 0.6, int(rng.integers(2, 6)))):
            t = np.linspace(0, 1, 420)
            spin, sag = 2 * np.pi * t * rng.uniform(30, 60), 0.15 * rng.uniform(0, 1) * t * (1 - t)
            base = np.stack([-1.2 + 2.4 * t, y + rng.normal(0, 0.05) * t + sag, 0 * t], axis=1)
            turn = 0.009 * np.stack([0 * t, np.cos(spin), np.sin(spin)], axis=1)
            wires += [(base + turn, 0.8, 0), (base - turn, 0.8, 0)]
            for share in np.arange(rng.uniform(0, 0.06), 1, rng.uniform(0.05, 0.09)):
                spot = base[int(share * 419)]
                for _ in range(2):
                    way = rng.normal(0, 1, 3) * np.array([0.5, 1, 0.8])
                    way *= 0.045 / np.sqrt((way**2).sum())
                    wires.append((straight(spot - way, spot + way, 5), 0.7, 0))
                coil = np.linspace(0, 6 * np.pi, 40)
                hull = np.stack([0.0016 * coil - 0.015, 0.015 * np.cos(coil), 0.015 * np.sin(coil)], axis=1)
                wires.append((spot + hull, 0.7, 0))
    for x in np.arange(rng.uniform(-1, -0.3), 1.2, rng.uniform(0.5, 1.2)):
        if rng.random() < 0.7:
            wires.append((straight((x, -0.9, -0.04), (x, 1.3, -0.04), 30), rng.uniform(3, 7), 1))
    return wires


def scaffold(rng: Generator) -> list[Wire]:
    """Make a tower or a wall of tubes with braces."""
    nx, ny, nz = (int(n) for n in rng.integers([1, 3, 1], [5, 8, 3]))
    size = np.array([0.28 * nx ** rng.uniform(0.3, 1), 1.3, 0.25])
    brace = rng.random() < 0.8

    def corner(i: int, j: int, k: int) -> Doubles:
        return np.asarray(np.array([i / nx - 0.5, j / ny - 0.5, k / nz - 0.5]) * size * 1.2)

    wires: list[Wire] = []
    for k in range(nz + 1):
        for i in range(nx + 1):
            wires.append(
                (straight(corner(i, 0, k), corner(i, ny, k) + np.array([0, 0.2, 0]), 4 * ny), 1.5, 0)
            )
        for j in range(ny + 1):
            if nx > 1 or j:
                past = np.array([rng.uniform(0, 0.06), 0, 0])
                wires.append((straight(corner(0, j, k) - past, corner(nx, j, k) + past, 6 * nx + 2), 1.1, 0))
        for i in range(nx):
            for j in range(ny):
                if brace and rng.random() < 0.8:
                    flip = (i + j + k) % 2
                    wires.append(
                        (straight(corner(i + flip, j, k), corner(i + 1 - flip, j + 1, k), 9), 0.9, 0)
                    )
    for i in range(nx + 1):
        for j in range(ny + 1):
            wires.append((straight(corner(i, j, 0), corner(i, j, nz), 5 * nz), 1.0, 0))
    if rng.random() < 0.4:  # boards
        for j in range(1, ny, int(rng.integers(1, 3))):
            for z in np.linspace(-0.12, 0.12, 4):
                low, high = corner(0, j, 0), corner(nx, j, 0)
                wires.append((straight((low[0], low[1], z), (high[0], high[1], z), 20), 3.5, 1))
    return wires


def wheels(rng: Generator) -> list[Wire]:
    """Make one wheel, or a bicycle."""
    wires: list[Wire] = []
    one = rng.random() < 0.45
    radius = 0.55 if one else 0.33
    hubs = [np.zeros(3)] if one else [np.array([-0.48, 0.2, 0.0]), np.array([0.48, 0.2, 0.0])]
    count, cross = int(rng.integers(6, 20)) * 2, rng.uniform(0.0, 1.4)
    for hub in hubs:
        for scale, thick, tone in ((1.0, rng.uniform(3, 8), 1), (0.94, 2.4, 0), (0.9, 1.0, 0)):
            wires.append((ring(hub, (radius * scale, 0, 0), (0, radius * scale, 0), 181), thick, tone))
        for number in range(count):
            turn = 2 * np.pi * number / count
            side = 0.03 * (-1) ** number
            lean = cross * (-1) ** (number // 2)
            inner = radius * 0.08 * np.array([np.cos(turn + lean), np.sin(turn + lean), 0]) + np.array(
                [0, 0, side]
            )
            outer = radius * 0.92 * np.array([np.cos(turn), np.sin(turn), 0])
            wires.append((straight(hub + inner, hub + outer, 9), 0.5, 0))
        wires.append((straight(hub + np.array([0, 0, -0.05]), hub + np.array([0, 0, 0.06])), 6.0, 0))
    if one:
        return wires
    seat, crank = np.array([-0.22, -0.22, 0.0]), np.array([-0.1, 0.22, 0.0])
    head, low = np.array([0.3, -0.22, 0.0]), np.array([0.33, -0.12, 0.0])
    bar = head + np.array([-0.02, -0.14, 0])
    frame = [(seat, crank), (seat, head), (crank, low), (head, low), (low, hubs[1]), (head, bar)]
    wires += [(straight(start, end, 9), 3.6, 2) for start, end in frame]
    for z in (-0.035, 0.035):
        wires += [
            (straight(end + np.array([0, 0, z]), hubs[0] + np.array([0, 0, z]), 9), 1.8, 2)
            for end in (seat, crank)
        ]
    wires.append((straight(seat, seat + np.array([-0.03, -0.12, 0])), 2.2, 0))
    wires.append((straight(seat + np.array([-0.13, -0.12, 0]), seat + np.array([0.1, -0.14, 0])), 7.0, 1))
    wires.append((straight(bar + np.array([0.02, 0, -0.26]), bar + np.array([0.02, 0, 0.26])), 2.2, 0))
    wires.append((ring(crank, (0.08, 0, 0), (0, 0.08, 0), 61), 1.5, 0))
    for step in (-1, 1):
        tip = crank + np.array([0.06, 0.11, 0.0]) * step + np.array([0, 0, 0.06 * step])
        wires.append((straight(crank + np.array([0, 0, 0.06 * step]), tip), 2.0, 0))
    for step in (-1, 1):  # the chain
        up = np.array([0, 0.075 * step, 0.03])
        wires.append((straight(crank + up, hubs[0] + up * [1, 0.5, 1], 15), 0.9, 1))
    return wires


def basket(rng: Generator) -> list[Wire]:
    """Make a basket, cup, cage or lamp of wire: a body of revolution, its front and its back."""
    tall, low = rng.uniform(0.5, 1.2), rng.uniform(0.18, 0.42)
    high, belly = low * rng.uniform(0.8, 1.6), rng.choice([0.0, 0.0, 0.25, 0.5])
    t = np.linspace(0, 1, 41)
    profile = low + (high - low) * t + belly * low * np.sin(np.pi * t)
    if rng.random() < 0.25:  # a cage
        profile = np.where(t > 0.6, profile * np.sqrt(np.clip(1 - ((t - 0.6) / 0.4) ** 2, 0, 1)), profile)

    def at(share: Doubles, turn: Doubles) -> Doubles:
        radius = np.interp(share, t, profile)
        return np.stack([radius * np.cos(turn), (0.5 - share) * tall, radius * np.sin(turn)], axis=1)

    wires: list[Wire] = []
    count, form = int(rng.integers(10, 70)), rng.integers(3)
    twist = 0.0 if form == 0 else rng.uniform(0.4, 2.4)
    nodes = 41 if form else 21
    share = np.linspace(0, 1, nodes)
    for turn in np.arange(count) / count * 2 * np.pi:
        for way in (1, -1) if form else (1,):
            wires.append((at(share, turn + way * twist * share), 0.8, 0))
    hoops = [0.0, 1.0] if form == 1 else np.linspace(0, 1, int(rng.integers(3, 14)))
    for height in hoops:
        is_rim = height in (0.0, 1.0)
        line = at(np.full(121, height), np.linspace(0, 2 * np.pi, 121))
        wires.append((line, rng.uniform(2.5, 6) if is_rim else 0.9, 1 if is_rim else 0))
    foot = float(profile[0])
    for x in np.arange(-foot, foot, rng.uniform(0.03, 0.12)):
        reach = np.sqrt(max(foot**2 - x**2, 0))
        wires.append((straight((x, tall / 2, -reach), (x, tall / 2, reach), 15), 0.7, 0))
    if rng.random() < 0.4:  # a handle
        turn = np.linspace(0, np.pi, 41)
        top = float(profile[-1])
        arch = np.stack([top * np.cos(turn), -tall / 2 - tall * 0.5 * np.sin(turn), 0 * turn], axis=1)
        wires.append((arch, 1.8, 1))
    return wires


def springs(rng: Generator) -> list[Wire]:
    """Make springs, coiled cords and loose loops of wire."""
    wires: list[Wire] = []
    for _ in range(int(rng.integers(2, 6))):
        nodes = 900
        t = np.linspace(0, 1, nodes)
        knots = rng.normal(0, 0.32, (int(rng.integers(4, 9)), 3)) * np.array([1, 1, 0.5])
        path = _curve(knots, nodes)
        path = (path - path.mean(axis=0)) * 0.5 / max(float(np.abs(path - path.mean(axis=0)).max()), 1e-6)
        if rng.random() < 0.5:
            start, end = rng.uniform(-0.6, 0.6, (2, 3))
            path = straight(start, 0.6 * start - end, nodes) + 0.15 * path
        if rng.random() < 0.6:
            turns, radius = rng.uniform(12, 55), rng.uniform(0.03, 0.12)
            way = np.gradient(path, axis=0)
            way /= np.maximum(np.sqrt((way**2).sum(axis=1, keepdims=True)), 1e-9)
            first = np.cross(way, np.array([0.13, 0.9, 0.41]))
            first /= np.maximum(np.sqrt((first**2).sum(axis=1, keepdims=True)), 1e-9)
            spin = 2 * np.pi * turns * t[:, None]
            ends = np.clip(np.minimum(t, 1 - t) * 20, 0, 1)[:, None]
            path = path + ends * radius * (np.cos(spin) * first + np.sin(spin) * np.cross(way, first))
        wires.append((path, rng.choice([0.7, 1.0, 2.0]), int(rng.integers(2))))
    return wires


def tangle(rng: Generator) -> list[Wire]:
    """Make a tangle of wires and loops, some with straight ends."""
    wires: list[Wire] = []
    spread = rng.uniform(0.25, 0.45)
    is_coil = rng.random() < 0.6
    for _ in range(int(rng.integers(3, 22))):
        knots = rng.normal(0, spread, (int(rng.integers(3, 8)), 3)) * np.array([1, 0.8, 0.5])
        if is_coil:  # loops that lie on each other, as a cable that was wound up
            count = int(rng.integers(8, 40))
            turn = np.arange(count) * 0.9 + rng.uniform(0, 6)
            circle = np.stack([np.cos(turn), 0.7 * np.sin(turn), 0.25 * np.sin(turn * 0.37)], axis=1)
            knots = circle * rng.uniform(0.3, 0.5) + rng.normal(0, 0.035, (count, 3))
            knots[[0, -1]] *= rng.uniform(1, 2.2)
        if rng.random() < 0.3:
            knots = np.concatenate([knots, knots[:1]])
        thick = float(np.exp(rng.normal(0, 0.4)))
        wires.append((_curve(knots, 30 * len(knots)), thick, int(rng.integers(3))))
    return wires


def _curve(knots: Doubles, nodes: int) -> Doubles:
    """Return a smooth line through places (K, 3): the cubics of Catmull and Rom, (nodes, 3)."""
    wide = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    where = np.linspace(0, len(knots) - 1, nodes)
    i = np.minimum(where.astype(np.intp), len(knots) - 2)
    t = (where - i)[:, None]
    a, b, c, d = (wide[i + step] for step in range(4))
    return np.asarray(
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    )


STRUCTURES: dict[str, Callable[[Generator], list[Wire]]] = {
    "cables": cables,
    "antenna": antenna,
    "fence": fence,
    "scaffold": scaffold,
    "wheels": wheels,
    "basket": basket,
    "springs": springs,
    "tangle": tangle,
}
