"""Feathers: vanes that split, loose plumes, down at the quill."""

from dataclasses import dataclass
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

FEATHERS: Parameters = {
    "feathers": Span(1.0, 9.9, "feathers, without what is behind the point", "logarithmic"),
    "form": Choice(
        ("vane", "plume", "down"), "closed vane, loose plume, or down all along", (0.45, 0.35, 0.2)
    ),
    "order": Choice(("fan", "strewn"), "from one point or anywhere"),
    "length": Span(0.5, 1.3, "length in shares of the picture"),
    "breadth": Span(0.15, 0.5, "breadth as a share of the length"),
    "barbs": Span(2400, 9000, "barbs in all, at least 350 a feather", "whole"),
    "width_px": Span(0.4, 1.1, "width of a barb, in pixels of a picture of 512", "logarithmic"),
    "curve": Span(-1.4, 1.4, "how far the quill bends, in radians"),
    "splits": Span(0, 7, "splits in a vane", "whole"),
    "mess": Span(0.02, 0.2, "how differently barbs point", "logarithmic"),
    "bars": Span(0, 9, "darker bars across; a third have them", "whole"),
    "opacity": Span(0.5, 1.0, "opacity of a barb"),
    "colour": Choice(("natural", "vivid", "photograph"), "where colours come from", (0.5, 0.25, 0.25)),
}
_NODES = 10


@dataclass(frozen=True, eq=False)
class Quill:
    """The middle of a feather. places: (K, 2); ways: (K, 2), of length 1, towards the tip; length: of it."""

    places: Doubles
    ways: Doubles
    length: float

    def at(self, share: Doubles) -> tuple[Doubles, Doubles]:
        """Return places and ways (N, 2) at shares (N,) of the length."""
        steps = np.linspace(0, 1, len(self.places))
        read = [
            np.stack([np.interp(share, steps, part[:, c]) for c in (0, 1)], 1)
            for part in (self.places, self.ways)
        ]
        return read[0], unit(read[1])


def feathers(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw one feather or some."""
    values = pick(rng, FEATHERS)
    light = some_light(rng)
    tones = lights.choose_tones(rng, values["colour"], assets, lights.FUR)
    canvas = Canvas(size)
    count = int(values["feathers"])
    middle, spread = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 2.4)
    has_bars = rng.random() < 0.35
    for number in range(count):
        turn = middle + spread * ((number + 0.5) / count - 0.5) + rng.normal(0, 0.08)
        length = values["length"] * rng.uniform(0.8, 1.1)
        start = np.array([0.5, 0.5]) - 0.5 * length * np.array([np.cos(middle), np.sin(middle)])
        if values["order"] == "strewn":
            turn = rng.uniform(0, 2 * np.pi)
            start = rng.uniform(0.2, 0.8, 2) - 0.4 * length * np.array([np.cos(turn), np.sin(turn)])
        quill = _quill(rng, start, turn, length, values["curve"] + rng.normal(0, 0.2))
        change = np.exp(rng.normal(0, 0.12)) * np.exp(rng.normal(0, 0.04, 3))
        ribbons = _barbs(rng, quill, values, max(350, values["barbs"] // count))
        coloured = _coloured(rng, ribbons, np.clip(tones * change, 0.01, 1), light, values, has_bars)
        canvas.draw(coloured)
        canvas.draw(_shaft(quill, tones[1], light, values))
    return from_premultiplied(*canvas.reduce(), values)


def _quill(rng: Generator, start: Doubles, turn: float, length: float, curve: float) -> Quill:
    along = np.linspace(0, 1, 48)
    angles = turn + curve * (along**1.5 - 0.3) + rng.normal(0, 0.1) * np.sin(along * 4)
    ways = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    places = start + np.concatenate([np.zeros((1, 2)), np.cumsum(ways[:-1], axis=0)]) * (length / 47)
    return Quill(places, ways, length)


@dataclass(frozen=True, eq=False)
class Barbs:
    """Barbs of one feather. places: (N, K, 2); share: (N,), where on the quill; side: (N,), −1 or 1; fine:
    (N,), how much thinner than the others.
    """

    places: Doubles
    share: Doubles
    side: Doubles
    fine: Doubles


def _barbs(rng: Generator, quill: Quill, values: dict[str, Any], count: int) -> Barbs:
    form, mess = values["form"], values["mess"]
    share = np.sort(rng.random(count)) ** 0.9
    side = np.where(rng.random(count) < 0.5, -1.0, 1.0)
    is_down = (
        (share < 0.14) | (rng.random(count) < 0.02) if form == "vane" else np.full(count, form == "down")
    )
    share = 0.1 + 0.9 * share
    breadth = values["breadth"] * quill.length
    outline = (
        (share**0.35) * np.clip(1 - share, 0, 1) ** 0.35 * np.where(side > 0, 1.0, rng.uniform(0.5, 1.0))
    )
    reach = breadth * outline * np.where(is_down, rng.uniform(0.6, 1.3, count), rng.uniform(0.96, 1.0, count))
    lean = {"vane": 0.75, "plume": 1.0, "down": 1.2}[form] * (1 - 0.45 * share)
    angle = (
        lean + np.where(is_down, 0.45, 0.0) + rng.normal(0, 1, count) * np.where(is_down, 0.35, mess * 0.35)
    )
    if form == "vane":
        angle += _splits(rng, values["splits"], share, side)
        reach *= 1 - np.where(is_down, 0.4, 0.0)
    else:
        angle += rng.normal(0, mess, count)
        reach *= rng.uniform(0.7, 1.2, count) * (1.3 if form == "plume" else 1.0)
    base, way = quill.at(share)
    along = np.linspace(0, 1, _NODES)
    bow = np.where(
        is_down, rng.normal(0, 1.0, count), -0.45 + rng.normal(0, mess, count) * (1.5 - (form == "vane"))
    )
    turned = side[:, None] * (angle[:, None] + bow[:, None] * along)
    ways = np.stack(
        [
            way[:, :1] * np.cos(turned) - way[:, 1:] * np.sin(turned),
            way[:, :1] * np.sin(turned) + way[:, 1:] * np.cos(turned),
        ],
        axis=2,
    )
    if form != "vane":
        ways = ways + np.array([0.0, 0.5]) * along[None, :, None]  # loose barbs hang
    run = np.cumsum(unit(ways), axis=1) * (reach / _NODES)[:, None, None]
    places = base[:, None] + np.concatenate([np.zeros((count, 1, 2)), run[:, :-1]], axis=1)
    wiggle = rng.normal(0, 1, (count, 1, 2)) * np.sin(along[None, :, None] * rng.uniform(3, 9, (count, 1, 1)))
    places += wiggle * (reach * np.where(is_down, 0.05, 0.012 * (form != "vane")))[:, None, None]
    barbs = Barbs(places, share, side, np.where(is_down, 0.6, 1.0))
    return barbs if form == "vane" else _with_barbules(rng, barbs, reach, 5 if form == "down" else 2)


def _splits(rng: Generator, splits: int, share: Doubles, side: Doubles) -> Doubles:
    """Return how far barbs are turned where the vane has split: (N,)."""
    places = np.sort(rng.random(splits))
    section = np.searchsorted(places, share) + (splits + 1) * (side > 0)
    sections = rng.normal(0, 0.09, 2 * (splits + 1))
    return np.asarray(sections[section])


def _with_barbules(rng: Generator, barbs: Barbs, reach: Doubles, each: int) -> Barbs:
    """Add the fine hairs that stand on loose barbs, so many on each."""
    count = min(each * len(reach), 16000)
    stem = rng.integers(len(reach), size=count)
    node = rng.integers(2, _NODES, count)
    base = barbs.places[stem, node]
    way = unit(base - barbs.places[stem, node - 1])
    turn = rng.choice([-1.0, 1.0], count) * rng.uniform(0.5, 1.3, count)
    turned = np.stack(
        [
            way[:, 0] * np.cos(turn) - way[:, 1] * np.sin(turn),
            way[:, 0] * np.sin(turn) + way[:, 1] * np.cos(turn),
        ],
        1,
    )
    along = np.linspace(0, 1, _NODES)[None, :, None]
    length = reach[stem] * rng.uniform(0.04, 0.16, count)
    bend = way - turned
    places = base[:, None] + length[:, None, None] * (
        turned[:, None] * along + 0.4 * bend[:, None] * along**2
    )
    return Barbs(
        np.concatenate([barbs.places, places]),
        np.concatenate([barbs.share, barbs.share[stem]]),
        np.concatenate([barbs.side, barbs.side[stem]]),
        np.concatenate([barbs.fine, np.full(count, 0.5)]),
    )


def _coloured(
    rng: Generator, barbs: Barbs, tones: Doubles, light: Light, values: dict[str, Any], has_bars: bool
) -> Ribbons:
    count = len(barbs.share)
    along = np.linspace(0, 1, _NODES)
    mix = np.clip(barbs.share[:, None] * 0.8 + along * 0.5 - 0.2, 0, 1)
    if has_bars:
        wave = np.sin(2 * np.pi * (values["bars"] * (barbs.share[:, None] + 0.08 * along) + rng.random()))
        mix = mix * (1 - 0.8 * np.clip(wave * 3 + 0.5, 0, 1))
    own = tones[0] + mix[..., None] * (tones[1] - tones[0])
    own = np.clip(own * np.exp(rng.normal(0, 0.09, (count, 1, 1))), 0.01, 1)
    flat = np.gradient(barbs.places, axis=1)
    tangents = unit(np.concatenate([flat, 0.3 * np.abs(flat).sum(axis=2, keepdims=True)], axis=2))
    rolled = np.stack([barbs.side * 0.35, np.full(count, -0.1), np.full(count, 0.9)], axis=1)
    normals = np.broadcast_to(unit(rolled)[:, None], tangents.shape)
    thin = (barbs.fine < 1)[:, None] * np.ones(_NODES)
    lit = light.on_strands(own, tangents, normals, rng.normal(0, 1, (count, 1)), 1 - 0.6 * thin)
    widths = values["width_px"] / 512 * barbs.fine[:, None] * np.interp(along, [0, 0.6, 1], [1.1, 1, 0.35])
    if values["form"] == "vane":  # closed: as wide as barbs are apart
        spacing = 1.6 * values["length"] / max(1, (barbs.fine == 1).sum() / 2)
        widths = np.where(barbs.fine[:, None] == 1, np.maximum(widths, spacing), widths)
    opacities = np.broadcast_to(
        values["opacity"] * np.interp(along, [0, 0.75, 1], [1, 1, 0.5]), (count, _NODES)
    )
    order = rng.permutation(count)
    ribbons = Ribbons(
        barbs.places, widths, lit, np.where(barbs.fine[:, None] < 1, opacities * 0.8, opacities)
    )
    return ribbons.part(order)


def _shaft(quill: Quill, tone: Doubles, light: Light, values: dict[str, Any]) -> Ribbons:
    nodes = len(quill.places)
    along = np.linspace(0, 1, nodes)
    width = (
        quill.length
        * (0.012 if values["form"] == "vane" else 0.007)
        * np.interp(along, [0, 0.3, 1], [1, 0.7, 0.08])
    )
    pale = np.clip(0.55 + 0.4 * tone, 0, 1) * light.colour * np.interp(along, [0, 1], [1.0, 0.8])[:, None]
    whole = Ribbons(quill.places[None], width[None], np.clip(pale * 0.7, 0, 1)[None], np.ones((1, nodes)))
    across = np.stack([-quill.ways[:, 1], quill.ways[:, 0]], axis=1) * (width * 0.15)[:, None]
    shine = Ribbons(
        (quill.places + across)[None], width[None] * 0.4, np.clip(pale, 0, 1)[None], np.full((1, nodes), 0.8)
    )
    return joined(whole, shine)


PLUMES = (Kind("feathers", "strands", feathers, "feathers, plumes and down", FEATHERS),)
