"""Hair on heads: long, curled, flying away.

Locks leave the scalp, fall over head and shoulders as they would, and are filled with strands. What lies
behind the body is drawn first, then the body, then the rest from back to front.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepmatte.pixels import Floats
from deepmatte.training.corpus.render import light as lights
from deepmatte.training.corpus.render.bodies import Surface, surface_of, unit
from deepmatte.training.corpus.render.figures import Figure, person
from deepmatte.training.corpus.render.light import Light, some_light
from deepmatte.training.corpus.render.paint import hairline, outline, paint_person
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
from deepmatte.training.corpus.render.ribbons import Canvas, Ribbons, joined, rounded
from deepmatte.training.corpus.render.strands.growth import (
    Fall,
    Strands,
    Wave,
    fill_locks,
    grow_locks,
    together,
)

Doubles = NDArray[np.float64]

HAIR: Parameters = {
    "head_px": Span(130, 420, "height of the head, in pixels of a picture of 512", "logarithmic"),
    "view": Choice(("front", "side", "back"), "where the head looks", (0.6, 0.2, 0.2)),
    "parting": Choice(("middle", "side", "back", "up"), "how it is combed", (0.3, 0.3, 0.2, 0.2)),
    "locks": Span(90, 320, "locks", "whole"),
    "strands": Span(3500, 7500, "strands in all", "whole"),
    "length": Span(0.4, 3.2, "length in heads", "logarithmic"),
    "width_px": Span(0.3, 1.3, "width of a strand, in pixels of a picture of 512", "logarithmic"),
    "taper": Span(0.1, 0.45, "width at the tip, as a share"),
    "wave": Span(0.0, 0.05, "radius of waves, in heads"),
    "wavelength": Span(0.25, 1.2, "length of a wave, in heads", "logarithmic"),
    "frizz": Span(0.003, 0.03, "how far strands wander off, in heads", "logarithmic"),
    "strays": Span(0.005, 0.15, "share of fly-aways", "logarithmic"),
    "wind": Span(-0.8, 0.8, "wind from the side; a third as often strong"),
    "opacity": Span(0.6, 1.0, "opacity of a strand"),
    "shadow": Span(0.3, 0.85, "how much darker strands are that lie deep in a lock"),
    "variety": Span(0.1, 0.8, "how much strands differ in brightness", "logarithmic"),
    "gloss": Span(0.5, 4.0, "how strong highlights are", "logarithmic"),
    "glints": Span(0.0, 1.5, "how unevenly a strand shines along its way"),
    "colour": Choice(("natural", "vivid", "photograph"), "where colours come from", (0.65, 0.15, 0.2)),
}
CURLS: Parameters = {
    **HAIR,
    "parting": Choice(("middle", "side", "back", "out"), "how it is combed", (0.25, 0.25, 0.2, 0.3)),
    "strands": Span(2200, 4500, "strands in all", "whole"),
    "length": Span(0.35, 2.0, "length in heads, stretched", "logarithmic"),
    "wave": Span(
        0.02, 0.075, "radius of curls, in heads; two fifths of it where hair stands out", "logarithmic"
    ),
    "wavelength": Span(0.12, 0.4, "length of a curl, in heads; likewise", "logarithmic"),
    "frizz": Span(0.006, 0.05, "how far strands wander off, in heads", "logarithmic"),
    "wind": Span(-0.4, 0.4, "wind from the side; a third as often strong"),
}
FLYAWAYS: Parameters = {
    **HAIR,
    "parting": Choice(("middle", "side", "back"), "how it is combed", (0.25, 0.25, 0.5)),
    "strands": Span(3000, 6000, "strands in all", "whole"),
    "length": Span(0.4, 1.3, "length in heads", "logarithmic"),
    "width_px": Span(0.25, 0.9, "width of a strand, in pixels of a picture of 512", "logarithmic"),
    "wave": Span(0.0, 0.012, "radius of waves, in heads"),
    "frizz": Span(0.008, 0.03, "how far strands wander off, in heads", "logarithmic"),
    "strays": Span(0.06, 0.3, "share of fly-aways", "logarithmic"),
}


@dataclass(frozen=True, eq=False)
class Look:
    """How strands are coloured and lit.

    tones: (2, 3), root and tip; shadow: how much darker strands are that lie deep in a lock; variety: how
    much they differ in brightness; glints: how much their highlights are out of line from one node to the
    next, for what is bright need not be dense; light: what lights them; width: at the root, in shares of the
    picture; taper: width at the tip, as a share; opacity: of a strand.
    """

    tones: Doubles
    shadow: float
    variety: float
    glints: float
    light: Light
    width: float
    taper: float
    opacity: float


@dataclass(frozen=True, eq=False)
class Head:
    """Hair on a head: its strands; the numbers (G,) of the locks that have a core, their lines (G, K, 3), the
    normals along them, and how wide their cores are.
    """

    strands: Strands
    locks: NDArray[np.intp]
    lines: Doubles
    normals: Doubles
    width: float


def hair(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw a person with long hair."""
    return _person(rng, size, assets, pick(rng, HAIR))


def curls(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw a person with curls."""
    return _person(rng, size, assets, pick(rng, CURLS))


def flyaways(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw a person with combed hair that much of has come loose, often against the light."""
    return _person(rng, size, assets, pick(rng, FLYAWAYS), rim=rng.uniform(0, 1.5))


def _person(
    rng: Generator, size: int, assets: Assets, values: dict[str, Any], rim: float | None = None
) -> Rendering:
    scale = values["head_px"] / 512
    yaw = {"front": 0.0, "side": np.pi / 2, "back": np.pi}[values["view"]] + rng.normal(0, 0.3)
    figure = person(rng).placed(
        scale, (rng.uniform(0.35, 0.65), rng.uniform(0.3, 0.5)), rng.normal(0, 0.1), yaw
    )
    surface = surface_of(rng, figure.cones, 0.002)
    light = some_light(rng)
    light = light if rim is None else replace(light, rim=rim)
    look = Look(
        lights.choose_tones(rng, values["colour"], assets, lights.HAIR),
        values["shadow"],
        values["variety"],
        values["glints"],
        replace(light, gloss=light.gloss * values["gloss"]),
        values["width_px"] / 512,
        values["taper"],
        values["opacity"],
    )
    head = long_hair(rng, figure, values)
    canvas = Canvas(size)
    body = paint_person(rng, figure, surface, light, size, assets, look.tones[0] * 0.6)
    draw_over_body(rng, canvas, surface, head, look, (body, outline(surface, size)))
    return from_premultiplied(*canvas.reduce(), values)


def long_hair(rng: Generator, figure: Figure, values: dict[str, Any]) -> Head:
    """Grow locks on a person's scalp, and some loose hair between them."""
    scale = figure.scale
    tight = 0.4 if values["parting"] == "out" else 1.0  # the tightest curls stand out by themselves
    turns = values["length"] / (values["wavelength"] * tight)
    nodes = int(np.clip(9 * turns, 20, 64))
    turns = min(turns, nodes / 9)  # finer curls would be zigzags
    strands = min(values["strands"], 90_000 // nodes)
    wind = values["wind"] if rng.random() < 0.33 else 0.1 * values["wind"]
    weight = {"up": -1.0, "out": 0.25}.get(values["parting"], 1.0)
    stiffness = 0.97 if values["parting"] == "out" else rng.uniform(0.55, 0.9)
    fall = Fall(stiffness, weight, wind, rng.uniform(0.05, 0.3))
    wave = Wave(values["wave"] * scale * tight, turns, rng.uniform(0.4, 0.95), rng.uniform(0.3, 1))
    width = scale * 0.9 / np.sqrt(values["locks"])
    spread = np.array([1.2, rng.uniform(0.6, 1.3), rng.uniform(0.2, 1.2)]) * width
    parts = []
    # The locks; loose hair, in many thin locks without a shape of their own; short hair close to the skull.
    layers = (
        (values["locks"], 0.7, 1.0, 1.0),
        (max(60, strands // 20), 0.15, 1.6, 1.0),
        (350, 0.15, 1.0, 0.3),
    )
    for locks, share, wider, shorter in layers:
        roots, directions = scalp_roots(rng, figure, locks, values["parting"])
        lengths = values["length"] * scale * rng.uniform(0.75, 1.1, locks)
        lengths = np.minimum(lengths * shorter, scale * 0.35) if shorter < 1 else lengths
        lifts = scale * rng.uniform(0.005, 0.09, locks) * shorter
        lines, normals = grow_locks(rng, roots, directions, lengths, lifts, fall, figure.cones, nodes)
        each = max(2, int(strands * share) // locks)
        filled, waved = fill_locks(
            rng, lines, normals, each, spread * wider, wave, values["frizz"] * scale, values["strays"]
        )
        parts.append((waved, normals, filled))
    (lines, normals, main), (_, _, loose), (_, _, short) = parts
    core = width * 0.9 * (0.55 if wave.radius > 0.5 * width else 1.0)
    return Head(together(together(main, loose), short), np.arange(len(lines)), lines, normals, core)


def scalp_roots(rng: Generator, figure: Figure, count: int, parting: str) -> tuple[Doubles, Doubles]:
    """Return where locks leave the scalp and the ways they are combed: (count, 3) each.

    parting: "middle", "side", "back", "up" or "out" to all sides.
    """
    tries = unit(rng.normal(size=(count * 8, 3)))
    out = tries[hairline(tries) < 0][:count]
    out = np.concatenate([out, out[: count - len(out)]])
    seam = {"middle": 0.02, "side": 0.35 * (1 if rng.random() < 0.5 else -1)}.get(parting, 0.0)
    if parting in ("middle", "side"):
        side = np.where(out[:, 0] > seam, 1.0, -1.0)
        # Away from the seam in front, down at the sides and behind.
        aside = side * (1.2 - np.abs(out[:, 0])) * np.clip(0.9 + out[:, 2], 0, 1)
        down = 0.2 + 0.9 * np.maximum(np.abs(out[:, 0] - seam), np.clip(-out[:, 2], 0, 1))
        way = np.stack([aside, down, np.full(count, -0.35)], axis=1)
    elif parting == "back":
        way = np.stack([0.4 * out[:, 0], -0.2 + 0 * out[:, 0], -1.0 + 0 * out[:, 0]], axis=1)
    else:
        way = out + np.array([0.0, -1.0 if parting == "up" else 0.0, 0.0])
    way = way + rng.normal(0, 0.12, way.shape)
    if parting not in ("up", "out"):
        way = way - 0.85 * (way * out).sum(axis=1, keepdims=True) * out
    roots = np.array(figure.head) + out * figure.head_radius
    turned = roots @ figure.turn.T + figure.centre
    return turned, unit(way @ figure.turn.T)


def draw_over_body(
    rng: Generator, canvas: Canvas, surface: Surface, head: Head, look: Look, body: tuple[Floats, Floats]
) -> None:
    """Draw what lies behind the body, the body (its colours and alpha), and the rest."""
    strands, width = head.strands, head.width
    places = np.concatenate([head.lines, strands.places])
    behind, is_hidden = is_behind(surface, places)
    ribbons = joined(lock_cores(head, look), ribbons_of(rng, strands, look))
    dimmed = ribbons.colours * np.where(behind, 0.6, 1.0)[:, None, None]
    ribbons = replace(ribbons, colours=dimmed)
    depth = places[..., 2].mean(axis=1) + 0.35 * places[..., 2].max(axis=1)
    jitter = rng.normal(0, width * 0.6, int(strands.lock.max()) + 1)
    depth[: len(head.lines)] += jitter[head.locks] - width
    depth[len(head.lines) :] += jitter[strands.lock] + rng.normal(0, width * 0.3, len(strands.lock))
    # Fly-aways lie above the rest; they bend most, and need the more nodes.
    is_stray = np.concatenate([np.zeros(len(head.lines), bool), strands.is_stray])
    order = np.argsort(depth, kind="stable")
    for is_before in (False, True):
        if is_before:
            canvas.lay(*body)
        chosen = order[(behind != is_before)[order] & ~is_hidden[order]]
        canvas.draw(ribbons.part(chosen[~is_stray[chosen]]))
        strays = rounded(ribbons.part(chosen[is_stray[chosen]]))
        canvas.draw(rounded(strays) if len(strays.widths) < 400 else strays)


def is_behind(surface: Surface, places: Doubles) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which strands (N, K, 3) are mostly hidden by the body where they meet it, and which wholly."""
    within = surface.read(surface.distance, places) < -0.004
    hidden = within & (places[..., 2] < surface.read(surface.height, places) - 0.004)
    mostly = hidden.sum(axis=1) > 0.5 * np.maximum(within.sum(axis=1), 4)
    return np.asarray(mostly), np.asarray(hidden.all(axis=1))


def lock_cores(head: Head, look: Look) -> Ribbons:
    """Return dark, soft ribbons that run within the locks and close gaps."""
    locks, nodes = head.lines.shape[:2]
    along = np.linspace(0, 1, nodes)
    shape = (locks, nodes)
    widths = np.broadcast_to(head.width * np.interp(along, [0, 0.3, 1], [0.5, 1, 0.3]), shape)
    tone = look.tones[0] + along[:, None] * (look.tones[1] - look.tones[0])
    colours = np.broadcast_to(tone * (1 - look.shadow), head.lines.shape)
    tangents = unit(np.gradient(head.lines, axis=1))
    dull = replace(look.light, gloss=0.0, rim=0.0)
    lit = dull.on_strands(colours, tangents, head.normals, np.zeros((locks, 1)), np.ones(shape))
    opacities = np.broadcast_to(np.interp(along, [0, 0.15, 0.5, 0.85], [0, 0.9, 0.9, 0]), shape)
    return Ribbons(head.lines[..., :2], widths, lit * 0.8, opacities)


def ribbons_of(rng: Generator, strands: Strands, look: Look, own: Doubles | None = None) -> Ribbons:
    """Return strands as ribbons: coloured, lit, tapered. own: (N, 3), to multiply the look's tones by."""
    count, nodes = strands.places.shape[:2]
    along = np.linspace(0, 1, nodes)
    locks = int(strands.lock.max()) + 1
    per_lock = rng.normal(0, look.variety * 0.6, (locks, 1)) + rng.normal(0, look.variety * 0.12, (locks, 3))
    change = per_lock[strands.lock] + rng.normal(0, look.variety * 0.5, (count, 1))
    reached = along[None, :] ** rng.uniform(0.6, 1.8, (count, 1))
    tone = look.tones[0] + reached[..., None] * (look.tones[1] - look.tones[0])
    tone = tone if own is None else tone * own[:, None]
    colours = np.clip(tone * np.exp(change)[:, None], 0.005, 1)
    shade = (1 - look.shadow * strands.depth)[:, None] * np.interp(along, [0, 0.35], [0.7, 1.0])
    stray = strands.is_stray.astype(np.float64)
    # Fly-aways leave a lock's shade, but not all of them the head's.
    lightness = 1 - look.shadow * rng.uniform(0, 1, (count, 1)) ** 2
    shade = shade + (lightness - shade) * stray[:, None]
    thickness = np.broadcast_to((1 - stray)[:, None] * (1 - along**3 * 0.7), (count, nodes))
    jitter = rng.normal(0, 1, (count, 1)) + look.glints * rng.normal(0, 1, (count, nodes))
    lit = look.light.on_strands(
        colours * shade[..., None], strands.tangents, strands.normals, jitter, thickness
    )
    widths = (
        look.width
        * np.exp(rng.normal(0, 0.35, (count, 1)))  # down among coarser hair
        * np.interp(along, [0, 0.06, 0.5, 1], [0.4, 1, 1, look.taper])
    )
    widths = widths * (1 - 0.35 * stray)[:, None]
    fading = np.interp(along, [0, 0.06, 0.7, 1], [0.4, 1, 1, 0.55])
    opacities = look.opacity * rng.uniform(0.75, 1.0, (count, 1)) * fading
    return Ribbons(strands.places[..., :2], widths, lit, np.minimum(opacities, 1))


HAIRS = (
    Kind("hair", "strands", hair, "people with long hair", HAIR),
    Kind("curls", "strands", curls, "people with curls", CURLS),
    Kind("flyaways", "strands", flyaways, "people with combed hair and many fly-aways", FLYAWAYS),
)
