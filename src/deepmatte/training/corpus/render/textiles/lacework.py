"""Lace as square tiles: a net with flowers, leaves, scrolls, eyelets and dots of thread upon it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepmatte.pixels import Floats
from deepmatte.training.corpus.render.rendering import Generator
from deepmatte.training.corpus.render.ribbons import Ribbons
from deepmatte.training.corpus.render.textiles.threads import cords, net_tile, tile_of

Doubles = NDArray[np.float64]

_NODES = 25


def lace_tile(rng: Generator, values: dict[str, Any], side: int) -> Floats:
    """Return a tile of lace that goes on beyond its edges.

    values: ground, a mesh; grounds, meshes along the side; thread, width of the ground's as a share of a
    mesh; cord, width of outlines in shares of the tile; filling, how close motifs are filled; toward.
    """
    own = {"knots": 1.4, "slack": 0.08, "twist": 0.2, "toward": values["toward"]}
    ground = net_tile(rng, values["ground"], values["grounds"], values["thread"], own, side)
    return _over(ground, tile_of(motifs(rng, values), side))


def border_tile(rng: Generator, values: dict[str, Any], side: int, inner: Floats) -> Floats:
    """Return a tile that ends below in scallops with eyelets and picots; inner: the tile above it."""
    scallops, depth = int(rng.integers(2, 6)), rng.uniform(0.12, 0.3)
    cord = values["cord"]
    t = np.linspace(0, 1, 16 * scallops + 1)
    low = 0.95 - depth * (1 - np.sqrt(np.abs(np.sin(np.pi * scallops * t))))
    line = np.stack([t, low], axis=1)[None]
    toward = values["toward"]
    layers = [cords(line, cord * 1.6, 1.0, toward)]
    inward = line - np.array([0, 1.0]) * (3.2 * cord)
    layers.append(cords(inward, cord, 0.95, toward))
    spots = np.stack([t, low - 1.6 * cord], axis=1)[:: max(1, int(cord * 300))]
    layers.append(_rings(spots, 0.8 * cord, 0.5 * cord, toward))
    picots = np.stack([t, low + 1.0 * cord], axis=1)[2::3]
    layers.append(_rings(picots, 0.9 * cord, 0.45 * cord, toward, is_round=False))
    y = (np.arange(side) + 0.5) / side
    edge = np.interp(y, t, low)  # of columns, for a tile is square
    kept = np.clip((edge[None, :] - y[:, None]) * side + 0.5, 0, 1)[..., None].astype(np.float32)
    return _over(inner * kept, tile_of(layers, side, repeats=False))


def _over(below: Floats, above: Floats) -> Floats:
    return np.asarray(above + below * (1 - above[..., 3:]), dtype=np.float32)


def motifs(rng: Generator, values: dict[str, Any]) -> list[Ribbons]:
    """Return the threads of a tile's flowers, scrolls, leaves and dots, below first."""
    cord, toward = values["cord"], values["toward"]
    layers: list[Ribbons] = []
    big, small = int(rng.integers(1, 3)), int(rng.integers(1, 5))
    spots = np.array([[0.25, 0.25], [0.75, 0.75], [0.75, 0.25], [0.25, 0.75]]) + rng.normal(0, 0.03, (4, 2))
    for number in range(big):
        layers += _scroll(rng, spots[number], values)
    for number in range(big):
        layers += _flower(rng, spots[number], rng.uniform(0.15, 0.25), values)
    for number in range(small):
        place = spots[(2 + number) % 4] + rng.normal(0, 0.1, 2)
        layers += _flower(rng, place, rng.uniform(0.05, 0.11), values)
    dots = rng.random((int(rng.integers(0, 40)), 2))
    if len(dots):
        layers.append(_rings(dots, 0.5 * cord, 0.9 * cord, toward, is_round=False))
    return layers


def _flower(rng: Generator, centre: Doubles, radius: float, values: dict[str, Any]) -> list[Ribbons]:
    petals, pointed = int(rng.integers(4, 10)), rng.uniform(0.5, 1.6)
    inner, turn = rng.uniform(0.16, 0.34) * radius, rng.uniform(0, 2 * np.pi)
    layers = []
    for number in range(petals):
        angle = turn + 2 * np.pi * number / petals
        wide = 0.92 * np.pi / petals * radius * rng.uniform(0.85, 1.0)
        layers += _petal(centre, angle, (inner, radius), wide, pointed, values)
    cord, toward = values["cord"], values["toward"]
    layers.append(_rings(centre[None], inner, cord, toward))
    if inner > 3 * cord:
        around = turn + np.linspace(0, 2 * np.pi, 9)[:-1]
        spots = centre + 0.5 * inner * np.stack([np.cos(around), np.sin(around)], axis=1)
        layers.append(_rings(spots, 0.16 * inner, 0.5 * cord, toward, is_round=False))
    return layers


def _petal(
    centre: Doubles, angle: float, ends: tuple[float, float], wide: float, pointed: float,
    values: dict[str, Any],
) -> list[Ribbons]:  # fmt: skip
    """Return a petal or leaf: close threads within and a cord around."""
    cord, toward = values["cord"], values["toward"]
    t = np.linspace(0, 1, _NODES)
    half = wide * np.sin(np.pi * t**pointed) ** 0.7
    reach = ends[0] + t * (ends[1] - ends[0])
    along = np.array([np.cos(angle), np.sin(angle)])
    aside = np.array([-along[1], along[0]])
    middle = centre + reach[:, None] * along
    shares = np.linspace(-1, 1, max(3, int(2 * wide / cord * 1.3 * values["filling"])))
    threads = (middle + (shares[:, None] * half)[..., None] * aside)[:, ::3]
    width = 0.5 * cord
    shade = 0.86 + 0.17 * np.cos(7 * np.arange(len(shares)))[:, None]
    filled = cords(threads, width, shade * np.ones(threads.shape[1]), toward, is_round=False)
    rows = t[2:-2:2]
    bars = (centre + (ends[0] + rows * (ends[1] - ends[0]))[:, None] * along)[:, None]
    bars = bars + (np.interp(rows, t, half)[:, None] * np.linspace(-1, 1, 5))[..., None] * aside
    crossing = cords(bars, 0.7 * width, 0.95, toward, is_round=False)
    outline = np.stack([middle + sign * half[:, None] * aside for sign in (-1.0, 1.0)])[:, ::2]
    return [filled, crossing, cords(outline, cord, 1.0, toward)]


def _scroll(rng: Generator, start: Doubles, values: dict[str, Any]) -> list[Ribbons]:
    """Return a winding stem with leaves."""
    cord, toward = values["cord"], values["toward"]
    t = np.linspace(0, 1, 4 * _NODES)
    turn = rng.uniform(0, 6.3) + rng.uniform(2, 5) * np.sin(
        2 * np.pi * t * rng.uniform(0.6, 1.4) + rng.uniform(0, 6)
    )
    ways = np.stack([np.cos(turn), np.sin(turn)], axis=1) * rng.uniform(0.7, 1.2) / len(t)
    stem = start + np.cumsum(ways, axis=0)
    layers = [cords(stem[None], 1.3 * cord, 0.95, toward)]
    for node in range(12, len(t) - 4, int(rng.integers(9, 16))):
        side = 1 if (node // 5) % 2 else -1
        length = rng.uniform(0.06, 0.11)
        layers += _petal(
            stem[node], turn[node] + side * rng.uniform(0.5, 1.0), (0.0, length), 0.28 * length, 0.8, values
        )
    return layers


def _rings(spots: Doubles, radius: float, width: float, toward: Doubles, is_round: bool = True) -> Ribbons:
    around = np.linspace(0, 2 * np.pi * 1.02, 13)
    circle = radius * np.stack([np.cos(around), np.sin(around)], axis=1)
    return cords(spots[:, None] + circle, width, 1.0, toward, is_round)
