"""Cloth that hangs: sheets folded by bending alone, gathered, swagged, blown or laid over bodies.

Across, a sheet follows a curve whose direction swings about the picture's plane, so that its own length is
kept and deep folds turn over; the folds' phase and depth change down the sheet. Space is as in `bodies`.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.pixels import Floats
from deepmatte.training.corpus.render.bodies import unit
from deepmatte.training.corpus.render.light import Light
from deepmatte.training.corpus.render.noise import sample, smooth_noise
from deepmatte.training.corpus.render.quads import Atlas, Quads
from deepmatte.training.corpus.render.rendering import Choice, Generator, Parameters, Span

Doubles = NDArray[np.float64]

DRAPE: Parameters = {
    "drape": Choice(
        ("hung", "filling", "gathered", "swag", "blown", "body"), "how it hangs", (3, 2.5, 1.5, 1.2, 1.5, 1.5)
    ),
    "folds": Span(1.5, 9.0, "folds across", "logarithmic"),
    "depth": Span(0.15, 2.1, "how far folds turn from the picture, in radians; above 1.6 they overlap"),
    "turn": Span(-0.6, 0.6, "how far it is turned in the picture, in radians"),
    "torn": Choice((False, True), "whether it has holes and ragged edges", (0.8, 0.2)),
}
# Nodes along a sheet's side, at most.
NODES = 130


@dataclass(frozen=True, eq=False)
class Sheet:
    """A folded sheet of H × W nodes.

    places, normals: (H, W, 3), where nodes are and which way they face, to the front; u: (W,), v: (H,), where
    they are on the cloth, in shares of the picture.
    """

    places: Doubles
    normals: Doubles
    u: Doubles
    v: Doubles

    def at(self, u: Doubles, v: Doubles) -> Doubles:
        """Return where places of the cloth are: (..., 3)."""
        span = np.array([self.u[-1] - self.u[0], self.v[-1] - self.v[0]])
        height, width = self.places.shape[:2]
        share = (np.stack([u - self.u[0], v - self.v[0]], axis=-1) / span) * [width - 1, height - 1]
        return sample(self.places, (share + 0.5) / [width, height])


def hang(rng: Generator, values: dict[str, Any], tile: float) -> Sheet:
    """Return a sheet. tile: side of the pattern's tile in shares of the picture, which nodes keep to."""
    drape, depth = values["drape"], values["depth"]
    if drape in ("hung", "gathered"):
        depth = max(depth, 0.7)
    wide = {"hung": 0.95, "filling": 2.2, "gathered": 1.1, "swag": 1.2, "blown": 1.1, "body": 1.7}[drape]
    high = {"hung": 1.0, "filling": 2.0, "gathered": 1.0, "swag": 0.6, "blown": 0.9, "body": 1.7}[drape]
    if drape not in ("filling", "body"):
        wide, high = wide * rng.uniform(0.6, 1.3), high * rng.uniform(0.6, 1.2)
        wide *= 1 + 0.35 * min(depth, 1.6) ** 2
    else:
        depth, wide = depth * (0.25 if drape == "body" else 0.55), wide * (1 + 0.1 * depth**2)
    per = max(1, int(np.ceil(tile / (max(wide, high) / NODES))))
    u: Doubles = np.arange(max(1, round(wide / tile)) * per + 1, dtype=np.float64) * (tile / per)
    v: Doubles = np.arange(max(1, round(high / tile)) * per + 1, dtype=np.float64) * (tile / per)
    s, t = (u / u[-1])[None, :], (v / v[-1])[:, None]
    grow = np.clip(0.25 + 1.1 * t, 0, 1) if drape in ("hung", "gathered") else np.ones_like(t)
    wander = _rough(rng, len(v), len(u), 2.5)
    phase = 2 * np.pi * (values["folds"] * (s + 0.05 * wander) + 0.08 * _rough(rng, len(v), len(u), 1.2) * t)
    angle = (
        depth * grow * np.sin(phase + rng.uniform(0, 6.3)) * (0.75 + 0.35 * _rough(rng, len(v), len(u), 2))
    )
    angle = np.clip(angle, -2.3, 2.3)
    du = u[1] - u[0]
    x, z = np.cumsum(np.cos(angle), axis=1) * du, np.cumsum(np.sin(angle), axis=1) * du
    x, z = x - x.mean(axis=1, keepdims=True), z - z.mean(axis=1, keepdims=True)
    bend = rng.normal(0, 0.25) * np.sin(2 * np.pi * (t * rng.uniform(0.5, 1.5) + 0.3 * wander * 0.3))
    if drape == "blown":
        bend = bend + depth * 0.6 * np.sin(2 * np.pi * (t * rng.uniform(0.8, 2) + s * rng.normal(0, 0.6)))
    dv = v[1] - v[0]
    y = np.cumsum(np.cos(bend) * np.ones_like(x), axis=0) * dv
    z = z + np.cumsum(np.sin(bend) * np.ones_like(x), axis=0) * dv
    y = y + rng.uniform(0, 0.35) * (z - z.mean())  # seen a little from above
    if drape == "gathered":
        x = x * (0.16 + 0.84 * np.clip(t * rng.uniform(0.9, 1.6), 0, 1) ** rng.uniform(0.5, 1.0))
    if drape == "swag":
        sag = rng.uniform(0.1, 0.45) * 4 * s * (1 - s) * (0.4 + 0.6 * t)
        y = y * (0.75 + 0.25 * s) + sag
    y = y - 0.5 * v[-1]
    return _placed(rng, replace(_EMPTY, places=np.stack([x, y, z], axis=2), u=u, v=v), values)


_EMPTY = Sheet(*np.zeros((2, 1, 1, 3)), *np.zeros((2, 1)))


def _rough(rng: Generator, height: int, width: int, cells: float) -> Doubles:
    """Return smooth noise (height, width) of as many bumps along both sides."""
    side = 48
    noise = smooth_noise(rng, cells, side, octaves=2)
    y, x = (np.linspace(0, 1, count) for count in (height, width))
    return sample(noise, np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=2))


def _placed(rng: Generator, sheet: Sheet, values: dict[str, Any]) -> Sheet:
    """Return a sheet moved into the picture and turned in it, with its normals."""
    places = sheet.places
    turn = values["turn"] * {"hung": 0.12, "gathered": 0.15, "swag": 0.3, "body": 0.5}.get(
        values["drape"], 1.6
    )
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    flat = places[..., :2] @ rotation.T
    warp = np.stack([_rough(rng, len(sheet.v), len(sheet.u), 2.5) for _ in range(2)], axis=2)
    flat = flat + 0.012 * warp
    shift = rng.normal(0, 0.07, 2)
    if values["drape"] == "hung":
        shift[1] = rng.uniform(-0.15, 0.12)
    places = np.concatenate([flat + 0.5 + shift, places[..., 2:]], axis=2)
    right, down = np.gradient(places, axis=1), np.gradient(places, axis=0)
    normals = unit(np.cross(right, down))
    return replace(sheet, places=places, normals=normals)


def shade(sheet: Sheet, light: Light, thin: float) -> Doubles:
    """Return how bright nodes are, (H, W, 3); thin: how much light comes through from behind."""
    normals = sheet.normals * np.where(sheet.normals[..., 2:] < 0, -1.0, 1.0)
    lit = light.on_surface(np.ones(normals.shape), normals)
    through = thin * 0.5 * np.clip(-(normals @ light.direction), 0, 1)
    z = sheet.places[..., 2]
    within = np.zeros_like(z)
    for reach in (0.015, 0.05):
        around = ndimage.gaussian_filter(z, reach * NODES)
        within += np.clip((around - z) / reach, 0, 2)
    return np.asarray(np.clip((lit + through[..., None]) * (1 - 0.14 * within)[..., None], 0.02, 1))


def sheet_quads(
    sheet: Sheet, atlas: Atlas, tile: float, colours: Doubles, opacities: Doubles, last: int = 0
) -> Quads:
    """Return the quadrangles of a sheet with a tile on each square of its cloth, far ones first.

    tile: its side in shares of the picture; colours: (H, W, 3); opacities: (H, W); last: which of the atlas's
    tiles the lowest row has.
    """
    corner_rows = np.array([0, 0, 1, 1])[:, None, None] + np.arange(len(sheet.v) - 1)[:, None]
    corner_columns = np.array([0, 1, 1, 0])[:, None, None] + np.arange(len(sheet.u) - 1)
    rows, columns = (
        np.moveaxis(each, 0, -1).reshape(-1, 4) for each in np.broadcast_arrays(corner_rows, corner_columns)
    )
    own = sheet.places[rows, columns]
    per = round(tile / (sheet.u[1] - sheet.u[0]))
    first = np.stack([columns[:, 0] % per, rows[:, 0] % per], axis=1)
    within = (first[:, None] + np.array([[0, 0], [1, 0], [1, 1], [0, 1]])) / per
    across = np.abs(own[:, 1, :2] - own[:, 0, :2]).max(axis=1) / (sheet.u[1] - sheet.u[0])
    level = np.minimum((across < 0.4).astype(np.intp) + (across < 0.16), len(atlas.sides) - 1)
    is_last = rows[:, 0] >= len(sheet.v) - 1 - per
    spots = atlas.spots(np.where(is_last, last, 0), level, within)
    order = np.argsort(own[..., 2].mean(axis=1), kind="stable")
    return Quads(own[..., :2], spots, colours[rows, columns], opacities[rows, columns]).part(order)


def holes(rng: Generator, size: int, raggedness: float) -> Floats:
    """Return what is left, (size, size) in [0, 1], of a torn cloth that would fill the picture."""
    field = smooth_noise(rng, rng.uniform(1.5, 4), size, octaves=2)
    field = field + raggedness * smooth_noise(rng, rng.uniform(15, 40), size, octaves=2)
    down, right = np.gradient(field)
    steep = np.sqrt(down**2 + right**2) + 1e-6
    return np.asarray(np.clip((1.25 - field) / steep + 0.5, 0, 1), dtype=np.float32)
