"""Round wires and tubes of any width, shaded across, drawn from far to near.

Coverage across a tube is that of a ribbon of its width. Its colours follow from the normals of a cylinder.
All pieces of all tubes are drawn in the order of their depth, so that tubes pass over and under each other
and themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepmatte.training.corpus.render.bodies import unit
from deepmatte.training.corpus.render.materials import Finish
from deepmatte.training.corpus.render.rendering import Generator, settle
from deepmatte.training.corpus.render.ribbons import CORNERS, WINDOW, Canvas

Doubles = NDArray[np.float64]

# Where across a tube its colour is worked out, from side to side.
_ACROSS = np.array([1.0, 0.8, 0.45, 0.15, -0.15, -0.45, -0.8, -1.0])


@dataclass(frozen=True, eq=False)
class Tubes:
    """Tubes end to end: T nodes in all.

    places: (T, 3), x and y in shares of the picture's side, z towards the viewer; widths: (T,), in the same
    unit; colours: (T, 3), their own, unlit; line: (T,), which tube a node belongs to, in order.
    """

    places: Doubles
    widths: Doubles
    colours: Doubles
    line: NDArray[np.intp]

    @property
    def tangents(self) -> Doubles:
        """Return the ways along, (T, 3), of length 1."""
        nodes = np.arange(len(self.line))
        before, after = np.maximum(nodes - 1, 0), np.minimum(nodes + 1, len(nodes) - 1)
        before = np.where(self.line[before] == self.line, before, nodes)
        after = np.where(self.line[after] == self.line, after, nodes)
        return unit(self.places[after] - self.places[before])


def tubes_of(lines: Sequence[Doubles], widths: Sequence[float], colours: Sequence[Doubles]) -> Tubes:
    """Return tubes along lines, each (K, 3), each of one width and one colour (3,) or one (K, 3) a node."""
    counts = [len(line) for line in lines]
    each = [np.broadcast_to(colour, (count, 3)) for colour, count in zip(colours, counts, strict=True)]
    return Tubes(
        np.concatenate(lines),
        np.repeat(np.array(widths, np.float64), counts),
        np.concatenate(each),
        np.repeat(np.arange(len(lines)), counts),
    )


def shade(places: Doubles, spots: Doubles, depth: float, dirt: float, own: Doubles | float = 1.0) -> Doubles:
    """Return how bright each node is, (T,): own, less what falls on it.

    places: (T, 3), of nodes; spots: (N, N), noise about nought, where dirt lies; depth, dirt: how much darker
    the deepest is, and the dirtiest.
    """
    low, high = float(places[:, 2].min()), float(places[:, 2].max())
    near = (places[:, 2] - low) / max(high - low, 1e-6)
    cells = np.clip((places[:, :2] * len(spots)).astype(np.intp), 0, len(spots) - 1)
    dirty = np.clip(0.5 + 0.5 * spots[cells[:, 1], cells[:, 0]], 0, 1)
    return np.asarray(own * (1 - depth * (1 - near)) * (1 - dirt * dirty))


def draw_tubes(canvas: Canvas, tubes: Tubes, finish: Finish, shade: Doubles | None = None) -> None:
    """Lay tubes over what is there. shade: (T,), how much light reaches each node."""
    tangents = tubes.tangents
    flat = unit(tangents[:, :2] + np.array([0.0, 1e-7]))
    across = np.stack([-flat[:, 1], flat[:, 0], np.zeros(len(flat))], axis=1)
    facing = unit(np.array([0.0, 0.0, 1.0]) - tangents[:, 2:] * tangents)
    turned = _ACROSS * 0.97
    normals = (
        turned[:, None] * across[:, None] + np.sqrt(1 - turned**2)[:, None] * facing[:, None]
    )  # (T, M, 3)
    colours = finish.lit(np.broadcast_to(tubes.colours[:, None], normals.shape), normals)
    if shade is not None:
        colours = colours * shade[:, None, None]
    _draw(canvas, tubes, across[:, :2], colours)


def _draw(canvas: Canvas, tubes: Tubes, across: Doubles, colours: Doubles) -> None:
    """Draw tubes whose colours across are given: (T, M, 3)."""
    side = canvas.raster.shape[0]
    half = tubes.widths * (side / 2)
    outer, inner = half + WINDOW, np.abs(half - WINDOW)
    offsets = np.concatenate([outer[:, None], inner[:, None] * _ACROSS, -outer[:, None]], axis=1)
    corners = settle(tubes.places[:, None, :2] * side + offsets[..., None] * across[:, None])
    # A wire narrower than a pixel shows all its sides at once.
    mean = colours.mean(axis=1, keepdims=True)
    colours = mean + np.clip((half - 1) / 2, 0, 1)[:, None, None] * (colours - mean)
    packed = np.rint(np.clip(colours, 0, 1) * 255).astype(np.int64)
    clear = (packed[..., 0] << 16) | (packed[..., 1] << 8) | packed[..., 2]
    opacity = np.rint(np.minimum(half / WINDOW, 1) * 255).astype(np.int64)
    full = clear | (opacity[:, None] << 24)
    shades = np.concatenate([clear[:, :1], full, clear[:, -1:]], axis=1)

    first = np.flatnonzero(tubes.line[:-1] == tubes.line[1:])
    depth = tubes.places[first, 2] + tubes.places[first + 1, 2]
    first = first[np.argsort(depth, kind="stable")]
    low, high = (
        pick(corners[first], corners[first + 1]).reshape(len(first), -1, 2)
        for pick in (np.minimum, np.maximum)
    )
    first = first[((high.max(axis=1) > 0) & (low.min(axis=1) < side)).all(axis=1)]
    per = corners.shape[1]
    strip = np.arange(per - 1)[:, None] + np.array([0, 1, per, 1, per + 1, per])
    at_once = CORNERS // (2 * per)
    for start in range(0, len(first), at_once):
        some = first[start : start + at_once]
        both = np.stack([some, some + 1], axis=1)
        indices = (np.arange(len(some))[:, None] * (2 * per) + strip.ravel()).ravel()
        canvas.draw_triangles(corners[both].reshape(-1, 2), shades[both].ravel(), indices.tolist())


@dataclass(frozen=True, eq=False)
class Camera:
    """How a scene about nought, about one unit large, is seen.

    turn: (3, 3), a rotation; scale: share of the picture that one unit takes; centre: x, y in the picture;
    nearness: 0 sees from far away, 0.5 from two units before the scene's middle.
    """

    turn: Doubles
    scale: float
    centre: tuple[float, float]
    nearness: float

    def see(self, points: Doubles) -> Doubles:
        """Return where points (..., 3) are in the picture, and their depth: (..., 3)."""
        turned = points @ self.turn.T
        enlarged = self.scale / np.maximum(1 - self.nearness * turned[..., 2:], 0.2)
        middle = np.array([*self.centre, 0.0])
        return np.asarray(turned * enlarged + middle)


def some_camera(rng: Generator, scale: float, pitch: float, yaw: float, roll: float = 0.15) -> Camera:
    """Return a camera that looks at the scene; pitch, yaw, roll: deviations of its angles, in radians."""
    a, b, c = rng.normal(0, 1, 3) * np.array([pitch, yaw, roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    centre = (0.5 + rng.normal(0, 0.05), 0.5 + rng.normal(0, 0.05))
    return Camera(about_z @ about_x @ about_y, scale, centre, rng.uniform(0.05, 0.45))
