"""Plates: flat things with a front, an edge that is rounded off, and a side that shows how thick they are.

A plate is drawn by a function that covers its outline in a mask, shifted as asked. Its front is one such
mask; what its thickness adds is the union of shifted ones. Light falls on a height worked out from the
distance to the outline.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.pixels import AnyArray, Floats
from deepmatte.training.corpus.render.bodies import grid_places, unit
from deepmatte.training.corpus.render.coverage import Mask
from deepmatte.training.corpus.render.materials import Material
from deepmatte.training.corpus.render.noise import sample, smooth_noise
from deepmatte.training.corpus.render.rendering import Generator

Doubles = NDArray[np.float64]
Drawing = Callable[[Mask, tuple[float, float]], None]

# Steps that a side is drawn in, at most, and how far apart at least, in pixels.
_STEPS, _STEP_PX = 24, 0.9


@dataclass(frozen=True, eq=False)
class Plate:
    """How a plate is made.

    draw: covers its outline in a mask, shifted; depth: (x, y), from its front's outline to its back's, in
    shares of the picture; bevel: how wide its rounded edge is; steepness: how steep, 1 is a quarter circle;
    bumps: how uneven it is; scale: how large its texture is; lean: how far it is rolled, and the way that it
    is rolled along, in radians.
    """

    draw: Drawing
    depth: tuple[float, float]
    bevel: float
    steepness: float
    bumps: float
    scale: float
    lean: tuple[float, float] = (0.0, 0.0)


def render_plate(rng: Generator, size: int, plate: Plate, material: Material) -> tuple[Floats, Floats]:
    """Return a plate's colours times alpha (S, S, 3) and its alpha (S, S)."""
    front = _front(plate, size)
    body = _body(plate, size)
    np.maximum(body, front, out=body)
    turn = rng.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    own = material.read(grid_places(size) @ rotation * plate.scale + rng.random(2))
    inside = ndimage.distance_transform_edt(front > 0.5) / size
    normals = _normals(rng, inside, plate)
    lit = material.finish.lit(own, normals)
    if plate.depth != (0, 0):
        lit = lit * front[..., None] + _side(front, plate, material, own) * (body - front)[..., None]
        return lit.astype(np.float32), body
    return (lit * body[..., None]).astype(np.float32), body


def _front(plate: Plate, size: int) -> Floats:
    mask = Mask(size)
    plate.draw(mask, (0.0, 0.0))
    return mask.coverage()


def _body(plate: Plate, size: int) -> Floats:
    """Return the coverage of all that a plate's outline passes over from its front to its back."""
    length_px = np.hypot(*plate.depth) * size
    steps = int(np.clip(np.ceil(length_px / _STEP_PX), 0, _STEPS))
    mask = Mask(size)
    for share in np.linspace(0, 1, steps + 1)[1:]:
        plate.draw(mask, (plate.depth[0] * share, plate.depth[1] * share))
    return mask.coverage()


def _normals(rng: Generator, inside: Doubles, plate: Plate) -> Doubles:
    """Return a front's normals: (S, S, 3). inside: (S, S), how far from the outline."""
    size = len(inside)
    bevel = max(plate.bevel, 1.2 / size)
    share = np.clip(inside / bevel, 0, 1)
    height = np.sqrt(1 - (1 - share) ** 2) * bevel * plate.steepness
    height = ndimage.gaussian_filter(height, max(0.8, 0.12 * bevel * size))
    if plate.bumps:
        height = height + plate.bumps * 0.01 * smooth_noise(rng, rng.uniform(4, 30), size, octaves=3)
    down, right = np.gradient(height, 1 / size)
    way = np.array([np.cos(plate.lean[1]), np.sin(plate.lean[1])])
    rolled = np.sin(plate.lean[0] * ((grid_places(size) - 0.5) @ way))[..., None] * way
    return unit(np.dstack([rolled[..., 0] - right, rolled[..., 1] - down, np.ones_like(height)]))


def _side(front: Floats, plate: Plate, material: Material, own: Doubles) -> Doubles:
    """Return the colours (S, S, 3) of a plate's side, as far as it is seen beside its front."""
    size = len(front)
    away = ndimage.distance_transform_edt(front < 0.5)
    down, right = np.gradient(ndimage.gaussian_filter(away, 1.0))
    depth = np.array(plate.depth)
    # The side that is seen faces the way its back is shifted.
    outwards = np.stack([right, down, np.full_like(away, 0.12)], axis=2)
    share = np.clip(away / max(np.hypot(*depth) * size, 1), 0, 1)[..., None]
    return np.asarray(material.finish.lit(own, unit(outwards)) * (0.72 - 0.35 * share))


def bent(
    points: AnyArray, bend: tuple[float, float], tilt: tuple[float, float], waves: AnyArray | None = None
) -> Doubles:
    """Return where places (K, 2) of a flat sheet are seen once it is bent and tilted.

    bend: how far it is rolled about the upright and the level axis, in radians over the picture; tilt: how
    much the distance grows along x and y; waves: (H, W, 2), how far places are off besides.
    """
    x, y = points[..., 0] - 0.5, points[..., 1] - 0.5
    moved = [
        np.sin(axis * angle) / angle if abs(angle) > 1e-3 else axis
        for axis, angle in zip((x, y), bend, strict=True)
    ]
    depth = sum(
        (1 - np.cos(axis * angle)) / angle if abs(angle) > 1e-3 else 0 * axis
        for axis, angle in zip((x, y), bend, strict=True)
    )
    away = 1 + tilt[0] * moved[0] + tilt[1] * moved[1] + 0.6 * depth
    seen = np.stack(moved, axis=-1) / np.maximum(away, 0.3)[..., None] + 0.5
    return np.asarray(seen if waves is None else seen + sample(waves, points))
