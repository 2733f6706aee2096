"""Nets, lace and knitting as square tiles that go on beyond their edges, made of threads.

A tile is drawn in white yarn, lit as cylinders are, and takes its colour from what it is laid on. Places and
widths are in shares of the tile's side.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepmatte.pixels import Floats
from deepmatte.training.corpus.render.bodies import unit
from deepmatte.training.corpus.render.rendering import Generator
from deepmatte.training.corpus.render.ribbons import Canvas, Ribbons

Doubles = NDArray[np.float64]

MESHES = ("square", "diamond", "hexagon", "chain", "holes")
STITCHES = ("stockinette", "loose", "weave")
_SHIFTS = np.array([[x, y] for y in (-1.0, 0.0, 1.0) for x in (-1.0, 0.0, 1.0)])
# A cord from its edge to its highlight: width, how far towards the light, brightness, opacity.
_ROUND = ((1.0, 0.0, 0.5, 1.0), (0.74, 0.07, 0.8, 0.9), (0.4, 0.15, 1.0, 0.75))
_FLAT = ((1.0, 0.0, 0.85, 1.0),)
# Threads thinner than this many texels show no roundness.
_ROUND_FROM = 4.0


def cords(
    lines: Doubles, widths: Doubles | float, shade: Doubles | float, toward: Doubles, is_round: bool = True
) -> Ribbons:
    """Return threads along lines (N, K, 2), three ribbons each, one if they are not round.

    widths, shade: (N, K) or what gives that; toward: (2,), where light comes from, its length how clearly.
    """
    count, nodes = lines.shape[:2]
    way = unit(np.gradient(lines, axis=1))
    across = np.stack([-way[..., 1], way[..., 0]], axis=2)
    lean = (across @ toward)[..., None]
    widths = np.broadcast_to(widths, (count, nodes))
    shade = np.broadcast_to(shade, (count, nodes))
    parts = []
    for share, offset, bright, opacity in _ROUND if is_round else _FLAT:
        places = lines + across * lean * (offset * widths)[..., None]
        colours = np.clip(bright * shade, 0, 1)[..., None].repeat(3, axis=2)
        parts.append((places, widths * share, colours, np.full((count, nodes), opacity)))
    return Ribbons(
        *(np.stack(each, axis=1).reshape(-1, *each[0].shape[1:]) for each in zip(*parts, strict=True))
    )


def everywhere(ribbons: Ribbons) -> Ribbons:
    """Return ribbons with their copies in the eight tiles around, as far as those reach into the tile."""
    margin = ribbons.widths.max(axis=1)[:, None, None] + 0.02
    low = ribbons.places.min(axis=1)[:, None] + _SHIFTS
    high = ribbons.places.max(axis=1)[:, None] + _SHIFTS
    which, shift = np.nonzero(np.all((high > -margin) & (low < 1 + margin), axis=2))
    copies = ribbons.part(which)
    return replace(copies, places=copies.places + _SHIFTS[shift][:, None])


def tile_of(layers: list[Ribbons], side: int, repeats: bool = True) -> Floats:
    """Return a tile (side, side, 4) of threads, colours times alpha, then alpha."""
    canvas = Canvas(side)
    for layer in layers:
        canvas.draw(everywhere(layer) if repeats else layer)
    premultiplied, alpha = canvas.reduce()
    return np.dstack([premultiplied, alpha])


def net_tile(
    rng: Generator, mesh: str, cells: int, width: float, values: dict[str, Any], side: int
) -> Floats:
    """Return a tile of a net. width: of a thread, in meshes; values: knots, slack, twist, toward."""
    if mesh == "holes":
        return _perforated(rng, cells, width, side)
    w = width / cells
    families = _net_lines(mesh, cells)
    lines = np.concatenate(families)
    lines = _finer(lines, (lines.shape[1] - 1) * (4 if lines.shape[1] < 3 * cells else 2) + 1)
    nodes = lines.shape[1]
    lines = lines + _slack(rng, lines, values["slack"] / cells)
    along = np.linspace(0, 1, nodes)
    turns = values["twist"] * np.sin(
        2 * np.pi * along * rng.integers(20, 60) + rng.uniform(0, 6, (len(lines), 1))
    )
    toward = values["toward"]
    thick = w * np.exp(rng.normal(0, 0.12 * values["twist"], (len(lines), 1))) * (1 + 0.25 * turns)
    is_round = w * side > _ROUND_FROM
    layers = [cords(lines, thick, 0.95 + 0.12 * turns, toward, is_round)]
    if mesh == "square" and w * side > 2 * _ROUND_FROM:  # every other crossing the other way up
        layers += _crossings(lines, thick, cells, toward)
    if values["knots"] > 1 and mesh != "chain":
        layers.append(_knots(rng, mesh, cells, w * values["knots"], toward))
    return tile_of(layers, side)


def _net_lines(mesh: str, cells: int) -> list[Doubles]:
    """Return families of lines, (N, K, 2) each, through a tile of cells × cells meshes."""
    n = cells
    where = np.arange(n) / n
    if mesh == "square":
        run = np.linspace(0, 1, 4 * n + 1)
        flat = np.stack(np.broadcast_arrays(run, (where + 0.5 / n)[:, None]), axis=2)
        return [flat, flat[..., ::-1]]
    if mesh in ("diamond", "chain"):
        run = np.linspace(0, 1, 2 * n + 1)
        zig = (np.arange(2 * n + 1) % 2) * (0.5 / n)
        if mesh == "chain":  # wires bend round each other, so each goes a little beyond
            zig = zig + np.where(np.arange(2 * n + 1) % 2, 0.06, -0.06) / n
            ways = (zig, 1.0 / n - zig)
            return [np.stack(np.broadcast_arrays(way + where[:, None], run), axis=2) for way in ways]
        return [np.stack(np.broadcast_arrays(s * zig + where[:, None], run), axis=2) for s in (1, -1)]
    step = np.array([[0.0, 0.0], [0.0, 1 / 3], [0.5, 0.5], [0.5, 5 / 6]])
    rows = max(1, round(n / np.sqrt(3)))
    down = np.concatenate([step + np.array([0, k]) for k in range(rows)] + [[[0.0, float(rows)]]]) / [n, rows]
    lines = down + np.stack([where, np.zeros(n)], axis=1)[:, None]
    return [lines, lines * np.array([-1.0, 1.0])]


def _finer(lines: Doubles, nodes: int) -> Doubles:
    """Return lines (N, K, 2) with `nodes` nodes; nodes − 1 is a multiple of K − 1."""
    where = np.linspace(0, lines.shape[1] - 1, nodes)
    first = np.minimum(where.astype(np.intp), lines.shape[1] - 2)
    share = (where - first)[:, None]
    return np.asarray(lines[:, first] * (1 - share) + lines[:, first + 1] * share)


def _slack(rng: Generator, lines: Doubles, far: float) -> Doubles:
    """Return a smooth displacement of places that goes on beyond the tile: (N, K, 2)."""
    total = np.zeros_like(lines)
    for _ in range(5):
        wave, phase = rng.integers(-3, 4, 2), rng.uniform(0, 2 * np.pi, 2)
        angle = 2 * np.pi * (lines @ wave)[..., None] + phase
        total += np.sin(angle) * rng.normal(0, 1, 2)
    return np.asarray(far * total / np.sqrt(5))


def _crossings(lines: Doubles, thick: Doubles, cells: int, toward: Doubles) -> list[Ribbons]:
    """Return short pieces of the first half of lines, laid over where they would be under.

    They are narrower than what they lie on, so that its soft edges are not covered twice.
    """
    count, nodes = lines.shape[:2]
    half, per = count // 2, (nodes - 1) // cells
    reach = int(np.clip(np.ceil(0.6 * per * cells * thick.mean()), 1, per // 2 - 1))
    pieces, widths = [], []
    for number in range(half):
        for cell in range(number % 2, cells, 2):
            middle = cell * per + per // 2
            pieces.append(lines[number, middle - reach : middle + reach + 1])
            widths.append(thick[number, middle - reach : middle + reach + 1])
    return [cords(np.array(pieces), 0.85 * np.array(widths), 1.0, toward)] if pieces else []


def _knots(rng: Generator, mesh: str, cells: int, width: float, toward: Doubles) -> Ribbons:
    rows = max(1, round(cells / np.sqrt(3))) if mesh == "hexagon" else cells
    x, y = (each.ravel() for each in np.meshgrid(np.arange(cells) / cells, np.arange(rows) / rows))
    offsets = {
        "square": [(0.5, 0.5)], "diamond": [(0.0, 0.0), (0.5, 0.5)],
        "hexagon": [(0.0, 0.0), (0.0, 1 / 3), (0.5, 0.5), (0.5, 5 / 6)],
    }[mesh]  # fmt: skip
    spots = np.concatenate([np.stack([x + a / cells, y + b / rows], axis=1) for a, b in offsets])
    angle = rng.uniform(0, np.pi, len(spots))
    way = np.stack([np.cos(angle), np.sin(angle)], axis=1) * width * 0.6
    lines = spots[:, None] + np.linspace(-1, 1, 5)[None, :, None] * way[:, None]
    own = width * rng.uniform(0.8, 1.15, (len(spots), 1)) * np.array([0.35, 0.9, 1.0, 0.9, 0.35])
    return cords(lines, own, rng.uniform(0.85, 1.0, (len(spots), 1)), toward)


def _perforated(rng: Generator, cells: int, width: float, side: int) -> Floats:
    """Return a tile of close fabric with staggered holes; width: of what is left between them."""
    rows = 2 * max(1, round(cells / np.sqrt(3)))
    y, x = np.mgrid[0:side, 0:side] / side + 0.5 / side
    distance = np.full((side, side), np.inf)
    for shift in (0.0, 0.5):
        dx = (x * cells + shift + 0.5) % 1 - 0.5
        dy = ((y * rows / 2 + shift + 0.5) % 1 - 0.5) * (2 * cells / rows)
        distance = np.minimum(distance, np.sqrt(dx**2 + dy**2))
    radius = 0.5 * (1 - width)
    texel = cells / side
    alpha = np.clip((distance - radius) / texel + 0.5, 0, 1)
    rim = np.clip((distance - radius) / 0.16, 0, 1)
    ribs = 0.04 * np.sin(2 * np.pi * x * max(cells, side // 6))
    shade = np.clip(0.6 + 0.36 * np.sqrt(rim) + ribs + rng.normal(0, 0.01, (side, side)), 0, 1)
    return np.concatenate(
        [np.repeat((shade * alpha)[..., None], 3, axis=2), alpha[..., None]], axis=2
    ).astype(np.float32)


def knit_tile(
    rng: Generator, stitch: str, cells: int, width: float, values: dict[str, Any], side: int
) -> Floats:
    """Return a tile of yarn. width: of the yarn, as a share of a stitch; values: fuzz, twist, toward."""
    toward = values["toward"]
    if stitch == "weave":
        lines = _finer(np.concatenate(_net_lines("square", cells)), 8 * cells + 1)
        lines = lines + _slack(rng, lines, 0.4 * values["slack"] / cells)
        thick = (
            width
            / cells
            * np.exp(rng.normal(0, 0.22, (len(lines), 1)) + _lumps(rng, len(lines), lines.shape[1]))
        )
        yarn, layers = (
            lines,
            [cords(lines, thick, _dips(cells, lines), toward), *_crossings(lines, thick, cells, toward)],
        )
    else:
        yarn, thick = _loops(rng, stitch, cells, width, values["slack"])
        t = np.linspace(0, 1, yarn.shape[1])
        behind = 0.6 + 0.3 * np.abs(np.sin(2 * np.pi * t))
        legs = [slice(3, 14), slice(19, 30)] if stitch == "stockinette" else [slice(4, 13), slice(20, 29)]
        layers = [cords(yarn, thick, behind, toward)]
        for leg in legs:
            part = yarn[:, leg]
            layers += [_plied(rng, part, thick[:, leg], values["twist"], toward)]
    if values["fuzz"] > 0:
        layers.append(_fuzz(rng, yarn.reshape(-1, yarn.shape[1], 2), width / cells, values["fuzz"], cells))
    return tile_of(layers, side)


def _dips(cells: int, lines: Doubles) -> Doubles:
    """Return the brightness of woven threads: darker where they go under."""
    count, nodes = lines.shape[:2]
    along = np.linspace(0, cells, nodes)[None, :]
    odd = np.concatenate([np.arange(count // 2), np.arange(count // 2) + 1])[:, None] % 2
    return np.asarray(0.8 + 0.2 * np.cos(np.pi * (along - 0.5 + odd)))


def _lumps(rng: Generator, count: int, nodes: int) -> Doubles:
    t = 2 * np.pi * np.linspace(0, 1, nodes)
    waves = rng.integers(1, 6, (3, count, 1))
    return np.asarray(0.1 * np.sin(waves * t + rng.uniform(0, 6, (3, count, 1))).sum(axis=0))


def _loops(rng: Generator, stitch: str, cells: int, width: float, slack: float) -> tuple[Doubles, Doubles]:
    """Return one loop of yarn for each stitch, (N, 33, 2), and its widths (N, 33)."""
    t = np.linspace(0, 1, 33)
    swing, height = (0.17, 0.78) if stitch == "stockinette" else (0.2, 0.85)
    x = t + swing * np.sin(4 * np.pi * t)
    y = 0.5 - height * np.cos(2 * np.pi * t)
    loop = np.stack([x, -y], axis=1)
    steps = np.arange(cells)
    at = np.stack([each.ravel() for each in np.meshgrid(steps, steps)], axis=1).astype(np.float64)
    lines = (at[:, None] + loop) / cells
    lines = lines + _slack(rng, lines, slack / cells)
    thick = width / cells * np.exp(rng.normal(0, 0.08, (len(lines), 1)) * np.ones(33))
    return lines, thick


def _plied(rng: Generator, lines: Doubles, thick: Doubles, twist: float, toward: Doubles) -> Ribbons:
    """Return a lit thread with the dark grooves between its plies."""
    body = cords(lines, thick, 1.0, toward)
    fine = lines.shape[1]
    way = unit(np.gradient(lines, axis=1))
    across = np.stack([-way[..., 1], way[..., 0]], axis=2)
    parts = [body]
    for number in range(1, fine - 1, 2):
        slant = (across[:, number] + 0.9 * way[:, number]) * (0.42 * thick[:, number])[:, None]
        groove = lines[:, number, None] + np.linspace(-1, 1, fine)[None, :, None] * slant[:, None]
        widths = np.broadcast_to(
            0.16 * thick[:, number, None] * np.sin(np.linspace(0, np.pi, fine)), thick.shape
        )
        dark = np.full((*thick.shape, 3), 0.35)
        parts.append(Ribbons(groove, widths, dark, np.full(thick.shape, 0.55 * min(1.0, twist * 2))))
    return Ribbons(*(np.concatenate([getattr(each, name) for each in parts]) for name in vars(body)))


def _fuzz(rng: Generator, yarn: Doubles, width: float, fuzz: float, cells: int) -> Ribbons:
    """Return fine fibres that stand out of yarn (N, K, 2)."""
    count = int(min(6000, 40 * fuzz * cells**2 + 60))
    which, node = rng.integers(len(yarn), size=count), rng.integers(yarn.shape[1], size=count)
    angle = rng.uniform(0, 2 * np.pi, count)
    length = (0.3 * width + 0.12 / cells) * rng.gamma(2.0, 0.35, count) * (0.5 + fuzz)
    t = np.linspace(0, 1, 5)
    bend = angle[:, None] + rng.normal(0, 1.0, (count, 1)) * t
    ways = np.stack([np.cos(bend), np.sin(bend)], axis=2) * (length / 4)[:, None, None]
    start = yarn[which, node] + rng.normal(0, 0.25 * width, (count, 2))
    lines = start[:, None] + np.cumsum(ways, axis=1)
    widths = 0.012 / cells * np.ones((count, 5)) * np.array([1, 1, 0.9, 0.7, 0.4])
    grey = rng.uniform(0.7, 1.0, (count, 1, 1)) * np.ones((count, 5, 3))
    return Ribbons(lines, widths, grey, np.full((count, 5), 0.75))
