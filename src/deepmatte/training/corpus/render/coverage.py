"""Exact coverage of outlines: polygons and pen strokes, rasterised by skia sixteen-fold.

A pixel's coverage is the mean of FINENESS × FINENESS cells, each of which skia covers to 8 bits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepmatte.grids import reduce_by
from deepmatte.pixels import AnyArray, Floats
from deepmatte.training.corpus.render.rendering import settle
from deepmatte.training.corpus.render.ribbons import skia  # where it says what it lacks

Doubles = NDArray[np.float64]

# Cells along a pixel's side.
FINENESS = 4


@dataclass(frozen=True)
class Pen:
    """What lines are drawn with.

    width: in shares of the picture's side; is_round: whether ends and corners are round, or square and sharp;
    narrowing: how wide it is across x beside its width across y.
    """

    width: float
    is_round: bool = True
    narrowing: float = 1.0


class Mask:
    """Coverage in the making, of a picture of size × size pixels. Places are in shares of its side."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._cells = np.zeros((size * FINENESS,) * 2, np.uint8)
        self._surface = skia.Surface(self._cells, skia.kAlpha_8_ColorType, skia.kPremul_AlphaType)

    def fill(
        self, polygons: Iterable[AnyArray], shift: tuple[float, float] = (0, 0), *, is_union: bool = False
    ) -> None:
        """Cover polygons, each (K, 2). is_union: all within any of them, if they all turn the same way round;
        else, what lies within an even number of them is a hole.
        """
        rule = skia.PathFillType.kWinding if is_union else skia.PathFillType.kEvenOdd
        path = self._path(polygons, shift, is_closed=True)
        path.setFillType(rule)
        self._surface.getCanvas().drawPath(path, skia.Paint(AntiAlias=True))

    def clear(self, polygons: Iterable[AnyArray], shift: tuple[float, float] = (0, 0)) -> None:
        """Take away what polygons, each (K, 2), cover."""
        paint = skia.Paint(AntiAlias=True, BlendMode=skia.BlendMode.kDstOut)
        self._surface.getCanvas().drawPath(self._path(polygons, shift, is_closed=True), paint)

    def stroke(self, lines: Iterable[AnyArray], pen: Pen, shift: tuple[float, float] = (0, 0)) -> None:
        """Cover lines, each (K, 2), as wide as a pen; a line that ends where it starts is closed."""
        paint = skia.Paint(
            AntiAlias=True,
            Style=skia.Paint.kStroke_Style,
            StrokeWidth=float(settle(np.array(pen.width * self.size * FINENESS))),
            StrokeCap=skia.Paint.kRound_Cap if pen.is_round else skia.Paint.kSquare_Cap,
            StrokeJoin=skia.Paint.kRound_Join if pen.is_round else skia.Paint.kMiter_Join,
        )
        canvas = self._surface.getCanvas()
        canvas.save()
        canvas.scale(pen.narrowing, 1)
        squeezed = [line / np.array([pen.narrowing, 1]) for line in lines]
        path = self._path(squeezed, (shift[0] / pen.narrowing, shift[1]), is_closed=False)
        canvas.drawPath(path, paint)
        canvas.restore()

    def add(self, other: "Mask") -> None:
        """Cover what another mask covers, too: each cell as far as the one that covers more of it."""
        np.maximum(self._cells, other._cells, out=self._cells)

    def take(self, other: "Mask") -> None:
        """Take away what another mask covers."""
        product = self._cells.astype(np.uint16) * (255 - other._cells)
        self._cells[:] = (product + 127) // 255

    def coverage(self) -> Floats:
        """Return the share of each pixel that is covered: (S, S) in [0, 1]."""
        return reduce_by(self._cells.astype(np.float32), FINENESS) * np.float32(1 / 255)

    def _path(self, lines: Iterable[AnyArray], shift: tuple[float, float], *, is_closed: bool) -> skia.Path:
        path = skia.Path()
        for line in lines:
            corners = settle((line + np.array(shift)) * (self.size * FINENESS))
            ends_meet = bool((corners[0] == corners[-1]).all())
            points = list(map(skia.Point, corners[:, 0].tolist(), corners[:, 1].tolist()))
            path.addPoly(points, is_closed or ends_meet)
        return path


def polygon(centre: Sequence[float] | Doubles, radii: AnyArray, turn: float = 0.0) -> Doubles:
    """Return a closed outline about a centre (x, y), from its radii at even angles (K,): (K, 2)."""
    angle = np.linspace(0, 2 * np.pi, len(radii), endpoint=False) + turn
    way = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.asarray(np.array(centre) + np.asarray(radii)[:, None] * way)


def rounded_box(
    centre: Sequence[float] | Doubles,
    half: Sequence[float] | Doubles,
    radius: float,
    turn: float = 0.0,
    nodes: int = 6,
) -> Doubles:
    """Return a box with round corners: (4 × nodes, 2). half: half its sides; turn: in radians."""
    radius = min(radius, *half)
    angle = np.linspace(0, np.pi / 2, nodes)
    quarter = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius
    inner = np.array(half) - radius
    sides = []
    for quarters, sign in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        c, s = round(np.cos(quarters * np.pi / 2)), round(np.sin(quarters * np.pi / 2))
        sides.append(quarter @ np.array([[c, s], [-s, c]]) + inner * np.array(sign))
    c, s = np.cos(turn), np.sin(turn)
    return np.asarray(np.concatenate(sides) @ np.array([[c, s], [-s, c]]) + np.array(centre))
