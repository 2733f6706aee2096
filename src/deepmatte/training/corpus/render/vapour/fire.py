"""Fire: flames as glowing sheets that rise and are torn, candles, and sparks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.training.corpus.render.noise import smooth_noise
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
from deepmatte.training.corpus.render.vapour import sheets, volumes
from deepmatte.training.corpus.render.vapour.sheets import Sheet

Doubles = NDArray[np.float64]

FIRE: Parameters = {
    "form": Choice(
        ("flames", "torch", "wall", "candle", "sparks"), "what burns", (0.35, 0.2, 0.2, 0.1, 0.15)
    ),
    "depth": Span(0.7, 9.0, "optical depth where it is dense", "logarithmic"),
    "height": Span(0.4, 1.1, "how high flames reach, in shares of the picture"),
    "breadth": Span(0.12, 0.6, "breadth of what burns, in shares of the picture", "logarithmic"),
    "sheets": Span(2, 5, "sheets of flame", "whole"),
    "turbulence": Span(0.15, 0.6, "speed of the eddies, in shares of the picture", "logarithmic"),
    "cells": Span(2.0, 7.0, "large eddies along the picture's side", "logarithmic"),
    "wind": Span(-0.35, 0.35, "how far it is blown aside"),
    "holes": Span(0.0, 0.9, "how far flames are torn"),
    "glow": Span(0.0, 0.35, "strength of the glow around"),
    "sparks": Span(1, 500, "sparks", "logarithmic"),
    "spark_px": Span(0.5, 2.6, "width of a spark, in pixels of a picture of 512", "logarithmic"),
    "colour": Choice(
        ("wood", "gas", "blue", "green", "pink"), "of the flame", (0.66, 0.16, 0.08, 0.05, 0.05)
    ),
}
# From the coolest to the hottest, in bytes.
_HEAT = {
    "wood": ((92, 12, 2), (190, 44, 4), (246, 108, 10), (255, 176, 38), (255, 226, 120), (255, 250, 222)),
    "gas": ((60, 22, 40), (172, 60, 20), (250, 132, 28), (255, 190, 70), (255, 224, 150), (255, 248, 230)),
    "blue": ((10, 16, 90), (22, 48, 180), (46, 100, 240), (110, 160, 255), (186, 214, 255), (240, 248, 255)),
    "green": ((4, 60, 16), (16, 130, 36), (60, 210, 60), (140, 244, 110), (210, 255, 180), (246, 255, 236)),
    "pink": ((80, 4, 60), (170, 20, 110), (240, 60, 150), (255, 120, 180), (255, 190, 214), (255, 240, 246)),
}
_SPREAD = (0.6, 0.7, 0.9, 1.2, 1.6)
_AGES, _ACROSS = 180, 48


def fire(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw fire."""
    values = pick(rng, FIRE)
    form = values["form"]
    if form == "candle":
        depth, heat = _candle(rng, values, size)
    elif form == "sparks":
        depth = heat = np.zeros((size, size))
    else:
        depth, heat = _flames(rng, values, size)
    alpha = volumes.opacity(np.maximum(depth - 5e-4, 0))
    premultiplied = heat_colours(heat, values["colour"]) * alpha[..., None]
    if values["glow"] > 0.05 and form != "sparks":
        premultiplied, alpha = _glowing(premultiplied, alpha, values, size)
    if form == "sparks" or (form != "candle" and rng.random() < 0.5):
        over, cover = _sparks(rng, values, size)
        premultiplied, alpha = over + (1 - cover[..., None]) * premultiplied, cover + (1 - cover) * alpha
    return from_premultiplied(premultiplied, alpha, values)


def heat_colours(heat: Doubles, colour: str) -> Doubles:
    """Return the colours of heats (...) from 0, the coolest that glows, to 1: (..., 3) in [0, 1]."""
    ramp = np.array(_HEAT[colour]) / 255
    steps = np.linspace(0, 1, len(ramp))
    return np.stack([np.interp(heat, steps, ramp[:, channel]) for channel in range(3)], axis=-1)


def _flames(rng: Generator, values: dict[str, Any], size: int) -> tuple[Doubles, Doubles]:
    """Return optical depth and heat (S, S) of sheets that rise from what burns."""
    form, height = values["form"], values["height"]
    breadth = 1.3 if form == "wall" else values["breadth"] * (0.35 if form == "torch" else 1.0)
    base = np.array([0.5 - 0.2 * values["wind"], 1.06 if form == "wall" else rng.uniform(0.82, 1.02)])
    rise = np.array([values["wind"], -height])
    flow = sheets.eddies(rng, values["cells"], 4, 0.6 * rise)
    ages = np.linspace(0, 1, _AGES) ** 0.9
    line = np.linspace(-0.5, 0.5, _ACROSS)
    drawn = []
    for _ in range(int(values["sheets"])):
        own = breadth * rng.uniform(0.25, 0.9)
        middle = base + np.array([rng.uniform(-0.5, 0.5) * (breadth - own), rng.uniform(-0.03, 0.03)])
        bow = 0.1 * own * np.cos(line * rng.uniform(3, 10) + rng.uniform(0, 6)) - 0.9 * own * line**2
        starts = middle + np.stack([line * own, bow], axis=1)
        calm = rng.uniform(0.12, 0.4)
        reach = rng.uniform(0.55, 1.0)
        places = sheets.drift(starts, ages * reach, flow, rise, values["turbulence"], calm, 36)
        # Air is drawn in from both sides, so flames narrow as they rise.
        narrow = 1 - rng.uniform(0.3, 0.85) * (ages[:, None] ** 0.8)
        axis = middle[0] + values["wind"] * ages * reach
        places[..., 0] = axis[:, None] + (places[..., 0] - axis[:, None]) * narrow
        torn = smooth_noise(rng, rng.uniform(3, 7), max(_AGES, _ACROSS), 3)[:, :_ACROSS]
        keep = np.clip(1.1 + torn - values["holes"] * (0.3 + 1.7 * ages[:, None]), 0, 1.6)
        streaks = np.exp(0.7 * smooth_noise(rng, rng.uniform(4, 12), _ACROSS, 2)[0])
        edge = np.clip(np.cos(line * np.pi), 0, 1) ** 0.6
        fading = np.clip(1 - ages, 0, 1) ** 0.7 * np.clip(ages * 9, 0, 1)
        mass = keep * (streaks * edge)[None, :] * fading[:, None] * rng.uniform(0.4, 1.0)
        warmth = np.clip(1.0 - 0.75 * ages[:, None] + 0.12 * torn, 0, 1.2)
        drawn.append(Sheet(places, np.stack([mass, mass * warmth], axis=2)))
    total = sheets.mass_of(drawn, size, _SPREAD)
    seen = np.sort(total[..., 0][total[..., 0] > 0.03 * total[..., 0].max()])
    depth = total[..., 0] * values["depth"] / seen[int(0.9 * (len(seen) - 1))]
    warmth = total[..., 1] / np.maximum(total[..., 0], 1e-12)
    # Where more glows behind one another it is whiter.
    heat = (0.25 + 0.75 * volumes.opacity(0.55 * depth)) * (0.35 + 0.75 * warmth)
    return depth, np.clip(heat * rng.uniform(0.85, 1.2), 0, 1)


def _candle(rng: Generator, values: dict[str, Any], size: int) -> tuple[Doubles, Doubles]:
    """Return optical depth and heat (S, S) of one quiet flame: a drop, darker at its wick."""
    tall = 0.75 * values["height"]
    wide = tall * rng.uniform(0.1, 0.19)
    foot = 0.5 + 0.5 * tall
    steps = (np.arange(size) + 0.5) / size
    up = (foot - steps[:, None]) / tall
    lean = values["wind"] * rng.uniform(0.1, 0.6) * np.clip(up, 0, 2) ** 2 * tall
    sway = 0.004 * np.sin(up * rng.uniform(4, 9) + rng.uniform(0, 6))
    aside = np.abs(steps[None, :] - 0.5 - lean - sway) / wide
    inside = np.clip(up, 0, 1)
    outline = 1.75 * inside**0.55 * (1 - inside) ** rng.uniform(0.75, 1.1)
    edge = np.maximum(outline - aside, -1) / np.maximum(outline, 0.08)
    soft = rng.uniform(0.1, 0.3)
    body = np.clip((edge + 0.35 * soft) / soft, 0, 1)
    body = body * body * (3 - 2 * body) * np.clip(up / 0.03 + 1, 0, 1) * np.clip((1.03 - up) / 0.2, 0, 1)
    wick = np.exp(-((aside / 0.45) ** 2) - ((up - 0.12) / 0.13) ** 2)
    low = np.clip(1 - up / 0.35, 0, 1)
    depth = body * values["depth"] * (1 - 0.75 * wick) * (1 - 0.6 * low)
    heat = np.clip(0.35 + 0.6 * np.clip(edge, 0, 1) ** 0.7 + 0.2 * inside - 0.3 * wick, 0, 1)
    return depth, heat


def _glowing(
    premultiplied: Doubles, alpha: Doubles, values: dict[str, Any], size: int
) -> tuple[Doubles, Doubles]:
    """Return a flame before the glow that a lens and the air spread around it."""
    layer = np.dstack([premultiplied, alpha])
    sigma = 0.035 * size
    spread = ndimage.gaussian_filter(layer[::4, ::4], (sigma / 4, sigma / 4, 0), truncate=3.0)
    still = np.zeros((size, size, 2))
    halo = np.stack([volumes.enlarged(plane, still) for plane in np.moveaxis(spread, 2, 0)], axis=2)
    halo = np.clip(halo, 0, 1) * values["glow"]
    # Light is added: a halo has the flame's colour and covers little.
    layer += (1 - layer[..., 3:]) * halo
    return layer[..., :3], layer[..., 3]


def _sparks(rng: Generator, values: dict[str, Any], size: int) -> tuple[Doubles, Doubles]:
    """Return sparks that fly while the shutter is open: premultiplied colours (S, S, 3) and alpha (S, S)."""
    count, nodes = max(3, int(values["sparks"])), 7
    is_alone = values["form"] == "sparks"
    count = max(count, 40) if is_alone else count
    source = np.array([0.5, 0.9]) if not is_alone else rng.uniform(0.2, 0.8, 2)
    is_burst = is_alone and rng.random() < 0.6
    turn = rng.uniform(0, 2 * np.pi, count) if is_burst else rng.normal(-np.pi / 2, 0.35, count)
    away = (rng.uniform(0.02, 1.0, count) ** (0.8 if is_burst else 1.0)) * rng.uniform(0.35, 1.0)
    way = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    start = source + way * away[:, None] + rng.normal(0, 0.02 if is_burst else 0.08, (count, 2))
    longest = min(0.14, 3.0 / count**0.7)  # the more there are, the shorter, or they look like hair
    length = rng.uniform(0.004, longest) * np.exp(rng.normal(0, 0.5, count)) * (0.3 + away if is_burst else 1)
    along = np.linspace(0, 1, nodes)[None, :, None]
    fall = 0.4 * is_burst * away[:, None, None] * np.array([0, 1])
    bend = (rng.normal(0, 0.16, (count, 1, 2)) + fall) * along**2
    places = start[:, None] + length[:, None, None] * (way[:, None] * along + bend)
    width = values["spark_px"] / 512 * np.exp(rng.normal(0, 0.45, (count, 1)))
    widths = width * np.interp(along[0, :, 0], [0, 0.7, 1], [0.35, 1, 0.5])
    heat = np.clip(rng.uniform(0.35, 1.1, (count, 1)) * np.interp(along[0, :, 0], [0, 1], [0.6, 1.0]), 0, 1)
    opacities = np.clip(rng.uniform(0.35, 1.2, (count, 1)), 0, 1) * np.interp(
        along[0, :, 0], [0, 1], [0.4, 1]
    )
    canvas = Canvas(size)
    canvas.draw(Ribbons(places, widths, heat_colours(heat, values["colour"]), opacities))
    premultiplied, alpha = (plane.astype(np.float64) for plane in canvas.reduce())
    layer = np.dstack([premultiplied, alpha])
    halo = np.clip(ndimage.gaussian_filter(layer, (size / 170, size / 170, 0), truncate=3.0), 0, 1)
    layer += (1 - layer[..., 3:]) * halo * values["glow"] * 1.5
    return layer[..., :3], layer[..., 3]


FIRES = (Kind("fire", "vapour", fire, "flames, torches, candles and sparks", FIRE),)
