"""Labels and caps of bottles: what is opaque on glass."""

import numpy as np
from numpy.typing import NDArray

from deepmatte.pixels import AnyArray
from deepmatte.training.corpus.render.glass.vessels import Vessel, View, Wall
from deepmatte.training.corpus.render.light import tones_of, vivid
from deepmatte.training.corpus.render.noise import sample, smooth_noise
from deepmatte.training.corpus.render.rendering import Generator
from deepmatte.training.corpus.render.surroundings import Surroundings, fresnel

Doubles = NDArray[np.float64]

_SIDE = 192


def label(
    rng: Generator,
    kind: str,
    vessel: Vessel,
    view: View,
    wall: Wall,
    around: Surroundings,
    photograph: AnyArray | None,
) -> tuple[Doubles, Doubles]:
    """Return a label on a wall as a layer: premultiplied colours (S, W, 3) and alpha (S, W)."""
    size = view.size
    low = rng.uniform(0.08, 0.3)
    high = low + rng.uniform(0.14, 0.34)
    reach, turned = rng.uniform(0.9, 1.7), rng.uniform(-0.5, 0.5)
    around_it = (np.arcsin(np.clip(wall.across, -1, 1)) - turned) / reach
    up = (wall.heights / vessel.height - low) / (high - low)
    aside_px = (1 - np.abs(around_it)) * reach * vessel.radius(wall.heights) * size
    aside_px = aside_px * np.sqrt(np.clip(1 - wall.across**2, 0.02, 1))
    along_px = np.minimum(up, 1 - up) * (high - low) * vessel.height * size
    covered = np.clip(aside_px + 0.5, 0, 1) * np.clip(along_px + 0.5, 0, 1) * wall.covered
    places = np.stack([around_it / 2 + 0.5, 1 - up], axis=2)
    own = sample(_print(rng, kind, photograph), places)
    lamp = np.clip(0.75 * wall.normals[..., 2] - rng.uniform(-0.4, 0.4) * wall.normals[..., 0], 0, 1)
    lit = own * (0.35 + 0.65 * lamp[..., None]) * (0.55 + 0.45 * around.ambient / around.ambient.max())
    gloss = {"paper": 0.1, "photograph": 0.4, "foil": 6.0}[kind]
    mirrored = around.mirrored(wall.normals[..., 0], wall.normals[..., 1])
    lit = lit + gloss * fresnel(wall.normals[..., 2])[..., None] * mirrored * own
    return np.clip(lit, 0, 1) * covered[..., None], covered


def _print(rng: Generator, kind: str, photograph: AnyArray | None) -> Doubles:
    """Return what is printed on a label: (N, N, 3)."""
    paper = vivid(rng)[1] if rng.random() < 0.4 else np.array([0.93, 0.91, 0.86]) * rng.uniform(0.75, 1.05)
    ink = vivid(rng)[0] if rng.random() < 0.5 else np.full(3, rng.uniform(0.02, 0.2))
    if kind == "photograph" and photograph is not None:
        paper, ink = tones_of(rng, photograph)[::-1]
        height, width = photograph.shape[:2]
        side = max(4, min(height, width) // 2)
        top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        steps = np.linspace(0, side - 1, _SIDE).astype(np.intp)
        return photograph[top : top + side, left : left + side][steps][:, steps].astype(np.float64)
    picture = np.broadcast_to(paper, (_SIDE, _SIDE, 3)).copy()
    # Lines of what looks like writing: dashes whose lengths differ.
    row = int(rng.integers(12, 30))
    while row < _SIDE - 14:
        tall = int(rng.choice([3, 4, 6, 10, 20], p=[0.35, 0.3, 0.2, 0.1, 0.05]))
        inset = int(rng.integers(14, 70))
        letters = smooth_noise(rng, 2.2 * _SIDE / tall, _SIDE, 1)[:2]
        shown = (letters[0] > -0.5) & (np.abs(np.arange(_SIDE) - _SIDE / 2) < _SIDE / 2 - inset)
        picture[row : row + tall, shown] = ink
        row += tall + int(rng.integers(4, 26))
    if rng.random() < 0.5:
        edge = int(rng.integers(3, 9))
        picture[edge : edge + 3] = picture[-edge - 3 : -edge] = ink
    return picture * (1 + 0.03 * smooth_noise(rng, 40, _SIDE, 2))[..., None]


def cap(
    rng: Generator, kind: str, vessel: Vessel, view: View, wall: Wall, around: Surroundings
) -> tuple[Doubles, Doubles]:
    """Return a cap, opaque, as a layer: premultiplied colours (S, W, 3) and alpha (S, W)."""
    low = vessel.height * rng.uniform(0.88, 0.95)
    top_radius = float(vessel.radii[-1])
    body = view.cover((low - wall.heights) * np.cos(view.angle)) * wall.covered
    lid = view.cover(view.ring(vessel.height, top_radius))
    covered = np.maximum(body, lid)
    if kind == "cork":
        own = np.array([0.72, 0.55, 0.36]) * (1 + 0.12 * view.noise(rng, 60, 2))[..., None]
    elif kind == "metal":
        own = np.array([0.75, 0.74, 0.7]) if rng.random() < 0.6 else vivid(rng)[1]
        own = np.broadcast_to(own, wall.normals.shape)
    else:
        own = vivid(rng)[1] if rng.random() < 0.6 else np.full(3, rng.choice([0.06, 0.9]))
        own = np.broadcast_to(own, wall.normals.shape)
    ridges = 1 + 0.18 * np.cos(np.arcsin(np.clip(wall.across, -1, 1)) * int(rng.integers(16, 40)))
    ridges = np.where(lid > 0.5, 1.0, ridges if kind != "cork" else 1.0)
    lamp = np.clip(0.8 * wall.normals[..., 2] - rng.uniform(-0.5, 0.5) * wall.normals[..., 0], 0, 1)
    lit = own * ((0.25 + 0.6 * lamp) * ridges)[..., None]
    lit = np.where(lid[..., None] > 0.5, own * rng.uniform(0.7, 1.0), lit)
    shine = {"cork": 0.0, "metal": 0.3, "plastic": 0.06}[kind]
    mirrored = around.mirrored(wall.normals[..., 0] * 0.95, wall.normals[..., 1])
    lit = lit * (1 - shine) + shine * mirrored * (own if kind == "metal" else 1.0)
    return np.clip(lit, 0, 1) * covered[..., None], covered
