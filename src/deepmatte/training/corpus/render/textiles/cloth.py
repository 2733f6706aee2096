"""Textiles: lace, nets, tulle and knitting, hung, draped, blown, torn, or as a garment's silhouette."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.pixels import Floats
from deepmatte.training.corpus.render import light as lights
from deepmatte.training.corpus.render.bodies import surface_of_mask
from deepmatte.training.corpus.render.light import Light, some_light
from deepmatte.training.corpus.render.noise import sample, smooth_noise
from deepmatte.training.corpus.render.paint import outline
from deepmatte.training.corpus.render.quads import atlas_of, draw_quads, halvings
from deepmatte.training.corpus.render.rendering import (
    Assets,
    Choice,
    Generator,
    Kind,
    Parameters,
    Rendering,
    Span,
    from_premultiplied,
    pick,
)
from deepmatte.training.corpus.render.ribbons import Canvas, Ribbons
from deepmatte.training.corpus.render.textiles.drapes import DRAPE, Sheet, hang, holes, shade, sheet_quads
from deepmatte.training.corpus.render.textiles.lacework import border_tile, lace_tile
from deepmatte.training.corpus.render.textiles.threads import MESHES, STITCHES, knit_tile, net_tile

Doubles = NDArray[np.float64]

YARNS = (
    ((206, 204, 202), (255, 253, 250)),
    ((196, 188, 172), (250, 242, 226)),
    ((200, 196, 188), (252, 250, 244)),
    ((180, 170, 148), (240, 230, 208)),
    ((14, 14, 16), (46, 46, 50)),
    ((96, 98, 102), (170, 172, 176)),
    ((90, 16, 24), (176, 44, 50)),
    ((18, 32, 72), (52, 84, 150)),
    ((30, 62, 44), (84, 128, 92)),
    ((128, 84, 44), (206, 158, 104)),
    ((150, 96, 120), (232, 176, 196)),
    ((110, 118, 96), (190, 196, 170)),
)
_COLOUR = Choice(
    ("natural", "vivid", "photograph", "print"),
    "where colours come from; prints are photographs",
    (5, 2, 1, 2),
)
NET: Parameters = {
    "mesh": Choice(MESHES, "form of the meshes", (3, 3, 2, 1.2, 2)),
    "mesh_px": Span(3.0, 60.0, "width of a mesh, in pixels of a picture of 512", "logarithmic"),
    "thread": Span(0.06, 0.4, "width of a thread as a share of a mesh", "logarithmic"),
    "knots": Span(0.0, 2.6, "width of knots in threads; below 1 there are none"),
    "slack": Span(0.0, 0.16, "how far meshes are out of place, in meshes"),
    "twist": Span(0.0, 0.6, "how twisted and uneven threads are"),
    **DRAPE,
    "colour": _COLOUR,
}
LACE: Parameters = {
    "tile_px": Span(110, 330, "distance at which motifs come again, in pixels of a picture of 512"),
    "ground": Choice(("hexagon", "diamond", "square"), "meshes between motifs", (0.5, 0.3, 0.2)),
    "mesh_px": Span(3.0, 14.0, "width of their meshes, in pixels of a picture of 512", "logarithmic"),
    "thread": Span(0.08, 0.3, "width of their threads as a share of a mesh", "logarithmic"),
    "cord_px": Span(1.0, 3.5, "width of the motifs' outlines, in pixels of a picture of 512"),
    "filling": Span(0.5, 1.3, "how closely motifs are filled; above 1.2 they are opaque"),
    **DRAPE,
    "colour": _COLOUR,
}
TULLE: Parameters = {
    "cover": Span(0.06, 0.5, "what one layer that faces the viewer covers", "logarithmic"),
    "mesh_px": Span(0.6, 4.5, "mesh, in pixels of a picture of 512; not seen below 1.5", "logarithmic"),
    "layers": Span(1, 3, "layers", "whole"),
    "sheen": Span(0.0, 0.5, "how strongly folds shine"),
    **DRAPE,
    "colour": _COLOUR,
}  # fmt: skip
KNIT: Parameters = {
    "stitch": Choice(STITCHES, "how it is made", (0.4, 0.35, 0.25)),
    "stitch_px": Span(5.0, 46.0, "width of a stitch, in pixels of a picture of 512", "logarithmic"),
    "yarn": Span(0.2, 0.55, "width of the yarn as a share of a stitch"),
    "fuzz": Span(0.0, 1.0, "fibres that stand out"),
    "twist": Span(0.0, 0.6, "how clearly plies are seen"),
    "slack": Span(0.02, 0.14, "how uneven stitches are, in stitches"),
    "fringe": Choice((False, True), "whether threads hang from the lower edge", (0.6, 0.4)),
    **DRAPE,
    "colour": _COLOUR,
}
_SUPERSAMPLING = 3
_MOST_TEXELS = 640


def net(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw a fishing net, a fence, a mesh bag."""
    values = pick(rng, NET)
    light = some_light(rng)
    mesh = values["mesh_px"] / 512
    cells = max(2 if mesh > 0.06 else 4, round(0.14 / mesh))
    side = _texels(cells * mesh, size)
    thread = values["thread"]
    if values["mesh"] == "holes":
        thread = min(0.2 + 1.2 * thread, 0.6)
    own = {**values, "knots": min(values["knots"], 0.45 / thread), "toward": _toward(light)}
    drawn = net_tile(rng, values["mesh"], cells, thread, own, side)
    return _finished(rng, size, assets, values, light, [drawn], cells * mesh, thread * mesh)


def lace(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw a piece of lace with scallops at its lower edge."""
    values = pick(rng, LACE)
    light = some_light(rng)
    tile = values["tile_px"] / 512
    own = {
        **values,
        "grounds": max(4, round(values["tile_px"] / values["mesh_px"])),
        "cord": values["cord_px"] / values["tile_px"],
        "toward": _toward(light),
    }
    side = _texels(tile, size)
    inner = lace_tile(rng, own, side)
    tiles = [inner, border_tile(rng, own, side, inner)]
    return _finished(rng, size, assets, values, light, tiles, tile, values["cord_px"] / 512)


def knit(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw knitting or coarse weave, fuzzy, with a cast-off edge or fringes."""
    values = pick(rng, KNIT)
    light = some_light(rng)
    stitch = values["stitch_px"] / 512
    cells = 2 * max(2, round(0.1 / stitch))
    side = _texels(cells * stitch, size)
    width = values["yarn"] * {"stockinette": 1.15, "loose": 0.6, "weave": 1.3}[values["stitch"]]
    drawn = knit_tile(rng, values["stitch"], cells, width, {**values, "toward": _toward(light)}, side)
    return _finished(rng, size, assets, values, light, [drawn], cells * stitch, width * stitch)


def tulle(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw veils: fine nets whose layers and folds cover more."""
    values = pick(rng, TULLE)
    light = some_light(rng)
    canvas, cover = Canvas(size), values["cover"]
    for _ in range(int(values["layers"])):
        own = {**values, "turn": values["turn"] + rng.normal(0, 0.1)}
        mesh = values["mesh_px"] / 512
        seen = values["mesh_px"] > 1.5
        cells = max(4, round(0.12 / mesh)) if seen else 4
        tile = cells * mesh if seen else 0.05
        sheet = hang(rng, own, tile)
        colours = _dye(rng, sheet, assets, values) * shade(sheet, light, 1.0)
        folded = fold_cover(cover, np.abs(sheet.normals[..., 2]))
        gleam = values["sheen"] * np.clip(1 - np.abs(sheet.normals[..., 2]), 0, 1)[..., None]
        colours = colours + gleam * (1 - colours) * 0.6
        plain = np.ones((16, 16, 4), np.float32)
        if seen:
            thread = 1 - np.sqrt(1 - min(values["cover"] * 0.7, 0.6))
            own = {"knots": 0.0, "slack": 0.05, "twist": 0.0, "toward": _toward(light)}
            side = _texels(tile, size)
            atlas = atlas_of(halvings([net_tile(rng, "hexagon", cells, thread, own, side)]), repeats=True)
            draw_quads(canvas, sheet_quads(sheet, atlas, tile, colours, np.ones(folded.shape)), atlas)
            folded = np.clip((folded - 0.7 * cover) / (1 - 0.7 * cover), 0, 1)
        atlas = atlas_of([[plain]], repeats=True)
        draw_quads(canvas, sheet_quads(sheet, atlas, tile, colours, folded), atlas)
        canvas.draw(_hems(rng, sheet, colours, 1.2 * rng.uniform(0.5, 2.5) / 512, 0.5))
    return _cut(rng, canvas, size, assets, values)


def fold_cover(cover: float, facing: Doubles) -> Doubles:
    """Return what a thin layer covers that is seen aslant, where it covers `cover` from the front.

    facing: cosine of the angle it is seen at. The way through it is 1 / facing as long.
    """
    return np.asarray(1 - (1 - cover) ** (1 / np.clip(facing, 0.12, 1)))


def _toward(light: Light) -> Doubles:
    """Return where light comes from in the picture, longer where it grazes."""
    return light.direction[:2]


def _texels(tile: float, size: int) -> int:
    """Return the side of a tile in texels, a multiple of 8."""
    return int(np.clip(np.rint(tile * size * 2.2 / 8) * 8, 32, _MOST_TEXELS))


def _finished(
    rng: Generator, size: int, assets: Assets, values: dict[str, Any], light: Light, tiles: list[Floats],
    tile: float, thread: float,
) -> Rendering:  # fmt: skip
    """Return cloth of tiles, the last of them along its lower edge. thread: width of what hems it."""
    sheet = hang(rng, values, tile)
    lit = shade(sheet, light, 0.6)
    colours = _dye(rng, sheet, assets, values) * lit
    atlas = atlas_of(halvings(tiles), repeats=True)
    canvas = Canvas(size, _SUPERSAMPLING)
    if values.get("fringe"):
        canvas.draw(_fringe(rng, sheet, colours, thread))
    solid = np.ones(colours.shape[:2])
    draw_quads(canvas, sheet_quads(sheet, atlas, tile, colours, solid, len(tiles) - 1), atlas)
    canvas.draw(_hems(rng, sheet, colours, max(1.3 * thread, 1.0 / 512), 1.0, lower=len(tiles) == 1))
    return _cut(rng, canvas, size, assets, values)


def _dye(rng: Generator, sheet: Sheet, assets: Assets, values: dict[str, Any]) -> Doubles:
    """Return the colours of the cloth at a sheet's nodes: (H, W, 3)."""
    photograph = assets.photograph(rng)
    source = values["colour"]
    v, u = np.meshgrid(sheet.v, sheet.u, indexing="ij")
    if source == "print" and photograph is not None:
        places = (np.stack([u, v], axis=2) * rng.uniform(0.5, 1.6) + rng.random(2)) % 2
        return np.clip(1.1 * sample(photograph, 1 - np.abs(1 - places)), 0.02, 1)
    if source == "vivid":
        pair = lights.vivid(rng)
    elif source == "photograph" and photograph is not None:
        pair = lights.tones_of(rng, photograph)
    else:
        pair = lights.tones(rng, YARNS)
    share = np.full(u.shape, 0.85)
    if rng.random() < 0.25:  # stripes of a second yarn
        other = lights.tones(rng, YARNS)[1]
        stripe = np.clip(
            np.sin(2 * np.pi * (v if rng.random() < 0.7 else u) / rng.uniform(0.05, 0.3)) * 6, 0, 1
        )
        return np.asarray(pair[1] + stripe[..., None] * (other - pair[1]))
    share = np.clip(share + 0.1 * sample(smooth_noise(rng, 5, 64), np.stack([u, v], axis=2) % 1), 0, 1)
    return np.asarray(pair[0] + share[..., None] * (pair[1] - pair[0]))


def _hems(
    rng: Generator, sheet: Sheet, colours: Doubles, width: float, opacity: float, lower: bool = True
) -> Ribbons:
    """Return cords along the edges of a sheet; lower: along its lower edge, too."""
    nodes = 160
    t = np.linspace(0, 1, nodes)
    lines, tints = [], []
    upright = t if lower else 0.9 * t
    for u, v in [(t, 0 * t), (0 * t, upright), (0 * t + 1, upright)] + [(t, 0 * t + 1)] * lower:
        lines.append(sheet.at(u * sheet.u[-1], v * sheet.v[-1])[:, :2])
        tints.append(sample(colours, np.stack([u, v], axis=1)))
    places = np.repeat(np.array(lines), 2, axis=0)
    tint = np.repeat(np.array(tints), 2, axis=0)
    tint[0::2] *= 0.6
    widths = np.tile(np.array([[1.0], [0.6]]) * width, (len(lines), nodes))
    return Ribbons(places, widths, np.clip(tint, 0, 1), np.full(widths.shape, opacity))


def _fringe(rng: Generator, sheet: Sheet, colours: Doubles, width: float) -> Ribbons:
    """Return threads that hang from a sheet's lower edge."""
    count = int(np.clip(sheet.u[-1] / max(width * 1.6, 1 / 512), 20, 700))
    nodes = 14
    share = (np.arange(count) + rng.uniform(-0.3, 0.3, count)) / count
    root = sheet.at(share * sheet.u[-1], np.full(count, sheet.v[-1]))
    length = rng.uniform(0.03, 0.14) * rng.uniform(0.7, 1.15, count)
    t = np.linspace(0, 1, nodes)
    lean = rng.normal(0, 0.18, (count, 1)) + rng.normal(0, 0.4, (count, 1)) * t
    ways = np.stack([np.sin(lean), np.cos(lean)], axis=2) * (length / nodes)[:, None, None]
    places = root[:, None, :2] + np.cumsum(ways, axis=1)
    tint = sample(colours, np.stack([share, np.ones(count)], axis=1))[:, None] * rng.uniform(
        0.6, 1, (count, 1, 1)
    )
    widths = max(width, 0.8 / 512) * (0.9 + 0.15 * np.sin(40 * t + rng.uniform(0, 6, (count, 1))))
    return Ribbons(places, widths, np.clip(tint * np.ones((1, nodes, 1)), 0, 1), np.full((count, nodes), 1.0))


def _cut(rng: Generator, canvas: Canvas, size: int, assets: Assets, values: dict[str, Any]) -> Rendering:
    """Return what is drawn, cut to a body's silhouette and torn where values say so."""
    premultiplied, alpha = canvas.reduce()
    kept: Floats = np.ones((size, size), np.float32)
    lit: Floats = np.ones((1, 1, 1), np.float32)
    if values["drape"] == "body":
        cut_out = assets.mask(rng)
        if cut_out is None:
            kept = _garment(rng, size)
        else:
            surface = surface_of_mask(cut_out[1])
            kept = outline(surface, size)
        lit = (0.45 + 0.55 * _bulge(kept, size))[..., None]
    if values["torn"]:
        kept = kept * holes(rng, size, rng.uniform(0.1, 0.4))
    return from_premultiplied(premultiplied * lit * kept[..., None], alpha * kept, values)


def _bulge(kept: Floats, size: int) -> Floats:
    """Return how squarely what is kept faces the viewer, as if filled out: (size, size) from 0 to 1."""
    depth = ndimage.distance_transform_edt(kept > 0.5) / size
    return np.asarray(np.sqrt(1 - (1 - np.clip(depth / 0.16, 0, 1)) ** 2), dtype=np.float32)


def _garment(rng: Generator, size: int) -> Floats:
    """Return the silhouette (size, size) of a dress, a shawl or a bag."""
    y, x = np.mgrid[0:size, 0:size] / size + 0.5 / size - 0.5
    top, low = rng.uniform(-0.45, -0.3), rng.uniform(0.25, 0.46)
    t = np.clip((y - top) / (low - top), 0, 1)
    knots = np.sort(rng.uniform(0.1, 0.4, 5)) if rng.random() < 0.5 else rng.uniform(0.15, 0.36, 5)
    half = np.interp(t, np.linspace(0, 1, 5), knots)
    half = half + 0.02 * smooth_noise(rng, 4, size, octaves=3)
    lean = rng.normal(0, 0.12) * y
    ends = 0.02 * smooth_noise(rng, 5, size, octaves=2)[[0, -1]]  # of columns, above and below
    inside = np.minimum(half - np.abs(x - lean), np.minimum(y - top - ends[0], low + ends[1] - y))
    return np.asarray(np.clip(inside * size / 1.2 + 0.5, 0, 1), dtype=np.float32)


TEXTILES = (
    Kind("lace", "textiles", lace, "lace with flowers, scrolls and scallops", LACE),
    Kind("net", "textiles", net, "nets, fences and mesh fabrics", NET),
    Kind("tulle", "textiles", tulle, "veils of tulle", TULLE),
    Kind("knit", "textiles", knit, "knitting and coarse weave", KNIT),
)
