"""Things with holes, as outlines: sheets, gratings, sieves, cut-out ornaments, cells, leaves.

All outlines lie about the unit square. A cut-out is one outline around, and those of its holes.
"""

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Voronoi

from deepmatte.training.corpus.render.coverage import polygon, rounded_box
from deepmatte.training.corpus.render.rendering import Generator, settle

Doubles = NDArray[np.float64]
Cutout = tuple[list[Doubles], list[Doubles]]

_WHOLE = np.array([[-0.4, -0.4], [1.4, -0.4], [1.4, 1.4], [-0.4, 1.4]])


def hole(form: str, centre: Doubles, radius: float, turn: float, wander: Doubles) -> Doubles:
    """Return the outline of one hole. form: round, square, slot, hexagon or irregular; wander: (8,), how far
    the radii of an irregular one are off, as shares.
    """
    if form == "round":
        return polygon(centre, np.full(28, radius))
    if form == "hexagon":
        return polygon(centre, np.full(6, radius), turn)
    if form == "square":
        return rounded_box(centre, (radius * 0.88, radius * 0.88), radius * 0.2, turn)
    if form == "slot":
        return rounded_box(centre, (radius * 1.6, radius * 0.5), radius * 0.5, turn)
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    waves = sum(
        wander[2 * k] * np.cos((k + 1) * angle) + wander[2 * k + 1] * np.sin((k + 1) * angle)
        for k in range(4)
    )
    return polygon(centre, radius * np.clip(1 + waves, 0.35, 1.8))


def grid(pitch: float, *, is_staggered: bool, low: float = -0.35, high: float = 1.35) -> Doubles:
    """Return places on a square grid, or on one whose rows are offset by half, over a square: (N, 2)."""
    rows = np.arange(low, high, pitch * (np.sqrt(0.75) if is_staggered else 1))
    columns = np.arange(low, high, pitch)
    places = np.stack(np.meshgrid(columns, rows), axis=2)
    if is_staggered:
        places[1::2, :, 0] += pitch / 2
    return places.reshape(-1, 2)


def sheet(rng: Generator, pitch: float, open_share: float) -> Cutout:
    """Make a sheet with holes on a grid."""
    form = str(rng.choice(["round", "round", "square", "slot", "hexagon"]))
    is_staggered = form in ("round", "hexagon", "slot") and rng.random() < 0.7
    reach = {"slot": 1.6, "square": 1.25}.get(form, 1.0)
    radius = pitch * 0.47 * np.sqrt(open_share) / reach
    turn = {"square": 0.0, "hexagon": np.pi / 6}.get(form, 0.0) + (rng.random() < 0.15) * np.pi / 4
    rim = rng.uniform(0.0, 0.08)
    half = rng.uniform(0.25, 0.6, 2)
    outline = rounded_box((0.5, 0.5), half, rng.choice([0.0, 0.02, 0.1]))
    if rng.random() < 0.3:
        outline = _WHOLE
        half = np.array([0.9, 0.9])
    elif rng.random() < 0.3:  # a sieve
        half = np.full(2, half.min())
        outline = polygon((0.5, 0.5), np.full(120, half[0]))
    places = grid(pitch, is_staggered=is_staggered)
    off = np.abs(places - 0.5)
    inside = (off < half - rim - radius * reach).all(axis=1)
    if len(outline) == 120:
        inside = np.hypot(*off.T) < half[0] - rim - radius * reach
    holes = [hole(form, place, radius, turn, np.zeros(8)) for place in places[inside]]
    return [outline], holes


def pierced(rng: Generator, pitch: float, open_share: float) -> Cutout:
    """Make holes of many sizes, strewn: cheese, sponge, rust, moth-eaten cloth."""
    form = str(rng.choice(["irregular", "irregular", "irregular", "round"]))
    radii = pitch * np.exp(rng.normal(-0.6, rng.uniform(0.2, 0.8), 500))
    places = rng.uniform(-0.1, 1.1, (500, 2))
    outline = _blob(rng, rng.uniform(0.3, 0.52), 0.12) if rng.random() < 0.7 else _WHOLE
    kept: list[int] = []
    gap, area = pitch * 0.12, 0.0
    for i in np.argsort(-radii[:300], kind="stable"):
        away = np.sqrt(((places[kept] - places[i]) ** 2).sum(axis=1)) if kept else np.array([9.0])
        if (away > (radii[kept] + radii[i]) * 1.15 + gap).all() and area < open_share:
            kept.append(int(i))
            area += np.pi * float(radii[i]) ** 2
    wander = rng.normal(0, 0.13, (500, 8))
    return [outline], [hole(form, places[i], float(radii[i]), 0.0, wander[i]) for i in kept]


def cells(rng: Generator, pitch: float, open_share: float) -> Cutout:
    """Make cells of a foam, a net of veins, a broken pane: Voronoi's cells, drawn in and rounded."""
    places = grid(pitch * 1.6, is_staggered=True) + rng.normal(0, pitch * rng.uniform(0.1, 0.5), (1, 2))
    places = places + rng.normal(0, pitch * rng.uniform(0.1, 0.5), places.shape)
    voronoi = Voronoi(settle(places * 64).astype(np.float64) / 64)
    outline = _blob(rng, rng.uniform(0.35, 0.55), 0.08) if rng.random() < 0.5 else _WHOLE
    shrink = np.sqrt(np.clip(open_share, 0.2, 0.9)) * 0.98
    holes = []
    for number in voronoi.point_region:
        region = voronoi.regions[number]
        if not region or -1 in region or len(region) < 4:
            continue
        corners = voronoi.vertices[region]
        middle = corners.mean(axis=0)
        if (np.abs(middle - 0.5) > 0.75).any() or rng.random() < 0.03:
            continue
        holes.append(_rounded(middle + (corners - middle) * shrink, 2))
    return [outline], holes


def ornament(rng: Generator, pitch: float, open_share: float) -> Cutout:
    """Make a rosette or a screen: holes in rings about a middle, or one pattern again and again."""
    fold = int(rng.choice([4, 5, 6, 8, 10, 12, 16]))
    if rng.random() < 0.4:  # a screen of stars and crosses
        size = float(np.clip(pitch * 2, 0.05, 0.16))
        holes = []
        depth, spin = rng.uniform(0.6, 0.95), rng.random() * np.pi
        angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
        fold = min(fold, 8)
        star = size * 0.46 * (depth + (1 - depth) * np.cos(fold * angle + spin)) * np.sqrt(open_share)
        for place in grid(size, is_staggered=bool(rng.random() < 0.5)):
            holes.append(polygon(place, np.abs(star)))
            if rng.random() < 1:
                holes.append(polygon(place + size / 2, np.full(16, size * 0.1 * open_share)))
        return [rounded_box((0.5, 0.5), (half := rng.uniform(0.35, 0.6, 2)), 0.02)], [
            each for each in holes if (np.abs(each - 0.5) < half - 0.02).all()
        ]
    outer = rng.uniform(0.32, 0.48)
    angle = np.linspace(0, 2 * np.pi, 480, endpoint=False)
    scallops = rng.uniform(0, 0.08) * np.abs(np.cos(fold * angle / 2 * rng.choice([1, 2])))
    outline = polygon((0.5, 0.5), outer * (1 - scallops))
    holes = [polygon((0.5, 0.5), np.full(40, outer * rng.uniform(0.05, 0.14)))]
    radius = outer * rng.uniform(0.18, 0.25)
    while radius < outer * 0.84:
        count = fold * (1 if radius < outer * 0.45 else 2)
        reach = min(np.pi * radius / count, (outer * 0.9 - radius) * 0.6, outer * 0.13)
        reach *= np.sqrt(open_share)
        form, petal = rng.integers(3), rng.uniform(0.25, 0.8)
        wave = np.linspace(0, 2 * np.pi, 36, endpoint=False)
        for turn in (np.arange(count) + (rng.random() < 0.5) / 2) / count * 2 * np.pi:
            along, aside = np.cos(wave), np.sin(wave) * petal
            if form == 1:  # a drop
                aside = aside * (0.5 + 0.5 * along)
            elif form == 2:  # a heart
                along = along - 0.35 * np.abs(np.sin(wave))
            flat = np.stack([along, aside], axis=1) * reach
            c, s = np.cos(turn), np.sin(turn)
            middle = 0.5 + (radius + reach * 0.4) * np.array([c, s])
            holes.append(flat @ np.array([[c, s], [-s, c]]) + middle)
        radius += reach * 2.2 + 0.012
    return [outline], holes


def leaf(rng: Generator, pitch: float, open_share: float) -> Cutout:
    """Make a leaf with holes that were eaten, or that grew between its ribs."""
    wide, lobes = rng.uniform(0.15, 0.42), int(rng.choice([0, 0, 0, 5, 7]))
    t = np.linspace(0, np.pi, 160)
    along = 0.5 - 0.47 * np.cos(t)
    profile = wide * np.sin(t) ** rng.uniform(0.7, 1.2) * (1.25 - 0.5 * along * 1.6 * rng.uniform(0.4, 1))
    teeth = 0.05 * np.abs(np.sin(t * int(rng.integers(12, 40)))) * (rng.random() < 0.6)
    cuts = (1 - rng.uniform(0.1, 0.4) * np.cos(lobes * t) ** 2) if lobes else 1.0
    profile = np.maximum(profile, 0.0) * cuts * (1 - teeth)
    outline = np.concatenate(
        [
            np.stack([along, 0.5 - profile], 1),
            np.stack([along, 0.5 + profile * rng.uniform(0.85, 1.1)], 1)[::-1],
        ]
    )
    holes = []
    for _ in range(int(rng.integers(3, 40))):
        x = rng.uniform(0.12, 0.88)
        y = 0.5 + rng.uniform(-1, 1) * float(np.interp(x, along, profile)) * 0.8
        if abs(y - 0.5) > 0.02:
            radius = pitch * np.exp(rng.normal(-0.9, 0.6)) * np.sqrt(open_share) * 1.6
            radius = min(radius, 0.9 * (abs(y - 0.5) - 0.008))
            holes.append(hole("irregular", np.array([x, y]), radius, 0.0, rng.normal(0, 0.16, 8)))
    stalk = np.array([[-0.22, 0.49 + rng.normal(0, 0.04)], [0.06, 0.493], [0.06, 0.507], [-0.22, 0.505]])
    return [outline, stalk], holes


def grating(rng: Generator, pitch: float, open_share: float) -> Cutout:
    """Make bars: gratings, blinds, combs, slotted spoons' heads."""
    half = rng.uniform(0.28, 0.55, 2)
    bar = pitch * (1 - 0.92 * open_share)
    lengths = int(rng.integers(1, 6))
    places = np.arange(0.5 - half[0] + bar, 0.5 + half[0] - bar, pitch * 1.2)
    steps = np.linspace(0.5 - half[1] + bar, 0.5 + half[1] - bar, lengths + 1)
    holes = []
    for x in places:
        for low, high in itertools.pairwise(steps):
            size = (pitch * 1.2 - bar) / 2, max((high - low - bar) / 2, 0.004)
            if size[0] > 0:
                holes.append(
                    rounded_box((x + size[0], (low + high) / 2), size, pitch * rng.choice([0.0, 0.6]))
                )
    return [rounded_box((0.5 + pitch / 2, 0.5), half + pitch, pitch * 0.6)], holes


def _blob(rng: Generator, radius: float, wander: float) -> Doubles:
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    waves = sum(rng.normal(0, wander / k**0.8) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in range(1, 9))
    return polygon((0.5, 0.5), radius * np.clip(1 + waves, 0.4, 1.6))


def _rounded(corners: Doubles, times: int) -> Doubles:
    """Cut the corners of an outline, as Chaikin did: (2 ** times × K, 2)."""
    for _ in range(times):
        following = np.roll(corners, -1, axis=0)
        corners = np.stack([0.75 * corners + 0.25 * following, 0.25 * corners + 0.75 * following], axis=1)
        corners = corners.reshape(-1, 2)
    return corners


def leaf_veins(rng: Generator) -> list[Doubles]:
    """Return the veins of a leaf, each (K, 2); the first is its rib. They may reach beyond the leaf."""
    rib = np.stack([np.linspace(0.03, 0.97, 40), np.full(40, 0.5)], axis=1)
    steep, count = rng.uniform(0.6, 1.2), int(rng.integers(7, 16))
    t = np.linspace(0, 1, 14)
    veins = [rib]
    for start in np.linspace(0.08, 0.85, count):
        for way in (-1, 1):
            x = start + 0.02 * way + 0.4 * np.cos(steep) * (t + 0.25 * t**2)
            veins.append(np.stack([x, 0.5 + way * 0.4 * np.sin(steep) * (t - 0.15 * t**2)], axis=1))
    return veins


CUTOUTS: dict[str, Callable[[Generator, float, float], Cutout]] = {
    "sheet": sheet,
    "pierced": pierced,
    "cells": cells,
    "ornament": ornament,
    "leaf": leaf,
    "grating": grating,
}
