"""Solid objects with sharp, rounded and soft edges, in photographs' textures, and cut-outs of photographs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.grids import enlarge
from deepmatte.pixels import Floats
from deepmatte.training.corpus.render import optics
from deepmatte.training.corpus.render.bodies import grid_places, unit
from deepmatte.training.corpus.render.coverage import Mask
from deepmatte.training.corpus.render.light import Light, some_light
from deepmatte.training.corpus.render.materials import MATERIAL, MATERIALS, Material, some_material
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
from deepmatte.training.corpus.render.shapes.hulls import View, outlines, view
from deepmatte.training.corpus.render.shapes.objects import OBJECTS
from deepmatte.training.corpus.render.tubes import some_camera

Doubles = NDArray[np.float64]

SOLIDS: Parameters = {
    "object": Choice(tuple(OBJECTS), "what it is, where no mask is taken", (2.5, 2, 2, 1.5, 1.5, 2, 1.5, 1)),
    "zoom": Span(0.85, 1.8, "size, 1 fills the picture", "logarithmic"),
    "edge": Choice(
        ("sharp", "rounded", "soft"), "its edge: a pixel wide, two or three, or blurred", (6, 2, 2)
    ),
    "edge_px": Span(0.7, 7, "radius of a soft edge, in pixels of a picture of 512", "logarithmic"),
    "bumps": Span(0.0, 0.25, "how uneven it is; half are smooth"),
    "scale": Span(0.5, 3.0, "how large textures are", "logarithmic"),
    "material": MATERIAL,
}
_SHARE_OF_MASKS = 0.5


def solids(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw a solid object, or a mask or cut-out as one."""
    values = pick(rng, SOLIDS)
    light = some_light(rng)
    mask = assets.mask(rng) if rng.random() < _SHARE_OF_MASKS else None
    if mask is not None:
        values["object"] = "mask"
        colours, alpha = _cutout(rng, size, mask, assets, values, light)
    else:
        colours, alpha = _object(rng, size, assets, values, light)
    layer = np.concatenate([colours * alpha[..., None], alpha[..., None]], axis=2).astype(np.float32)
    if values["edge"] == "soft":
        layer = optics.defocus(layer, values["edge_px"] * size / 512)
    elif values["edge"] == "rounded":
        layer = optics.defocus(layer, rng.uniform(0.4, 1.1) * size / 512)
    return from_premultiplied(layer[..., :3], layer[..., 3], values)


def _object(
    rng: Generator, size: int, assets: Assets, values: dict[str, Any], light: Light
) -> tuple[Floats, Floats]:
    parts = OBJECTS[values["object"]](rng)
    upright = values["object"] in ("vessel", "toy", "furniture", "cactus", "fruit")
    camera = some_camera(rng, 0.8 * values["zoom"], 0.3, 0.6, 0.12 if upright else 1.2)
    names = [values["material"], *(str(rng.choice(MATERIALS)) for _ in range(2))]
    materials = [some_material(rng, name, light, assets) for name in names]
    mask = Mask(size)
    mask.fill(outlines(parts, camera), is_union=True)
    coarse = (
        size // 2 if size >= 700 and size % 2 == 0 else size
    )  # surfaces are smooth, and no lens is that sharp
    seen = view(parts, camera, coarse)
    number = np.array([part.material for part in parts])[np.maximum(seen.which, 0)]
    bumps = values["bumps"] if rng.random() < 0.5 else 0.0
    lit = _lit(rng, seen, number, materials, values["scale"], bumps)
    lit *= _contact(seen, parts_depth=0.08)[..., None]
    planes = np.moveaxis(lit, -1, 0).astype(np.float32)
    if coarse != size:
        planes = enlarge(planes, 2, size, size)
    return np.ascontiguousarray(np.moveaxis(planes, 0, -1)), mask.coverage()


def _lit(
    rng: Generator,
    seen: View,
    number: NDArray[np.intp],
    materials: list[Material],
    scale: float,
    bumps: float,
) -> Doubles:
    """Return the lit colours of what is seen: (S, S, 3)."""
    size = len(number)
    normals = seen.normals
    if bumps:
        rough = smooth_noise(rng, rng.uniform(15, 60), 256, octaves=3)
        down, right = np.gradient(rough)
        slopes = np.dstack([right, down])
        turned = sample(slopes, (seen.spots * scale) % 1)
        normals = unit(normals + bumps * np.concatenate([turned, np.zeros((size, size, 1))], axis=2))
    lit = np.zeros((size, size, 3))
    for index, material in enumerate(materials):
        own = number == index
        if own.any():
            colours = material.read(seen.spots[own] * scale + rng.random(2))
            lit[own] = material.finish.lit(colours, normals[own])
    return lit


def _contact(seen: View, parts_depth: float) -> Doubles:
    """Return how open places are: (S, S) from 0.35 to 1, less where something nearer is close by."""
    size = len(seen.which)
    within = (seen.which >= 0).astype(np.float64)
    depth = np.where(within > 0, seen.depth, 0)
    total = np.zeros_like(depth)
    for reach in (0.008, 0.03):
        around = ndimage.gaussian_filter(depth, reach * size)
        around /= np.maximum(ndimage.gaussian_filter(within, reach * size), 1e-6)
        total += np.clip((around - depth) / parts_depth, 0, 1)
    return np.asarray(np.clip(1 - 0.5 * total, 0.35, 1))


def _cutout(
    rng: Generator,
    size: int,
    mask: tuple[Floats | None, Floats],
    assets: Assets,
    values: dict[str, Any],
    light: Light,
) -> tuple[Floats, Floats]:
    """Return a mask's own colours, or a cushion of its shape, and its alpha as finely as it has one."""
    turn, zoom = rng.normal(0, 0.2), values["zoom"] * rng.uniform(0.7, 1.0)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    own, alpha = mask
    longer = max(alpha.shape)
    # From a mask that is larger than the picture cells are averaged first, as a lens does.
    blur = max(longer / (size * zoom) - 1, 0) * 0.4
    alpha = ndimage.gaussian_filter(alpha.astype(np.float64), blur) if blur else alpha.astype(np.float64)
    offset = (longer - np.array(alpha.shape[::-1])) / 2
    places = ((grid_places(size) - 0.5) @ rotation / zoom + 0.5) * longer - offset
    if rng.random() < 0.5:
        places[..., 0] = alpha.shape[1] - places[..., 0]
    shares = places / np.array(alpha.shape[::-1])
    inside = ((shares > 0) & (shares < 1)).all(axis=2)
    covered = (np.clip(sample(alpha, shares), 0, 1) * inside).astype(np.float32)
    if own is not None and rng.random() < 0.7:
        return sample(own, shares).astype(np.float32), covered
    deep = ndimage.distance_transform_edt(covered > 0.5) / size
    height = ndimage.gaussian_filter(np.sqrt(np.clip(deep, 0, 0.1) * 0.1), 0.006 * size)
    down, right = np.gradient(height, 1 / size)
    material = some_material(rng, values["material"], light, assets)
    normals = unit(np.dstack([-right, -down, np.ones_like(right)]))
    colours = material.read(grid_places(size) * values["scale"] + rng.random(2))
    return material.finish.lit(colours, normals).astype(np.float32), covered


SHAPE_SOLIDS = (
    Kind("solids", "shapes", solids, "vessels, tools, fruit, stones, toys; cut-outs", SOLIDS, version=2),
)
