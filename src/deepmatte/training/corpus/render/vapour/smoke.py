"""Smoke and steam: plumes, puffs and haze as lit clouds, wisps and thin curls as drifting sheets."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepmatte.pixels import Floats
from deepmatte.training.corpus.render.light import choose_tones
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
from deepmatte.training.corpus.render.vapour import sheets, volumes
from deepmatte.training.corpus.render.vapour.sheets import Sheet

Doubles = NDArray[np.float64]

SMOKE: Parameters = {
    "form": Choice(
        ("plume", "puff", "steam", "haze", "wisps", "curl"), "what it is", (0.2, 0.2, 0.15, 0.1, 0.2, 0.15)
    ),
    "depth": Span(0.5, 14.0, "optical depth where it is dense", "logarithmic"),
    "extent": Span(0.5, 1.3, "how much of the picture it takes"),
    "cells": Span(3.0, 9.0, "large eddies along the picture's side", "logarithmic"),
    "roughness": Span(0.45, 0.72, "strength of each finer octave"),
    "raggedness": Span(0.5, 1.5, "how far noise eats into the shape"),
    "sharpness": Span(1.3, 9.0, "how abruptly clouds end", "logarithmic"),
    "turbulence": Span(
        0.15, 0.7, "speed of the eddies that carry it, in shares of the picture", "logarithmic"
    ),
    "wind": Span(-0.5, 0.5, "how far it is blown aside"),
    "light": Choice(("above", "left", "right"), "where light comes from", (0.5, 0.25, 0.25)),
    "ambient": Span(0.15, 0.6, "share of light from everywhere"),
    "colour": Choice(("natural", "vivid", "photograph"), "where colours come from", (0.75, 0.12, 0.13)),
}
# Colours in shadow and in light, in bytes.
TONES = (
    ((118, 120, 126), (236, 236, 238)),
    ((186, 190, 198), (253, 253, 253)),
    ((10, 9, 9), (72, 66, 62)),
    ((28, 26, 26), (128, 122, 118)),
    ((66, 52, 42), (182, 158, 132)),
    ((140, 154, 178), (226, 236, 250)),
    ((60, 66, 80), (206, 208, 214)),
    ((96, 82, 74), (248, 226, 196)),
)
# Youngest to oldest: how far parcels have spread, in pixels of a picture of 512.
_SPREAD = (0.5, 0.7, 1.0, 1.5, 2.2)
# Cells along the side, and steps, of what eddies do to a cloud after it was lit.
_COARSE, _STEPS = 144, 8
# Optical depth below which there is nothing, so that a picture is not covered by a veil nobody sees.
_LEAST_DEPTH = 2e-4


def smoke(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw smoke or steam."""
    values = pick(rng, SMOKE)
    tones = choose_tones(rng, values["colour"], assets, TONES)
    if values["form"] in ("wisps", "curl"):
        depth, brightness = _drifting(rng, values, size)
    else:
        depth, brightness = _cloud(rng, values, size)
    alpha = volumes.opacity(np.maximum(depth - _LEAST_DEPTH, 0))
    colours = tones[0] + np.clip(brightness, 0, 1)[..., None] * (tones[1] - tones[0])
    return from_premultiplied(colours * alpha[..., None], alpha, values)


def _scaled(depth: Doubles, target: float) -> Doubles:
    """Return optical depths scaled so that what is dense among what is seen has the target's."""
    seen = depth[depth > 0.02 * depth.max(initial=1e-9)]
    dense = np.sort(seen)[int(0.9 * (len(seen) - 1))] if len(seen) else 1.0
    return np.asarray(depth * (target / dense))


def _drifting(rng: Generator, values: dict[str, Any], size: int) -> tuple[Doubles, Doubles]:
    """Return optical depth and brightness (S, S) of sheets."""
    is_curl = values["form"] == "curl"
    drawn = []
    extent = values["extent"]
    rise = np.array([values["wind"] * 0.7, -extent * (1.05 if is_curl else 0.75)])
    flow = sheets.eddies(rng, values["cells"] * rng.uniform(0.4, 0.9), 4, 0.7 * rise)
    for _ in range(int(rng.integers(1, 3 if is_curl else 4))):
        across = 40 if is_curl else 72
        line = np.linspace(-0.5, 0.5, across)
        width = rng.uniform(0.008, 0.13) if is_curl else rng.uniform(0.1, 0.55)
        tilt = rng.normal(0, 0.5)
        source = np.array([rng.uniform(0.25, 0.75) - 0.25 * values["wind"], rng.uniform(0.85, 1.03)])
        bow = rng.normal(0, 0.08) * np.cos(line * rng.uniform(3, 9) + rng.uniform(0, 6)) * (not is_curl)
        starts = source + np.stack([line * width * np.cos(tilt), line * width * np.sin(tilt) * 0.4 + bow], 1)
        ages = np.linspace(0, 1, 360)
        calm = rng.uniform(0.25, 0.8) if is_curl else rng.uniform(0.05, 0.3)
        speed = values["turbulence"] * (1.3 if is_curl else 1.7)
        places = sheets.drift(starts, ages, flow, rise, speed, calm)
        streaks = np.exp(0.8 * smooth_noise(rng, rng.uniform(3, 10), across, 2)[0])
        profile = streaks * np.clip(np.cos(line * np.pi), 0, 1) ** 0.5
        puffs = np.exp(0.5 * smooth_noise(rng, rng.uniform(2, 8), 360, 2)[0])
        start = 25 if is_curl else rng.uniform(1.5, 5)
        fading = np.clip(1 - ages, 0, 1) ** rng.uniform(0.3, 1.2) * np.clip(ages * start, 0, 1) ** 1.5
        mass = (puffs * fading)[:, None] * profile[None, :] * rng.uniform(0.4, 1)
        # Light comes from aside: each parcel is as bright as the sheet lies towards it.
        turned = np.clip(0.72 + 0.45 * smooth_noise(rng, 5, 360)[:, :across], 0.1, 1.2)
        drawn.append(Sheet(places, np.stack([mass, mass * turned], axis=2)))
    total, shade = np.moveaxis(sheets.mass_of(drawn, size, _SPREAD), 2, 0)
    return _scaled(total, min(values["depth"], 3.0)), shade / np.maximum(total, 1e-12)


def _cloud(rng: Generator, values: dict[str, Any], size: int) -> tuple[Doubles, Doubles]:
    """Return optical depth and brightness (S, S) of a lit cloud."""
    form = values["form"]
    is_soft = form in ("steam", "haze")
    inside = {"plume": _plume, "steam": _plume, "puff": _puffs, "haze": _haze}[form](rng, values)
    is_billowy = not is_soft and rng.random() < 0.65
    stretch = rng.uniform(1.2, 2.2) if form == "steam" else 0.5 if form == "haze" else 1.0
    noise = volumes.cloud(rng, values["cells"], 4, values["roughness"], stretch, is_billowy)
    sharpness = min(values["sharpness"], 2.0) if is_soft else values["sharpness"]
    edge = inside + np.float32(0.45 * values["raggedness"]) * noise
    density = np.clip(edge * np.float32(sharpness), 0, 1)
    if is_soft:
        density *= density
    through = density.sum(axis=2, dtype=np.float64)
    sigma = _scaled(through, values["depth"]).max() / max(through.max(), 1e-9)
    density *= np.float32(sigma)
    slope = (rng.uniform(-0.6, 0.6), rng.uniform(-0.9, 0.6))
    met = volumes.lit(density, slope, {"above": 0, "left": -1, "right": 1}[values["light"]])
    way = met.astype(np.float64) * rng.uniform(0.5, 1.1)
    # Light that is scattered more than once reaches further than Beer and Lambert let it.
    arriving = 0.7 * np.exp(-way) + 0.3 * np.exp(-0.2 * way)
    depth, brightness = volumes.view(density, values["ambient"] + (1 - values["ambient"]) * arriving)
    return _detailed(rng, values, depth, brightness, size)


def _detailed(
    rng: Generator, values: dict[str, Any], depth: Doubles, brightness: Doubles, size: int
) -> tuple[Doubles, Doubles]:
    """Return depth and brightness at the picture's size, carried by eddies and roughened by fine ones."""
    cells = rng.uniform(10, 18)
    strength = values["roughness"] * rng.uniform(0.003, 0.009)
    flow = sheets.eddies(rng, rng.uniform(1.5, 5), 4, np.zeros(2))
    steps = (np.arange(_COARSE) + 0.5) / _COARSE
    starts = np.stack(np.meshgrid(steps, steps), axis=2)
    places = starts.copy()
    for _ in range(_STEPS):
        places -= values["turbulence"] * 0.3 / _STEPS * flow.at(places, 0)
    still = np.zeros((size, size, 2))
    warp = np.stack([volumes.enlarged(plane, still) for plane in np.moveaxis(places - starts, 2, 0)], axis=2)
    warp += strength * np.stack([smooth_noise(rng, cells, size, 3) for _ in range(2)], axis=2)
    fine = smooth_noise(rng, cells * 2.2, size, 3)
    larger = volumes.enlarged(depth, warp) * np.exp(0.35 * values["roughness"] * fine)
    return larger, volumes.enlarged(brightness, warp) * (1 + 0.05 * fine)


def _plume(rng: Generator, values: dict[str, Any]) -> Floats:
    """Return how deep inside a rising column each cell lies: 1 in its middle, 0 at its edge."""
    y, x, z = volumes.axes()
    height = (rng.uniform(0.9, 1.1) - y).clip(0, None).astype(np.float64)
    sway = smooth_noise(rng, rng.uniform(1.5, 4), volumes.SHAPE[0])[:, :2].reshape(-1, 1, 1, 2)
    middle = rng.uniform(0.3, 0.7) - 0.35 * values["wind"]
    bent = height ** rng.uniform(1.0, 1.8) * values["wind"]
    x_middle = middle + bent + 0.05 * sway[..., 0] * np.clip(height * 3, 0, 1)
    radius = 0.02 + 0.28 * values["extent"] * height ** rng.uniform(0.6, 1.1)
    squash = np.maximum(1, radius / 0.16)
    away = np.sqrt((x - x_middle) ** 2 + (squash * (z - 0.03 * sway[..., 1])) ** 2) / radius
    top = rng.uniform(0.6, 1.3) * values["extent"]
    fade = np.clip((height - top) / 0.35, 0, None)
    thinning = 0.35 * np.clip(height / max(top, 0.2), 0, 1) * (values["form"] == "steam")
    return (1 - away - fade - thinning - (height <= 0)).astype(np.float32)


def _puffs(rng: Generator, values: dict[str, Any]) -> Floats:
    """Return how deep inside a heap of balls each cell lies."""
    y, x, z = volumes.axes()
    inside = np.full(volumes.SHAPE, -1, np.float32)
    count = int(rng.integers(1, 7))
    spread = rng.uniform(0.06, 0.2) * values["extent"]
    middle = rng.uniform(0.35, 0.65, 2)
    for _ in range(count):
        at = middle + rng.normal(0, spread, 2) * (count > 1)
        radius = rng.uniform(0.12, 0.3) * values["extent"]
        squash = max(1.0, radius / 0.16)
        away = np.sqrt(
            (y - np.float32(at[1])) ** 2 + (x - np.float32(at[0])) ** 2 + (np.float32(squash) * z) ** 2
        )
        inside = np.maximum(inside, 1 - away / np.float32(radius))
    return inside


def _haze(rng: Generator, values: dict[str, Any]) -> Floats:
    """Return how deep inside a bank along one edge each cell lies."""
    y, x, z = volumes.axes()
    turn = rng.uniform(-0.6, 0.6)
    down = (y - np.float32(0.5)) * np.float32(np.cos(turn)) + (x - np.float32(0.5)) * np.float32(np.sin(turn))
    reach = np.float32(0.4 - 0.55 * values["extent"])
    return np.broadcast_to((down - reach) * np.float32(1.4) - np.abs(z), volumes.SHAPE).astype(np.float32)


SMOKES = (Kind("smoke", "vapour", smoke, "smoke, steam, plumes, puffs and wisps", SMOKE),)
