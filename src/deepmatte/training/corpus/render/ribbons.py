"""Thin tapering ribbons by the thousand: the drawing of strands, with skia.

A ribbon follows a polyline. Across it coverage is that of a strip seen through a window of two pixels of the
raster, so that a ribbon's covered area is its length times its width however thin it is; along it width,
colour and opacity change smoothly. Everything is a mesh of triangles with colours at their corners: one call
draws thousands of ribbons in order, and no joint shows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepmatte.errors import MatteError
from deepmatte.grids import reduce_by
from deepmatte.pixels import Floats
from deepmatte.training.corpus.render.rendering import settle

try:
    import skia as skia  # for other modules too
except ModuleNotFoundError:
    raise
except ImportError as missing:  # a library of the system, for the name of the wheel is no proof of it
    raise MatteError(f"skia cannot be loaded ({missing}); on Debian: apt install libgl1 libegl1") from missing

Doubles = NDArray[np.float64]

# Raster pixels per picture pixel.
SUPERSAMPLING = 2
# Half the window, in raster pixels. Samples one pixel apart of a whole window add up to the same anywhere.
WINDOW = 1.0
# Corners that one mesh can have: its indices are 16 bit.
CORNERS = 65535
# Nodes of one ribbon at most, so that a mesh holds at least one.
MAX_NODES = CORNERS // 4


@dataclass(frozen=True, eq=False)
class Ribbons:
    """N ribbons of K nodes.

    places: (N, K, 2) x, y in shares of the picture's side, drawn in the order they have; widths: (N, K), in
    the same unit; colours: (N, K, 3) in [0, 1]; opacities: (N, K) in [0, 1].
    """

    places: Doubles
    widths: Doubles
    colours: Doubles
    opacities: Doubles

    def part(self, which: NDArray[np.intp] | NDArray[np.bool_] | slice) -> "Ribbons":
        """Return some of the ribbons, in the order asked for."""
        return Ribbons(self.places[which], self.widths[which], self.colours[which], self.opacities[which])


def joined(first: Ribbons, second: Ribbons) -> Ribbons:
    """Return two sets of ribbons with as many nodes each as one."""
    return Ribbons(*(np.concatenate([getattr(first, name), getattr(second, name)]) for name in vars(first)))


def rounded(ribbons: Ribbons) -> Ribbons:
    """Return ribbons with a node more between each two, on the cubic through their neighbours."""
    return Ribbons(*(_doubled(getattr(ribbons, name)) for name in vars(ribbons)))


def _doubled(values: Doubles) -> Doubles:
    """Return (N, 2K − 1, ...) values for (N, K, ...)."""
    ends = 2 * values[:, [0, -1]] - values[:, [1, -2]]
    wide = np.concatenate([ends[:, :1], values, ends[:, 1:]], axis=1)
    between = (9 * (wide[:, 1:-2] + wide[:, 2:-1]) - wide[:, :-3] - wide[:, 3:]) / 16
    doubled = np.empty((len(values), 2 * values.shape[1] - 1, *values.shape[2:]))
    doubled[:, 0::2], doubled[:, 1::2] = values, between
    return doubled


class Canvas:
    """A picture in the making, `supersampling` times as wide and high as it will be.

    raster: (H, W, 4) float32, colours times alpha, then alpha. What is drawn changes it in place.
    """

    def __init__(self, size: int, supersampling: int = SUPERSAMPLING) -> None:
        self.size, self.supersampling = size, supersampling
        side = size * supersampling
        self.raster = np.zeros((side, side, 4), np.float32)
        self._surface = skia.Surface(self.raster, skia.kRGBA_F32_ColorType, skia.kPremul_AlphaType)
        self._paint = skia.Paint(AntiAlias=False)

    def draw(self, ribbons: Ribbons) -> None:
        """Lay ribbons over what is there, the first first."""
        ribbons = ribbons.part(_on_canvas(ribbons))
        count, nodes = ribbons.widths.shape
        at_once = CORNERS // (4 * nodes)
        indices = _triangles(min(count, at_once), nodes)
        for start in range(0, count, at_once):
            corners, colours = _mesh(ribbons.part(slice(start, start + at_once)), self.raster.shape[0])
            used = len(corners) // (4 * nodes) * (nodes - 1) * 18
            self.draw_triangles(corners, colours, indices if used == len(indices) else indices[:used])

    def draw_triangles(self, corners: Floats, colours: NDArray[np.int64], indices: list[int]) -> None:
        """Lay triangles over what is there, in order: no edge of theirs is smoothed.

        corners: (N, 2) in raster pixels, settled, at most 65535; colours: (N,), ARGB as skia packs them;
        indices: three a triangle.
        """
        mesh = skia.Vertices(
            skia.Vertices.kTriangles_VertexMode,
            list(map(skia.Point, corners[:, 0].tolist(), corners[:, 1].tolist())),
            None,
            colours.tolist(),
            indices,
        )
        self.draw_mesh(mesh, self._paint, skia.BlendMode.kDst)

    def draw_mesh(self, mesh: skia.Vertices, paint: skia.Paint, mode: skia.BlendMode) -> None:
        """Lay triangles over what is there, corners in raster pixels; mode: how colours meet the paint."""
        self._surface.getCanvas().drawVertices(mesh, paint, mode)

    def lay(self, colours: Floats, alpha: Floats) -> None:
        """Lay a picture over what is there. colours: (S, S, 3), not multiplied by alpha; alpha: (S, S)."""
        layer = np.concatenate([colours * alpha[..., None], alpha[..., None]], axis=2)
        layer = layer[:, None, :, None]
        finer = self.supersampling
        blocks = self.raster.reshape(self.size, finer, self.size, finer, 4)  # a view
        blocks *= 1 - layer[..., 3:]
        blocks += layer

    def reduce(self) -> tuple[Floats, Floats]:
        """Return the picture at its own size: premultiplied colours (S, S, 3) and alpha (S, S)."""
        planes = reduce_by(np.moveaxis(np.clip(self.raster, 0, 1), -1, 0), self.supersampling)
        return np.moveaxis(planes[:3], 0, -1), planes[3]


def _on_canvas(ribbons: Ribbons) -> NDArray[np.bool_]:
    """Return which ribbons can touch the picture at all."""
    margin = ribbons.widths.max(axis=1, initial=0) + 0.01
    low, high = ribbons.places.min(axis=1), ribbons.places.max(axis=1)
    touches = np.all((high > -margin[:, None]) & (low < 1 + margin[:, None]), axis=1)
    return np.asarray(touches & (ribbons.opacities.max(axis=1) > 0))


def _triangles(count: int, nodes: int) -> list[int]:
    """Return the corners of all triangles of a mesh, three after three."""
    row = np.array([0, 1, 4, 1, 5, 4])  # the two triangles between a node's edge and the next node's
    ribbon = (np.arange(nodes - 1)[:, None, None] * 4 + np.arange(3)[:, None] + row).ravel()
    corners: list[int] = (np.arange(count)[:, None] * (4 * nodes) + ribbon).ravel().tolist()
    return corners


def _mesh(ribbons: Ribbons, side: int) -> tuple[Floats, NDArray[np.int64]]:
    """Return the corners (N, 2) in raster pixels and their colours (N,) as skia packs them: ARGB.

    Four corners a node: where coverage starts, where it is highest, and the same on the other side.
    """
    half = ribbons.widths * (side / 2)
    outer, inner = half + WINDOW, np.abs(half - WINDOW)
    peak = np.minimum(half / WINDOW, 1)
    along = np.gradient(ribbons.places, axis=1)
    along /= np.maximum(np.sqrt((along**2).sum(axis=2, keepdims=True)), 1e-12)
    across = np.stack([-along[..., 1], along[..., 0]], axis=2)
    offsets = np.stack([outer, inner, -inner, -outer], axis=2)
    corners = ribbons.places[:, :, None] * side + offsets[..., None] * across[:, :, None]

    red, green, blue = np.moveaxis(np.rint(np.clip(ribbons.colours, 0, 1) * 255).astype(np.int64), -1, 0)
    opacity = np.rint(np.clip(ribbons.opacities * peak, 0, 1) * 255).astype(np.int64)
    clear = (red << 16) | (green << 8) | blue
    full = clear | (opacity << 24)
    return settle(corners.reshape(-1, 2)), np.stack([clear, full, full, clear], axis=2).ravel()
