"""Splashes: liquid thrown up in crowns, tongues and threads that break into drops.

The liquid is a heap of balls, dense enough to run together: their kernels add up to a field, and the liquid
is where the field is above a threshold (Blinn, A generalization of algebraic surface drawing, 1982). What
stands above the threshold is its thickness, whose slope tells how it mirrors and bends light.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.grids import reduce_by
from deepmatte.training.corpus.render.glass.glazing import Layers, tinted
from deepmatte.training.corpus.render.light import tones_of, vivid
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
    settle,
)
from deepmatte.training.corpus.render.surroundings import Surroundings, fresnel, some_surroundings

Doubles = NDArray[np.float64]

SPLASHES: Parameters = {
    "form": Choice(("crown", "fan", "burst", "pour"), "how liquid flies", (0.35, 0.25, 0.25, 0.15)),
    "threads": Span(7, 40, "threads", "whole"),
    "reach": Span(0.2, 0.6, "how far threads reach, in shares of the picture"),
    "width_px": Span(2.5, 12.0, "radius of a thread, in pixels of a picture of 512", "logarithmic"),
    "sheet": Span(0.0, 1.0, "how far threads are joined by a sheet, as a share of their length"),
    "drops": Span(15, 260, "drops that have come loose", "logarithmic"),
    "ripples": Span(0.1, 1.0, "how uneven the surface is"),
    "clear": Span(0.25, 1.0, "how much of what is behind is seen where the surface is flat"),
    "colour": Choice(
        ("water", "milk", "juice", "vivid", "photograph"), "of the liquid", (0.55, 0.1, 0.12, 0.13, 0.1)
    ),
}
# Kernels reach twice as far as a ball's own radius, where (1 − 1/4)² is left of them.
_KERNEL, _THRESHOLD = 2.0, 0.5625
_AT_ONCE = 1 << 20
_NODES = 46
_LEAST_PX = 400


def splashes(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw a splash."""
    values = pick(rng, SPLASHES)
    photograph = assets.photograph(rng)
    around = some_surroundings(rng, photograph)
    source = values["colour"]
    passing, opaque = np.array([0.9, 0.95, 0.96]), 0.0
    if source == "milk":
        passing, opaque = np.array([0.95, 0.94, 0.91]), 1.0
    elif source == "juice":
        passing, opaque = np.array([0.95, 0.55, 0.07]), 0.75
    elif source == "photograph" and photograph is not None:
        passing, opaque = tones_of(rng, photograph)[1], float(rng.choice([0.0, 0.5, 1.0]))
    elif source in ("vivid", "photograph"):
        passing, opaque = vivid(rng)[1], float(rng.choice([0.0, 0.5, 1.0]))
    places, radii = _balls(rng, values)
    # Threads thinner than a ball can be are drawn larger and reduced.
    factor = -(-_LEAST_PX // size)
    drawn_px = size * factor
    field = field_of(places * drawn_px, radii * drawn_px, drawn_px)
    layers = Layers(drawn_px, drawn_px)
    layers.lay(*_wet(rng, field, values, around, passing, opaque))
    colours = reduce_by(np.moveaxis(layers.colours, 2, 0), factor)
    return from_premultiplied(np.moveaxis(colours, 0, 2), reduce_by(layers.alpha, factor), values)


def field_of(places: Doubles, radii: Doubles, size: int) -> Doubles:
    """Return the sum (S, S) of balls' kernels (1 − d² / 4 r²)². places: (N, 2), radii: (N,), in pixels.

    It is above 9/16 within the radius of a single ball.
    """
    places, radii = settle(places).astype(np.float64), np.maximum(radii, 0.75)
    reach = np.ceil(_KERNEL * radii + 0.5).astype(np.intp)
    order = np.argsort(reach, kind="stable")
    total = np.zeros(size * size)
    start = 0
    while start < len(order):
        wide = 1.25 * reach[order[start]] + 1
        end = min(
            int(np.searchsorted(reach[order], wide, "right")), start + max(1, int(_AT_ONCE / (4 * wide**2)))
        )
        group = order[start : max(end, start + 1)]
        steps = np.arange(-int(reach[group].max()), int(reach[group].max()) + 1)
        cell = np.floor(places[group]).astype(np.intp)
        x, y = cell[:, :1] + steps, cell[:, 1:] + steps
        far = _KERNEL * radii[group, None]
        across, down = ((x + 0.5 - places[group, :1]) / far) ** 2, ((y + 0.5 - places[group, 1:]) / far) ** 2
        kernel = np.clip(1 - across[:, None, :] - down[:, :, None], 0, 1) ** 2
        inside = ((y >= 0) & (y < size))[:, :, None] & ((x >= 0) & (x < size))[:, None, :] & (kernel > 0)
        total += np.bincount((y[:, :, None] * size + x[:, None, :])[inside], kernel[inside], size * size)
        start += len(group)
    return total.reshape(size, size)


def _balls(rng: Generator, values: dict[str, Any]) -> tuple[Doubles, Doubles]:
    """Return places (N, 2) and radii (N,) of balls, in shares of the picture."""
    count, form = int(values["threads"]), values["form"]
    width = values["width_px"] / 512
    starts, ways, pull = _throws(rng, values, count)
    time = np.linspace(0, 1, _NODES)[None, :, None]
    bend = (
        rng.normal(0, 0.12, (count, 1, 2)) * values["reach"] * np.sin(time * rng.uniform(1, 4, (count, 1, 1)))
    )
    lines = starts[:, None] + ways[:, None] * time + np.array([0, pull]) * time**2 + bend * time
    along = time[0, :, 0]
    own = width * np.exp(rng.normal(0, 0.3, (count, 1)))
    # Threads neck where they are about to break (Rayleigh and Plateau), and end in a drop.
    waves = np.cos(2 * np.pi * along * rng.uniform(2, 6, (count, 1)) + rng.uniform(0, 6, (count, 1)))
    radii = own * (np.interp(along, [0, 0.3, 0.8, 1], [1.5, 0.7, 0.42, 0.4]) + 0.22 * along * waves)
    radii[:, -1] = own[:, 0] * rng.uniform(0.9, 1.9, count)
    fine = np.linspace(0, _NODES - 1, 5 * _NODES)
    low = np.minimum(fine.astype(np.intp), _NODES - 2)
    part = fine - low
    thread = lines[:, low] + part[None, :, None] * (lines[:, low + 1] - lines[:, low])
    thick = radii[:, low] + part * (radii[:, low + 1] - radii[:, low])
    places, sizes = [thread.reshape(-1, 2)], [0.55 * thick.reshape(-1)]
    if values["sheet"] > 0.1:
        webs = _webs(rng, lines, values["sheet"], form == "crown", 0.3 * width)
        places, sizes = places + webs[0], sizes + webs[1]
    loose = int(values["drops"])
    which = rng.integers(count, size=loose)
    beyond = rng.uniform(0.35, 1.5, (loose, 1))
    off = rng.normal(0, 0.09 * values["reach"], (loose, 2))
    flown = starts[which] + ways[which] * beyond + np.array([0, pull]) * beyond**2 + off
    places.append(flown)
    sizes.append(width * np.exp(rng.normal(-0.85, 0.55, loose)))
    return np.concatenate(places), np.concatenate(sizes)


def _webs(
    rng: Generator, lines: Doubles, sheet: float, is_ring: bool, least: float
) -> tuple[list[Doubles], list[Doubles]]:
    """Return places and radii of balls that join each thread (N, K, 2) to the next by a sheet."""
    count = len(lines)
    joined = _NODES * sheet * rng.uniform(0.5, 1.0, count)
    places, sizes = [], []
    for first in range(count if is_ring else count - 1):
        second = (first + 1) % count
        last = int(np.clip(min(joined[first], joined[second]), 3, _NODES - 8))
        share = np.linspace(0, 1, 15)[:, None, None]
        # The sheet's upper edge hangs between its threads.
        rows = np.arange(last)[None, :] * (1 - 0.5 * np.sin(np.pi * share[..., 0]))
        row = np.minimum(rows.astype(np.intp), _NODES - 2)
        rest = (rows - row)[..., None]
        sides = [lines[n][row] + rest * (lines[n][row + 1] - lines[n][row]) for n in (first, second)]
        web = sides[0] + share * (sides[1] - sides[0])
        step = np.sqrt((np.diff(web, axis=0) ** 2).sum(axis=2)).max()
        if step < 0.03:  # threads farther apart have torn it
            places.append(web.reshape(-1, 2))
            sizes.append(np.full(web.shape[0] * web.shape[1], max(0.62 * step, least)))
    return places, sizes


def _throws(rng: Generator, values: dict[str, Any], count: int) -> tuple[Doubles, Doubles, float]:
    """Return where threads start (N, 2), their ways (N, 2) and how far they fall, in shares."""
    form, reach = values["form"], values["reach"]
    lengths = reach * np.exp(rng.normal(0, 0.22, count))
    middle = np.array([rng.uniform(0.42, 0.58), rng.uniform(0.55, 0.8)])
    if form == "crown":
        turn = 2 * np.pi * (np.arange(count) + rng.uniform(-0.25, 0.25, count)) / count
        ring = np.stack([np.cos(turn), 0.32 * np.sin(turn)], axis=1)
        ways = ring * rng.uniform(0.3, 0.8) * lengths[:, None] - np.array([0, 1.25]) * lengths[:, None]
        return middle + rng.uniform(0.1, 0.24) * ring, ways, 0.35 * reach
    if form == "pour":
        across = np.sort(rng.normal(0, 0.05, count))
        starts = np.stack([middle[0] + across, np.full(count, -0.05)], axis=1)
        ways = np.stack([rng.normal(0, 0.12, count), 1.3 * lengths + 0.2], axis=1)
        return starts, ways, 0.3
    spread = rng.uniform(0.4, 1.1) if form == "fan" else np.pi
    turn = np.sort(rng.uniform(-spread, spread, count)) - np.pi / 2 + (form == "fan") * rng.normal(0, 0.5)
    if form == "burst":
        middle = rng.uniform(0.4, 0.6, 2)
    ways = np.stack([np.cos(turn), np.sin(turn)], axis=1) * lengths[:, None] * 1.1
    return middle + rng.normal(0, 0.015, (count, 2)), ways, rng.uniform(0.05, 0.4) * reach


def _wet(
    rng: Generator,
    field: Doubles,
    values: dict[str, Any],
    around: Surroundings,
    passing: Doubles,
    opaque: float,
) -> tuple[Doubles, Doubles]:
    """Return the liquid of a field (S, S) as a layer: premultiplied colours and alpha."""
    size = len(field)
    height = np.sqrt(np.clip(field / _THRESHOLD - 0.97, 0, None))
    height = np.log1p(2.2 * height)
    sigma = 1.1 * size / 512
    smooth = ndimage.gaussian_filter(height, max(sigma, 0.5))
    rough = values["ripples"] * 0.22 * smooth_noise(rng, rng.uniform(9, 26), size, 3)
    shaped = (smooth * (1 + rough)) * values["width_px"] * size / 512 * 1.1
    down, right = np.gradient(shaped)
    steep = np.sqrt(1 + right**2 + down**2)
    facing = 1 / steep
    x, y = -right / steep, -down / steep
    gone_up, gone_right = np.gradient(field)
    slope = np.sqrt(gone_up**2 + gone_right**2)
    covered = np.clip((field - _THRESHOLD) / np.maximum(slope, 1e-6) + 0.5, 0, 1)
    covered = np.where(field > 0.02, covered, 0)
    mirrored = 2.2 * fresnel(facing, 0.02)[..., None] * around.mirrored(x, y)
    # Steep water shows what is elsewhere: a lens, upside down.
    bent = 1 - values["clear"] * np.exp(-((np.sqrt(x**2 + y**2) / 0.55) ** 2))
    bent = np.clip(bent, 0.03, 0.93) * (1 - opaque) + opaque
    through = np.minimum(around.mirrored(-0.9 * x, -0.9 * y), 1.0)
    through = (0.7 * through + 0.3 * around.ambient) * passing
    lamp = np.clip(0.5 - 0.55 * y + 0.2 * x + 0.25 * facing, 0.1, 1.0)[..., None]
    body = passing * lamp * (0.5 + 0.5 * np.sqrt(around.ambient))
    colour = opaque * body + (1 - opaque) * through
    tint, least = tinted(
        np.broadcast_to(passing ** np.clip(smooth, 0, 3)[..., None], colour.shape), around.ambient
    )
    light = bent[..., None] * colour + (1 - bent[..., None]) * tint + mirrored
    alpha = bent + (1 - bent) * least
    return np.minimum(light, 1) * covered[..., None], alpha * covered


SPLASHED = (Kind("splashes", "vapour", splashes, "crowns, threads and drops of liquid", SPLASHES),)
