"""What light and a camera do to pictures: colours, blur, noise, contrast, resolution, on any device.

Pictures are (B, C, S, S) float32 in [0, 1]. What happens to each is settled on the host, where it is drawn
(Colouring, Change); doing it is a fixed computation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from deepmatte.training import jpeg, noise
from deepmatte.training.losses import composite

Rng = np.random.Generator


@dataclass(frozen=True)
class Colouring:
    """Exposure (gamma of red, green, blue), saturation, white balance (their gain) and offset of a layer."""

    gamma: tuple[float, float, float]
    saturation: float
    gain: tuple[float, float, float]
    offset: float


def draw_colouring(rng: Rng, vivid: float) -> Colouring | None:
    """Draw what to change about a layer's colours; one in five stays as it is.

    vivid: from 0, about as colourful as it was, to 1, up to as colourful as toys and clothes are.
    """
    if rng.random() < 0.2:
        return None
    exposure = rng.normal(0, 0.3)
    red, green, blue = np.exp(exposure + rng.normal(0, 0.7 * vivid * rng.random(), 3)).tolist()
    saturation = 0.0 if rng.random() < 0.03 else math.exp(rng.uniform(-0.7, 0.4 + vivid))
    gain = (rng.uniform(0.75, 1.2) * rng.uniform(0.9, 1.1, 3)).tolist()
    return Colouring((red, green, blue), saturation, tuple(gain), rng.uniform(-0.06, 0.06))


def recolour(pictures: Tensor, colourings: Sequence[Colouring | None]) -> Tensor:
    """Return pictures (B, 3, S, S) in other colours."""
    some = [(number, each) for number, each in enumerate(colourings) if each is not None]
    if not some:
        return pictures
    chosen = [number for number, _ in some]
    table = torch.tensor(
        [(*each.gamma, *each.gain, each.saturation, each.offset) for _, each in some], dtype=torch.float32
    ).to(pictures.device)[:, :, None, None]
    out = pictures[chosen].clamp_(1e-4, 1).pow_(table[:, :3])
    grey = out.mean(dim=1, keepdim=True)
    out = grey + (out - grey) * table[:, 6:7]
    return put(pictures, chosen, out.mul_(table[:, 3:6]).add_(table[:, 7:]).clamp_(0, 1))


@dataclass(frozen=True)
class Rim:
    """Light from behind, which only the outermost of a foreground catches, as hair against the sun does.

    towards: rows and columns to the light, of length 1; reach: how deep it gets, sigma in pixels; gain: how
    many times as much light a pixel then has beside its own, of red, green and blue; gloss: what it mirrors,
    whatever its colour; sparkle: how wide glints are, sigma in pixels; grain: which they are.
    """

    towards: tuple[float, float]
    reach: float
    gain: tuple[float, float, float]
    gloss: float
    sparkle: float
    grain: int


def draw_rim(rng: Rng) -> Rim:
    """Draw a light from behind, mostly from above."""
    angle, reach = rng.normal(0, 1), noise.draw_log_uniform(4, 30, rng)
    tint = (1 + rng.uniform(0, 0.3) * np.array([1, 0, -1])) * noise.draw_log_uniform(0.4, 4, rng)
    return Rim(
        (-math.cos(angle), math.sin(angle)), reach, tuple(tint.tolist()), rng.uniform(0, 0.1),
        rng.uniform(0.8, 4), noise.draw_grain(rng),
    )  # fmt: skip


def light_rims(pictures: Tensor, alpha: Tensor, rims: Sequence[Rim]) -> Tensor:
    """Return foregrounds (B, 3, S, S) with the light of their rims on them. alpha: (B, 1, S, S)."""
    size = pictures.shape[-1]
    solid = blur(alpha, [each.reach for each in rims])
    # A pixel is in the shade of what lies between it and the light.
    moved = []
    for shade, rim in zip(solid, rims, strict=True):
        down, across = (round(1.5 * rim.reach * part) for part in rim.towards)
        wide = F.pad(shade[None], [abs(across)] * 2 + [abs(down)] * 2, mode="replicate")
        top, left = abs(down) + down, abs(across) + across
        moved.append(wide[..., top : top + size, left : left + size])
    glints = blur(
        noise.grain([each.grain for each in rims], (1, size, size), pictures.device),
        [each.sparkle for each in rims],
    )
    glints = glints / glints.std((1, 2, 3), keepdim=True)
    lit = (1 - torch.cat(moved)) * (1 + 0.6 * glints).clamp_(0, 3)
    table = torch.tensor([(*each.gain, each.gloss) for each in rims], dtype=torch.float32)
    table = table.to(pictures.device)[:, :, None, None]
    light = pictures.square()  # near enough to light for a gain, and undone at once
    return light.addcmul_(lit, table[:, :3] * light + table[:, 3:]).clamp_(0, 1).sqrt_()


@dataclass(frozen=True)
class Wrap:
    """Light from around a foreground that its outermost takes on, as hair does that lets it through.

    share: most of its own colour that gives way; depth: how far in, and spread: from how far around the light
    comes, sigma in pixels.
    """

    share: float
    depth: float
    spread: float


def draw_wrap(rng: Rng, most: float) -> Wrap:
    """Draw how much of the light around it a foreground takes on. most: largest share."""
    return Wrap(rng.uniform(0, most), noise.draw_log_uniform(2, 10, rng), noise.draw_log_uniform(1, 16, rng))


def wrap_light(pictures: Tensor, backgrounds: Tensor, alpha: Tensor, wraps: Sequence[Wrap]) -> Tensor:
    """Return foregrounds (B, 3, S, S) of which the outermost looks more like the backgrounds (B, 3, S, S)
    there, less and less so where alpha (B, 1, S, S) is solid.
    """
    around = blur(backgrounds, [each.spread for each in wraps])
    shares = torch.tensor([each.share for each in wraps], dtype=torch.float32).to(pictures.device)
    share = shares[:, None, None, None] * (1 - blur(alpha, [each.depth for each in wraps]))
    return composite(around, pictures, share).clamp_(0, 1)


@dataclass(frozen=True)
class Film:
    """What a black and white picture is made by: shares of red, green and blue in its grey, contrast about
    its mean, and the tone of its paper (gamma of red, green, blue).
    """

    shares: tuple[float, float, float]
    contrast: float
    gamma: tuple[float, float, float]


# Of red, green and blue in grey: alike, and as television has it, once and today (ITU-R BT.601, BT.709).
_GREYS = ((1 / 3, 1 / 3, 1 / 3), jpeg.TO_YCC[0], (0.2126, 0.7152, 0.0722))


def draw_film(rng: Rng) -> Film:
    """Draw a film: one in four as behind a filter, two in five of more contrast, one in four toned."""
    shares = [*_GREYS, tuple(rng.dirichlet((1, 1.5, 0.7)).tolist())][rng.integers(4)]
    contrast = rng.uniform(1, 1.7) if rng.random() < 0.4 else 1.0
    warm = rng.uniform(0, 0.5) if rng.random() < 0.25 else 0.0
    return Film(shares, contrast, (1.0, 1 + 0.4 * warm, 1 + warm))


@dataclass(frozen=True)
class Change:
    """One thing a camera does. kind: a name in KINDS; amount: its strength; grain: the noise, if it is one;
    film, file: the film, the JPEG, if it is one.
    """

    kind: str
    amount: float = 0.0
    grain: int = 0
    film: Film | None = None
    file: jpeg.File | None = None


def draw_changes(rng: Rng, jpeg_share: float) -> tuple[Change, ...]:
    """Draw one to three of: blur, sharpening, noise, coarser noise, contrast, reduced resolution; and, with a
    probability, a JPEG file in the end.
    """
    changes = []
    for number in rng.permutation(len(_AMOUNTS))[: rng.integers(1, 4)]:
        kind, low, high = _AMOUNTS[number]
        changes.append(Change(kind, rng.uniform(low, high), noise.draw_grain(rng) if "noise" in kind else 0))
    if rng.random() < jpeg_share:
        changes.append(Change("jpeg", file=jpeg.draw(rng)))
    return tuple(changes)


_AMOUNTS = (
    ("blur", 0.3, 0.9),
    ("sharpening", 0.2, 1.0),
    ("noise", 0.0, 0.03),
    ("coarse noise", 0.0, 0.06),
    ("contrast", 0.7, 1.3),
    ("resolution", 0.5, 0.9),
)
KINDS = (*(kind for kind, _, _ in _AMOUNTS), "film", "jpeg")


def change(pictures: Tensor, changes: Sequence[tuple[Change, ...]]) -> Tensor:
    """Return pictures (B, 3, S, S) after all that happens to each of them, in its order."""
    for step in range(max(map(len, changes), default=0)):
        for kind in KINDS:
            chosen = [i for i, each in enumerate(changes) if len(each) > step and each[step].kind == kind]
            if chosen:
                before = pictures[chosen]
                after = _change(before, kind, [changes[number][step] for number in chosen])
                pictures = put(pictures, chosen, after.clamp_(0, 1))
    return pictures


def _change(pictures: Tensor, kind: str, changes: Sequence[Change]) -> Tensor:
    amounts = [each.amount for each in changes]
    if kind == "blur":
        return blur(pictures, amounts, truncate=4)
    if kind == "resolution":
        return torch.cat([_lose_resolution(p[None], a) for p, a in zip(pictures, amounts, strict=True)])
    if kind == "jpeg":
        return jpeg.compress(pictures, [each.file for each in changes if each.file is not None])
    if kind == "film":
        return _develop(pictures, [each.film for each in changes if each.film is not None])
    strength = torch.tensor(amounts, dtype=torch.float32).to(pictures.device)[:, None, None, None]
    if kind == "contrast":
        return 0.5 + (pictures - 0.5) * strength
    if kind == "sharpening":
        return pictures + strength * (pictures - blur(pictures, [1.0] * len(amounts), truncate=4))
    grain = noise.grain([each.grain for each in changes], tuple(pictures.shape[1:]), pictures.device)
    if kind == "coarse noise":
        grain = blur(grain, [0.8] * len(amounts), truncate=2)
    return pictures + strength * grain


def _develop(pictures: Tensor, films: Sequence[Film]) -> Tensor:
    table = torch.tensor([(*each.shares, *each.gamma, each.contrast) for each in films], dtype=torch.float32)
    table = table.to(pictures.device)[:, :, None, None]
    grey = (pictures * table[:, :3]).sum(dim=1, keepdim=True)
    middle = grey.mean((1, 2, 3), keepdim=True)
    return (middle + table[:, 6:] * (grey - middle)).clamp_(0, 1) ** table[:, 3:6]


def blur(pictures: Tensor, sigmas: Sequence[float], truncate: float = 2.5) -> Tensor:
    """Blur each picture (B, C, S, S) by its Gaussian, in pixels; kernels end at truncate · sigma.

    Wide ones act at reduced size, where they cost less and look the same.
    """
    factors = [4 if sigma > 5 else 2 if sigma > 2.5 else 1 for sigma in sigmas]
    out = torch.empty_like(pictures)
    for factor in set(factors):
        chosen = [number for number, each in enumerate(factors) if each == factor]
        part = pictures[chosen]
        if factor > 1:
            part = F.avg_pool2d(part, factor)
        part = _blur(part, [sigmas[number] / factor for number in chosen], truncate)
        if factor > 1:
            part = F.interpolate(part, scale_factor=factor, mode="bilinear")
        out[chosen] = part
    return out


def _blur(pictures: Tensor, sigmas: Sequence[float], truncate: float) -> Tensor:
    reach = int(truncate * max(sigmas) + 0.5)
    taps, sigma = np.arange(-reach, reach + 1), np.array(sigmas)[:, None]
    kernel = np.exp(-0.5 * (taps / sigma) ** 2) * (np.abs(taps) <= (truncate * sigma + 0.5).astype(int))
    kernel = (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)
    weights = torch.from_numpy(kernel).to(pictures.device)[..., None, None, None].unbind(1)
    wide = F.pad(pictures, [reach] * 4, mode="replicate")
    height, width = pictures.shape[2:]
    # Shifted sums: as fast as a grouped convolution here, and free of TF32's rounding elsewhere.
    rows = wide[..., :width] * weights[0]
    for tap in range(1, len(weights)):
        rows.addcmul_(wide[..., tap : tap + width], weights[tap])
    out = rows[..., :height, :] * weights[0]
    for tap in range(1, len(weights)):
        out.addcmul_(rows[..., tap : tap + height, :], weights[tap])
    return out


def _lose_resolution(picture: Tensor, factor: float) -> Tensor:
    size = picture.shape[2]
    small = F.interpolate(picture, size=int(size * factor), mode="bilinear", antialias=True)
    return F.interpolate(small, size=size, mode="bicubic")


def put(pictures: Tensor, chosen: list[int], changed: Tensor) -> Tensor:
    """Return a batch of pictures, or of anything, with some of them replaced."""
    if len(chosen) == len(pictures):
        return changed
    out = pictures.clone()
    out[chosen] = changed
    return out
