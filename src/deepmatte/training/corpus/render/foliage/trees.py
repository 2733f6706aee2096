"""Trees and twigs: whole trees and crowns, in leaf or bare, and branch ends with buds and thorns."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepmatte.training.corpus.render import light as lights
from deepmatte.training.corpus.render.bodies import unit
from deepmatte.training.corpus.render.foliage.blades import FACES, Foliage, leaf_atlas
from deepmatte.training.corpus.render.foliage.branches import (
    Fork,
    Wood,
    fork,
    read,
    stem,
    together,
    wood_ribbons,
)
from deepmatte.training.corpus.render.foliage.leaves import Leaves, cast_shadow, openness
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
from deepmatte.training.corpus.render.ribbons import SUPERSAMPLING, Canvas, Ribbons, joined

Doubles = NDArray[np.float64]

TREES: Parameters = {
    "habit": Choice(("broad", "tall", "conifer", "weeping", "bush"), "form of the crown", (3, 2, 2, 1, 1.5)),
    "bare": Choice((False, True), "whether it has lost its leaves", (0.75, 0.25)),
    "view": Choice(("whole", "crown"), "what is seen of it", (0.7, 0.3)),
    "leaves": Span(5000, 16000, "leaves or sprays", "logarithmic"),
    "leaf": Span(0.016, 0.04, "length of a leaf in shares of the tree; of needles twice", "logarithmic"),
    "crooked": Span(0.06, 0.3, "how crooked branches are"),
    "open": Span(0.5, 1.1, "how far branches part, in radians"),
    "behind": Choice((False, True), "whether the lamp stands behind", (0.75, 0.25)),
    "colour": Choice(("natural", "autumn", "vivid", "photograph"), "where colours come from", (6, 2, 0.4, 1)),
}  # fmt: skip
TWIGS: Parameters = {
    "from": Choice(("below", "side", "above", "all round"), "where they come from", (3, 3, 1.5, 1)),
    "stems": Span(1, 7, "stems", "whole"),
    "forks": Span(2, 4, "how often they fork", "whole"),
    "children": Span(3, 8, "twigs on each", "whole"),
    "width_px": Span(2.0, 16.0, "width at the root, in pixels of a picture of 512", "logarithmic"),
    "open": Span(0.35, 1.1, "how far they part, in radians"),
    "crooked": Span(0.05, 0.35, "how crooked they are"),
    "lift": Span(-0.8, 0.8, "how much they turn upwards"),
    "buds": Span(0.0, 1.0, "share of twigs with buds"),
    "thorns": Span(0, 900, "thorns", "whole"),
    "colour": Choice(("natural", "vivid", "photograph"), "where colours come from", (0.8, 0.05, 0.15)),
}
_LAYERS = 5
_VARIANTS = 5


def trees(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw a tree or its crown."""
    values = pick(rng, TREES)
    light = some_light(rng)
    if values["behind"]:
        light = replace(light, direction=light.direction * np.array([1, 1, -1.0]))
    levels = grow_tree(rng, values)
    wood, scale = _framed(rng, together(levels), values["view"] == "whole")
    bark = lights.choose_tones(rng, "natural", assets, lights.BARK)
    canvas = Canvas(size)
    middles = wood.lines.mean(axis=1)
    free = openness(middles, np.maximum(wood.reach * 0.2, 1e-3), light)
    ribbons = wood_ribbons(rng, wood, bark, light, size, free)
    if values["bare"]:
        canvas.draw(ribbons)
        return from_premultiplied(*canvas.reduce(), values)
    last = len(levels[-1].lines) + (len(levels[-2].lines) if values["habit"] == "conifer" else 0)
    ends = Wood(*(getattr(wood, name)[-last:] for name in vars(wood)))
    grown = _leaves_on(rng, ends, values, scale)
    palette = lights.AUTUMN if values["colour"] == "autumn" else lights.LEAVES
    tones = lights.choose_tones(rng, values["colour"], assets, palette)
    form = "needles" if values["habit"] == "conifer" else str(
        rng.choice(["oval", "lanceolate", "pinnate", "palmate", "toothed"])
    )  # fmt: skip
    side = int(2 ** np.clip(np.ceil(np.log2(grown.lengths.max() * size * SUPERSAMPLING)), 5, 7))
    foliage = Foliage(tones, form, 8.0, 0.2, tones[1], 0.1, 0.1, side)
    atlas, breadths = leaf_atlas(rng, foliage, _VARIANTS)
    quads = flat_quads(rng, grown, (atlas, breadths), light, size)
    order = np.argsort(grown.bases[:, 2], kind="stable")
    depth = np.sort(middles[:, 2])
    wood_order = np.array_split(np.arange(len(middles)), _LAYERS)
    for layer, some in enumerate(np.array_split(order, _LAYERS)):
        canvas.draw(ribbons.part((wood_order[layer][:, None] * 3 + np.arange(3)).ravel()))
        part = quads.part(some)
        if layer:
            cast_shadow(canvas, part, atlas, light, 0.1 * float(np.ptp(depth)) / _LAYERS)
        draw_quads(canvas, part, atlas)
    return from_premultiplied(*canvas.reduce(), values)


def grow_tree(rng: Generator, values: dict[str, Any]) -> list[Wood]:
    """Return the branches of a tree of height about 1, level by level: trunk, boughs, ..., twigs."""
    habit, open_, wander = values["habit"], values["open"], values["crooked"]
    trunks = 1 if habit != "bush" else int(rng.integers(3, 8))
    lean = rng.normal(0, 0.08 if trunks == 1 else 0.5, (trunks, 3))
    way = lean * [1, 0, 1] + np.array([0, -1.0, 0])
    reach = np.full(trunks, {"broad": 0.55, "weeping": 0.6, "bush": 0.45}.get(habit, 0.95))
    radius = rng.uniform(0.007, 0.017) * np.ones(trunks) / trunks**0.5
    base = np.zeros((trunks, 3)) + rng.normal(0, 0.01, (trunks, 3)) * (trunks > 1)
    levels = [stem(rng, base, way, reach, radius, wander * (0.2 if habit == "conifer" else 0.6))]
    if habit == "conifer":
        lift = rng.uniform(-0.6, 0.25)
        plans = [
            Fork(int(rng.integers(60, 110)), 1.35, rng.uniform(0.28, 0.48), 0.12, lift, 0.5 * wander, 0.93),
            Fork(12, 0.9, 0.4, 0.1, lift * 0.6, wander, 0.7, 0.8),
        ]
    else:
        lift = {"weeping": -1.6, "tall": 0.7}.get(habit, rng.uniform(-0.15, 0.4))
        first = {"broad": 0.35, "tall": 0.12, "weeping": 0.4}.get(habit, 0.15)
        share = {"tall": 0.38, "weeping": 0.8}.get(habit, rng.uniform(0.75, 1.1))
        boughs = {"tall": 30, "bush": 7}.get(habit, int(rng.integers(10, 18)))
        plans = [
            Fork(boughs, open_, share, first, lift * 0.6, wander, 0.45),
            Fork(8, open_ * 0.9, 0.55, 0.2, lift, wander, 0.5),
            Fork(6 if trunks == 1 else 4, open_ * 0.85, 0.5, 0.15, lift, wander, 0.5),
        ]
        if values["bare"]:
            plans.append(Fork(4 if habit != "tall" else 2, open_ * 0.8, 0.5, 0.15, lift, wander, 0.4))
    for plan in plans:
        levels.append(fork(rng, levels[-1], plan))
    return levels


def _framed(rng: Generator, wood: Wood, whole: bool) -> tuple[Wood, float]:
    """Return wood moved and scaled into the picture, and by how much it was scaled."""
    low, high = wood.lines[..., :2].min(axis=(0, 1)), wood.lines[..., :2].max(axis=(0, 1))
    scale = float(rng.uniform(0.75, 1.02) if whole else rng.uniform(1.2, 2.2)) / float((high - low).max())
    target = np.array([rng.normal(0.5, 0.05), 0.5 + rng.normal(0, 0.03)])
    centre = (low + high) / 2
    if not whole:
        centre = np.array([rng.uniform(low[0], high[0]), low[1] + 0.3 * (high[1] - low[1])])
    move = np.append(target - scale * centre, 0)
    return Wood(wood.lines * scale + move, wood.radii * scale, wood.reach * scale), scale


def _leaves_on(rng: Generator, twigs: Wood, values: dict[str, Any], scale: float) -> Leaves:
    count = int(values["leaves"])
    conifer = values["habit"] == "conifer"
    which = rng.integers(len(twigs.lines), size=count)
    share = np.sqrt(rng.random(count)) if not conifer else rng.random(count)
    at, along = read(twigs.lines, which, np.clip(share, 0, 0.999))
    spread = 0.35 if conifer else 0.9
    ways = along + rng.normal(0, spread, (count, 3)) + np.array([0, 0.25, 0]) * (not conifer)
    ways = unit(ways)
    up = np.array([0, -0.7, 0.4]) + rng.normal(0, 0.5, (count, 3))
    normals = unit(up - (up * ways).sum(axis=1, keepdims=True) * ways)
    lengths = scale * values["leaf"] * (2.0 if conifer else 1.0) * rng.uniform(0.6, 1.15, count)
    # Some stand off from their twig, as shoots too small to draw would hold them.
    at = at + rng.normal(0, 0.7, (count, 3)) * lengths[:, None] * (not conifer)
    return Leaves(at, ways, normals, lengths)


def flat_quads(
    rng: Generator, grown: Leaves, texture: tuple[Atlas, Doubles], light: Light, size: int
) -> Quads:
    """Return one quadrangle for each of many small leaves."""
    atlas, breadths = texture
    count = len(grown.lengths)
    tiles: Indices = rng.integers(len(breadths), size=count)
    shade = openness(grown.bases, grown.lengths, light)
    seen = grown.normals * np.where(grown.normals[:, 2:] < 0, -1.0, 1.0)
    falls = seen @ light.direction
    through = falls < 0
    amount = np.where(through, -0.9 * falls, falls)
    sky = light.ambient * (0.3 + 0.7 * shade)
    bright = 1.2 * (sky + (1.2 - light.ambient) * (0.25 + 0.75 * amount) * shade)
    vary = np.exp(rng.normal(0, 0.12, (count, 1)) + rng.normal(0, 0.05, (count, 3)))
    colours = np.clip(bright[:, None] * vary * light.colour, 0, 1)
    # None is seen quite from its edge: small leaves are never flat.
    across = np.cross(grown.normals, grown.ways)[:, :2]
    across = across + 0.35 * np.stack([-grown.ways[:, 1], grown.ways[:, 0]], axis=1)
    across = across * (0.5 * breadths[tiles] * grown.lengths)[:, None]
    tip = grown.bases[:, :2] + grown.ways[:, :2] * grown.lengths[:, None]
    base = grown.bases[:, :2]
    places = np.stack([base - across, base + across, tip + across, tip - across], axis=1)
    within = np.broadcast_to(np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]), (count, 4, 2))
    level = atlas.level_of(grown.lengths * size * SUPERSAMPLING)
    spots = atlas.spots(tiles * len(FACES) + through, level, within)
    return Quads(places, spots, np.repeat(colours[:, None], 4, axis=1), np.ones((count, 4)))


def twigs(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw bare branch ends with buds and thorns."""
    values = pick(rng, TWIGS)
    light = some_light(rng)
    count = int(values["stems"])
    start, angle = {
        "below": ((0.5, 1.05), 0.0), "side": ((-0.05, 0.6), 1.3), "above": ((0.5, -0.05), np.pi),
        "all round": ((0.0, 0.0), 0.0),
    }[values["from"]]  # fmt: skip
    angles = angle + rng.normal(0, 0.4, count)
    base = np.concatenate(
        [np.array(start) + rng.normal(0, 0.12, (count, 2)), rng.normal(0, 0.1, (count, 1))], axis=1
    )
    if values["from"] == "all round":
        angles = rng.uniform(0, 2 * np.pi, count)
        base[:, :2] = 0.5 - 0.72 * np.stack([np.sin(angles), -np.cos(angles)], axis=1)
    way = np.stack([np.sin(angles), -np.cos(angles), rng.normal(0, 0.25, count)], axis=1)
    reach = rng.uniform(0.6, 1.2, count)
    radius = values["width_px"] / 1024 * rng.uniform(0.6, 1.1, count)
    levels = [stem(rng, base, way, reach, radius, 0.5 * values["crooked"])]
    for _ in range(int(values["forks"])):
        share = rng.uniform(0.4, 0.65)
        plan = Fork(values["children"], values["open"], share, 0.15, values["lift"], values["crooked"], 0.5)
        if len(levels[-1].lines) * plan.children < 5000:
            levels.append(fork(rng, levels[-1], plan))
    wood = together(levels)
    if values["from"] == "side" and rng.random() < 0.5:
        wood.lines[..., 0] = 1 - wood.lines[..., 0]
    tones = lights.choose_tones(rng, values["colour"], assets, lights.BARK)
    canvas = Canvas(size)
    free = 0.5 + 0.5 * openness(wood.lines.mean(axis=1), 0.1 * wood.reach, light)
    canvas.draw(_spikes(rng, wood, int(values["thorns"]), tones, light))
    canvas.draw(wood_ribbons(rng, wood, tones, light, size, free))
    canvas.draw(
        _buds(rng, wood, values["buds"], lights.choose_tones(rng, "natural", assets, lights.AUTUMN), light)
    )
    return from_premultiplied(*canvas.reduce(), values)


def _spikes(rng: Generator, wood: Wood, count: int, tones: Doubles, light: Light) -> Ribbons:
    """Return thorns on branches."""
    which = rng.integers(len(wood.lines), size=count)
    node = rng.uniform(0, 0.9, count)
    at, along = read(wood.lines, which, node)
    radius = wood.radii[which, (node * 9).astype(np.intp)]
    turn = rng.choice([-1.0, 1.0], (count, 1))
    out = np.stack([-along[:, 1], along[:, 0]], axis=1) * turn + 0.4 * along[:, :2]
    length = 2 * radius + rng.uniform(0.004, 0.014, count)
    t = np.linspace(0, 1, 5)[None, :, None]
    places = at[:, None, :2] + out[:, None] * t * length[:, None, None]
    places[..., 1] += 0.2 * length[:, None] * t[..., 0] ** 2
    widths = np.maximum(1.1 * radius, 0.0012)[:, None] * np.array([1, 0.7, 0.45, 0.22, 0.05])
    colours = np.clip(tones[1] * np.linspace(0.8, 1.1, 5)[:, None] * light.colour, 0, 1)
    return Ribbons(places, widths, np.broadcast_to(colours, (count, 5, 3)), np.ones((count, 5)))


def _buds(rng: Generator, wood: Wood, share: float, tones: Doubles, light: Light) -> Ribbons:
    """Return buds at the tips and along twigs: a dark one and its lit side for each."""
    count = int(share * min(len(wood.lines), 1500)) * 2
    which = rng.integers(len(wood.lines), size=count)
    place = np.where(rng.random(count) < 0.5, 0.999, rng.uniform(0.2, 0.95, count))
    at, along = read(wood.lines, which, place)
    turn = rng.normal(0, 0.5, count)[:, None] * (place[:, None] < 0.99)
    way = unit(along[:, :2] + turn * np.stack([-along[:, 1], along[:, 0]], axis=1))
    length = rng.uniform(0.006, 0.015, count) * rng.uniform(0.7, 1.2)
    t = np.linspace(-0.1, 1, 7)
    lines = at[:, None, :2] + way[:, None] * (t * length[:, None])[..., None]
    widths = length[:, None] * 0.42 * np.array([0.25, 0.7, 0.95, 1.0, 0.8, 0.45, 0.06])
    own = (tones[0] + rng.random((count, 1, 1)) * (tones[1] - tones[0])) * np.ones((1, 7, 1))
    across = np.stack([-way[:, 1], way[:, 0]], axis=1)
    aside = across * np.sign(across @ light.direction[:2])[:, None]
    lit = lines + aside[:, None] * (0.18 * widths)[..., None]
    solid = np.ones((count, 7))
    dark = Ribbons(lines, widths, own * 0.55, solid)
    return joined(dark, Ribbons(lit, 0.5 * widths, np.clip(own * 1.1, 0, 1), 0.8 * solid))


WOODS = (
    Kind("twigs", "foliage", twigs, "bare branch ends with buds and thorns", TWIGS),
    Kind("trees", "foliage", trees, "trees and their crowns, in leaf or bare", TREES),
)
