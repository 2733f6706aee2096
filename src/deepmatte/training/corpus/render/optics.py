"""What a lens and a shutter do to a foreground: defocus, motion, and parts that let light through.

Blur mixes premultiplied colours and alpha alike, which is what light does; colours are divided by alpha
again only afterwards. A layer is (S, S, 4) float32: colours times alpha, then alpha. Beyond its frame a layer
goes on as at the frame, so that what the frame cuts off stays opaque there.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from deepmatte.pixels import Floats
from deepmatte.training.corpus.render.noise import smooth_noise
from deepmatte.training.corpus.render.rendering import (
    Choice,
    Generator,
    Parameters,
    Rendering,
    Span,
    from_premultiplied,
    pick,
)

Doubles = NDArray[np.float64]

OPTICS: Parameters = {
    "optics": Choice(
        ("defocus", "varying defocus", "motion", "rotation", "translucent"), "what is done", (4, 3, 3, 1, 1.5)
    ),
    "blur_px": Span(0.7, 9.0, "radius or half the way, in pixels of a picture of 512", "logarithmic"),
}
# The finest levels of defocus that are mixed where it varies.
_LEVELS = 5
_ROTATIONS = 32  # at most


def apply(rng: Generator, rendering: Rendering) -> Rendering:
    """Return a rendering through a random lens or shutter; what was done is added to its parameters."""
    values: dict[str, Any] = pick(rng, OPTICS)
    size = rendering.alpha.shape[0]
    blur_px = values["blur_px"] * size / 512
    layer = np.dstack([rendering.colours * rendering.alpha[..., None], rendering.alpha])
    if values["optics"] == "defocus":
        layer = defocus(layer, blur_px)
    elif values["optics"] == "varying defocus":
        slope, bumps = rng.normal(0, 1, 2), 0.4 * smooth_noise(rng, 2, size)
        steps = np.linspace(-1, 1, size)
        depth = slope[0] * steps[:, None] + slope[1] * steps[None, :] + bumps
        near, far = depth.min(), depth.max()
        focus = rng.uniform(near, far)
        layer = varying_defocus(layer, 1.6 * blur_px * np.abs(depth - focus) / max(far - near, 1e-9))
    elif values["optics"] == "motion":
        layer = motion(layer, _way(rng, blur_px))
    elif values["optics"] == "rotation":
        centre = (rng.uniform(-0.2, 1.2) * size, rng.uniform(-0.2, 1.2) * size)
        layer = rotation(layer, centre, 2 * blur_px / (0.7 * size))
    else:
        layer = translucent(layer, rng.uniform(0.3, 0.9), smooth_noise(rng, rng.uniform(1, 4), size))
    return from_premultiplied(layer[..., :3], layer[..., 3], {**rendering.parameters, **values})


def defocus(layer: Floats, radius_px: float) -> Floats:
    """Spread each point over a disc."""
    return _convolved(layer, [disc(radius_px)])[0]


def varying_defocus(layer: Floats, radii_px: Doubles) -> Floats:
    """Spread each point over a disc whose radius is (S, S): mixed from a few evenly blurred layers."""
    levels = np.linspace(0, float(radii_px.max()), _LEVELS)
    blurred = [layer, *_convolved(layer, [disc(radius) for radius in levels[1:]])]
    where = radii_px / max(levels[1], 1e-9)
    shares = (np.clip(1 - np.abs(where - number), 0, 1).astype(np.float32) for number in range(_LEVELS))
    return np.asarray(sum(s[..., None] * b for s, b in zip(shares, blurred, strict=True)), dtype=np.float32)


def motion(layer: Floats, way_px: Doubles) -> Floats:
    """Move a layer along a way while the shutter is open. way_px: (N, 2), x and y, equal times apart."""
    return _convolved(layer, [trace(way_px)])[0]


def rotation(layer: Floats, centre_px: tuple[float, float], angle: float) -> Floats:
    """Turn a layer by an angle in radians about a place (x, y) while the shutter is open."""
    size = layer.shape[0]
    corners = np.array([[0, 0], [0, size], [size, 0], [size, size]]) - np.array(centre_px)
    arc_px = abs(angle) * np.sqrt((corners**2).sum(axis=1)).max()
    steps = int(np.clip(np.ceil(arc_px / 2), 1, _ROTATIONS))
    middle = np.array([centre_px[1], centre_px[0]]) - 0.5
    total = np.zeros_like(layer)
    for turn in angle * ((np.arange(steps) + 0.5) / steps - 0.5):
        matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        offset = middle - matrix @ middle
        for channel in range(4):
            total[..., channel] += ndimage.affine_transform(
                layer[..., channel], matrix, offset, order=1, mode="nearest"
            )
    return total / np.float32(steps)


def translucent(layer: Floats, least: float, field: Doubles) -> Floats:
    """Let light through: scale a layer by between `least` and 1, where a smooth field (S, S) is low."""
    share = np.clip(1.2 + field, 0, 1)  # most of it stays as it is
    return np.asarray(layer * (least + (1 - least) * share)[..., None], dtype=np.float32)


def disc(radius_px: float) -> Doubles:
    """Return a disc with a soft edge of a pixel, of odd sides and sum 1."""
    reach = int(np.ceil(radius_px + 0.5))
    steps = np.arange(-reach, reach + 1)
    away = np.sqrt(steps[:, None] ** 2 + steps[None, :] ** 2)
    covered = np.clip(radius_px + 0.5 - away, 0, 1)
    return np.asarray(covered / covered.sum())


def trace(way_px: Doubles) -> Doubles:
    """Return the trace of a point that moves along a way (N, 2), centred, of odd sides and sum 1."""
    way = way_px - way_px.mean(axis=0)
    reach = int(np.ceil(np.abs(way).max())) + 1
    first = np.floor(way).astype(np.intp)
    part = way - first
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weight = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
        np.add.at(kernel, (first[:, 1] + dy + reach, first[:, 0] + dx + reach), weight)
    return kernel / kernel.sum()


def _way(rng: Generator, half_px: float) -> Doubles:
    """Return a nearly straight way, 2 × half_px long, gone along at a changing pace."""
    steps = np.linspace(-1, 1, max(16, int(8 * half_px)))
    angle, bend = rng.uniform(0, np.pi), rng.normal(0, 0.25)
    paced = steps + rng.uniform(-0.35, 0.35) * (1 - steps**2)
    along, aside = paced * half_px, bend * half_px * paced**2
    return np.stack(
        [along * np.cos(angle) - aside * np.sin(angle), along * np.sin(angle) + aside * np.cos(angle)], axis=1
    )


def _convolved(layer: Floats, kernels: list[Doubles]) -> list[Floats]:
    """Return a layer convolved with kernels of odd sides."""
    size, reach = layer.shape[0], max(len(kernel) for kernel in kernels) // 2
    padded = np.pad(np.moveaxis(layer, -1, 0), [(0, 0), (reach, reach), (reach, reach)], mode="edge")
    side = fft.next_fast_len(size + 4 * reach, real=True)
    spectrum = fft.rfft2(padded, (side, side))
    blurred = []
    for kernel in kernels:
        own = len(kernel) // 2
        planes = fft.irfft2(spectrum * fft.rfft2(kernel.astype(np.float32), (side, side)), (side, side))
        start = reach + own
        window = planes[:, start : start + size, start : start + size]
        blurred.append(np.clip(np.moveaxis(window, 0, -1), 0, 1).astype(np.float32))
    return blurred
