"""Light and colours: how strands and bodies are lit, and the palettes they take.

Strands are lit as Kajiya and Kay did (Rendering fur with three dimensional textures, 1989), with two
highlights, one white and one of the strand's own colour, shifted along the strand as Marschner et al. saw
(Light scattering from human hair fibers, 2003), and light from behind that shines through at the rim.
All of it on gamma-encoded colours, as pictures are mixed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepmatte.pixels import AnyArray
from deepmatte.training.corpus.render.bodies import unit
from deepmatte.training.corpus.render.rendering import Assets, Generator

Doubles = NDArray[np.float64]
Palette = tuple[tuple[tuple[int, int, int], tuple[int, int, int]], ...]

# Colours of hair, of fur and of dyed or plastic hair, as (root, tip) in bytes.
HAIR = (
    ((18, 15, 15), (38, 30, 28)),
    ((36, 24, 18), (66, 44, 32)),
    ((62, 40, 26), (112, 76, 50)),
    ((92, 50, 24), (160, 92, 48)),
    ((128, 60, 22), (206, 112, 44)),
    ((120, 88, 52), (206, 168, 112)),
    ((164, 132, 86), (238, 212, 162)),
    ((196, 180, 154), (244, 236, 220)),
    ((96, 94, 94), (176, 174, 172)),
    ((188, 188, 188), (240, 240, 238)),
)
FUR = (
    ((30, 26, 24), (70, 62, 56)),
    ((70, 50, 34), (150, 112, 76)),
    ((112, 84, 54), (206, 170, 120)),
    ((140, 76, 34), (214, 136, 70)),
    ((110, 104, 98), (190, 184, 176)),
    ((176, 164, 146), (240, 232, 216)),
    ((204, 202, 198), (250, 250, 248)),
    ((46, 40, 40), (120, 100, 86)),
    ((150, 122, 88), (232, 208, 168)),
)
SKIN = ((240, 204, 180), (226, 178, 148), (198, 144, 110), (160, 106, 76), (112, 72, 52), (74, 48, 38))
GRASS = (
    ((44, 70, 24), (122, 158, 62)),
    ((60, 84, 30), (168, 180, 84)),
    ((96, 88, 44), (204, 184, 112)),
    ((36, 60, 34), (96, 136, 78)),
    ((120, 96, 58), (216, 190, 138)),
)
LEAVES = (
    ((44, 74, 24), (112, 146, 52)),
    ((30, 58, 26), (84, 122, 58)),
    ((62, 96, 28), (158, 186, 70)),
    ((24, 50, 34), (72, 112, 78)),
    ((70, 88, 58), (150, 166, 120)),
    ((78, 92, 36), (180, 176, 84)),
)
AUTUMN = (
    ((150, 92, 20), (232, 186, 54)),
    ((136, 52, 22), (222, 116, 42)),
    ((104, 26, 28), (186, 56, 46)),
    ((92, 62, 38), (170, 128, 82)),
    ((58, 24, 40), (122, 58, 76)),
)
BARK = (
    ((58, 46, 38), (128, 106, 88)),
    ((44, 40, 38), (104, 98, 92)),
    ((86, 60, 42), (160, 122, 90)),
    ((120, 114, 106), (206, 200, 190)),
    ((70, 76, 52), (140, 144, 104)),
    ((74, 34, 28), (140, 76, 58)),
)


@dataclass(frozen=True, eq=False)
class Light:
    """A lamp far away, the sky around, and a second lamp behind.

    direction: (3,), of length 1, towards the lamp; colour: (3,), of the lamp; ambient: how much comes from
    everywhere; gloss: how strong highlights are; rim: how strong the light from behind is.
    """

    direction: Doubles
    colour: Doubles
    ambient: float
    gloss: float
    rim: float

    def on_strands(
        self, colours: Doubles, tangents: Doubles, normals: Doubles, jitter: Doubles, thickness: Doubles
    ) -> Doubles:
        """Return lit colours (N, K, 3).

        colours: (N, K, 3), their own; tangents, normals: (N, K, 3), along the strands and out of the mass of
        them; jitter: (N, 1) or (N, K), how far highlights are out of line; thickness: (N, K), 1 for strands
        amid others, 0 for those that stand alone, which the light from behind shines through.
        """
        along = np.clip(tangents @ self.direction, -1, 1)
        facing = normals @ self.direction
        diffuse = np.sqrt(1 - along**2) * np.clip(0.55 + 0.45 * facing, 0, 1)
        half = unit(self.direction + np.array([0.0, 0.0, 1.0]))
        slope = np.clip(tangents @ half, -1, 1)
        lit = np.clip(0.35 + facing, 0, 1)
        white = _lobe(slope + 0.12 + 0.1 * jitter, 80) * lit
        own = _lobe(slope - 0.16 + 0.14 * jitter, 18) * lit
        through = self.rim * (1 - np.abs(normals[..., 2])) ** 2 * (1 - 0.8 * thickness)
        bright = self.ambient + (1.15 - self.ambient) * diffuse + through
        body = colours * bright[..., None] * self.colour
        shine = self.gloss * (0.3 * white[..., None] * self.colour + 0.75 * own[..., None] * np.sqrt(colours))
        return np.asarray(np.clip(body + shine, 0, 1))

    def on_surface(self, colours: Doubles, normals: Doubles, gloss: float = 0.0) -> Doubles:
        """Return lit colours (..., 3) of a dull or glossy skin with unit normals (..., 3)."""
        facing = np.clip(normals @ self.direction, -0.25, 1)
        bright = self.ambient + (1.05 - self.ambient) * np.maximum(facing, 0) + 0.25 * np.minimum(facing, 0)
        half = unit(self.direction + np.array([0.0, 0.0, 1.0]))
        shine = gloss * np.clip(normals @ half, 0, 1) ** 24
        return np.asarray(np.clip(colours * bright[..., None] * self.colour + shine[..., None], 0, 1))


def _lobe(slope: Doubles, sharpness: float) -> Doubles:
    """Return the brightness of a highlight where a strand leans by slope out of it."""
    return np.asarray(np.clip(1 - np.clip(slope, -1, 1) ** 2, 0, 1) ** (sharpness / 2))


def some_light(rng: Generator) -> Light:
    """Return a light as photographs have them: mostly from above, seldom from behind."""
    sideways, upwards = rng.uniform(-1.3, 1.3), rng.uniform(-0.3, 1.3)
    direction = np.array(
        [np.sin(sideways) * np.cos(upwards), -np.sin(upwards), np.cos(sideways) * np.cos(upwards)]
    )
    warmth, tint = rng.normal(0, 0.05), rng.normal(0, 0.015)
    colour = np.array([1 + warmth, 1 + tint, 1 - warmth]) * rng.uniform(0.82, 1.08)
    rim = rng.uniform(0.3, 1.3) if rng.random() < 0.4 else rng.uniform(0, 0.25)
    return Light(unit(direction), colour, rng.uniform(0.35, 0.65), rng.uniform(0.1, 1.0), rim)


def tones(rng: Generator, palette: Palette) -> Doubles:
    """Return one pair of a palette, a little changed: (2, 3), root and tip, in [0, 1]."""
    pair = np.array(palette[int(rng.integers(len(palette)))]) / 255
    return np.asarray(np.clip(pair * rng.uniform(0.88, 1.12) + rng.normal(0, 0.015, 3), 0.01, 1))


def vivid(rng: Generator) -> Doubles:
    """Return root and tip of dyed or plastic hair: (2, 3) in [0, 1]."""
    hue, saturation, value = rng.random(), rng.uniform(0.45, 0.9), rng.uniform(0.6, 1.0)
    channels = np.abs((hue * 6 + np.array([3.0, 1.0, 5.0])) % 6 - 3) - 1
    pure = 1 - saturation * (1 - np.clip(channels, 0, 1))
    return np.asarray(np.stack([pure * value * rng.uniform(0.45, 0.8), pure * value]))


def tones_of(rng: Generator, photograph: AnyArray) -> Doubles:
    """Return a darker and a lighter colour of one spot of a photograph (H, W, 3): (2, 3) in [0, 1]."""
    height, width = photograph.shape[:2]
    side = max(1, min(height, width) // 6)
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    spot = photograph[top : top + side, left : left + side].reshape(-1, 3).astype(np.float64)
    order = np.argsort(spot.sum(axis=1), kind="stable")
    dark, light = (spot[order[int(share * (len(order) - 1))]] for share in (0.25, 0.85))
    return np.asarray(np.stack([np.minimum(dark, light * 0.85), light]).clip(0.02, 1))


def choose_tones(rng: Generator, source: str, assets: Assets, palette: Palette) -> Doubles:
    """Return root and tip colours (2, 3) from a photograph, from nowhere ("vivid") or from a palette."""
    photograph = assets.photograph(rng)
    if source == "vivid":
        return vivid(rng)
    if source == "photograph" and photograph is not None:
        return tones_of(rng, photograph)
    return tones(rng, palette)
