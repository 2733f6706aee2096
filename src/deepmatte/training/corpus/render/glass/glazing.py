"""How glass and what is in it are mixed: mirrored light, tint, bent light, contents, layer by layer.

What shines through straight is the background. Its tint is folded into alpha and colour as for a background
of the surroundings' mean: a transmittance of several channels becomes 1 − alpha, near their least, and the
light that the other channels let through besides. Where glass bends light far from its way (at its edges, in
solid parts) other surroundings are seen, and they are the glass's own colour.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepmatte.training.corpus.render.glass.vessels import Vessel, View, Wall
from deepmatte.training.corpus.render.rendering import Generator
from deepmatte.training.corpus.render.surroundings import Surroundings, fresnel, through_wall

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Glass:
    """absorption: (3,), per share of the picture of way; bent: how much of the edges shows bent light;
    streaks: how uneven the walls are; darkness: how dark bent light is.
    """

    absorption: Doubles
    bent: float
    streaks: float
    darkness: float


class Layers:
    """Layers laid over one another. colours: (H, W, 3), times alpha; alpha: (H, W). Changed in place."""

    def __init__(self, height: int, width: int) -> None:
        self.colours = np.zeros((height, width, 3))
        self.alpha = np.zeros((height, width))

    def lay(self, premultiplied: Doubles, alpha: Doubles) -> None:
        """Lay a layer on top: premultiplied (H, W, 3), alpha (H, W). Much light hides what is behind."""
        light = np.clip(premultiplied, 0, 1)
        own = np.maximum(np.clip(alpha, 0, 1), light.max(axis=2))
        self.colours = light + (1 - own[..., None]) * self.colours
        self.alpha = own + (1 - own) * self.alpha


def tinted(transmittance: Doubles, ambient: Doubles) -> tuple[Doubles, Doubles]:
    """Return the layer that tints what is behind: premultiplied colours (..., 3) and alpha (...).

    transmittance: (..., 3); ambient: (3,), what the background is taken to be like.
    """
    share = 0.6 * transmittance.min(axis=-1) + 0.4 * transmittance.mean(axis=-1)
    return np.maximum(transmittance - share[..., None], 0) * ambient, 1 - share


def walled(
    rng: Generator,
    vessel: Vessel,
    view: View,
    wall: Wall,
    glass: Glass,
    around: Surroundings,
    strength: float = 1.0,
) -> tuple[Doubles, Doubles]:
    """Return a wall of glass as a layer: premultiplied colours (S, W, 3) and alpha (S, W)."""
    thick = vessel.wall(wall.heights)
    radius = vessel.radius(wall.heights)
    share = np.clip(thick / radius, 0.02, 1)
    facing = np.maximum(wall.normals[..., 2], 0)
    uneven = glass.streaks * view.noise(rng, rng.uniform(2, 6), 2)
    right, down = wall.normals[..., 0] + uneven, wall.normals[..., 1] + 0.6 * uneven
    mirrored = strength * through_wall(fresnel(facing))[..., None] * around.mirrored(right, down)
    # A ray through a wall bent round it is longest where it grazes the inside: a chord of the outer circle.
    longest = np.sqrt(np.maximum(2 * radius * thick - thick**2, 0)) * 2
    way = np.minimum(thick / np.maximum(facing, 1e-3), longest)
    transmittance = np.exp(-glass.absorption * way[..., None])
    colour, alpha = tinted(transmittance, around.ambient)
    # Within a wall's thickness of the silhouette, and in solid glass, light does not go straight.
    edge = (np.abs(wall.across) - (1 - share)) / share
    in_rod = np.clip(edge, 0, 1)
    solid = np.clip((share - 0.55) / 0.35, 0, 1)
    bent = glass.bent * (in_rod**1.2 * (1 - solid) + solid * (0.25 + 0.75 * np.abs(wall.across) ** 2.5))
    turned = np.cos(np.pi * in_rod * rng.uniform(0.8, 1.5)) * 0.85
    through = around.smeared(-np.sign(wall.across) * turned, -wall.normals[..., 1] * 0.7 + uneven)
    through = 0.75 * through * glass.darkness + 0.25 * around.ambient
    through = through * np.sqrt(transmittance)
    colour = bent[..., None] * through + (1 - bent[..., None]) * colour
    alpha = bent + (1 - bent) * alpha
    return np.minimum(colour + mirrored, 1) * wall.covered[..., None], alpha * wall.covered


def ringed(
    rng: Generator, view: View, height: float, radius: float, width: float, around: Surroundings, bent: float
) -> tuple[Doubles, Doubles]:
    """Return a ring of glass, round in its section, such as a rim: premultiplied colours and alpha."""
    distance = view.ring(height, radius)
    # A ring of few pixels shows the mean of its section.
    across = np.clip(distance / (width / 2), -1, 1) * np.clip(width * view.size / 5, 0.2, 0.97)
    covered = view.cover(np.abs(distance) - width / 2)
    x, y = view.axes()
    right = across * np.clip(x / radius, -1, 1)[None, :]
    down = across * np.sign(y + height * np.cos(view.angle))[:, None] * 0.9
    facing = np.sqrt(np.clip(1 - across**2, 0, 1))
    mirrored = 2.5 * fresnel(facing, 0.07)[..., None] * around.smeared(right, down)
    through = around.smeared(-0.8 * right, -0.8 * down)
    share = bent * (0.35 + 0.65 * across**2)
    return np.minimum(mirrored + share[..., None] * through, 1) * covered[..., None], share * covered


def bent_through(way: Doubles, absorption: Doubles, ambient: Doubles, cloudy: float, colour: Doubles
                 ) -> tuple[Doubles, Doubles]:  # fmt: skip
    """Return a liquid as a layer: premultiplied colours (S, W, 3) and alpha (S, W).

    way: (S, W), through the liquid, in shares; absorption: (3,), per share; cloudy: how much light a share of
    it scatters; colour: (3,) or (S, W, 3), of scattered light.
    """
    tint, alpha = tinted(np.exp(-absorption * way[..., None]), ambient)
    scattered = -np.expm1(-cloudy * way)
    return scattered[..., None] * colour + (1 - scattered[..., None]) * tint, scattered + (
        1 - scattered
    ) * alpha
