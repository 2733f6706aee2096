"""Leaves: branch ends, bouquets, creepers, hedges at the picture's border, single large leaves.

Leaves are bent and folded quadrangles with the tiles of `blades` on them. Each is lit on the side that is
seen, or shone through; those in the mass are darker, and nearer layers shade what is behind them.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.grids import enlarge
from deepmatte.training.corpus.render import light as lights
from deepmatte.training.corpus.render.bodies import unit
from deepmatte.training.corpus.render.foliage.blades import FACES, FORMS, Foliage, leaf_atlas
from deepmatte.training.corpus.render.light import Light, some_light
from deepmatte.training.corpus.render.quads import Atlas, Indices, Quads, draw_quads
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
from deepmatte.training.corpus.render.ribbons import SUPERSAMPLING, Canvas, Ribbons

Doubles = NDArray[np.float64]

LEAVES: Parameters = {
    "habit": Choice(
        ("branch", "bouquet", "hanging", "border", "single"), "where leaves come from", (3, 3, 1.5, 1.5, 1)
    ),
    "form": Choice(FORMS, "form of a leaf", (2.5, 1.5, 1, 1.2, 1, 1.2, 1, 1, 1.2, 1)),
    "leaves": Span(60, 1300, "leaves, at most", "logarithmic"),
    "length": Span(0.06, 0.3, "length in shares of the picture; compound leaves are longer", "logarithmic"),
    "spread": Span(0.4, 1.3, "how far stems part, in radians"),
    "droop": Span(-0.2, 1.0, "how much stems and leaves hang"),
    "mess": Span(0.08, 0.5, "how differently leaves point, in radians"),
    "curl": Span(0.0, 1.6, "how far leaves bend along, in radians"),
    "fold": Span(0.0, 0.7, "how far their halves fold up, in radians"),
    "gloss": Span(0.0, 0.6, "how strong highlights are"),
    "spots": Span(0.0, 0.6, "share of leaves with spots and holes"),
    "behind": Choice((False, True), "whether the lamp stands behind", (0.65, 0.35)),
    "colour": Choice(
        ("natural", "autumn", "vivid", "photograph"), "where colours come from", (0.6, 0.17, 0.06, 0.17)
    ),
}
_NODES = 6
_LAYERS = 5
_VARIANTS = 4
# Cells along a side of the grid that mass is counted on, and the finer raster's pixels in a cell of shadow.
_CELLS, _COARSE = 26, 8


@dataclass(frozen=True, eq=False)
class Leaves:
    """N leaves in space, as bodies have it.

    bases, ways, normals: (N, 3), where they start, where they point and the upper side; lengths: (N,).
    """

    bases: Doubles
    ways: Doubles
    normals: Doubles
    lengths: Doubles


def leaves(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw a branch end, a bouquet, a creeper, a hedge or a few leaves."""
    drawn = pick(rng, LEAVES)
    values = dict(drawn)
    if values["form"] in FORMS[5:]:
        values["length"] = min(0.6, 1.6 * values["length"])
    light = some_light(rng)
    if values["behind"]:
        light = replace(light, direction=light.direction * np.array([1, 1, -1.0]))
    palette = lights.AUTUMN if values["colour"] == "autumn" else lights.LEAVES
    tones = lights.choose_tones(rng, values["colour"], assets, palette)
    if values["colour"] == "photograph":
        tones = tones * np.array([0.9, 1.0, 0.8])
    stems, grown = grow(rng, values)
    if values["habit"] in ("branch", "bouquet", "single"):
        stems, grown = _framed(rng, stems, grown)
    raster_px = float(grown.lengths.max()) * size * SUPERSAMPLING
    side = int(2 ** np.clip(np.rint(np.log2(raster_px / 1.5)), 5, 9))
    rim, rim_share = lights.tones(rng, palette)[1], rng.uniform(0, 0.5) ** 2
    veins, contrast = rng.uniform(5, 14), rng.uniform(0.1, 0.7)
    foliage = Foliage(tones, values["form"], veins, contrast, rim, rim_share, values["spots"], side)
    atlas, breadths = leaf_atlas(rng, foliage, _VARIANTS)
    shade = openness(grown.bases + 0.5 * grown.lengths[:, None] * grown.ways, grown.lengths, light)
    tiles = rng.integers(_VARIANTS, size=len(grown.lengths))
    quads = leaf_quads(rng, grown, (atlas, breadths, tiles), light, shade, values, size)
    bark = lights.choose_tones(rng, "natural", assets, lights.BARK)
    wood = stem_ribbons(rng, stems, (0.3 * bark + 0.7 * tones) if rng.random() < 0.7 else bark, light, values)
    canvas = Canvas(size)
    depth = stems[:, :, 2].mean(axis=1)
    order = np.argsort(depth, kind="stable")
    layer_of = np.empty(len(depth), int)
    layer_of[order] = np.arange(len(depth)) * _LAYERS // len(depth)
    per = quads.places.shape[0] // len(grown.lengths)
    nearness = grown.bases[:, 2] + 0.5 * grown.lengths * grown.ways[:, 2]
    in_order = np.argsort(nearness, kind="stable")
    for layer in range(_LAYERS):
        canvas.draw(wood.part(np.repeat(layer_of == layer, 2)))
        some = in_order[layer * len(in_order) // _LAYERS : (layer + 1) * len(in_order) // _LAYERS]
        part = quads.part((some[:, None] * per + np.arange(per)).ravel())
        cast_shadow(canvas, part, atlas, light, 0.6 * values["length"] / _LAYERS)
        draw_quads(canvas, part, atlas)
    return from_premultiplied(*canvas.reduce(), drawn)


def cast_shadow(canvas: Canvas, quads: Quads, atlas: Atlas, light: Light, lift: float) -> None:
    """Darken what is there where quadrangles will lie above it. lift: how far above, in sides."""
    side = canvas.raster.shape[0]
    coarse = Canvas(-(-side // _COARSE), 1)
    draw_quads(coarse, quads, atlas)
    away = np.clip(-light.direction[:2] * lift * coarse.size, -0.1 * coarse.size, 0.1 * coarse.size)
    alpha = ndimage.gaussian_filter(coarse.raster[..., 3].astype(np.float64), 0.012 * coarse.size)
    alpha = ndimage.shift(alpha, away[::-1], order=1, mode="nearest")
    shadow = (1 - 0.5 * np.clip(alpha, 0, 1)).astype(np.float32)
    canvas.raster[..., :3] *= enlarge(shadow, _COARSE, side, side)[..., None]


def openness(places: Doubles, lengths: Doubles, light: Light) -> Doubles:
    """Return how much of the light reaches each of the leaves at places (N, 3): (N,) from 0 to 1."""
    total = np.zeros(len(places))
    for way, part in ((light.direction, 0.6), (np.array([0.0, -0.7, 0.7]), 0.4)):
        toward = unit(way)
        side = unit(np.cross(toward, [0.31, 0.2, 0.93]))
        own = places @ np.stack([side, np.cross(toward, side), toward], axis=1)
        low, high = own.min(axis=0), own.max(axis=0)
        cell = max(float((high - low).max()) / (_CELLS - 4), 0.3 * float(lengths.mean()), 1e-6)
        cells = np.clip(((own - low) / cell).astype(np.intp) + 2, 0, _CELLS - 1)
        mass = np.zeros((_CELLS,) * 3)
        np.add.at(mass, tuple(cells.T), 0.16 * (lengths / cell) ** 2)
        mass = ndimage.gaussian_filter(mass, (0.8, 0.8, 0.4))
        above = np.cumsum(mass[:, :, ::-1], axis=2)[:, :, ::-1] - 0.5 * mass
        total += part * np.exp(-0.8 * above[tuple(cells.T)])
    return total


def grow(rng: Generator, values: dict[str, Any]) -> tuple[Doubles, Leaves]:
    """Return stems (S, K, 3) and the leaves on them."""
    habit, length, most = values["habit"], values["length"], int(values["leaves"])
    if habit == "single":
        most = int(rng.integers(1, 7))
        length = values["length"] = float(np.clip(length * 2.5, 0.25, 0.75))
    step = length * {"needles": 0.3, "lanceolate": 0.2}.get(values["form"], 0.32) * rng.uniform(0.6, 1.4)
    reach = 0.1 if habit == "single" else rng.uniform(0.45, 1.05)
    per = max(1, int(reach / step)) if habit != "single" else 1
    count = int(np.clip(most // per, 1 + 2 * (habit != "single"), 90 if habit != "branch" else 9))
    bases, angles = _starts(rng, habit, count, values["spread"])
    nodes = 14
    t = np.linspace(0, 1, nodes)
    own = reach * rng.uniform(0.6, 1.15, count)
    lean = rng.normal(0, 0.35, count)
    turn = (
        angles[:, None]
        + rng.normal(0, 0.35, (count, 1)) * t
        + rng.normal(0, 0.12, (count, 1)) * np.sin(6 * t)
    )
    fall = values["droop"] * rng.uniform(0.3, 1.0, (count, 1)) * t
    x, y = np.sin(turn), -np.cos(turn) + fall
    ways = unit(np.stack([x, y, np.broadcast_to(lean[:, None], x.shape)], axis=2))
    stems = bases[:, None] + np.cumsum(ways, axis=1) * (own / nodes)[:, None, None]
    stem_of = np.repeat(np.arange(count), per)
    place = np.tile(np.linspace(1, 0.12, per), count) + rng.uniform(-0.3, 0.3, count * per) / per
    where = np.clip(place, 0, 1) * (nodes - 1)
    first = np.minimum(where.astype(np.intp), nodes - 2)
    share = (where - first)[:, None]
    at = stems[stem_of, first] + share * (stems[stem_of, first + 1] - stems[stem_of, first])
    way = unit(stems[stem_of, first + 1] - stems[stem_of, first])
    return stems, _attached(rng, at, way, place, values)


def _framed(rng: Generator, stems: Doubles, grown: Leaves) -> tuple[Doubles, Leaves]:
    """Return stems and leaves moved and scaled so that they fill most of the picture, or more."""
    ends = np.concatenate([grown.bases, grown.bases + grown.ways * grown.lengths[:, None]])[:, :2]
    low, high = ends.min(axis=0), ends.max(axis=0)
    zoom = float(np.clip(rng.uniform(0.6, 1.25) / (high - low).max(), 0.5, 2.5))
    move = np.append(0.5 + rng.normal(0, 0.08, 2) - zoom * (low + high) / 2, 0)
    return stems * zoom + move, replace(grown, bases=grown.bases * zoom + move, lengths=grown.lengths * zoom)


def _starts(rng: Generator, habit: str, count: int, spread: float) -> tuple[Doubles, Doubles]:
    """Return where stems start (S, 3) and where they point (S,), 0 upwards and clockwise."""
    depth = rng.normal(0, 0.08, count)
    if habit == "border":
        side = rng.integers(4, size=2)[rng.integers(2, size=count)]
        along = rng.uniform(-0.1, 1.1, count)
        out = rng.uniform(-0.3, -0.02, count)
        x = np.choose(side, [along, 1 - out, along, out])
        y = np.choose(side, [out, along, 1 - out, along])
        angles = np.choose(side, [np.pi, -np.pi / 2, 0.0, np.pi / 2]) + rng.normal(0, 0.5 * spread, count)
        return np.stack([x, y, depth], axis=1), angles
    if habit == "hanging":
        x, y = rng.uniform(-0.05, 1.05, count), rng.uniform(-0.25, 0.0, count)
        return np.stack([x, y, depth], axis=1), np.pi + rng.normal(0, 0.3, count)
    if habit == "single":
        at = rng.uniform(0.4, 0.6, (count, 2)) + np.array([0, 0.2])
        return np.concatenate([at, depth[:, None]], axis=1), rng.normal(0, 0.8, count)
    main = rng.normal(0, 0.2) if habit == "bouquet" else rng.choice([-1.0, 1.0]) * rng.uniform(0, 2.2)
    start = np.array([0.5, 0.5]) + rng.uniform(0.35, 0.6) * np.array([-np.sin(main), np.cos(main)])
    at = start + rng.normal(0, 0.03, (count, 2))
    angles = main + rng.uniform(-1, 1, count) * spread * (1 if habit == "bouquet" else 0.6)
    return np.concatenate([at, depth[:, None]], axis=1), angles


def _attached(rng: Generator, at: Doubles, way: Doubles, place: Doubles, values: dict[str, Any]) -> Leaves:
    """Return leaves around stems. at, way: (N, 3), where and along what; place: (N,), 1 at the tip."""
    count = len(at)
    around = np.arange(count) * 2.39996 + rng.normal(0, 0.4, count)
    side = unit(np.cross(way, [0.1, 0.05, 1.0]))
    other = np.cross(way, side)
    out = side * np.cos(around)[:, None] + 0.8 * other * np.sin(around)[:, None]
    angle = np.clip(1.0 - 0.6 * place + rng.normal(0, values["mess"], count), 0.05, 1.7)[:, None]
    ways = unit(way * np.cos(angle) + out * np.sin(angle) + rng.normal(0, 0.5 * values["mess"], (count, 3)))
    ways[:, 1] += 0.5 * values["droop"] * rng.random(count)
    ways = unit(ways)
    up = np.array([0.0, -0.6, 0.7]) + rng.normal(0, 0.45, (count, 3))
    normals = unit(up - (up * ways).sum(axis=1, keepdims=True) * ways)
    young = np.interp(np.clip(place, 0, 1), [0, 0.6, 1], [1.0, 1.0, 0.6])
    lengths = values["length"] * rng.uniform(0.65, 1.1, count) * young
    return Leaves(at, ways, normals, lengths)


def leaf_quads(
    rng: Generator, grown: Leaves, texture: tuple[Atlas, Doubles, Indices], light: Light, shade: Doubles,
    values: dict[str, Any], size: int,
) -> Quads:  # fmt: skip
    """Return the quadrangles of leaves, as many for each, leaf by leaf; glossy ones upon the others."""
    atlas, breadths, tiles = texture
    count = len(grown.lengths)
    t = np.linspace(0, 1, _NODES)
    curl = values["curl"] * rng.normal(0.5, 0.5, (count, 1)) * t
    step = grown.ways[:, None] * np.cos(curl)[..., None] - grown.normals[:, None] * np.sin(curl)[..., None]
    normal = grown.normals[:, None] * np.cos(curl)[..., None] + grown.ways[:, None] * np.sin(curl)[..., None]
    middles = np.cumsum(step, axis=1) - step[:, :1]
    middles = grown.bases[:, None] + middles * (grown.lengths / (_NODES - 1))[:, None, None]
    across = np.cross(normal, step)
    fold = (values["fold"] * rng.uniform(0.2, 1.2, count) + 0.25 * rng.normal(0, 0.3, count))[:, None, None]
    wave = (
        0.25 * np.sin(2 * np.pi * (rng.uniform(0.5, 2, (count, 1)) * t + rng.random((count, 1))))[..., None]
    )
    corners, colours, gleam, facing = [], [], [], np.zeros(count)
    half = (0.5 * breadths[tiles] * grown.lengths)[:, None, None]
    for sign in (-1.0, 1.0):
        bend = fold + sign * wave * np.minimum(fold + 0.3, 0.6)
        edge = middles + half * (sign * across * np.cos(bend) + normal * np.sin(bend))
        turned = unit(normal * np.cos(bend) - sign * across * np.sin(bend))
        seen = turned * np.where(turned[..., 2:] < 0, -1.0, 1.0)
        falls = seen @ light.direction
        facing += falls.mean(axis=1)
        half_way = unit(light.direction + np.array([0.0, 0.0, 1.0]))
        gleam.append(values["gloss"] * np.clip(seen @ half_way, 0, 1) ** 14 * shade[:, None] * (falls > 0))
        colours.append(falls)
        corners.append(edge)
    through = facing < 0
    vary = np.exp(rng.normal(0, 0.1, (count, 1, 1)) + rng.normal(0, 0.035, (count, 1, 3)))
    quads = []
    for number, sign in enumerate((-1.0, 1.0)):
        falls = np.where(
            through[:, None], 1.1 * np.maximum(-colours[number], 0), np.maximum(colours[number], 0)
        )
        sky = light.ambient * (0.4 + 0.6 * shade)[:, None]
        bright = 1.25 * (sky + (1.12 - light.ambient) * falls * shade[:, None])
        tint = light.colour * vary * 0.95
        lit = np.clip(bright[..., None] * tint, 0, 1)
        level = atlas.level_of(grown.lengths * size * SUPERSAMPLING)
        within = np.stack([np.full((2, _NODES), 0.5), np.broadcast_to(t, (2, _NODES))], axis=2)
        within[1, :, 0] = 0.5 + 0.5 * sign
        for face, shown, opacity in (
            (through.astype(np.intp), lit, np.ones((count, _NODES))),
            (np.full(count, 2), np.broadcast_to(light.colour, lit.shape), np.clip(gleam[number], 0, 0.7)),
        ):
            spots = atlas.spots(
                tiles * len(FACES) + face, level, np.broadcast_to(within, (count, *within.shape))
            )
            lines = np.stack([middles[..., :2], corners[number][..., :2]], axis=1)
            quads.append(_stitched(lines, spots, np.stack([shown] * 2, 1), np.stack([opacity] * 2, 1)))
    names = ("places", "spots", "colours", "opacities")
    own = [np.stack([getattr(each, name) for each in quads], axis=1) for name in names]
    return Quads(*(values.reshape(-1, *values.shape[3:]) for values in own))


def _stitched(lines: Doubles, spots: Doubles, colours: Doubles, opacities: Doubles) -> Quads:
    """Return (N, K − 1) quadrangles between pairs of lines of K nodes: each is (N, 2, K, ...)."""

    def turn(each: Doubles) -> Doubles:
        return np.stack([each[:, 0, :-1], each[:, 1, :-1], each[:, 1, 1:], each[:, 0, 1:]], axis=2)

    return Quads(turn(lines), turn(spots), turn(colours), turn(opacities))


def stem_ribbons(
    rng: Generator, stems: Doubles, tones: Doubles, light: Light, values: dict[str, Any]
) -> Ribbons:
    """Return stems (S, K, 3) as ribbons: a dark one and the lit side upon it for each."""
    count, nodes = stems.shape[:2]
    width = np.clip(values["length"] * rng.uniform(0.015, 0.045, (count, 1)), 1.2 / 512, 7 / 512)
    widths = width * np.linspace(1, 0.35, nodes)
    way = unit(np.gradient(stems, axis=1))
    across = unit(np.stack([-way[..., 1], way[..., 0]], axis=2))
    side = np.where((across @ light.direction[:2])[..., None] < 0, -1.0, 1.0)
    own = tones[0] + rng.uniform(0.2, 0.8, (count, nodes, 1)) * (tones[1] - tones[0])
    dark = np.clip(own * (0.35 + 0.3 * light.ambient), 0, 1)
    bright = np.clip(own * 1.0 * light.colour, 0, 1)
    places = stems[..., :2]
    solid = np.ones((count, nodes))
    lit = places + across * side * (0.18 * widths)[..., None]
    both = ((places, widths, dark, solid), (lit, 0.5 * widths, bright, 0.8 * solid))
    pairs = zip(*both, strict=True)
    return Ribbons(*(np.stack(pair, axis=1).reshape(2 * count, *pair[0].shape[1:]) for pair in pairs))


LEAFAGE = (Kind("leaves", "foliage", leaves, "branch ends, bouquets and hedges of leaves", LEAVES),)
