"""Textured quadrangles by the thousand: leaves, sprays and pieces of cloth, drawn with skia.

A texture is an atlas: some tiles, each beside smaller copies of itself, so that a tile is read at about the
fineness it is drawn with and a fine pattern turns into its mean, not into moiré.
"""

import functools
from dataclasses import dataclass

import numpy as np
import skia
from numpy.typing import NDArray

from deepmatte.pixels import AnyArray, Floats
from deepmatte.training.corpus.render.rendering import settle
from deepmatte.training.corpus.render.ribbons import Canvas

Doubles = NDArray[np.float64]
Indices = NDArray[np.intp]

# Quadrangles in one mesh: its indices are 16 bit, its corners four each.
_AT_ONCE = 16000
_TRIANGLES = np.array([0, 1, 2, 0, 2, 3])
# Texels around each tile in which it goes on.
_RIM = 2


@dataclass(frozen=True, eq=False)
class Quads:
    """N quadrangles, drawn in the order they have.

    places: (N, 4, 2) x, y in shares of the picture's side, corners in turn; spots: (N, 4, 2), where in the
    texture they read, in its texels; colours: (N, 4, 3) in [0, 1], which the texture is multiplied by;
    opacities: (N, 4) in [0, 1].
    """

    places: Doubles
    spots: Doubles
    colours: Doubles
    opacities: Doubles

    def part(self, which: Indices | NDArray[np.bool_] | slice) -> "Quads":
        """Return some of the quadrangles, in the order asked for."""
        return Quads(self.places[which], self.spots[which], self.colours[which], self.opacities[which])


@dataclass(frozen=True, eq=False)
class Atlas:
    """Tiles at several fineness levels in one picture.

    picture: (H, W, 4) float32, colours times alpha, then alpha; lefts: (L,), where each level starts;
    tops: (L, T), where each tile starts; sides: (L, 2), how wide and high a tile is on each level, in texels.
    """

    picture: Floats
    lefts: Doubles
    tops: Doubles
    sides: Doubles

    @functools.cached_property
    def paint(self) -> skia.Paint:
        """Return what skia reads the picture through, linearly between texels."""
        height, width = self.picture.shape[:2]
        info = skia.ImageInfo.Make(width, height, skia.kRGBA_F32_ColorType, skia.kPremul_AlphaType)
        image = skia.Image.MakeRasterCopy(skia.Pixmap(info, self.picture, self.picture.strides[0]))
        linear = skia.SamplingOptions(skia.FilterMode.kLinear)
        shader = image.makeShader(skia.TileMode.kClamp, skia.TileMode.kClamp, linear)
        # Given at once: Paint.setShader would copy the texture by way of 16 bit integers.
        return skia.Paint(AntiAlias=False, Shader=shader)

    def spots(self, tiles: Indices, levels: Indices, within: Doubles) -> Doubles:
        """Return the texels at places within tiles. tiles, levels: (N,); within: (N, ..., 2) in [0, 1]."""
        corner = np.stack([self.lefts[levels], self.tops[levels, tiles]], axis=-1)
        spread = (slice(None), *[None] * (within.ndim - 2))
        return np.asarray(corner[spread] + within * self.sides[levels][spread])

    def level_of(self, width_px: Doubles) -> Indices:
        """Return the coarsest level that has a texel for each of the pixels a tile is drawn with: (N,)."""
        enough = self.sides[None, :, 0] >= 0.8 * width_px[:, None]
        return np.asarray(np.maximum(enough.sum(axis=1) - 1, 0))


def atlas_of(levels: list[list[Floats]], repeats: bool = False) -> Atlas:
    """Return an atlas of levels, finest first, each a list of tiles (H, W, 4) of one size.

    repeats: whether a tile goes on beyond its edge where it began; otherwise nothing is there.
    """
    mode = "wrap" if repeats else "constant"
    columns, lefts, tops, sides, left = [], [], [], [], 0
    for tiles in levels:
        framed = [np.pad(tile, [(_RIM, _RIM), (_RIM, _RIM), (0, 0)], mode=mode) for tile in tiles]  # type: ignore[call-overload]
        column = np.concatenate(framed, axis=0)
        lefts.append(left + _RIM)
        tops.append(_RIM + np.arange(len(tiles)) * framed[0].shape[0])
        sides.append(tiles[0].shape[1::-1])
        left += column.shape[1]
        columns.append(column)
    height = max(column.shape[0] for column in columns)
    picture = np.concatenate(
        [np.pad(column, [(0, height - column.shape[0]), (0, 0), (0, 0)]) for column in columns], axis=1
    )
    starts = (np.array(each, np.float64) for each in (lefts, tops, sides))
    return Atlas(np.ascontiguousarray(picture, np.float32), *starts)


def halvings(tiles: list[Floats], least: int = 6) -> list[list[Floats]]:
    """Return tiles (H, W, 4) and copies of half the size each, down to `least` texels or an odd side."""
    levels = [tiles]
    while min(levels[-1][0].shape[:2]) >= 2 * least and not any(n % 2 for n in levels[-1][0].shape[:2]):
        levels.append([_half(tile) for tile in levels[-1]])
    return levels


def _half(tile: Floats) -> Floats:
    rows = tile[0::2] + tile[1::2]
    return np.asarray((rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25))


def draw_quads(canvas: Canvas, quads: Quads, atlas: Atlas) -> None:
    """Lay quadrangles over what is there, the first first."""
    inside = np.all((quads.places.max(axis=1) > -0.01) & (quads.places.min(axis=1) < 1.01), axis=1)
    quads = quads.part(np.asarray(inside & (quads.opacities.max(axis=1) > 0)))
    side = canvas.raster.shape[0]
    for start in range(0, len(quads.places), _AT_ONCE):
        some = quads.part(slice(start, start + _AT_ONCE))
        corners = settle(some.places.reshape(-1, 2) * side)
        spots = settle(some.spots.reshape(-1, 2))
        indices = (np.arange(len(some.places))[:, None] * 4 + _TRIANGLES).ravel()
        mesh = skia.Vertices(
            skia.Vertices.kTriangles_VertexMode,
            list(map(skia.Point, corners[:, 0].tolist(), corners[:, 1].tolist())),
            list(map(skia.Point, spots[:, 0].tolist(), spots[:, 1].tolist())),
            _packed(some.colours, some.opacities).tolist(),
            indices.tolist(),
        )
        canvas.draw_mesh(mesh, atlas.paint, skia.BlendMode.kModulate)


def _packed(colours: AnyArray, opacities: AnyArray) -> NDArray[np.int64]:
    """Return colours as skia packs them, ARGB: (4 N,)."""
    parts = np.concatenate([opacities[..., None], colours], axis=-1).reshape(-1, 4)
    bytes_ = np.rint(np.clip(parts, 0, 1) * 255).astype(np.int64)
    return np.asarray(bytes_ @ np.array([1 << 24, 1 << 16, 1 << 8, 1]))
