"""Wires: cables, antennas, fences, scaffolds, wheels, baskets, springs and tangles."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepmatte.training.corpus.render.light import some_light
from deepmatte.training.corpus.render.materials import Material, some_material
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
from deepmatte.training.corpus.render.ribbons import Canvas
from deepmatte.training.corpus.render.shapes.scaffolds import STRUCTURES
from deepmatte.training.corpus.render.tubes import Camera, Tubes, draw_tubes, shade, some_camera, tubes_of

Doubles = NDArray[np.float64]

WIRES: Parameters = {
    "structure": Choice(tuple(STRUCTURES), "what is made of wire", (2, 1.5, 2.5, 2, 2.5, 3, 1.5, 1.2)),
    "width_px": Span(0.5, 5.0, "width of a common wire, in pixels of a picture of 512", "logarithmic"),
    "zoom": Span(0.7, 1.8, "size, 1 fills the picture", "logarithmic"),
    "bends": Span(0.0, 0.012, "how crooked wires are, in shares of the picture"),
    "material": Choice(("metal", "paint", "plastic", "rust"), "what most of it is made of", (5, 3, 1.5, 1)),
    "dirt": Span(0.0, 0.5, "how differently bright it is along a wire"),
}
_WIDEST_PX = 12.0
# How crooked each structure can be, beside the most.
_CROOKED = {"fence": 0.5, "cables": 0.3, "antenna": 0.1, "scaffold": 0.05, "wheels": 0.04, "basket": 0.2}
_ANGLES = {"fence": (0.3, 0.4), "basket": (0.35, 0.0), "wheels": (0.15, 0.6), "cables": (0.1, 0.3)}


def wires(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw something made of wire."""
    values = pick(rng, WIRES)
    light = some_light(rng)
    pitch, yaw = _ANGLES.get(values["structure"], (0.3, 0.6))
    camera = some_camera(rng, 0.72 * values["zoom"], pitch, yaw)
    parts = STRUCTURES[values["structure"]](rng)
    common = some_material(rng, values["material"], light, assets)
    other = some_material(rng, str(rng.choice(["metal", "paint", "plastic", "rust"])), light, assets)
    third = some_material(rng, "paint", light, assets)
    canvas = Canvas(size)
    # All are drawn at once, so that they pass over and under each other; the first material's gloss serves.
    tubes = _tubes(rng, parts, camera, values, (common, other, third))
    draw_tubes(canvas, tubes, common.finish, _shade(rng, tubes, values["dirt"]))
    return from_premultiplied(*canvas.reduce(), values)


def _tubes(
    rng: Generator,
    parts: list[tuple[Doubles, float, int]],
    camera: Camera,
    values: dict[str, Any],
    materials: tuple[Material, ...],
) -> Tubes:
    lines, widths, colours = [], [], []
    for line, thickness, number in parts:
        along = np.linspace(0, rng.uniform(0.3, 1.5), len(line))
        spots = rng.random(2) + along[:, None] * np.array([0.83, 0.56])
        lines.append(camera.see(line))
        width_px = min(values["width_px"] * thickness * rng.uniform(0.92, 1.08), _WIDEST_PX)
        widths.append(max(width_px, 0.4) / 512)
        colours.append(materials[number].read(spots))
    tubes = tubes_of(lines, widths, colours)
    crook = np.stack([smooth_noise(rng, 12, 128) for _ in range(2)], axis=2)
    cell = np.clip((tubes.places[:, :2] * 128).astype(np.intp), 0, 127)
    places = tubes.places.copy()
    places[:, :2] += values["bends"] * _CROOKED.get(values["structure"], 1.0) * crook[cell[:, 1], cell[:, 0]]
    # What is nearer is wider.
    near = np.clip(1 / np.maximum(1 - camera.nearness * places[:, 2], 0.3), 0.6, 1.6)
    return Tubes(places, np.minimum(tubes.widths * near, _WIDEST_PX / 512), tubes.colours, tubes.line)


def _shade(rng: Generator, tubes: Tubes, dirt: float) -> Doubles:
    """Return how bright each node is: no two wires alike; what lies deeper, and what is dirty, is darker."""
    spots = smooth_noise(rng, 40, 256)
    own = rng.uniform(0.85, 1.1, int(tubes.line.max()) + 1)[tubes.line]
    return shade(tubes.places, spots, rng.uniform(0.1, 0.45), dirt, own)


SHAPE_WIRES = (Kind("wires", "shapes", wires, "cables, fences, wheels, baskets and other wire", WIRES),)
