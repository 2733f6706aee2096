"""Fur and whiskers, on animals, toys, masks and photo cut-outs."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepmatte.pixels import Floats
from deepmatte.training.corpus.render import light as lights
from deepmatte.training.corpus.render.bodies import (
    GRID,
    MARGIN,
    Surface,
    grid_places,
    surface_of,
    surface_of_mask,
    unit,
)
from deepmatte.training.corpus.render.figures import ANIMALS, Figure
from deepmatte.training.corpus.render.light import some_light
from deepmatte.training.corpus.render.noise import sample, smooth_noise
from deepmatte.training.corpus.render.paint import paint_fur, photograph_field, soft_outline, strewn_field
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
from deepmatte.training.corpus.render.strands.growth import Strands, grow_fur
from deepmatte.training.corpus.render.strands.hair import Look, ribbons_of

Doubles = NDArray[np.float64]

FUR: Parameters = {
    "body": Choice(
        ("face", "side", "sitting", "bird"), "what it grows on, where no mask is taken", (3, 3, 3, 1)
    ),
    "zoom": Span(0.75, 1.7, "size of the body, 1 fills the picture", "logarithmic"),
    "cover": Span(1.5, 4.0, "area of all hairs over the body's area, as far as 32000 hairs can"),
    "length": Span(0.018, 0.13, "length in shares of the picture", "logarithmic"),
    "width_px": Span(0.3, 1.3, "width of a hair, in pixels of a picture of 512", "logarithmic"),
    "taper": Span(0.08, 0.3, "width at the tip, as a share"),
    "lift": Span(0.1, 0.7, "0 lies flat, 1 stands up"),
    "droop": Span(0.0, 0.9, "how much tips hang"),
    "mess": Span(0.04, 0.3, "how differently neighbours point"),
    "tufts": Span(0.008, 0.05, "distance of tufts in shares of the picture", "logarithmic"),
    "gather": Span(0.0, 0.85, "how tightly tufts gather"),
    "opacity": Span(0.65, 1.0, "opacity of a hair"),
    "shadow": Span(0.3, 0.85, "how much darker hairs are that lie deep in a tuft"),
    "variety": Span(0.12, 0.7, "how much hairs differ in brightness", "logarithmic"),
    "gloss": Span(0.25, 2.0, "how strong highlights are", "logarithmic"),
    "glints": Span(0.0, 1.5, "how unevenly a hair shines along its way"),
    "mottle": Span(0.0, 1.0, "how sharp the borders of patches are"),
    "colour": Choice(("natural", "vivid", "photograph"), "where colours come from", (0.65, 0.12, 0.23)),
}
WHISKERS: Parameters = {
    **FUR,
    "body": Choice(("face",), "what they grow on"),
    "zoom": Span(0.9, 1.6, "size of the body, 1 fills the picture", "logarithmic"),
    "length": Span(0.018, 0.05, "length of the fur in shares of the picture", "logarithmic"),
    "whiskers": Span(16, 70, "whiskers", "whole"),
    "whisker_length": Span(0.12, 0.55, "length in shares of the picture"),
    "whisker_px": Span(0.9, 2.2, "width at the root, in pixels of a picture of 512", "logarithmic"),
}
_HAIRS = 32000  # at most
# How long the hair of each part is beside the rest, and how large each figure is in a picture.
_LENGTHS = {"snout": 0.3, "ear": 0.55, "limb": 0.7, "tail": 1.3, "cheek": 1.25, "head": 0.8, "beak": 0.0}
_FRAMES = {
    "face": (0.62, 0.5, 0.44),
    "side": (0.36, 0.46, 0.46),
    "sitting": (0.4, 0.5, 0.3),
    "bird": (0.5, 0.55, 0.5),
}


@dataclass(frozen=True, eq=False)
class Pelt:
    """A furry thing: its surface, the figure it was made from if any, its colours (G, G, 3) over the body's
    grid, and how long its hair is (G, G).
    """

    surface: Surface
    figure: Figure | None
    field: Floats
    lengths: Doubles


def fur(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw a furry animal, toy, mask or cut-out."""
    values = pick(rng, FUR)
    light = some_light(rng)
    pelt = _pelt(rng, assets, values)
    canvas = Canvas(size)
    _draw_pelt(rng, canvas, pelt, light, values)
    return from_premultiplied(*canvas.reduce(), values)


def whiskers(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw the face of an animal with long whiskers."""
    values = pick(rng, WHISKERS)
    light = some_light(rng)
    pelt = _pelt(rng, Assets(assets.photographs), values)
    canvas = Canvas(size)
    _draw_pelt(rng, canvas, pelt, light, values)
    canvas.draw(_whiskers(rng, pelt, light, values))
    return from_premultiplied(*canvas.reduce(), values)


def _pelt(rng: Generator, assets: Assets, values: dict[str, Any]) -> Pelt:
    mask = assets.mask(rng) if rng.random() < 0.5 else None
    if mask is not None:
        values["body"] = "mask"
        step = -1 if rng.random() < 0.5 else 1  # mirrored or not
        colours = None if mask[0] is None else mask[0][:, ::step]
        surface, figure = surface_of_mask(mask[1][:, ::step], colours), None
    else:
        scale, x, y = _FRAMES[values["body"]]
        figure = ANIMALS[values["body"]](rng)
        if rng.random() < 0.5:
            figure = figure.mirrored()
        yaw = rng.normal(0, 0.35 if values["body"] in ("face", "sitting") else 0.15)
        centre = (x + rng.normal(0, 0.06), y + rng.normal(0, 0.06))
        figure = figure.placed(scale * values["zoom"], centre, rng.normal(0, 0.12), yaw)
        surface = surface_of(rng, figure.cones, 0.006)
    parts = np.array([_LENGTHS.get(part, 1.0) for part in surface.parts])[surface.part]
    lengths = values["length"] * parts * np.clip(1 + 0.25 * smooth_noise(rng, 6, GRID, octaves=2), 0.4, 2)
    if surface.colours is not None:  # a photograph shows its own fur; only its rim is to be clad
        lengths *= 0.6
    return Pelt(surface, figure, _field(rng, surface, assets, values), lengths)


def _field(rng: Generator, surface: Surface, assets: Assets, values: dict[str, Any]) -> Floats:
    """Return the colours of a pelt over the body's grid: (G, G, 3)."""
    if surface.colours is not None:
        return sample(surface.colours, grid_places(GRID, MARGIN)).astype(np.float32)
    photograph = assets.photograph(rng)
    if values["colour"] == "photograph" and photograph is not None and rng.random() < 0.5:
        return photograph_field(rng, photograph, rng.uniform(1, 12))
    first = lights.choose_tones(rng, values["colour"], assets, lights.FUR)
    near = first[1] * rng.uniform(0.55, 1.25) + rng.normal(0, 0.03, 3)
    second = near if rng.random() < 0.6 else lights.choose_tones(rng, values["colour"], assets, lights.FUR)[1]
    field = strewn_field(rng, surface, first[1], np.clip(second, 0.02, 1), values["mottle"] ** 2)
    belly = np.clip(surface.normal[..., 1:2] * 1.5 - 0.3, 0, 1) * (rng.random() < 0.4)
    return (field + belly * 0.6 * (0.92 - field)).astype(np.float32)


def _draw_pelt(
    rng: Generator, canvas: Canvas, pelt: Pelt, light: lights.Light, values: dict[str, Any]
) -> None:
    surface, figure, size = pelt.surface, pelt.figure, canvas.size
    is_photo = surface.colours is not None
    if surface.colours is not None:  # lit already
        body = sample(surface.colours, grid_places(size)).astype(np.float32)
        light = replace(light, colour=np.ones(3), ambient=1.0, gloss=0.15 * light.gloss)
    else:
        body = paint_fur(rng, figure, surface, light, size, pelt.field)
    canvas.lay(body, soft_outline(surface, size, pelt.lengths))
    hairy = (surface.distance < 0) & (pelt.lengths > 0.003)
    if is_photo:  # only its rim
        hairy &= surface.distance > -1.3 * pelt.lengths
    count = _count(hairy, values)
    roots = surface.scatter(rng, count, hairy / np.maximum(surface.normal[..., 2], 0.35))
    roots = roots[~_on_marks(figure, roots)]
    if not len(roots):
        return
    lengths = surface.read(pelt.lengths, roots) * rng.uniform(0.6, 1.25, len(roots))
    comb = surface.read(surface.lay, roots) + _swirl(rng, surface, roots)
    nodes = 4 if count > 22000 else 5 if count > 15000 else 7
    tufts = (values["tufts"], values["gather"])
    hairs = grow_fur(
        rng, surface, roots, lengths, values["lift"], values["droop"], values["mess"], tufts, nodes, comb
    )
    own = surface.read(pelt.field, roots)
    if not is_photo:
        own = own * surface.read(surface.openness, roots)[:, None]
    ribbons = _coloured(rng, hairs, own, light, values, 0.85 if is_photo else rng.uniform(0.45, 0.8))
    upstream = -(unit(comb)[:, :2] * roots).sum(axis=1)
    jitter = rng.normal(0, values["length"] * 0.25, len(roots))
    depth = surface.read(surface.height, roots) + 0.8 * upstream + jitter
    canvas.draw(ribbons.part(np.argsort(depth, kind="stable")))


def _count(hairy: NDArray[np.bool_], values: dict[str, Any]) -> int:
    """Return how many hairs cover the cells (G, G) as often as asked."""
    area = hairy.sum() * ((1 + 2 * MARGIN) / GRID) ** 2
    one = max(values["length"], 0.02) * values["width_px"] / 512 * 0.6
    return int(np.clip(values["cover"] * area / one, 2000, _HAIRS))


def _coloured(
    rng: Generator, hairs: Strands, colours: Doubles, light: lights.Light, values: dict[str, Any], root: float
) -> Ribbons:
    """Return hairs as ribbons. colours: (N, 3), at their roots; root: how much darker they are there."""
    tone = np.array([root, max(root, rng.uniform(0.85, 1.35))]) if root < 0.85 else np.array([root, 1.0])
    look = Look(
        np.ones((2, 3)) * tone[:, None],
        values["shadow"],
        values["variety"],
        values["glints"],
        replace(light, gloss=light.gloss * values["gloss"]),
        values["width_px"] / 512,
        values["taper"],
        values["opacity"],
    )
    return ribbons_of(rng, hairs, look, colours)


def _swirl(rng: Generator, surface: Surface, roots: Doubles) -> Doubles:
    """Return a smooth random comb for the roots: (N, 3)."""
    swirl = np.stack([smooth_noise(rng, 4, GRID) for _ in range(3)], axis=2)
    return rng.uniform(0.1, 0.8) * surface.read(swirl, roots)


def _on_marks(figure: Figure | None, roots: Doubles) -> NDArray[np.bool_]:
    """Return which roots lie on an eye or a nose, where no hair grows."""
    found = np.zeros(len(roots), bool)
    for mark in figure.marks if figure else ():
        off = (roots - np.array(mark.place[:2])) / (np.array(mark.radii) * 1.05)
        found |= (off**2).sum(axis=1) < 1
    return found


def _whiskers(rng: Generator, pelt: Pelt, light: lights.Light, values: dict[str, Any]) -> Ribbons:
    """Return whiskers that grow from both sides of the snout, and a few above the eyes."""
    figure, count, nodes = pelt.figure, values["whiskers"], 20
    assert figure is not None  # whiskers grow on figures only
    noses = [mark for mark in figure.marks if mark.what == "muzzle"]
    middle = (
        np.array(noses[0].place[:2]) if noses else (np.array(figure.head) @ figure.turn.T + figure.centre)[:2]
    )
    side = np.where(rng.random(count) < 0.5, -1.0, 1.0)
    scale = figure.scale
    above = rng.random(count) < 0.12
    root = middle + np.stack(
        [side * rng.uniform(0.1, 0.3, count) * scale, rng.uniform(0.02, 0.18, count) * scale], axis=1
    )
    root[above] += np.array([0.0, -0.32 * scale])
    angle = rng.normal(0.0, 0.35, count) - above * 0.9
    way = np.stack([side * np.cos(angle), np.sin(angle)], axis=1)
    along = np.linspace(0, 1, nodes)[None, :, None]
    lengths = values["whisker_length"] * rng.uniform(0.35, 1.1, count) * np.where(above, 0.6, 1)
    sag = np.stack([side * -0.1, np.full(count, 1.0)], axis=1) * rng.normal(0.25, 0.25, (count, 1))
    places = root[:, None] + lengths[:, None, None] * (way[:, None] * along + sag[:, None] * along**2)
    places += rng.normal(0, 0.003, (count, 1, 2)) * np.sin(along * rng.uniform(2, 6, (count, 1, 1)))
    shade = rng.uniform(0.75, 1.0) if rng.random() < 0.75 else rng.uniform(0.04, 0.2)
    tint = np.clip(shade * rng.uniform(0.8, 1.1, (count, 1, 1)) * np.ones(3), 0, 1)
    colours = np.broadcast_to(tint * light.colour * (1 - 0.25 * (1 - along)), (count, nodes, 3))
    widths = (
        values["whisker_px"]
        / 512
        * rng.uniform(0.5, 1.1, (count, 1))
        * np.interp(along[..., 0], [0, 1], [1, 0.06])
    )
    opacities = np.broadcast_to(np.interp(along[..., 0], [0, 0.7, 1], [0.95, 0.9, 0.6]), (count, nodes))
    return Ribbons(places, widths, np.clip(colours, 0, 1), opacities)


FURS = (
    Kind("fur", "strands", fur, "furry animals, toys and masks", FUR),
    Kind("whiskers", "strands", whiskers, "animal faces with long whiskers", WHISKERS),
)
