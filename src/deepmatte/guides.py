"""Guides: what classical colour reasoning knows of a picture, handed to the network beside the pixels.

They are made once from the whole picture on a grid of 4 × 4 pixel cells (the propagation on 2 × 2 where the
picture is not huge), so they carry far context into every tile at little cost:

- foreground and background colours known from the trimap, filled into the unknown region by a push–pull
  pyramid;
- a rough alpha propagated from the known pixels (propagation), as lines in colour space, so that it is sharp
  at full resolution although it was found on the small grid;
- the projection of each pixel's colour on the line between the two filled colours;
- how much more likely a colour is among the known foreground than among the known background, in the whole
  picture;
- how far each cell is from the nearest known foreground and background in colour and place (palette), which
  the propagation also takes a hint from.

Arrays may have leading axes (a batch of pictures of one size). Images here are (..., 3, H, W): channels
first, as the network reads them.
"""

import functools
from dataclasses import dataclass

import numpy as np

from deepmatte import palette, propagation, trimap
from deepmatte.grids import enlarge, halve, pad_even, reduce_by
from deepmatte.pixels import Bytes, Floats, to_light
from deepmatte.trimap import Bools

# Side of a grid cell in pixels.
SCALE = 4
# Full-resolution planes and grid fields, in the order the network reads them.
PLANES = ("propagated", "projected")
FIELDS = (
    "foreground_red", "foreground_green", "foreground_blue",
    "background_red", "background_green", "background_blue",
    "contrast", "residual", "interpolated", "likelihood", "propagated",
    "foreground_distance", "background_distance",
)  # fmt: skip

# Alpha is propagated on a grid twice as fine, or, in a picture of more pixels than these, on cells of so
# many: what is some pixels wide in a small picture is more in a large one, and guides that look too closely
# see less of it (docs/decisions/guides.md).
COARSER = ((1_000_000, 4), (4_000_000, 8), (25_600_000, 16))
# Weight of what the palette says beside the matting Laplacian.
TRUST = 0.0015
# Contrast (squared distance of the filled colours) below which the projection fades to ½.
_FAINT = 1e-3
_BINS = 16
_STRIP = 256  # rows, a multiple of SCALE


@dataclass(frozen=True)
class Guides:
    """The grid fields of a whole picture.

    fields: (..., 13, h, w) float32 as FIELDS names them; propagation, projection: (..., 4, h, w) float32, (a,
    b) with α = a·I + b, for the two PLANES; I is light for propagation, values for projection. h, w are the
    picture's sides divided by SCALE, rounded up; for propagation by scale, from half of SCALE to four times.
    """

    fields: Floats
    propagation: Floats
    projection: Floats
    scale: int

    def planes(self, image: Floats, top: int = 0, left: int = 0) -> Floats:
        """Return the guide planes of a window of the picture at full resolution.

        image: (..., 3, H, W), the window; top, left: where it starts, multiples of SCALE.
        Returns (..., 2, H, W) in [−0.5, 1.5].
        """
        planes = [
            _see_lines(self.propagation, self.scale, to_light(image), top, left),
            _see_lines(self.projection, SCALE, image, top, left),
        ]
        return np.clip(np.stack(planes, axis=-3), -0.5, 1.5)

    def fields_window(self, top: int, left: int, height: int, width: int) -> Floats:
        """Return the grid fields under a window in pixels: (..., 13, height / 4, width / 4), rounded up."""
        y, x = top // SCALE, left // SCALE
        return self.fields[..., y : y + -(-height // SCALE), x : x + -(-width // SCALE)]


def _see_lines(lines: Floats, scale: int, image: Floats, top: int, left: int) -> Floats:
    """Return a·I + b of a window of the picture, (..., H, W); lines lie on a grid of scale × scale pixels."""
    height, width = image.shape[-2:]
    y, x = top // scale, left // scale
    # One cell more on each side, so that a window's values do not depend on where it was cut.
    y0, x0 = max(y - 1, 0), max(x - 1, 0)
    y1, x1 = -(-(top + height) // scale) + 1, -(-(left + width) // scale) + 1
    dy, dx = top - y0 * scale, left - x0 * scale
    fine = enlarge(lines[..., y0:y1, x0:x1], scale, dy + height, dx + width)[..., dy:, dx:]
    return propagation.apply_lines(fine, image)


def _propagate(image: Floats, known: tuple[Floats, Floats], scale: int) -> tuple[Floats, Floats, Floats]:
    """Return the alpha (..., h, w) propagated on a grid of scale × scale pixels, its lines (..., 4, h, w),
    and the distances (..., 2, h, w) that its hint is taken from. known: what _choose_grid returns of it.
    """
    small = reduce_by(image, scale)
    light = _reduce_light(image, scale)
    is_foreground, is_background = known
    distances = palette.measure_distances(small, is_foreground, is_background)
    hint, sureness = palette.judge(distances)
    noise = propagation.measure_noise(light)
    rough = propagation.propagate(
        light, is_foreground + is_background, is_foreground, hint, np.float32(TRUST) * sureness, noise
    )
    return rough, propagation.fit_lines(light, rough, noise), distances


def _choose_grid(tri: Bytes, given: Bytes | None) -> tuple[int, tuple[Floats, Floats]]:
    """Return the side in pixels of the cells that alpha is propagated on, and which of them are known.

    given: as survey has it. What people know counts in every cell it lies in; an answer is not so sure near
    its edge.
    """
    finest = SCALE // 2
    least = finest if given is None else SCALE
    pixels = tri.shape[-2] * tri.shape[-1]
    scale = max(side for limit, side in ((0, least), *COARSER) if pixels > limit)
    known = _find_known(tri if given is None else given, finest)
    if scale > finest:
        known = _merge_known(known, scale // finest)
    if given is not None:
        foreground, background = map(np.maximum, known, _find_known(tri, scale))
        known = foreground, background
    return scale, known


def _find_known(tri: Bytes, scale: int) -> tuple[Floats, Floats]:
    """Return which scale × scale pixels are wholly foreground, and background: 1 or 0, (..., h, w) each."""
    foreground, background = (
        _are_whole(tri == kind, scale).astype(np.float32) for kind in (trimap.FOREGROUND, trimap.BACKGROUND)
    )
    return foreground, background


def _are_whole(mask: Bools, scale: int) -> Bools:
    mask = pad_even(mask, scale)
    rows = functools.reduce(np.logical_and, (mask[..., start::scale, :] for start in range(scale)))
    whole: Bools = functools.reduce(np.logical_and, (rows[..., start::scale] for start in range(scale)))
    return whole


def _merge_known(known: tuple[Floats, Floats], factor: int) -> tuple[Floats, Floats]:
    """Return which factor × factor cells hold some that are known, all of one kind.

    Were they to be known as a whole, scribbles, thinner than they are, would be lost.
    """
    foreground, background = (reduce_by(part, factor) > 0 for part in known)
    is_one = foreground != background
    return (foreground & is_one).astype(np.float32), (background & is_one).astype(np.float32)


def _reduce_light(image: Floats, scale: int) -> Floats:
    """Return the mean light of each scale × scale pixels; in strips, for light takes as much memory as the
    picture.
    """
    strips = [
        reduce_by(to_light(image[..., top : top + _STRIP, :]), scale)
        for top in range(0, image.shape[-2], _STRIP)
    ]
    return np.concatenate(strips, axis=-2)


def survey(image: Floats, tri: Bytes, given: Bytes | None = None) -> Guides:
    """Make the guides of a picture. image: (..., 3, H, W) in [0, 1]; tri: (..., H, W) in {0, 128, 255}.

    given: for a second look, the trimap as it was given, of which tri knows more. Small pictures are twice as
    large then, but no sharper, so alpha is propagated on cells of SCALE pixels at least; what tri alone knows
    counts for those that are known as a whole.
    """
    small = reduce_by(image, SCALE)
    is_foreground, is_background = _find_known(tri, SCALE)
    scale, known = _choose_grid(tri, given)
    rough, lines, distances = _propagate(image, known, scale)
    if scale < SCALE:
        rough, distances = halve(rough), halve(distances)
    elif scale > SCALE:
        rough, distances = (enlarge(part, scale // SCALE, *small.shape[-2:]) for part in (rough, distances))
    foreground = fill(small, is_foreground)
    background = fill(small, is_background)
    interpolated = fill(is_foreground[..., None, :, :], is_foreground + is_background)
    span = foreground - background
    contrast = (span**2).sum(axis=-3, keepdims=True)
    slope = span / (contrast + np.float32(_FAINT))
    offset = -(slope * background).sum(axis=-3, keepdims=True)
    faint = np.float32(_FAINT) / (contrast + np.float32(_FAINT))
    projection = np.concatenate([slope, offset + np.float32(0.5) * faint], axis=-3)
    projected = np.clip(propagation.apply_lines(projection, small), 0, 1)[..., None, :, :]
    residual = np.abs(small - background - projected * span).sum(axis=-3, keepdims=True)
    likelihood = _likelihood(small, is_foreground, is_background)[..., None, :, :]
    fields = np.concatenate(
        [
            *(foreground, background, contrast, residual, interpolated, likelihood),
            *(rough[..., None, :, :], distances),
        ],
        axis=-3,
    )
    return Guides(fields.astype(np.float32), lines, projection.astype(np.float32), scale)


def fill(values: Floats, weight: Floats) -> Floats:
    """Fill cells of no weight from those around them by a push–pull pyramid.

    values: (..., C, h, w); weight: (..., h, w) in [0, 1]. Cells of weight 1 keep their value; without any
    weight all cells become ½.
    """
    weight = weight[..., None, :, :]
    return _fill((values * weight).astype(np.float32), weight.astype(np.float32))


def _fill(weighted: Floats, weight: Floats) -> Floats:
    height, width = weight.shape[-2:]
    if height == width == 1:
        return np.where(weight > 0, weighted / np.maximum(weight, 1e-8), np.float32(0.5))
    coarse_weight = halve(weight)
    # A coarse cell counts fully as soon as one of its four does: near colours outweigh far ones.
    gain = np.asarray(np.minimum(1, 4 * coarse_weight) / np.maximum(coarse_weight, 1e-8), dtype=np.float32)
    coarse = _fill(halve(weighted) * gain, coarse_weight * gain)
    return weighted + (1 - weight) * enlarge(coarse, 2, height, width)


def _likelihood(image: Floats, is_foreground: Floats, is_background: Floats) -> Floats:
    """Return the share of foreground among known cells of nearly the same colour, ½ where there are none."""
    lead, cells = image.shape[:-3], image.shape[-2] * image.shape[-1]
    colours = np.minimum((image * _BINS).astype(np.int64), _BINS - 1)
    index = (colours[..., 0, :, :] * _BINS + colours[..., 1, :, :]) * _BINS + colours[..., 2, :, :]
    pictures = index.reshape(-1, cells) + np.arange(int(np.prod(lead)))[:, None] * _BINS**3
    tables = [_colour_share(pictures, part.reshape(-1, cells)) for part in (is_foreground, is_background)]
    share = (tables[0] + 1e-4) / (tables[0] + tables[1] + 2e-4)
    return share.reshape(-1)[pictures].reshape(index.shape).astype(np.float32)


def _colour_share(index: np.ndarray[tuple[int, int], np.dtype[np.int64]], part: Floats) -> Floats:
    """Return the smoothed share of the part's cells that fall in each colour bin: (pictures, bins³)."""
    pictures = index.shape[0]
    counts = np.bincount(index.ravel(), weights=part.ravel(), minlength=pictures * _BINS**3)
    table = np.asarray(counts.reshape(pictures, _BINS, _BINS, _BINS), dtype=np.float64)
    for axis in (1, 2, 3):
        wide = np.pad(table, [(0, 0)] + [(1, 1) if a == axis else (0, 0) for a in (1, 2, 3)], mode="edge")
        low, mid, high = (np.take(wide, np.arange(start, start + _BINS), axis=axis) for start in range(3))
        table = np.asarray((low + 2 * mid + high) / 4, dtype=np.float64)
    total = np.maximum(table.sum(axis=(1, 2, 3), keepdims=True), 1)
    return np.asarray((table / total).reshape(pictures, -1), dtype=np.float32)
