"""What glass and water mirror: a room or a sky with windows and lamps, and how much of it is mirrored.

Surroundings are kept as a mirror ball shows them: one colour for each normal, which is all that a viewer far
away needs. Brightness is not limited to 1: a lamp is many times as bright as white paper, so that the few
percent that glass mirrors are seen.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.pixels import AnyArray
from deepmatte.training.corpus.render.noise import sample, smooth_noise
from deepmatte.training.corpus.render.rendering import Generator

Doubles = NDArray[np.float64]

# Cells along the side of a mirror ball's picture.
_BALL = 224


@dataclass(frozen=True, eq=False)
class Surroundings:
    """A mirror ball. ball: (N, N, 3), what is mirrored towards the viewer where the normal's x and y, from −1
    to 1, are those of the cell; soft: (N, N, 3), the same as rough or very curved glass shows it; ambient:
    (3,), their mean.
    """

    ball: Doubles
    soft: Doubles
    ambient: Doubles

    def mirrored(self, right: Doubles, down: Doubles) -> Doubles:
        """Return what is mirrored (..., 3) where normals point right and down by (...)."""
        return sample(self.ball, np.stack([right, down], axis=-1) / 2 + 0.5)

    def smeared(self, right: Doubles, down: Doubles) -> Doubles:
        """Return what thin rods and edges show (..., 3), whose normals turn within a pixel, up to 1."""
        return np.minimum(sample(self.soft, np.stack([right, down], axis=-1) / 2 + 0.5), 1)


def fresnel(facing: Doubles | float, mirrored: float = 0.04) -> Doubles:
    """Return the share of light that a surface mirrors (Schlick, An inexpensive BRDF model, 1994).

    facing: cosine of the angle to the normal; mirrored: the share straight on, ((n − 1) / (n + 1))² for an
    index of refraction n: 0.04 for glass, 0.02 for water.
    """
    return np.asarray(mirrored + (1 - mirrored) * (1 - np.clip(facing, 0, 1)) ** 5)


def through_wall(share: Doubles) -> Doubles:
    """Return what both sides of a thin wall mirror together, each of them `share`: 2 F / (1 + F)."""
    return np.asarray(2 * share / (1 + share))


def some_surroundings(rng: Generator, photograph: AnyArray | None) -> Surroundings:
    """Return random surroundings, seen in a photograph (H, W, 3) where there is one."""
    steps = (np.arange(_BALL) + 0.5) / _BALL * 2 - 1
    right, down = np.meshgrid(steps, steps)
    squared = np.clip(right**2 + down**2, 0, 0.9999)
    facing = np.sqrt(1 - squared)
    # The way that is mirrored to a viewer in front: 2 (n · v) n − v.
    way = np.stack([2 * facing * right, 2 * facing * down, 2 * facing**2 - 1], axis=2)
    around = np.arctan2(way[..., 0], way[..., 2])
    height = -np.arcsin(np.clip(way[..., 1], -1, 1))
    low, middle, high = np.sort(rng.uniform(0.03, 0.75, 3))
    tint = np.exp(rng.normal(0, 0.06, (3, 3)))
    levels = np.array([low * rng.uniform(0.4, 1.0), middle, high])[:, None] * tint
    picture = np.stack([np.interp(height, [-0.8, 0.0, 0.9], levels[:, c]) for c in range(3)], axis=2)
    picture *= np.exp(0.35 * smooth_noise(rng, rng.uniform(3, 8), _BALL, 2))[..., None]
    if photograph is not None and rng.random() < 0.75:
        soft = ndimage.gaussian_filter(
            photograph[::3, ::3].astype(np.float64), (rng.uniform(0.5, 4),) * 2 + (0,)
        )
        places = np.stack([around / (2 * np.pi) + 0.5, 0.5 - height / np.pi], axis=2)
        picture = 0.25 * picture + 0.9 * sample(soft, places)
    for _ in range(int(rng.integers(1, 5))):
        picture += _lamp(rng, around, height)
    ambient = np.minimum(picture, 1)[squared < 0.99].mean(axis=0)
    soft = ndimage.gaussian_filter(np.minimum(picture, 2.5), (_BALL / 16, _BALL / 16, 0), mode="nearest")
    return Surroundings(picture, soft, ambient)


def _lamp(rng: Generator, around: Doubles, height: Doubles) -> Doubles:
    """Return the light (N, N, 3) of a window, a softbox or a lamp."""
    middle = rng.uniform(-1.9, 1.9), rng.uniform(-0.1, 1.1)
    is_window = rng.random() < 0.7
    reach = (rng.uniform(0.12, 0.5), rng.uniform(0.25, 0.8)) if is_window else (rng.uniform(0.05, 0.2),) * 2
    aside = (around - middle[0] + 0.2 * rng.normal() * height + np.pi) % (2 * np.pi) - np.pi
    x, y = aside / reach[0], (height - middle[1]) / reach[1]
    soft = rng.uniform(0.06, 0.5)
    if is_window:
        inside = np.minimum(1 - np.abs(x), 1 - np.abs(y))
        if rng.random() < 0.35:  # bars
            inside = np.minimum(inside, np.minimum(np.abs(x) - 0.08, np.abs(y) - 0.06) + 0.02)
    else:
        inside = 1 - np.sqrt(x**2 + y**2)
    share = np.clip(inside / soft + 0.3, 0, 1)
    share = share * share * (3 - 2 * share)
    colour = np.exp(rng.normal(0, 0.08, 3)) * np.exp(rng.uniform(np.log(2.5), np.log(28)))
    return share[..., None] * colour
