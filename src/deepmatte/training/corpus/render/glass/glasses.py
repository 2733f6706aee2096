"""Glasses, bowls, vases, jars and bottles, empty or filled."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.pixels import AnyArray
from deepmatte.training.corpus.render.glass.glazing import Glass, Layers, bent_through, ringed, walled
from deepmatte.training.corpus.render.glass.labels import cap, label
from deepmatte.training.corpus.render.glass.vessels import Vessel, View, Wall, vessel_of, view_of, wall_of
from deepmatte.training.corpus.render.light import tones_of, vivid
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
from deepmatte.training.corpus.render.surroundings import Surroundings, some_surroundings

Doubles = NDArray[np.float64]

_SHARED: Parameters = {
    "height": Span(0.45, 0.88, "height, in shares of the picture"),
    "angle": Span(0.03, 0.5, "from how far above it is seen, in radians"),
    "turn": Span(-0.25, 0.25, "how far it leans, in radians; half of them stand"),
    "wall": Span(0.025, 0.085, "thickness of the glass, as a share of the radius"),
    "bent": Span(0.45, 0.95, "opacity where glass bends light"),
    "streaks": Span(0.0, 0.05, "unevenness of the glass"),
    "fill": Span(0.0, 0.9, "how high it is filled, as a share; below 0.15 it is empty"),
}
GLASS: Parameters = {
    "form": Choice(
        ("tumbler", "wine", "flute", "bowl", "vase", "jar"), "what it is", (0.25, 0.25, 0.1, 0.15, 0.15, 0.1)
    ),
    **_SHARED,
    "contents": Choice(
        ("water", "wine", "juice", "milk", "vivid", "photograph"), "what it is filled with",
        (0.35, 0.2, 0.15, 0.1, 0.12, 0.08),
    ),
    "tint": Choice(
        ("clear", "grey", "green", "blue", "amber", "rose", "vivid"), "colour of the glass",
        (0.6, 0.08, 0.07, 0.07, 0.05, 0.05, 0.08),
    ),
}  # fmt: skip
BOTTLES: Parameters = {
    "form": Choice(("wine", "beer", "flask", "soda", "vial"), "what it is", (0.3, 0.25, 0.15, 0.2, 0.1)),
    **_SHARED,
    "angle": Span(0.0, 0.22, "from how far above it is seen, in radians"),
    "contents": GLASS["contents"],
    "tint": Choice(
        ("clear", "grey", "green", "blue", "amber", "rose", "vivid"), "colour of the glass",
        (0.4, 0.05, 0.22, 0.08, 0.17, 0.03, 0.05),
    ),
    "label": Choice(("none", "paper", "photograph", "foil"), "what sticks on it", (0.4, 0.3, 0.15, 0.15)),
    "cap": Choice(("none", "metal", "plastic", "cork"), "what closes it", (0.25, 0.35, 0.25, 0.15)),
}  # fmt: skip
# What passes a thickness of glass or a breadth of liquid, by channel.
_TINTS = {
    "clear": (0.97, 0.985, 0.98), "grey": (0.6, 0.6, 0.62), "green": (0.42, 0.72, 0.4),
    "blue": (0.4, 0.6, 0.88), "amber": (0.78, 0.45, 0.14), "rose": (0.92, 0.6, 0.66),
}  # fmt: skip
_LIQUIDS = {
    "water": ((0.93, 0.96, 0.97), 0.05, (0.8, 0.85, 0.88)),
    "wine": ((0.42, 0.03, 0.06), 0.6, (0.25, 0.01, 0.03)),
    "juice": ((0.95, 0.6, 0.08), 6.0, (0.95, 0.62, 0.1)),
    "milk": ((0.8, 0.8, 0.78), 60.0, (0.95, 0.94, 0.9)),
}


def glass(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw a drinking glass, a bowl, a vase or a jar."""
    values = pick(rng, GLASS)
    return _drawn(rng, size, assets, values, _glass_shape(rng, values))


def bottles(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw a bottle, with a label and a cap or without."""
    values = pick(rng, BOTTLES)
    return _drawn(rng, size, assets, values, _bottle_shape(rng, values))


def _drawn(rng: Generator, size: int, assets: Assets, values: dict[str, Any], vessel: Vessel) -> Rendering:
    """Draw a vessel from back to front."""
    photograph = assets.photograph(rng)
    around = some_surroundings(rng, photograph)
    passing = vivid(rng)[1] if values["tint"] == "vivid" else np.array(_TINTS[values["tint"]])
    usual = 0.055 * values["height"] * 0.3
    matter = Glass(-np.log(passing) / usual * rng.uniform(0.3, 1.0) * 0.6, values["bent"], values["streaks"],
                   rng.uniform(0.35, 1.0))  # fmt: skip
    view = view_of(rng, vessel, values["angle"], size)
    layers = Layers(size, len(view.axes()[0]))
    back, front = wall_of(vessel, view, -1), wall_of(vessel, view, 1)
    layers.lay(*walled(rng, vessel, view, back, matter, around, 0.8))
    rim = max(float(vessel.wall(np.array(vessel.height))) * 0.8, 2.0 / 512)
    bottom = float(vessel.radius(np.array(vessel.bottom))) * 0.85
    layers.lay(*ringed(rng, view, vessel.bottom, bottom, rim * 1.5, around, 0.4 * values["bent"]))
    if values["fill"] > 0.15:
        _fill(rng, layers, vessel, view, front, around, values, photograph)
    layers.lay(*walled(rng, vessel, view, front, matter, around))
    is_open = values.get("cap", "none") == "none"
    if is_open:
        top = float(vessel.radii[-1]) - rim / 2
        layers.lay(*ringed(rng, view, vessel.height, top, rim, around, 0.8 * values["bent"]))
    else:
        layers.lay(*cap(rng, values["cap"], vessel, view, front, around))
    if values.get("label", "none") != "none":
        layers.lay(*label(rng, values["label"], vessel, view, front, around, photograph))
    colours, alpha = np.zeros((size, size, 3)), np.zeros((size, size))
    colours[:, view.columns], alpha[:, view.columns] = layers.colours, layers.alpha
    if rng.random() < 0.5:
        colours, alpha = _leant(colours, alpha, values["turn"])
    return from_premultiplied(colours, alpha, values)


def _fill(
    rng: Generator, layers: Layers, vessel: Vessel, view: View, front: Wall, around: Surroundings,
    values: dict[str, Any], photograph: AnyArray | None,
) -> None:  # fmt: skip
    """Lay what a vessel holds over its back wall."""
    kind = values["contents"]
    if kind == "photograph" and photograph is not None:
        passing, cloudy, colour = (
            tones_of(rng, photograph)[1],
            rng.uniform(0, 30),
            tones_of(rng, photograph)[1],
        )
    elif kind in ("vivid", "photograph"):
        passing, cloudy, colour = vivid(rng)[1], rng.uniform(0, 30), vivid(rng)[1]
    else:
        passes, cloudy, looks = _LIQUIDS[kind]
        passing, colour = np.array(passes), np.array(looks)
    reach = vessel.height - vessel.bottom
    level = vessel.bottom + values["fill"] * reach * (0.85 if "cap" in values else 0.95)
    inside = np.maximum(vessel.radius(front.heights) - vessel.wall(front.heights), 1e-4)
    x, _ = view.axes()
    half = np.sqrt(np.clip(inside**2 - x[None, :] ** 2, 0, None))
    rounded = view.cover(np.abs(x)[None, :] - inside)
    below = view.cover((front.heights - level) * np.cos(view.angle)) * front.covered * rounded
    below *= view.cover(vessel.bottom - front.heights)
    absorption = -np.log(np.clip(passing, 0.01, 0.99)) / (0.35 * values["height"])
    across = np.clip(np.abs(x)[None, :] / inside, 0, 1)
    shade = (0.55 + 0.45 * np.sqrt(1 - across**2) + 0.06 * view.noise(rng, 3))[..., None]
    own = colour * np.clip(shade, 0, 1) * (0.4 + 0.6 * around.ambient / max(around.ambient.max(), 1e-6))
    tint, alpha = bent_through(2 * half, absorption, around.ambient, float(cloudy), own)
    # A round body of liquid is a lens: towards its sides other things are seen.
    bent = 0.75 * values["bent"] * across**5
    lens = np.minimum(around.smeared(-0.9 * np.sign(x)[None, :] * across**3, -0.3 * np.ones_like(across)), 1)
    passed = np.exp(-absorption * 2 * half[..., None])
    tint = tint + (1 - alpha)[..., None] * bent[..., None] * lens * passed
    alpha = alpha + (1 - alpha) * bent
    layers.lay(tint * below[..., None], alpha * below)
    inner = float(vessel.radius(np.array(level)) - vessel.wall(np.array(level)))
    surface = view.cover(view.ring(level, inner))
    mirrored = 0.12 + 0.5 * np.sin(np.pi / 2 - view.angle) ** 4
    slick = around.mirrored(np.zeros((1, 1)), np.full((1, 1), -0.8))[0, 0] * 0.25
    opaque = -np.expm1(-float(cloudy) * inner)
    share = max(opaque, 0.35 * mirrored)
    layers.lay(surface[..., None] * share * np.clip(colour * opaque + slick, 0, 1), surface * share)
    layers.lay(*ringed(rng, view, level, inner, 0.006, around, 0.6 * values["bent"]))


def _leant(colours: Doubles, alpha: Doubles, angle: float) -> tuple[Doubles, Doubles]:
    """Return a picture turned by an angle about its middle."""
    size = len(alpha)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = np.array([size / 2 - 0.5] * 2)
    planes = [
        ndimage.affine_transform(plane, matrix, middle - matrix @ middle, order=1)
        for plane in (*np.moveaxis(colours, 2, 0), alpha)
    ]
    return np.stack(planes[:3], axis=2), planes[3]


def _glass_shape(rng: Generator, values: dict[str, Any]) -> Vessel:
    """Return a vessel for drinks, fruit, flowers or jam."""
    form, height, wall = values["form"], values["height"], values["wall"]
    u = rng.uniform
    if form == "tumbler":
        foot = u(0.7, 1.0)
        points = [(0, foot * 0.96), (0.03, foot), (0.5, foot + (1 - foot) * 0.5 + u(-0.03, 0.05)), (1, 1)]
        return vessel_of(points, height, height * u(0.2, 0.42), wall, u(0.04, 0.13))
    if form in ("wine", "flute"):
        stem, knee, bulge = u(0.06, 0.1), u(0.3, 0.5), u(0.55, 0.72)
        points = [(0, u(0.75, 0.95)), (0.012, 0.7), (0.04, stem * 2), (0.09, stem), (knee - 0.06, stem),
                  (knee, stem * 2.2), (bulge, 1), (1, u(0.62, 1.0))]  # fmt: skip
        breadth = height * (u(0.2, 0.3) if form == "wine" else u(0.09, 0.14))
        return vessel_of(points, height, breadth, wall * 0.6, knee + 0.01, knee - 0.01)
    if form == "bowl":
        height *= u(0.35, 0.6)
        points = [(0, u(0.35, 0.5)), (0.05, u(0.35, 0.5)), (0.45, u(0.7, 0.92)), (1, 1)]
        return vessel_of(points, height, height * u(0.7, 1.0), wall, u(0.08, 0.16))
    if form == "vase":
        neck = u(0.35, 0.9)
        points = [
            (0, u(0.4, 0.8)),
            (0.06, u(0.4, 0.8)),
            (u(0.3, 0.5), 1),
            (u(0.7, 0.85), neck),
            (1, neck * u(1, 1.5)),
        ]
        return vessel_of(points, height, height * u(0.16, 0.34), wall, u(0.04, 0.14))
    neck = u(0.7, 0.85)
    points = [(0, 0.93), (0.04, 1), (0.72, 1), (0.84, u(0.75, 0.95)), (0.87, neck), (1, neck)]
    return vessel_of(points, height, height * u(0.26, 0.45), wall, u(0.03, 0.08))


def _bottle_shape(rng: Generator, values: dict[str, Any]) -> Vessel:
    """Return a bottle."""
    u = rng.uniform
    shoulder, neck, breadth = {
        "wine": (u(0.52, 0.64), u(0.3, 0.38), u(0.11, 0.15)),
        "beer": (u(0.48, 0.6), u(0.36, 0.46), u(0.12, 0.16)),
        "flask": (u(0.55, 0.75), u(0.25, 0.4), u(0.2, 0.36)),
        "soda": (u(0.5, 0.65), u(0.36, 0.5), u(0.13, 0.18)),
        "vial": (u(0.75, 0.86), u(0.5, 0.8), u(0.16, 0.3)),
    }[values["form"]]
    long = min(shoulder + (1 - shoulder) * u(0.3, 0.6), 0.9)
    waist = u(0.86, 0.96) if values["form"] == "soda" else 1.0
    lip = neck * u(1.08, 1.25)
    points = [(0, 0.9), (0.025, 1), (shoulder * 0.5, waist), (shoulder, 1), (long, neck * 1.15)]
    points += [(0.925, neck), (0.94, lip), (1, lip)]
    return vessel_of(points, values["height"], values["height"] * breadth, values["wall"], u(0.03, 0.08))


GLASSES = (
    Kind("glass", "glass", glass, "glasses, bowls, vases and jars, empty or filled", GLASS),
    Kind("bottles", "glass", bottles, "bottles with labels and caps, empty or filled", BOTTLES),
)
