"""Soap bubbles and foam: thin films that mirror in the colours of interference.

A film of thickness d and index n mirrors 4 R sin²(2π n d cos θ / λ) of light of wavelength λ, where θ is the
angle of the refracted ray and R what one side mirrors (Born and Wolf, Principles of Optics, for small R). An
eye and a camera see bands of wavelengths, so thick films lose their colours. A bubble is two films: the front
mirrors what is before it upright, the back mirrors it upside down.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepmatte.training.corpus.render.light import tones_of, vivid
from deepmatte.training.corpus.render.noise import sample, smooth_noise
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
    settle,
)
from deepmatte.training.corpus.render.surroundings import Surroundings, fresnel, some_surroundings

Doubles = NDArray[np.float64]

BUBBLES: Parameters = {
    "form": Choice(("few", "many", "cluster", "foam"), "how bubbles are strewn", (0.3, 0.3, 0.15, 0.25)),
    "bubbles": Span(1, 12, "bubbles, where few; many and foam have 8 and 36 times as many", "whole"),
    "radius": Span(0.05, 0.34, "radius of a large one, in shares of the picture", "logarithmic"),
    "variety": Span(0.15, 0.7, "how much radii differ, in their logarithm"),
    "film_nm": Span(120, 900, "thickness of the film, in nanometres"),
    "draining": Span(0.0, 500.0, "how much thicker it is below, in nanometres"),
    "swirls": Span(10, 160, "how uneven it is, in nanometres"),
    "strength": Span(1.0, 3.0, "how much more is mirrored than by pure water", "logarithmic"),
    "rim": Span(0.1, 0.7, "opacity of the rim"),
    "focus_px": Span(0.0, 7.0, "blur of bubbles out of focus, in pixels of a picture of 512"),
    "wobble": Span(0.0, 0.08, "how far large bubbles are from round"),
    "colour": Choice(("soap", "vivid", "photograph"), "what foam and rims are tinted with", (0.8, 0.1, 0.1)),
}
# Red, green and blue light, in nanometres; the index of soapy water.
_WAVES_NM = np.array([630.0, 540.0, 455.0])
_INDEX = 1.33
# Width of the bands that are seen as red, green and blue, as a share of their wavelength.
_BAND = 0.07


@dataclass(frozen=True, eq=False)
class Film:
    """What all bubbles of a picture are made of. thickness_nm: (N, N), over a bubble's square; tint: (3,), of
    the rim; strength, rim: see BUBBLES; is_foam: whether walls are thick and white.
    """

    thickness_nm: Doubles
    tint: Doubles
    strength: float
    rim: float
    is_foam: bool


def bubbles(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw soap bubbles or foam."""
    values = pick(rng, BUBBLES)
    photograph = assets.photograph(rng)
    around = some_surroundings(rng, photograph)
    tint = np.array([0.93, 0.95, 0.97])
    if values["colour"] == "vivid":
        tint = vivid(rng)[1]
    elif photograph is not None and values["colour"] == "photograph":
        tint = tones_of(rng, photograph)[1]
    steps = np.linspace(-1, 1, 128)
    thickness = values["film_nm"] + values["draining"] * (steps[:, None] + 1) / 2
    thickness = thickness + values["swirls"] * smooth_noise(rng, rng.uniform(2, 6), 128, 3)
    film = Film(np.maximum(thickness, 5), tint, values["strength"], values["rim"], values["form"] == "foam")
    places, radii, softness = _strewn(rng, values)
    picture = np.zeros((size, size, 4))
    for place, radius, soft in zip(places, radii, softness, strict=True):
        _blow(rng, picture, place, radius, soft, film, around, values["wobble"])
    return from_premultiplied(picture[..., :3], picture[..., 3], values)


def mirrored_by_film(facing: Doubles, thickness_nm: Doubles) -> Doubles:
    """Return the share of red, green and blue light that a film mirrors: (..., 3).

    facing: (...), cosine of the angle to the normal; thickness_nm: (...).
    """
    inside = np.sqrt(1 - (1 - np.clip(facing, 0, 1) ** 2) / _INDEX**2)
    one_side = fresnel(facing, ((_INDEX - 1) / (_INDEX + 1)) ** 2)
    phase = 2 * np.pi * _INDEX * (thickness_nm * inside)[..., None] / _WAVES_NM
    # sin² = (1 − cos) / 2, whose cosine a Gaussian band of wavelengths blurs.
    seen = np.exp(-2 * (phase * _BAND) ** 2)
    return np.minimum(2 * one_side[..., None] * (1 - seen * np.cos(2 * phase)), 1)


def _strewn(rng: Generator, values: dict[str, Any]) -> tuple[Doubles, Doubles, Doubles]:
    """Return places (N, 2), radii (N,) and softness (N,) of bubbles, in shares, from back to front."""
    form = values["form"]
    count = int(values["bubbles"]) * {"few": 1, "many": 8, "cluster": 3, "foam": 36}[form]
    shrunk = {"few": 1.0, "many": 0.3, "cluster": 0.55, "foam": 0.16}[form]
    radii = values["radius"] * shrunk * np.exp(rng.normal(-0.1, values["variety"], count))
    radii = np.clip(radii, 0.004, 0.42)
    places = rng.uniform(0.08, 0.92, (count, 2))
    if form == "few":
        places = 0.5 + (places - 0.5) * (1 - 1.2 * radii[:, None])
    elif form == "cluster":
        places = 0.5 + rng.normal(0, 0.8 * values["radius"], (count, 2)) * rng.uniform(0.4, 1.0, 2)
    elif form == "foam":
        bank = np.abs(rng.normal(0, rng.uniform(0.05, 0.25), count))
        hills = np.interp(places[:, 0], np.linspace(0, 1, 9), rng.uniform(0.2, 1.2, 9))
        places[:, 1] = 1.02 - bank * hills
        order = np.argsort(-radii, kind="stable")  # small bubbles sit in the gaps before large ones
        places, radii = places[order], radii[order]
    if form != "foam":
        apart = _apart(places, radii, 0.62 if form == "cluster" else 0.9)
        places, radii, count = places[apart], radii[apart], len(apart)
    away = np.abs(rng.normal(0, 0.6, count)) if form in ("few", "many") else np.zeros(count)
    return places, radii, values["focus_px"] / 512 * away


def _apart(places: Doubles, radii: Doubles, share: float) -> list[int]:
    """Return which bubbles stay if none may come nearer to one before it than a share of both radii."""
    kept: list[int] = []
    for number, (place, radius) in enumerate(zip(places, radii, strict=True)):
        away = np.sqrt(((places[kept] - place) ** 2).sum(axis=1))
        if (away > share * (radii[kept] + radius)).all():
            kept.append(number)
    return kept


def _blow(
    rng: Generator, picture: Doubles, place: Doubles, radius: float, soft: float, film: Film,
    around: Surroundings, wobble: float,
) -> None:  # fmt: skip
    """Lay a bubble over a picture (S, S, 4), premultiplied, in place."""
    size = len(picture)
    reach = radius * (1 + wobble) + soft + 1.5 / size
    low = np.clip(np.floor((place - reach) * size).astype(int), 0, size)
    high = np.clip(np.ceil((place + reach) * size).astype(int), 0, size)
    bends, turned, spin = rng.normal(0, 1, 2), rng.uniform(0, 2 * np.pi, 2), rng.uniform(-0.3, 0.3, 2)
    if (low >= high).any():
        return
    window = picture[low[1] : high[1], low[0] : high[0]]
    at_px = settle(place * size).astype(np.float64)
    right = (np.arange(low[0], high[0]) + 0.5 - at_px[0])[None, :] / (radius * size)
    down = (np.arange(low[1], high[1]) + 0.5 - at_px[1])[:, None] / (radius * size)
    turn = np.arctan2(down, right)
    uneven = 1 + wobble * min(1.0, radius / 0.15) * 0.5 * sum(
        bends[n] * np.cos((n + 2) * turn + turned[n]) for n in (0, 1)
    )
    away = np.sqrt(right**2 + down**2) / uneven
    edge_px = 1 + soft * size
    covered = np.clip((1 - away) * radius * size / edge_px + 0.5, 0, 1)
    # The last pixel of the rim stands for all of its width.
    widest = np.clip(1 - 0.5 * edge_px / (radius * size), 0.3, 1)
    shrink = np.minimum(away, widest) / np.maximum(away * uneven, 1e-9)
    x, y = right * shrink, down * shrink
    facing = np.sqrt(np.clip(1 - x**2 - y**2, 1e-4, 1))
    thickness = sample(film.thickness_nm, np.stack([x + spin[0] * y, y - spin[0] * x], axis=2) / 2.7 + 0.5)
    share = np.minimum(film.strength * mirrored_by_film(facing, thickness), 1)
    look = around.smeared if soft * size > 2.5 else around.mirrored
    light = share * look(x, y) + (1 - share) * share * look(-0.95 * x, -0.95 * y)
    rim = film.rim * np.clip(1 - facing / (0.55 if film.is_foam else 0.3), 0, 1) ** 1.5
    shade = np.clip(0.8 - 0.25 * y + 0.1 * x, 0, 1)[..., None] * (0.5 + 0.5 * np.sqrt(around.ambient))
    glow = rim[..., None] * film.tint * shade
    alpha = 1 - (1 - share.mean(axis=2)) ** 2 * (1 - rim)
    if film.is_foam:
        milky = 0.4 * film.rim * (1 + 0.3 * y)
        glow, alpha = glow + milky[..., None] * film.tint * shade, alpha + (1 - alpha) * milky
    colour = np.clip(light + (1 - share) * glow, 0, 1)
    alpha = np.maximum(np.clip(alpha, 0, 1), colour.max(axis=2)) * covered
    window *= 1 - alpha[..., None]
    window += np.dstack([colour * covered[..., None], alpha])


FOAMS = (Kind("bubbles", "glass", bubbles, "soap bubbles and foam", BUBBLES),)
