"""Grass: blades, stalks, ears and awns, from a tuft or along the ground."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepmatte.training.corpus.render import light as lights
from deepmatte.training.corpus.render.bodies import unit
from deepmatte.training.corpus.render.light import Light, some_light
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
from deepmatte.training.corpus.render.ribbons import Canvas, Ribbons, joined

Doubles = NDArray[np.float64]

GRASS: Parameters = {
    "ground": Choice(("meadow", "tuft"), "along the lower edge or from one spot"),
    "blades": Span(120, 1100, "blades", "logarithmic"),
    "length": Span(0.25, 0.95, "length in shares of the picture"),
    "width_px": Span(1.2, 9.0, "width of a blade, in pixels of a picture of 512", "logarithmic"),
    "bend": Span(0.2, 1.6, "how far blades bend over, in radians"),
    "wind": Span(-0.5, 0.5, "how far all lean, in radians"),
    "stalks": Span(0.0, 0.25, "share that are stalks with ears"),
    "awns": Span(0.0, 0.12, "length of the awns on ears, in shares of the picture"),
    "dry": Span(0.0, 0.5, "share of dry blades"),
    "colour": Choice(("natural", "photograph"), "where colours come from", (0.8, 0.2)),
}
_NODES = 16


def grass(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw a tuft of grass or the edge of a meadow."""
    values = pick(rng, GRASS)
    light = some_light(rng)
    tones = lights.choose_tones(rng, values["colour"], assets, lights.GRASS)
    straw = lights.tones(rng, lights.GRASS[-1:])
    count = int(values["blades"])
    depth = np.sort(rng.random(count))  # 0 far, 1 near
    places = _lines(rng, values, depth)
    is_stalk = rng.random(count) < values["stalks"]
    canvas = Canvas(size)
    blades = _blades(rng, places, values, tones, straw, light, depth, is_stalk)
    for layer in np.array_split(np.arange(count), 6):
        both = np.concatenate([layer, layer + count])
        canvas.draw(blades.part(both[np.argsort(np.concatenate([layer, layer]), kind="stable")]))
        ears = places[layer[is_stalk[layer]]]
        if len(ears):
            canvas.draw(_ears(rng, ears, values, straw if rng.random() < 0.6 else tones, light))
    return from_premultiplied(*canvas.reduce(), values)


def _lines(rng: Generator, values: dict[str, Any], depth: Doubles) -> Doubles:
    """Return the middle lines of blades: (N, K, 2)."""
    count = len(depth)
    if values["ground"] == "meadow":
        base = np.stack([rng.uniform(-0.15, 1.15, count), 0.98 + 0.14 * depth], axis=1)
        fan = rng.normal(0, 0.22, count)
    else:
        spot = rng.normal(0, 0.045, count)
        base = np.stack(
            [0.5 + spot + rng.normal(0, 0.1), 0.9 + 0.03 * depth + rng.normal(0, 0.008, count)], axis=1
        )
        fan = spot * 6 + rng.normal(0, 0.3, count)
    length = values["length"] * rng.uniform(0.35, 1.1, count)
    along = np.linspace(0, 1, _NODES)
    bend = rng.normal(0, 0.6, count) * values["bend"] + np.sign(fan) * 0.3 * values["bend"]
    sharp = rng.uniform(1.2, 3.0, (count, 1))
    angle = fan[:, None] + values["wind"] * along + bend[:, None] * along**sharp
    kink = (
        (rng.random(count) < 0.06)[:, None]
        * (along > rng.uniform(0.4, 0.8, (count, 1)))
        * rng.normal(0, 1.1, (count, 1))
    )
    angle = np.clip(angle + kink, -2.8, 2.8)
    ways = np.stack([np.sin(angle), -np.cos(angle)], axis=2) * (length / (_NODES - 1))[:, None, None]
    return base[:, None] + np.cumsum(ways, axis=1)


def _blades(
    rng: Generator, places: Doubles, values: dict[str, Any], tones: Doubles, straw: Doubles, light: Light,
    depth: Doubles, is_stalk: NDArray[np.bool_],
) -> Ribbons:  # fmt: skip
    """Return each blade twice: whole, and the half beyond its fold, which the light meets otherwise."""
    count = len(places)
    along = np.linspace(0, 1, _NODES)
    is_dry = (rng.random(count) < values["dry"])[:, None, None]
    own = np.where(is_dry, straw[:, None, None], tones[:, None, None])
    mix = np.clip(along[None, :] * 0.8 + rng.normal(0, 0.25, (count, 1)), 0, 1)[..., None]
    colours = own[0] + mix * (own[1] - own[0])
    tip = np.clip(along - rng.uniform(0.6, 1.3, (count, 1)), 0, 0.3)[..., None] * 3
    colours = colours + tip * (straw[1] * 0.9 - colours)
    colours = np.clip(
        colours * np.exp(rng.normal(0, 0.16, (count, 1, 1)) + rng.normal(0, 0.05, (count, 1, 3))), 0.01, 1
    )
    near = (0.5 + 0.5 * depth)[:, None, None]
    shade = np.interp(along, [0, 0.5], [0.45, 1.0])[None, :, None] * near
    width = values["width_px"] / 512 * rng.uniform(0.4, 1.2, count) * np.where(is_stalk, 0.45, 1.0)
    profile = np.where(
        is_stalk[:, None],
        np.interp(along, [0, 1], [1, 0.7]),
        np.interp(along, [0, 0.25, 0.6, 1], [0.7, 1, 0.75, 0.03]),
    )
    twist = 0.3 + 0.7 * np.abs(
        np.cos(rng.uniform(0, 3.1, (count, 1)) + rng.normal(0, 1.6, (count, 1)) * along)
    )
    widths = width[:, None] * profile * np.where(is_stalk[:, None], 1, twist)
    tangents, across = _frames(places)
    normals = unit(np.concatenate([0.6 * across, np.full((*across.shape[:2], 1), 0.75)], axis=2))
    thin = np.broadcast_to(1 - 0.6 * along, (count, _NODES))
    jitter = rng.normal(0, 1, (count, 1))
    front = light.on_strands(colours * shade, tangents, normals, jitter, thin)
    beyond = light.on_strands(
        colours * shade * 0.8, tangents, normals * np.array([-1, -1, 1.0]), jitter, thin
    )
    opacities = np.ones((count, _NODES))
    whole = Ribbons(places, widths, front, opacities)
    half = Ribbons(places + across * (widths * 0.25)[..., None], widths * 0.5, beyond, opacities * 0.85)
    return joined(whole, half)


def _frames(places: Doubles) -> tuple[Doubles, Doubles]:
    """Return the ways along lines (N, K, 3) and across them in the picture (N, K, 2), of length 1."""
    way = unit(np.gradient(places, axis=1))
    lean = np.full((*way.shape[:2], 1), 0.25)
    return unit(np.concatenate([way, lean], axis=2)), np.stack([-way[..., 1], way[..., 0]], axis=2)


def _ears(rng: Generator, stalks: Doubles, values: dict[str, Any], tones: Doubles, light: Light) -> Ribbons:
    """Return the ears on the tips of stalks (N, K, 2): spikelets, and an awn on each."""
    per, nodes = 44, 8
    count = len(stalks) * per
    stem = np.repeat(np.arange(len(stalks)), per)
    share = np.tile(np.linspace(0.78, 1.0, per), len(stalks))
    where = share * (_NODES - 1)
    first = np.minimum(where.astype(np.intp), _NODES - 2)
    base = stalks[stem, first] + (where - first)[:, None] * (stalks[stem, first + 1] - stalks[stem, first])
    way = unit(stalks[stem, first + 1] - stalks[stem, first])
    turn = rng.choice([-1.0, 1.0], count) * rng.uniform(0.15, 0.75, count) * (1.15 - share)[:] * 4
    turned = np.stack(
        [
            way[:, 0] * np.cos(turn) - way[:, 1] * np.sin(turn),
            way[:, 0] * np.sin(turn) + way[:, 1] * np.cos(turn),
        ],
        1,
    )
    along = np.linspace(0, 1, nodes)[None, :, None]
    parts = []
    size = values["length"] * rng.uniform(0.02, 0.05)
    for length, width, swell, bow in (
        (size, size * 0.22, [0.4, 1.0, 0.1], 0.5),
        (size + values["awns"], 0.5 / 512, [0.3, 1.0, 0.3], 0.25),
    ):
        own = length * rng.uniform(0.7, 1.2, count)
        bend = unit(way - 0.6 * turned) * bow
        places = base[:, None] + own[:, None, None] * (turned[:, None] * along + bend[:, None] * along**2)
        colours = np.clip(
            tones[1] * np.exp(rng.normal(0, 0.18, (count, 1, 1))) * (0.7 + 0.3 * along), 0.01, 1
        )
        tangents, across = _frames(places)
        normals = unit(np.concatenate([0.6 * across, np.full((*across.shape[:2], 1), 0.75)], axis=2))
        lit = light.on_strands(
            colours, tangents, normals, rng.normal(0, 1, (count, 1)), np.full((count, nodes), 0.4)
        )
        widths = np.broadcast_to(width * np.interp(along[0, :, 0], [0, 0.35, 1], swell), (count, nodes))
        parts.append(Ribbons(places, widths, lit, np.full((count, nodes), 0.95)))
    return joined(parts[1], parts[0])


GRASSES = (Kind("grass", "strands", grass, "grass, stalks and ears", GRASS),)
