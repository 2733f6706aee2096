"""Drops by the thousand: discs and streaks with an edge as sharp as their focus, each shaded like water.

A drop that moves while the shutter is open is a streak: the points within its radius of a line. Across its
edge coverage falls evenly, and the radius is chosen so that the covered area is that of the drop however
small and however soft it is: a disc whose coverage falls from r − w/2 to r + w/2 covers π (r² + w²/12).
Drops are mixed without an order: transmittances are multiplied, colours weighed by what each drop hides.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepmatte.training.corpus.render.rendering import Generator, settle

Doubles = NDArray[np.float64]

# The narrowest soft edge, in pixels: sums over pixels are then those of the continuous disc.
_EDGE_PX = 1.5
# Pixels of all drops together that are worked on at once.
_AT_ONCE = 1 << 20
_MOST = 0.9999


@dataclass(frozen=True, eq=False)
class Drops:
    """N drops.

    places: (N, 2), x and y in pixels; radii, softness: (N,), of the disc and of its edge, in pixels; ways:
    (N, 2), how far each moves, in pixels; opacities: (N,); colours: (N, 3).
    """

    places: Doubles
    radii: Doubles
    softness: Doubles
    ways: Doubles
    opacities: Doubles
    colours: Doubles

    def part(self, which: NDArray[np.intp] | NDArray[np.bool_]) -> "Drops":
        """Return some of the drops."""
        return Drops(*(values[which] for values in vars(self).values()))


@dataclass(frozen=True, eq=False)
class Gleam:
    """How drops are shaded. rim, middle: their opacity at the edge and in the middle, as shares; towards:
    (2,), where light comes from, x and y; sparkle: how strong the highlight is; dark: brightness elsewhere.
    """

    rim: float
    middle: float
    towards: Doubles
    sparkle: float
    dark: float


def some_gleam(rng: Generator) -> Gleam:
    """Return a look that drops of water or of something else have."""
    turn = rng.normal(-np.pi / 2, 0.7)
    towards = np.array([np.cos(turn), np.sin(turn)])
    is_clear = rng.random() < 0.7
    middle = rng.uniform(0.25, 0.75) if is_clear else rng.uniform(0.85, 1.0)
    return Gleam(rng.uniform(0.7, 1.0), middle, towards, rng.uniform(0.4, 1.0), rng.uniform(0.5, 0.9))


def discs(radii: Doubles, softness: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Return radius, width of the edge and height of discs that cover π r²: three of (N,).

    radii, softness: (N,), in pixels. A disc too small for its edge becomes a cone, and is lowered.
    """
    edge = np.maximum(softness, _EDGE_PX)
    smallest = edge / np.sqrt(3)  # at r = w/2 a cone, of area π w²/3
    is_cone = radii <= smallest
    flat = np.sqrt(np.maximum(radii**2 - edge**2 / 12, 0))
    height = np.where(is_cone, np.minimum(radii / smallest, 1) ** 2, 1.0)
    return np.where(is_cone, edge / 2, flat), edge, height


def draw(drops: Drops, gleam: Gleam, size: int) -> tuple[Doubles, Doubles]:
    """Return drops as premultiplied colours (S, S, 3) and alpha (S, S)."""
    depth = np.zeros(size * size)
    colours = np.zeros((3, size * size))
    radius, edge, height = discs(drops.radii, drops.softness)
    length = np.sqrt((drops.ways**2).sum(axis=1))
    # What moves covers each place for a part of the time only.
    covered, swept = np.pi * drops.radii**2, np.pi * drops.radii**2 + 2 * drops.radii * length
    height = height * covered / np.maximum(swept, 1e-9)
    reach = np.ceil(radius + edge / 2 + length / 2 + 1).astype(np.intp)
    order = np.argsort(reach, kind="stable")
    start = 0
    while start < len(order):
        wide = 2 * int(reach[order[start]]) + 1
        end = start + max(1, _AT_ONCE // (2 * wide**2))
        end = min(end, int(np.searchsorted(reach[order], 1.3 * reach[order[start]] + 1, "right")))
        group = order[start : max(end, start + 1)]
        _lay(drops.part(group), (radius[group], edge[group], height[group]), gleam, size, depth, colours)
        start += len(group)
    alpha = -np.expm1(-depth)
    mean = colours / np.maximum(depth, 1e-12)
    return np.moveaxis((mean * alpha).reshape(3, size, size), 0, -1), alpha.reshape(size, size)


def _lay(
    drops: Drops,
    disc: tuple[Doubles, Doubles, Doubles],
    gleam: Gleam,
    size: int,
    depth: Doubles,
    colours: Doubles,
) -> None:
    """Add drops of about one size to optical depths (S²,) and colours times depth (3, S²), in place."""
    radius, edge, height = (values[:, None, None] for values in disc)
    length = np.sqrt((drops.ways**2).sum(axis=1))[:, None, None]
    reach = int(np.ceil((radius + edge / 2 + length / 2 + 1).max()))
    places = settle(drops.places).astype(np.float64)
    middle = np.floor(places).astype(np.intp)
    steps = np.arange(-reach, reach + 1)
    x = middle[:, :1, None] + steps[None, None, :]
    y = middle[:, 1:, None] + steps[None, :, None]
    right, down = x + 0.5 - places[:, :1, None], y + 0.5 - places[:, 1:, None]
    way = drops.ways[:, None, None] / np.maximum(length, 1e-9)[..., None]
    along = right * way[..., 0] + down * way[..., 1]
    beyond = along - np.clip(along, -length / 2, length / 2)
    aside = -right * way[..., 1] + down * way[..., 0]
    still = length < 1e-6
    away = np.where(still, right**2 + down**2, beyond**2 + aside**2)
    away = np.sqrt(away)
    covered = np.clip((radius + edge / 2 - away) / edge, 0, 1) * height
    hidden = covered * drops.opacities[:, None, None]
    shade, shine = np.ones(1), np.zeros(1)
    # Small or blurred drops have no inside to be seen.
    shown = np.clip((radius - 1.2 * edge) / (2 * edge), 0, 1)
    if shown.any():
        scale = np.maximum(radius, 0.5)
        share = np.clip(away / scale, 0, 1)
        lean = (right * gleam.towards[0] + down * gleam.towards[1]) / (scale + length / 2)
        body, shade, spot = _shaded(share, lean, gleam)
        shade, shine = 1 + shown * (shade - 1), shown * spot
        hidden = hidden * np.maximum(1 + shown * (body - 1), 0.98 * shine)
    lost = -np.log1p(-np.minimum(hidden, _MOST))
    inside = (hidden > 0) & (x >= 0) & (x < size) & (y >= 0) & (y < size)
    where = (y * size + x)[inside]
    lost_inside = lost[inside]
    depth += np.bincount(where, lost_inside, len(depth))
    shine = np.broadcast_to(shine, lost.shape)[inside]
    shade = np.broadcast_to(shade, lost.shape)[inside]
    owner = np.broadcast_to(np.arange(len(radius))[:, None, None], lost.shape)[inside]
    for channel in range(3):
        own = drops.colours[owner, channel] * shade
        seen = (own + shine * (1 - own)).clip(0, 1)
        colours[channel] += np.bincount(where, seen * lost_inside, len(depth))


def _shaded(share: Doubles, lean: Doubles, gleam: Gleam) -> tuple[Doubles, Doubles, Doubles]:
    """Return opacity, brightness and highlight inside a drop.

    share: how far from its middle, 1 at the edge; lean: how far towards the light.
    """
    body = gleam.middle + (gleam.rim - gleam.middle) * share**3
    spot = np.clip(1 - ((lean - 0.5) ** 2 + share**2 * 0.25 - 0.06) / 0.1, 0, 1) * gleam.sparkle
    back = np.clip(-lean - 0.25, 0, 1) * 0.8 * gleam.sparkle  # light gathers on the side away from the lamp
    shade = gleam.dark + (1 - gleam.dark) * (0.25 + back) - 0.12 * share**4
    return body, shade, spot
