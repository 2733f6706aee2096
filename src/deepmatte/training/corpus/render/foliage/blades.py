"""Leaves seen flat: outlines, veins and colours of single and compound leaves, as tiles of a texture.

A leaf is a union of lobes, each a strip about a middle vein whose half width follows a power profile; teeth
and notches are waves on it. A tile is square and has the leaf's base above its upper edge's middle and the
tip below; what it shows is `breadth` as wide as it is long.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepmatte.pixels import Floats
from deepmatte.training.corpus.render.noise import smooth_noise
from deepmatte.training.corpus.render.quads import Atlas, atlas_of, halvings
from deepmatte.training.corpus.render.rendering import Generator

Doubles = NDArray[np.float64]

# How the light meets a leaf: tiles come in this order for each variant.
FACES = ("lit", "shone through", "glossy")
FORMS = (
    "lanceolate", "oval", "heart", "toothed", "lobed", "palmate", "fingered", "pinnate", "fern", "needles",
)  # fmt: skip
# What a tile shows beyond the leaf, in its lengths.
_AIR = 0.02


@dataclass(frozen=True)
class Lobe:
    """One strip of a leaf, in lengths of the leaf: x across, y from base to tip.

    base: (x, y); angle: from the leaf's own way, in radians; length; half: half width; rise, fall: exponents
    of the profile t^rise (1 − t)^fall; waves: teeth or notches a side; depth: of them, as a share of the half
    width; sharp: teeth that point forward, otherwise round notches; bow: how far its tip bends aside, in its
    lengths.
    """

    base: tuple[float, float]
    angle: float
    length: float
    half: float
    rise: float = 0.6
    fall: float = 0.8
    waves: int = 0
    depth: float = 0.0
    sharp: bool = True
    bow: float = 0.0


def lobes_of(rng: Generator, form: str) -> tuple[list[Lobe], float]:
    """Return the lobes of a leaf, and how wide the leaf is as a share of its length."""
    stalk = rng.uniform(0.04, 0.16)
    rest, bow = 0.97 - stalk, rng.normal(0, 0.05)
    single = {
        "lanceolate": (rng.uniform(0.055, 0.12), 0.7, rng.uniform(0.8, 1.2), 0, 0.0, True),
        "oval": (rng.uniform(0.17, 0.3), rng.uniform(0.45, 0.7), rng.uniform(0.55, 0.85), 0, 0.0, True),
        "heart": (rng.uniform(0.3, 0.4), 0.28, rng.uniform(0.7, 1.0), 0, 0.0, True),
        "toothed": (
            rng.uniform(0.17, 0.3), 0.5, rng.uniform(0.7, 0.95), int(rng.integers(9, 22)), 0.15, True,
        ),
        "lobed": (rng.uniform(0.2, 0.28), 0.8, 0.5, int(rng.integers(3, 6)), rng.uniform(0.4, 0.65), False),
    }  # fmt: skip
    if form in single:
        half, rise, fall, waves, depth, sharp = single[form]
        lobe = Lobe((0, stalk), 0.0, rest, half, rise, fall, waves, depth, sharp, bow)
        return [_stalk(stalk + 0.05), lobe], min(2 * half * 1.25 + 0.08, 1.0)
    if form in ("palmate", "fingered"):
        return _spread(rng, form, stalk)
    return _feathered(rng, form, bow)


def _stalk(length: float, half: float = 0.006) -> Lobe:
    return Lobe((0, 0), 0.0, length, half, 0.02, 0.02)


def _spread(rng: Generator, form: str, stalk: float) -> tuple[list[Lobe], float]:
    """Return lobes from one point: of a maple or a chestnut."""
    pairs = int(rng.integers(2, 4))
    centre = stalk + (0.28 if form == "palmate" else 0.2)
    longest, widest = 0.96 - centre, rng.uniform(0.085, 0.13)
    waves = int(rng.integers(3, 6)) if form == "palmate" else int(rng.integers(0, 14))
    lobes = [_stalk(centre)]
    for number in range(pairs, -1, -1):
        angle = number * rng.uniform(0.62, 0.85)
        length = longest * (1 - 0.13 * number) * (1 - 0.1 * number * (form == "palmate"))
        for side in (-1, 1) if number else (1,):
            half = (0.11 if form == "palmate" else widest) * (1 - 0.08 * number)
            profile = (0.25, 0.75) if form == "palmate" else (0.9, 0.6)
            depth = 0.35 if form == "palmate" else 0.12
            lobes.append(
                Lobe(
                    (0, centre), side * angle, length * rng.uniform(0.95, 1.05), half, *profile, waves, depth
                )
            )
    return lobes, 1.1


def _feathered(rng: Generator, form: str, bow: float) -> tuple[list[Lobe], float]:
    """Return leaflets along a middle stalk: of an ash, a fern or a fir."""
    pairs, length, half, lean = {
        "pinnate": (int(rng.integers(4, 9)), rng.uniform(0.24, 0.34), rng.uniform(0.035, 0.06), 1.1),
        "fern": (int(rng.integers(14, 26)), rng.uniform(0.18, 0.3), rng.uniform(0.016, 0.026), 1.25),
        "needles": (int(rng.integers(22, 44)), rng.uniform(0.08, 0.2), rng.uniform(0.0028, 0.005), 0.9),
    }[form]
    lobes = [Lobe((0, 0), 0.0, 0.97, 0.008, 0.02, 0.25)]
    where = np.linspace(*{"pinnate": (0.16, 0.8), "fern": (0.12, 0.94), "needles": (0.03, 0.9)}[form], pairs)
    for y in where:
        taper = {"pinnate": 1.0, "needles": min(1.0, 1.25 - y)}.get(
            form, (1 - y) ** 0.75 * min(1, 3 * y + 0.3) * 1.2
        )
        for side in (-1, 1):
            angle = side * lean * rng.uniform(0.85, 1.1) * (1.1 - 0.45 * y)
            at = (0.0, float(y + rng.uniform(-0.4, 0.4) / pairs * (form == "needles")))
            room = (0.94 - at[1]) / max(np.cos(angle), 1e-3)  # none goes beyond the tip
            own = min(length * taper * rng.uniform(0.9, 1.08), max(room, 0.01))
            waves, depth = (int(rng.integers(6, 12)), 0.5) if form == "fern" else (0, 0.0)
            profile = (0.5, 0.7) if form == "pinnate" else (0.15, 0.35)
            lobes.append(Lobe(at, angle, own, half * taper**0.5, *profile, waves, depth, False, -side * 0.2))
    if form == "pinnate":
        lobes.append(Lobe((0, 0.8), bow, 0.17, half, 0.5, 0.7))
    return lobes, min(2 * length + 0.06, 1.1)


@dataclass(frozen=True, eq=False)
class Blade:
    """A leaf's fields over a tile, (S, S) each.

    alpha; vein: 0 to 1; relief: about 0, brighter above; rim: 1 at the edge, 0 within.
    """

    alpha: Doubles
    vein: Doubles
    relief: Doubles
    rim: Doubles


def blade(lobes: list[Lobe], breadth: float, side: int, veins: float) -> Blade:
    """Return the fields of a leaf. breadth: what the tile shows across; veins: side veins along a leaf."""
    fields = Blade(*np.zeros((4, side, side)))
    texel = (1 + 2 * _AIR) / side
    across = ((np.arange(side) + 0.5) / side - 0.5) * breadth
    along = (np.arange(side) + 0.5) * texel - _AIR
    for lobe in lobes:
        reach = max(lobe.half * (1 + lobe.depth) * 1.3, abs(lobe.bow) * lobe.length) + 3 * texel
        end = np.array(lobe.base) + lobe.length * np.array([np.sin(lobe.angle), np.cos(lobe.angle)])
        low, high = np.minimum(lobe.base, end) - reach, np.maximum(lobe.base, end) + reach
        columns = slice(*np.searchsorted(across, [low[0], high[0]]))
        rows = slice(*np.searchsorted(along, [low[1], high[1]]))
        x, y = np.meshgrid(across[columns] - lobe.base[0], along[rows] - lobe.base[1])
        if min(x.shape) < 2:
            continue
        own = _strip(lobe, x, y, (breadth / side, texel), veins)
        covers = own.alpha >= fields.alpha[rows, columns]
        for name in ("vein", "relief", "rim"):
            window = getattr(fields, name)[rows, columns]
            window[covers] = getattr(own, name)[covers]
        alpha = fields.alpha[rows, columns]
        fields.rim[rows, columns] *= 1 - np.minimum(alpha, own.alpha)
        fields.alpha[rows, columns] = np.maximum(alpha, own.alpha)
    return fields


def _strip(lobe: Lobe, x: Doubles, y: Doubles, texels: tuple[float, float], veins: float) -> Blade:
    t = (x * np.sin(lobe.angle) + y * np.cos(lobe.angle)) / lobe.length
    v = x * np.cos(lobe.angle) - y * np.sin(lobe.angle) - lobe.bow * lobe.length * t**2
    inner = np.clip(t, 1e-9, 1 - 1e-9)
    top = lobe.rise / (lobe.rise + lobe.fall)
    profile = inner**lobe.rise * (1 - inner) ** lobe.fall / (top**lobe.rise * (1 - top) ** lobe.fall)
    if lobe.waves:
        phase = inner * lobe.waves + 0.3 * np.abs(v) / lobe.half
        wave = (1 - phase % 1) if lobe.sharp else 0.5 - 0.5 * np.cos(2 * np.pi * phase)
        profile = profile * (1 - lobe.depth * wave)
    beyond = np.maximum(np.maximum(-t, t - 1), 0) * lobe.length
    inside = lobe.half * profile - np.abs(v) - beyond
    down, right = np.gradient(inside, texels[1], texels[0])
    steep = np.sqrt((right * texels[0]) ** 2 + (down * texels[1]) ** 2)
    alpha = np.clip(inside / np.maximum(steep, 1e-9) + 0.5, 0, 1)
    thin = lobe.half < 0.02
    middle = np.exp(-((v / (0.004 + 0.012 * lobe.half / 0.2 * (1 - 0.7 * inner))) ** 2))
    phase = (
        veins * (inner - 0.55 * np.abs(v) / lobe.length * (1.6 - inner)) * (1 if lobe.length > 0.5 else 0.6)
    )
    gap = np.abs(phase - np.rint(phase))
    fine = np.exp(-((gap / 0.07) ** 2)) * 0.6 * np.clip(np.abs(v) / lobe.half * 3, 0, 1)
    quilt = np.cos(2 * np.pi * phase) * np.sign(v) * np.clip(np.abs(v) / lobe.half * 4, 0, 1)
    side_light = np.sign(v) * np.clip(np.abs(v) / lobe.half * 6, 0, 1)
    relief = (0 if thin else 1) * (-0.05 * quilt + 0.05 * side_light) - 0.12 * (1 - inner) ** 3
    rim = np.clip(1 - inside / (0.12 * lobe.half + 1e-9), 0, 1)
    return Blade(alpha, np.maximum(middle, fine) * (0.3 if thin else 1), relief, rim)


@dataclass(frozen=True)
class Foliage:
    """How leaves of one plant look.

    tones: dark and light, (2, 3); form; veins: side veins along a leaf; contrast: of veins; rim: colour of
    the edge, (3,), and rim_share: how much of it; spots: share with brown spots and holes; side: of a tile,
    in texels.
    """

    tones: Doubles
    form: str
    veins: float
    contrast: float
    rim: Doubles
    rim_share: float
    spots: float
    side: int


def leaf_atlas(rng: Generator, foliage: Foliage, variants: int) -> tuple[Atlas, Doubles]:
    """Return tiles of leaves, those of FACES for each variant, and how broad each variant is: (variants,)."""
    tiles: list[Floats] = []
    breadths = []
    for _ in range(variants):
        lobes, breadth = lobes_of(rng, foliage.form)
        tiles += _faces(rng, foliage, blade(lobes, breadth, foliage.side, foliage.veins))
        breadths.append(breadth)
    return atlas_of(halvings(tiles)), np.array(breadths)


def _faces(rng: Generator, foliage: Foliage, fields: Blade) -> list[Floats]:
    side = foliage.side
    mottle = smooth_noise(rng, rng.uniform(3, 8), side, octaves=3)
    dark, light = foliage.tones
    age = rng.uniform(0.15, 0.75)
    own = dark + np.clip(age + 0.16 * mottle, 0, 1)[..., None] * (light - dark)
    alpha = fields.alpha
    if rng.random() < foliage.spots:
        blot = smooth_noise(rng, rng.uniform(5, 14), side, octaves=2) + 0.9 * fields.rim
        own = own + np.clip(blot * 2 - 2.2, 0, 1)[..., None] * (np.array([0.36, 0.24, 0.11]) - own)
        alpha = alpha * np.clip((3.2 - blot) * side / 48, 0, 1)
    own = own + (foliage.rim_share * fields.rim)[..., None] * (foliage.rim - own)
    vein = (foliage.contrast * fields.vein)[..., None]
    pale = 0.45 * light + 0.55 * np.clip(light * 1.25 + 0.08, 0, 1)
    lit = (own + vein * (pale - own)) * (1 + fields.relief + 0.03 * mottle)[..., None]
    glow = np.clip(np.sqrt(own * own.max(axis=2, keepdims=True)) * np.array([1.3, 1.25, 0.75]), 0, 1)
    through = glow * (1 - 0.45 * vein) * (1 + 0.05 * mottle)[..., None]
    gloss = np.clip(0.75 + 3 * fields.relief + 0.12 * mottle, 0, 1) * (1 - 0.4 * vein[..., 0])
    white = np.ones((side, side, 3))
    layers = ((lit, alpha), (through, alpha), (white, alpha * gloss))
    return [
        np.concatenate([np.clip(colours, 0, 1) * a[..., None], a[..., None]], axis=2).astype(np.float32)
        for colours, a in layers
    ]
