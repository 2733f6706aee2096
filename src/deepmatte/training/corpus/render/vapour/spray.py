"""Spray: drops thrown, falling or hanging in the air, from large ones to mist."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.training.corpus.render.light import choose_tones
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
)
from deepmatte.training.corpus.render.vapour import drops, volumes
from deepmatte.training.corpus.render.vapour.drops import Drops

Doubles = NDArray[np.float64]

SPRAY: Parameters = {
    "form": Choice(
        ("fan", "fountain", "burst", "rain", "cloud"), "how drops fly", (0.25, 0.25, 0.2, 0.15, 0.15)
    ),
    "drops": Span(1200, 20000, "drops", "logarithmic"),
    "radius_px": Span(0.5, 2.2, "usual radius of a drop, in pixels of a picture of 512", "logarithmic"),
    "variety": Span(0.3, 0.75, "how much radii differ, in their logarithm"),
    "largest_px": Span(2.5, 13.0, "radius that none exceeds, in pixels of a picture of 512", "logarithmic"),
    "streak": Span(0.0, 0.06, "way of the fastest drops, in shares of the picture"),
    "focus": Span(0.0, 3.0, "blur of the drops farthest from focus, in pixels of a picture of 512"),
    "clumps": Span(0.2, 1.6, "how unevenly drops are strewn"),
    "mist": Span(0.0, 0.9, "optical depth of the mist behind"),
    "colour": Choice(("natural", "vivid", "photograph"), "where colours come from", (0.75, 0.1, 0.15)),
}
# Pixels that all drops together may take, in a picture of 512.
_MOST_PX = 1.6e6
# Of the shaded and of the lit side, in bytes.
TONES = (
    ((150, 160, 170), (250, 252, 255)),
    ((104, 122, 138), (226, 236, 244)),
    ((190, 194, 198), (255, 255, 255)),
    ((62, 78, 92), (190, 208, 222)),
    ((136, 128, 112), (255, 244, 220)),
    ((88, 74, 56), (186, 166, 138)),
)


def spray(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw spray."""
    values = pick(rng, SPRAY)
    tones = choose_tones(rng, values["colour"], assets, TONES)
    count = int(values["drops"])
    gleam = drops.some_gleam(rng)
    places, ways = _flight(rng, values, count)
    clumps = np.exp(values["clumps"] * smooth_noise(rng, rng.uniform(4, 14), 160, 3))
    kept = rng.random(count) < np.clip(sample(clumps, places), 0.03, 1)
    radii = values["radius_px"] * np.exp(rng.normal(0, values["variety"], count))
    radii = np.minimum(radii, values["largest_px"]) * size / 512
    # Between the lens and far away: the farther from focus, the softer, and the nearer, the larger.
    near = rng.normal(0, 0.5, count)
    softness = values["focus"] * np.abs(near - rng.normal(0, 0.3)) * size / 512
    radii = radii * np.exp(0.5 * near)
    share = np.clip(rng.normal(0.65, 0.3, count), 0, 1)[:, None]
    colours = tones[0] + share * (tones[1] - tones[0])
    opacities = np.clip(rng.uniform(0.65, 1.2, count), 0, 1)
    # However large and soft drops are, no picture takes long: there are fewer of them then.
    sides_px = (2 * (radii + softness) + 3) * 512 / size + 512 * np.abs(ways).max(axis=1)
    kept &= rng.random(count) < _MOST_PX / max(float((sides_px[kept] ** 2).sum()), 1.0)
    all_drops = Drops(places * size, radii, softness, ways * size, opacities, colours)
    premultiplied, alpha = drops.draw(all_drops.part(kept), gleam, size)
    if values["mist"] > 0.1:
        depth = values["mist"] * _mist(rng, places[kept], size)
        behind = volumes.opacity(np.maximum(depth - 5e-4, 0))
        light = 0.75 + 0.12 * smooth_noise(rng, 4, size, 2)
        own = tones[0] + np.clip(light, 0, 1)[..., None] * (tones[1] - tones[0])
        premultiplied = premultiplied + ((1 - alpha) * behind)[..., None] * own
        alpha = alpha + (1 - alpha) * behind
    return from_premultiplied(premultiplied, alpha, values)


def _flight(rng: Generator, values: dict[str, Any], count: int) -> tuple[Doubles, Doubles]:
    """Return where drops are and how they move: two of (N, 2), in shares of the picture."""
    form = values["form"]
    if form in ("rain", "cloud"):
        places = rng.uniform(-0.05, 1.05, (count, 2))
        if form == "cloud":
            places = rng.uniform(0.35, 0.65, 2) + rng.normal(0, 1, (count, 2)) * rng.uniform(0.07, 0.24, 2)
        turn = np.pi / 2 + rng.normal(0, 0.3) + rng.normal(0, 0.03 if form == "rain" else 1.5, count)
        speed = rng.uniform(0.6, 1.0, count) * (1.0 if form == "rain" else 0.4)
        return places, (speed * values["streak"])[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    middle = {"fan": -np.pi / 2 + rng.normal(0, 0.7), "fountain": -np.pi / 2, "burst": 0.0}[form]
    spread = {"fan": rng.uniform(0.15, 0.6), "fountain": rng.uniform(0.06, 0.4), "burst": 3.2}[form]
    jets = int(rng.integers(5, 30))
    aims = middle + spread * (rng.normal(0, 1, jets) if form != "burst" else rng.uniform(-1, 1, jets))
    which = rng.integers(jets, size=count)
    turn = aims[which] + rng.normal(0, spread * rng.uniform(0.06, 0.35), count)
    reach = rng.uniform(0.5, 1.15, jets)[which]
    # Drops of one jet have left at different times, with nearly the same speed.
    time = rng.uniform(0.02, 1.0, count) ** rng.uniform(0.7, 1.3)
    speed = reach * np.exp(rng.normal(0, 0.18, count))
    velocity = speed[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1) * 1.6
    gravity = np.array([0, rng.uniform(0.7, 2.0) if form != "burst" else rng.uniform(0.1, 0.9)])
    source = np.array([0.5, 0.92 if form != "burst" else 0.5]) + rng.normal(0, 0.07, 2)
    places = source + velocity * time[:, None] + gravity * (time**2)[:, None]
    moving = velocity + 2 * gravity * time[:, None]
    return places + rng.normal(0, 0.012, (count, 2)), moving * values["streak"] * 0.5


def _mist(rng: Generator, places: Doubles, size: int) -> Doubles:
    """Return where mist is (S, S), from 0 to about 1: around the drops, in billows."""
    side = 96
    bins = np.floor(np.clip(places, -0.02, 1.02) * side).astype(np.intp) + 3
    inner = np.bincount(bins[:, 1] * (side + 6) + bins[:, 0], minlength=(side + 6) ** 2)
    counted = inner.reshape(side + 6, side + 6)[3:-3, 3:-3].astype(np.float64)
    soft = ndimage.gaussian_filter(counted, 4.0, mode="constant")
    soft = soft / max(soft.max(), 1e-12)
    warp = 0.012 * np.stack([smooth_noise(rng, 7, size, 3) for _ in range(2)], axis=2)
    billows = np.exp(0.6 * smooth_noise(rng, rng.uniform(4, 9), size, 4))
    return np.sqrt(np.clip(volumes.enlarged(soft, warp), 0, None)) * billows


SPRAYS = (Kind("spray", "vapour", spray, "drops in the air, and mist", SPRAY),)
