"""Clean foreground colours under a soft alpha: what to paste on a new background without the old one's tint.

A pixel of a photo is I = αF + (1 − α)B with both F and B unknown. Multi-level estimation (Germer, Uelwer,
Conrad, Harmeling: "Fast Multi-Level Foreground Estimation", ICPR 2020) minimises

    Σᵢ (αᵢFᵢ + (1 − αᵢ)Bᵢ − Iᵢ)²  +  Σᵢⱼ (ε + |αᵢ − αⱼ|) · ((Fᵢ − Fⱼ)² + (Bᵢ − Bⱼ)²)      over neighbours i, j

from the smallest scale of a pyramid to the largest. Given its neighbours, a pixel has a closed solution, so a
few sweeps over each scale are enough. Here all pixels of a sweep are updated at once from the sweep before
(Jacobi instead of the paper's Gauss-Seidel), in tiles that fit the processor's cache, by a thread for each
core: with a margin of one pixel a sweep, a tile comes out exactly as the whole picture would.

Inside, colours are planar: (6, h, w) holds the red, green and blue of F, then those of B.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from deepmatte import threads
from deepmatte.errors import BadInput
from deepmatte.pixels import LIGHT, AnyArray, Floats, to_unit

SMOOTHNESS = np.float32(1e-5)  # ε: how much neighbours agree where alpha is flat
COARSE_SWEEPS = 10
FINEST_SWEEPS = 5  # costs the most and changes the least
TILE_PX = 192  # colours, weights and scratch of a tile stay in cache; smaller ones waste more on margins
SMALL_SIDE_PX = 512  # scales up to this side are swept everywhere, larger ones only where alpha is soft


def estimate_foreground(image: AnyArray, alpha: AnyArray, exponent: float = LIGHT) -> Floats:
    """Return the foreground's own colours, (H, W, 3) float32 in [0, 1].

    image: (H, W, 3); alpha: (H, W), 1 is wholly foreground; both uint8, uint16, bool or floats in
    [0, 1]. exponent: of light by value; 1 for a picture that was composed of values by the plain equation.
    Where alpha is 1 the result is the image itself. Where alpha is 0 nothing can be known: there the
    colours of the foreground nearby go on, so that scaling or blurring the cutout brings in no fringe.
    Raises BadInput for other shapes and types, for floats outside [0, 1] and an exponent that is not finite
    and above 0.
    """
    image, alpha = np.asarray(image), np.asarray(alpha)
    _check(image, alpha)
    if not 0 < exponent < math.inf:
        raise BadInput(f"exponent is {exponent:g}; expected more than 0: {LIGHT:g} for photographs")
    scales = _pyramid(image, alpha, exponent)
    colours = _start(scales)
    for scale in reversed(scales):
        colours = _refine(scale, colours)
    return _finish(image, alpha, colours, exponent)


@dataclass(frozen=True)
class _Scale:
    """One level of the pyramid: pixels (3, h, w), as light, and alpha (h, w), float32 in [0, 1]."""

    pixels: Floats
    alpha: Floats


@dataclass(frozen=True)
class _Tile:
    """A part of a picture, as slices: the core, the core with its margin, where the core lies in that."""

    core: tuple[slice, slice]
    padded: tuple[slice, slice]
    inner: tuple[slice, slice]


def _check(image: AnyArray, alpha: AnyArray) -> None:
    if image.ndim != 3 or image.shape[2] != 3:
        raise BadInput(f"image has shape {image.shape}; expected (height, width, 3)")
    if alpha.shape != image.shape[:2]:
        raise BadInput(f"alpha has shape {alpha.shape} but the image is {image.shape[:2]}; they must match")
    if alpha.size == 0:
        raise BadInput(f"image has shape {image.shape}; expected at least one pixel")


def _pyramid(image: AnyArray, alpha: AnyArray, exponent: float) -> list[_Scale]:
    """Return the scales from half size down to one pixel; the full size is read tile by tile in _finish.

    Every second pixel is taken, not averages: a mean of 2 × 2 pixels has no pure colours left, and on
    composites with known foregrounds the error was a tenth to a third larger.
    """
    scales = [_Scale(_raise(_planar(image[::2, ::2]), exponent), to_unit(alpha[::2, ::2]))]
    while max(scales[-1].alpha.shape) > 1:
        last = scales[-1]
        scales.append(_Scale(last.pixels[:, ::2, ::2].copy(), last.alpha[::2, ::2].copy()))
    return scales


def _planar(image: AnyArray) -> Floats:
    """Return (h, w, 3) pixels of any type as float32 (3, h, w) in [0, 1]."""
    return to_unit(np.ascontiguousarray(np.moveaxis(image, -1, 0)))


def _raise(pixels: Floats, exponent: float) -> Floats:
    raised: Floats = pixels ** np.float32(exponent)
    return raised


def _start(scales: list[_Scale]) -> Floats:
    """Return the one foreground and one background colour that explain the picture best, as (6, 1, 1).

    Least squares over a small scale; a picture made of just two colours is solved by this step alone.
    """
    scale = next(scale for scale in scales if max(scale.alpha.shape) <= SMALL_SIDE_PX)
    weights = np.stack([scale.alpha.ravel(), 1 - scale.alpha.ravel()]).astype(np.float64)
    pixels = scale.pixels.reshape(3, -1).astype(np.float64)
    damping = 1e-9 * weights.shape[1]  # an alpha that is the same everywhere leaves the mean colour for both
    mean = pixels.mean(axis=1)
    normal = weights @ weights.T + damping * np.eye(2)
    colours = np.linalg.solve(normal, weights @ pixels.T + damping * mean)
    return np.clip(colours, 0, 1).astype(np.float32).reshape(6, 1, 1)


def _tiles(height: int, width: int, margin_px: int) -> Iterator[_Tile]:
    for top in range(0, height, TILE_PX):
        for left in range(0, width, TILE_PX):
            bottom, right = min(top + TILE_PX, height), min(left + TILE_PX, width)
            above, before = max(top - margin_px, 0), max(left - margin_px, 0)
            below, after = min(bottom + margin_px, height), min(right + margin_px, width)
            yield _Tile(
                (slice(top, bottom), slice(left, right)),
                (slice(above, below), slice(before, after)),
                (slice(top - above, bottom - above), slice(left - before, right - before)),
            )


def _is_soft(alpha: AnyArray) -> bool:
    """Say whether any pixel of a tile is neither wholly foreground nor wholly background."""
    return bool(np.any((alpha > 0) & (alpha < 1)))


def _enlarge(coarse: Floats, area: tuple[slice, slice]) -> Floats:
    """Return the part `area` of colours at twice their size, every colour repeated 2 × 2 times."""
    rows, columns = (np.arange(side.start, side.stop) // 2 for side in area)
    rows_of_parents: Floats = coarse[:, rows]
    return rows_of_parents.take(columns, axis=2)


def _refine(scale: _Scale, coarse: Floats) -> Floats:
    """Return a scale's colours (6, h, w), given those of the next smaller one."""
    height, width = scale.alpha.shape
    everywhere = max(height, width) <= SMALL_SIDE_PX
    colours = np.empty((6, height, width), np.float32)

    def fill(tile: _Tile) -> None:
        if everywhere or _is_soft(scale.alpha[tile.core]):
            start = _enlarge(coarse, tile.padded)
            swept = _sweep(scale.pixels[:, *tile.padded], scale.alpha[tile.padded], start, COARSE_SWEEPS)
            colours[:, *tile.core] = swept[:, *tile.inner]
        else:
            start = _enlarge(coarse, tile.core)
            colours[:, *tile.core] = _known(scale.pixels[:, *tile.core], scale.alpha[tile.core], start)

    threads.do_all(fill, _tiles(height, width, COARSE_SWEEPS))
    return colours


def _known(pixels: Floats, alpha: Floats, colours: Floats) -> Floats:
    """Return colours with F taken from the pixels where alpha is 1 and B where it is 0."""
    foreground = np.where(alpha == 1, pixels, colours[:3])
    background = np.where(alpha == 0, pixels, colours[3:])
    return np.concatenate([foreground, background])


def _finish(image: AnyArray, alpha: AnyArray, coarse: Floats, exponent: float) -> Floats:
    """Return the foreground's values at full size, (H, W, 3), exactly the image where alpha is 1."""
    height, width = alpha.shape
    foreground = np.empty((height, width, 3), np.float32)
    values = _raise(coarse[:3], 1 / exponent)

    def fill(tile: _Tile) -> None:
        matte = to_unit(alpha[tile.core])
        is_foreground = matte == 1
        if _is_soft(matte):
            colours = _enlarge(coarse, tile.padded)
            pixels, matte = _raise(_planar(image[tile.padded]), exponent), to_unit(alpha[tile.padded])
            swept = _sweep(pixels, matte, colours, FINEST_SWEEPS)[:3, *tile.inner]
            foreground[tile.core] = np.moveaxis(_raise(swept, 1 / exponent), 0, -1)
        elif not is_foreground.all():
            foreground[tile.core] = np.moveaxis(_enlarge(values, tile.core), 0, -1)
        np.copyto(foreground[tile.core], to_unit(image[tile.core]), where=is_foreground[..., None])

    threads.do_all(fill, _tiles(height, width, FINEST_SWEEPS))
    return foreground


def _sweep(pixels: Floats, alpha: Floats, start: Floats, sweeps: int) -> Floats:
    """Return colours (6, h, w) after a number of Jacobi sweeps from `start`; sides are continued outwards.

    With m the weighted mean of the four neighbours and s the sum of their weights, the best F and B of a
    pixel are F = m_F + αr/d and B = m_B + (1 − α)r/d, r = I − αm_F − (1 − α)m_B, d = α² + (1 − α)² + s.
    """
    shares, total = _neighbour_shares(alpha)
    opposite = 1 - alpha
    gain = 1 / (alpha * alpha + opposite * opposite + total)
    foreground_gain, background_gain = alpha * gain, opposite * gain
    framed = np.pad(start, ((0, 0), (1, 1), (1, 1)), mode="edge")
    mean, scratch = np.empty_like(start), np.empty_like(start)
    for _ in range(sweeps):
        np.multiply(framed[:, :-2, 1:-1], shares[0], out=mean)
        for neighbours, share in zip(_other_neighbours(framed), shares[1:], strict=True):
            mean += np.multiply(neighbours, share, out=scratch)
        residual = pixels - alpha * mean[:3] - opposite * mean[3:]
        mean[:3] += foreground_gain * residual
        mean[3:] += background_gain * residual
        np.clip(mean, 0, 1, out=framed[:, 1:-1, 1:-1])
        _continue_outwards(framed)
    return framed[:, 1:-1, 1:-1]


def _neighbour_shares(alpha: Floats) -> tuple[list[Floats], Floats]:
    """Return the shares in the mean of the neighbours above, below, left and right; the sum of weights."""
    framed = np.pad(alpha, 1, mode="edge")
    weights = [
        np.abs(neighbour - alpha) + SMOOTHNESS
        for neighbour in (framed[:-2, 1:-1], framed[2:, 1:-1], framed[1:-1, :-2], framed[1:-1, 2:])
    ]
    total = weights[0] + weights[1] + weights[2] + weights[3]
    return [weight / total for weight in weights], total


def _other_neighbours(framed: Floats) -> tuple[Floats, Floats, Floats]:
    return framed[:, 2:, 1:-1], framed[:, 1:-1, :-2], framed[:, 1:-1, 2:]


def _continue_outwards(framed: Floats) -> None:
    """Repeat the outermost colours in the frame of one pixel around them."""
    framed[:, 0], framed[:, -1] = framed[:, 1], framed[:, -2]
    framed[:, :, 0], framed[:, :, -1] = framed[:, :, 1], framed[:, :, -2]
