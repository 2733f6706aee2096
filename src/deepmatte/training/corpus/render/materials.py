"""What solid things are made of: metals, paints, plastics, wood, stone, and photographs of anything.

A finish is lit by the lamp and the sky as bodies are, and mirrors a room: what a ball of it would show seen
from the front, kept as a small table over the normals (a "lit sphere"; Sloan et al., The lit sphere, 2001).
Reflection grows towards the rim as Schlick found (An inexpensive BRDF model, 1994).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.pixels import AnyArray
from deepmatte.training.corpus.render import light as lights
from deepmatte.training.corpus.render.bodies import unit
from deepmatte.training.corpus.render.light import Light
from deepmatte.training.corpus.render.noise import sample, smooth_noise
from deepmatte.training.corpus.render.rendering import Assets, Choice, Generator

Doubles = NDArray[np.float64]

# Side of the table of mirrored colours, and of textures.
_TABLE = 96
TEXTURE = 384

MATERIALS = ("metal", "paint", "plastic", "dull", "wood", "rust", "photograph")
MATERIAL = Choice(MATERIALS, "what it is made of", (3, 3, 2, 2, 1.2, 1, 2))

METALS: lights.Palette = (
    ((120, 122, 126), (214, 216, 220)),
    ((96, 98, 102), (168, 170, 174)),
    ((150, 152, 152), (232, 232, 228)),
    ((110, 66, 44), (214, 140, 100)),
    ((122, 92, 36), (228, 188, 96)),
    ((40, 41, 44), (92, 94, 98)),
)
PAINTS: lights.Palette = (
    ((18, 18, 19), (40, 40, 42)),
    ((150, 150, 146), (238, 238, 232)),
    ((96, 14, 14), (190, 34, 28)),
    ((16, 40, 92), (36, 88, 172)),
    ((18, 64, 34), (44, 128, 66)),
    ((140, 100, 12), (240, 186, 36)),
    ((70, 74, 78), (142, 148, 152)),
    ((120, 104, 84), (214, 198, 172)),
)
EARTHS: lights.Palette = (
    ((70, 62, 54), (150, 140, 126)),
    ((96, 60, 34), (178, 124, 78)),
    ((120, 112, 104), (206, 198, 188)),
    ((54, 56, 58), (122, 124, 126)),
    ((112, 72, 52), (190, 132, 100)),
)
WOODS: lights.Palette = (
    ((92, 58, 30), (176, 124, 74)),
    ((54, 32, 20), (112, 72, 46)),
    ((150, 112, 70), (222, 186, 136)),
    ((110, 100, 88), (176, 166, 150)),
)
_PALETTES = {"metal": METALS, "wood": WOODS, "dull": EARTHS, "rust": METALS}


@dataclass(frozen=True, eq=False)
class Finish:
    """How a surface meets the light.

    metal: 0 scatters light in its own colour, 1 only mirrors; coat: how glossy the clear coat of what
    scatters is; mirror: (T, T, 3), what is mirrored, by the normal's x and y from -1 to 1.
    """

    light: Light
    metal: float
    coat: float
    mirror: Doubles

    def lit(self, colours: AnyArray, normals: Doubles) -> Doubles:
        """Return lit colours (..., 3). colours: (..., 3), its own; normals: (..., 3), of length 1."""
        mirrored = sample(self.mirror, (normals[..., :2] + 1) / 2)
        slant = np.clip(1 - normals[..., 2:], 0, 1)
        reflection = self.coat * (0.05 + 0.75 * slant**5)
        result = colours * mirrored if self.metal == 1 else self.light.on_surface(colours, normals)
        if self.metal not in (0, 1):
            result = result + self.metal * (colours * mirrored - result)
        return np.asarray(np.clip(result + (1 - self.metal) * reflection * (mirrored - 0.2), 0, 1))


@dataclass(frozen=True, eq=False)
class Material:
    """A finish, and a texture (TEXTURE, TEXTURE, 3) of its own colours, unlit."""

    finish: Finish
    texture: Doubles

    def read(self, places: Doubles) -> Doubles:
        """Return colours (..., 3) at places (..., 2); the texture is mirrored where it ends."""
        return sample(self.texture, 1 - np.abs(1 - places % 2))


def some_material(rng: Generator, name: str, light: Light, assets: Assets) -> Material:
    """Return one of MATERIALS, never the same twice; "photograph" without one is paint."""
    photograph = assets.photograph(rng)
    if name == "photograph" and photograph is None:
        name = "paint"
    tones = _tones(rng, name, photograph)
    rough = rng.uniform(0.02, 0.12) if rng.random() < 0.5 else rng.uniform(0.12, 0.6)
    mirror = _mirror(rng, light, rough, photograph if rng.random() < 0.5 else None)
    metal = {"metal": 1.0, "rust": 0.35}.get(name, 0.0)
    coat = {"paint": rng.uniform(0.2, 1), "plastic": rng.uniform(0.5, 1), "wood": rng.uniform(0, 0.4)}
    finish = Finish(light, metal, coat.get(name, rng.uniform(0, 0.25)), mirror)
    return Material(finish, _texture(rng, name, tones, photograph))


def _tones(rng: Generator, name: str, photograph: AnyArray | None) -> Doubles:
    draw = rng.random()
    if name in ("paint", "plastic", "dull") and draw < 0.35:
        return lights.vivid(rng) if draw < 0.2 or photograph is None else lights.tones_of(rng, photograph)
    return lights.tones(rng, _PALETTES.get(name, PAINTS))


def _texture(rng: Generator, name: str, tones: Doubles, photograph: AnyArray | None) -> Doubles:
    """Return a texture: (TEXTURE, TEXTURE, 3) in [0.01, 1]."""
    size = TEXTURE
    if name == "photograph" and photograph is not None:
        height, width = photograph.shape[:2]
        side = max(8, int(min(height, width) * rng.uniform(0.2, 1.0)))
        top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        square = photograph[top : top + side, left : left + side].astype(np.float64)
        steps = (np.arange(size) + 0.5) / size
        return sample(square, np.stack(np.meshgrid(steps, steps), axis=2))
    shade = smooth_noise(rng, rng.uniform(2, 6), size, octaves=4)
    fine = smooth_noise(rng, rng.uniform(60, 140), size)
    if name == "wood":
        steps = np.linspace(0, 1, size)
        rings = steps[:, None] * rng.uniform(8, 40) + 1.2 * smooth_noise(rng, 2, size) + 0.15 * shade
        streak = ndimage.gaussian_filter1d(fine, 14, axis=1) * 2.5
        share = 0.5 + 0.38 * np.sin(2 * np.pi * rings) + 0.2 * streak
    elif name == "metal":
        brushed = ndimage.gaussian_filter1d(rng.normal(size=(size, size)), 30, axis=int(rng.integers(2)))
        share = 0.8 + rng.uniform(0, 0.9) * brushed + 0.08 * shade
    else:
        share = 0.85 + rng.uniform(0.02, 0.4) * (shade if name != "dull" else 1.5 * shade) + 0.06 * fine
    colours = tones[0] + np.clip(share, -0.2, 1.3)[..., None] * (tones[1] - tones[0])
    if name == "rust":
        patches = np.clip(1.6 * shade + 0.8 * fine * 0.4 + rng.uniform(-1.2, 1.5), 0, 1)[..., None]
        rust = np.array([0.42, 0.2, 0.09]) * (1 + 0.28 * fine + 0.2 * smooth_noise(rng, 14, size))[..., None]
        colours = colours + patches * (rust - colours)
    if rng.random() < 0.5:  # dirt, and wear
        dirt = np.clip(0.5 * smooth_noise(rng, rng.uniform(3, 12), size, octaves=5) - 0.3, 0, 0.5)[..., None]
        colours = colours * (1 - dirt * rng.uniform(0.3, 1.2))
    return np.asarray(np.clip(colours, 0.01, 1))


def _mirror(rng: Generator, light: Light, rough: float, photograph: AnyArray | None) -> Doubles:
    """Return what a ball shows of the room around it: (T, T, 3); above 1 where lamps are."""
    steps = (np.arange(_TABLE) + 0.5) / _TABLE * 2 - 1
    x, y = np.meshgrid(steps, steps)
    z = np.sqrt(np.clip(1 - x**2 - y**2, 0, 1))
    seen = unit(np.stack([2 * z * x, 2 * z * y, 2 * z * z - 1], axis=2))
    height = -seen[..., 1]
    ground, sky = rng.uniform(0.05, 0.35), rng.uniform(0.45, 1.15)
    edge = rng.uniform(0.05, 0.5)
    bright = ground + (sky - ground) * np.clip(0.5 + height / edge, 0, 1) + rng.uniform(-0.2, 0.3) * height
    turn = np.arctan2(seen[..., 0], seen[..., 2])
    bright = bright * (1 + 0.25 * np.sin(turn * int(rng.integers(1, 4)) + rng.uniform(0, 6.3)))
    room = bright[..., None] * light.colour
    if photograph is not None:
        places = np.stack([0.5 + turn / (2 * np.pi), 0.5 - 0.5 * height], axis=2)
        small = ndimage.uniform_filter(photograph[::4, ::4].astype(np.float64), (5, 5, 1))
        room = 0.25 * room + 1.15 * sample(small, places)
    for _ in range(int(rng.integers(1, 4))):  # windows
        way = unit(light.direction + rng.normal(0, 0.6, 3))
        tall = np.array([0.0, -1.0, 0.0]) - way * -way[1]
        tall = unit(tall)
        aside = np.cross(way, tall)
        off = np.maximum(
            np.abs(seen @ aside) / rng.uniform(0.08, 0.4), np.abs(seen @ tall) / rng.uniform(0.15, 0.6)
        )
        window = np.clip((1.1 - off) * 6, 0, 1) * (seen @ way > 0)
        room = room + window[..., None] * light.colour * rng.uniform(0.5, 1.6)
    lamp = np.exp((seen @ light.direction - 1) * rng.uniform(60, 300))
    room = room + lamp[..., None] * light.colour * 1.8
    return np.asarray(ndimage.gaussian_filter(room, (rough * 24, rough * 24, 0), mode="nearest"))
