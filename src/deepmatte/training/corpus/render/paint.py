"""The bodies themselves, where no strand covers them: skin, cloth, eyes, noses, under-fur."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.grids import enlarge
from deepmatte.pixels import Floats
from deepmatte.training.corpus.render.bodies import GRID, MARGIN, Surface, grid_places, unit
from deepmatte.training.corpus.render.figures import Figure, Mark
from deepmatte.training.corpus.render.light import SKIN, Light
from deepmatte.training.corpus.render.noise import sample, smooth_noise
from deepmatte.training.corpus.render.rendering import Assets, Generator

Doubles = NDArray[np.float64]


def outline(surface: Surface, size: int) -> Floats:
    """Return the alpha (size, size) of a bare body."""
    distance = surface.over_picture(surface.distance, size)
    return np.clip(0.5 - distance * size / 1.2, 0, 1).astype(np.float32)


def soft_outline(surface: Surface, size: int, reach: Doubles) -> Floats:
    """Return the alpha (size, size) of a body that fades within its outline, so that none is seen.

    reach: over the body's grid, how long the hair is that covers the rim.
    """
    distance = surface.over_picture(surface.distance, size)
    fading = np.maximum(surface.over_picture(reach, size) * 0.5, 1.2 / size)
    share = np.clip(-distance / fading, 0, 1)
    return (share * share * (3 - 2 * share)).astype(np.float32)


def paint_person(
    rng: Generator, figure: Figure, surface: Surface, light: Light, size: int, assets: Assets, under: Doubles
) -> Floats:
    """Return the colours (size, size, 3) of a person; under: (3,), of the scalp under the hair."""
    whole, size = size, _coarse(size)
    skin = np.array(SKIN[int(rng.integers(len(SKIN)))]) / 255 * rng.uniform(0.93, 1.05)
    normals = surface.over_picture(surface.normal, size)
    colours = np.broadcast_to(skin, (size, size, 3)) * (
        1 + 0.025 * smooth_noise(rng, 30, size, octaves=2)[..., None]
    )
    is_cloth = _share_of(surface, ("cloth",), size)
    folds = np.stack(
        [smooth_noise(rng, 7, size, octaves=2) for _ in range(2)] + [np.zeros((size, size))], axis=2
    )
    normals = unit(normals + 0.12 * is_cloth[..., None] * folds)
    colours = colours + is_cloth[..., None] * (_cloth(rng, size, assets) - colours)
    lit = light.on_surface(colours, normals, 0.12 * float(rng.random()))
    lit *= surface.over_picture(surface.openness, size)[..., None]
    for mark in figure.marks:
        _add_mark(lit, mark, figure, skin, under)
    covered = scalp(figure, surface, size)[..., None]
    under = under * np.clip(1 + 0.22 * smooth_noise(rng, min(size / 4, 150), size)[..., None], 0.3, 2)
    lit += covered * (under * (0.5 + 0.5 * normals[..., 2:]) - lit)
    return _enlarged(lit, whole)


def paint_fur(
    rng: Generator, figure: Figure | None, surface: Surface, light: Light, size: int, field: Floats
) -> Floats:
    """Return the colours (size, size, 3) of what is seen between the hairs of a fur.

    field: (H, W, 3), the fur's colours over the body's grid.
    """
    whole, size = size, _coarse(size)
    normals = surface.over_picture(surface.normal, size)
    colours = surface.over_picture(field, size) * (
        0.62 + 0.08 * smooth_noise(rng, 40, size, octaves=3)[..., None]
    )
    lit = light.on_surface(np.clip(colours, 0, 1), normals)
    lit *= surface.over_picture(surface.openness, size)[..., None]
    if figure is not None:
        for mark in figure.marks:
            _add_mark(lit, mark, figure, np.array([0.3, 0.2, 0.18]), np.array([0.05, 0.04, 0.04]))
    return _enlarged(lit, whole)


def _coarse(size: int) -> int:
    """Return the side that bodies are painted at: they are smooth, and the lens is not that sharp."""
    return size // 2 if size >= 500 and size % 2 == 0 else size


def _enlarged(colours: Doubles, size: int) -> Floats:
    planes = np.moveaxis(colours, -1, 0).astype(np.float32)
    return np.moveaxis(planes if planes.shape[1] == size else enlarge(planes, 2, size, size), 0, -1)


def hairline(directions: Doubles) -> Doubles:
    """Return how far below the hairline a place on the skull is, below 0 where hair grows.

    directions: (..., 3), from the middle of the skull, of length 1, in the figure's own measure.
    """
    front = np.clip((directions[..., 2] + 0.15) / 0.75, 0, 1)
    front = front * front * (3 - 2 * front)
    limit = 0.5 - 1.08 * front - 0.1 * np.abs(directions[..., 0]) * front
    return np.asarray(directions[..., 1] - limit)


def scalp(figure: Figure, surface: Surface, size: int) -> Doubles:
    """Return the share (size, size) of each pixel in which hair grows on a person's head."""
    places = grid_places(size)
    height = surface.over_picture(surface.height, size)
    own = (
        (np.concatenate([places, height[..., None]], axis=2) - figure.centre) @ figure.turn / figure.scale**2
    )
    away = own - np.array(figure.head)
    below = hairline(unit(away))
    near = np.sqrt((away**2).sum(axis=2)) < figure.head_radius * 1.35
    is_head = _share_of(surface, ("head",), size)
    return np.asarray(np.clip(0.5 - below * 12, 0, 1) * near * is_head)


def _share_of(surface: Surface, parts: tuple[str, ...], size: int) -> Doubles:
    """Return the share (size, size) of each pixel that shows one of the parts."""
    wanted = [surface.parts.index(part) for part in parts if part in surface.parts]
    smooth = ndimage.gaussian_filter(np.isin(surface.part, wanted).astype(np.float64), 1.0)
    return np.asarray(np.clip((surface.over_picture(smooth, size) - 0.5) * 6 + 0.5, 0, 1))


def _cloth(rng: Generator, size: int, assets: Assets) -> Doubles:
    photograph = assets.photograph(rng)
    kind = rng.random()
    first, second = rng.uniform(0.03, 0.95, (2, 3))
    grey = first.mean()
    first, second = (grey + (each - grey) * rng.uniform(0.1, 0.8) for each in (first, second))
    if photograph is not None and kind < 0.4:
        unfolded = (grid_places(size) * rng.uniform(0.3, 2.0) + rng.random(2)) % 2
        return sample(photograph, 1 - np.abs(1 - unfolded))  # mirrored where it ends
    if kind > 0.75:  # stripes
        places, angle, period = grid_places(size), rng.uniform(0, np.pi), rng.uniform(0.015, 0.12)
        phase = (places @ np.array([np.cos(angle), np.sin(angle)]) / period) % 1
        share = np.clip(np.abs(phase - 0.5) * 12 - 3, 0, 1)[..., None]
        return np.asarray(first + share * (second - first))
    weave = 1 + 0.05 * smooth_noise(rng, min(size / 3, 180), size)
    return np.asarray(np.clip(first * weave[..., None], 0, 1))


def _add_mark(picture: Doubles, mark: Mark, figure: Figure, skin: Doubles, dark: Doubles) -> None:
    """Paint a small thing into a picture (S, S, 3), in place."""
    size = picture.shape[0]
    reach = max(mark.radii) * 2.0
    low = [max(0, int((mark.place[axis] - reach) * size)) for axis in (0, 1)]
    high = [min(size, int((mark.place[axis] + reach) * size) + 2) for axis in (0, 1)]
    if low[0] >= high[0] or low[1] >= high[1]:
        return
    window = picture[low[1] : high[1], low[0] : high[0]]
    offset = (
        np.stack(np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1])), axis=2) + 0.5
    ) / size
    offset = offset - np.array(mark.place[:2])
    side = figure.turn[:2, 1] / figure.scale  # where "down" has turned to
    down = offset @ side
    right = offset @ np.array([side[1], -side[0]])
    # The narrowing of what is seen from aside.
    width = mark.radii[0] * max(0.35, abs(float(figure.turn[2, 2])) / figure.scale)

    def blob(x: float, y: float, wide: float, high: float, soft: float) -> Doubles:
        reached = np.sqrt(((right - x) / wide) ** 2 + ((down - y) / high) ** 2)
        return np.asarray(np.clip((1 - reached) / soft + 0.5, 0, 1))[..., None]

    def lay(share: Doubles, colour: Doubles | float) -> None:
        window[:] = window + share * (colour - window)

    height = mark.radii[1]
    round_eye = mark.radii[0] < height * 1.3
    if mark.what == "eye" and round_eye:  # of an animal
        lay(blob(0, 0, width * 1.15, height * 1.15, 0.35), dark)
        lay(blob(0, 0, width, height, 0.3), np.array([0.28, 0.17, 0.07]))
        lay(blob(0, 0, width * 0.62, height * 0.7, 0.4), 0.02)
        lay(blob(-0.3 * width, -0.35 * height, width * 0.24, height * 0.24, 0.6), 0.95)
    elif mark.what == "eye":
        lay(blob(0, 0, width * 1.3, height * 1.7, 1.2) * 0.35, skin * 0.55)
        lay(blob(0, 0, width, height, 0.6), 0.45 + 0.4 * skin)
        lay(blob(0, 0, height * 0.95, height * 0.95, 0.4) * blob(0, 0, width, height, 0.4), skin * 0.35)
        lay(blob(0, 0, height * 0.45, height * 0.45, 0.5), 0.03)
        lay(blob(0, -height, width * 1.05, height * 0.35, 0.8), dark * 0.5)
        lay(blob(-0.25 * height, -0.3 * height, height * 0.2, height * 0.2, 0.8), 0.9)
    elif mark.what == "mouth":
        lay(blob(0, 0, width, height, 0.9) * 0.85, skin * np.array([0.88, 0.62, 0.6]))
        lay(blob(0, 0, width * 0.95, height * 0.14, 0.9) * 0.7, skin * 0.3)
    elif mark.what == "muzzle":
        lay(blob(0, 0, width, height, 0.3), dark)
        lay(blob(-0.25 * width, -0.45 * height, width * 0.4, height * 0.25, 1.5) * 0.45, 0.7)
    else:
        lay(blob(0, 0, width, height, 1.2) * 0.75, dark)


def strewn_field(rng: Generator, surface: Surface, first: Doubles, second: Doubles, mottle: float) -> Floats:
    """Return a field of two colours (3,) over a body's grid that melt into each other in patches.

    mottle: how sharp the patches' borders are; 0 only shades.
    """
    size = surface.distance.shape[0]
    noise = smooth_noise(rng, rng.uniform(1.5, 9), size, octaves=2)
    share = np.clip(0.5 + noise * (0.35 + 4 * mottle), 0, 1)[..., None]
    return (first + share * (second - first)).astype(np.float32)


def photograph_field(rng: Generator, photograph: Floats, softness: float) -> Floats:
    """Return a random square of a photograph (H, W, 3), softened: colours over a body's grid."""
    height, width = photograph.shape[:2]
    side = max(8, int(min(height, width) * rng.uniform(0.4, 1.0)))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    square = photograph[top : top + side, left : left + side]
    places = grid_places(GRID, MARGIN) / (1 + 2 * MARGIN) + MARGIN / (1 + 2 * MARGIN)
    field = sample(square, places)
    return ndimage.gaussian_filter(field, (softness, softness, 0)).astype(np.float32)
