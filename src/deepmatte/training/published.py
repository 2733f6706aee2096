"""Samples as the paper draws them (Xu et al. 2017, section 5): composites, cropped around unknown pixels.

One foreground over one background; its trimap by random dilation of the true alpha's soft pixels; a crop of
320, 480 or 640 pixels centred on an unknown pixel, brought to the sample's size; flipped half of the time.
Nothing else is changed: no colours, no blur, no noise.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from deepmatte import pixels, trimap
from deepmatte.pixels import Bytes, Floats
from deepmatte.training.corpus.library import Foreground, Library

Rng = np.random.Generator


@dataclass(frozen=True)
class PublishedMix:
    """crops: sides to draw from, in pixels, for samples of 320; widest_band: how far the unknown region may
    be dilated, in pixels; redraw: draw the trimap anew each time, else dilate by half of widest_band always.
    """

    crops: tuple[int, ...] = (320, 480, 640)
    widest_band: int = 25
    redraw: bool = True


def draw_layers(
    library: Library, mix: PublishedMix, size: int, rng: Rng
) -> tuple[Floats, Floats, Floats, Bytes]:
    """Return foreground (S, S, 3), background (S, S, 3), alpha (S, S) and trimap (S, S) of one sample."""
    members = [each for group in library.foregrounds.values() for each in group]
    foreground = members[rng.integers(len(members))]
    background = library.backgrounds[rng.integers(len(library.backgrounds))].levels[0]
    crop = round(int(rng.choice(mix.crops)) * size / 320)
    band = int(rng.integers(1, mix.widest_band + 1)) if mix.redraw else -(-mix.widest_band // 2)
    centre = foreground.centres[rng.integers(len(foreground.centres))]
    # Dilation moves the unknown region's pixels away from the soft ones; so does the crop's centre.
    centre = centre + rng.integers(-band, band + 1, 2) // 2
    colours, alpha = _crop_foreground(foreground, centre, crop)
    under = _crop_background(background, crop, rng)
    tri = trimap.from_alpha(alpha, inner_px=band, outer_px=band)
    if rng.random() < 0.5:
        colours, alpha, under, tri = (part[:, ::-1] for part in (colours, alpha, under, tri))
    layers = [_resize(part, size) for part in (colours, under, alpha[..., None])]
    resized = layers[2][..., 0]
    tri = _nearest(tri, size)
    tri[(resized > 0) & (resized < 1)] = trimap.UNKNOWN  # resizing softens; what is soft is never known
    return layers[0], layers[1], resized, tri


def _crop_foreground(foreground: Foreground, centre: np.ndarray, crop: int) -> tuple[Floats, Floats]:
    """Return colours and alpha of the square around a centre; beyond the picture alpha is 0."""
    picture = foreground.levels[0]
    height, width = picture.shape[:2]
    rows, columns = (np.arange(crop) + int(at) - crop // 2 for at in centre)
    seen = picture[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)]
    view = pixels.to_unit(np.ascontiguousarray(seen))
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    return view[..., :3], view[..., 3] * inside


def _crop_background(picture: Bytes, crop: int, rng: Rng) -> Floats:
    """Return a random square of a photograph, which is enlarged first if it is too small."""
    height, width = picture.shape[:2]
    side = min(crop, height, width)
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    return _resize(pixels.to_unit(picture[top : top + side, left : left + side]), crop)


def _resize(part: Floats, size: int) -> Floats:
    """Bring a square (S, S, C) to another size, without aliasing."""
    if part.shape[0] == size:
        return np.ascontiguousarray(part)
    source = torch.from_numpy(np.ascontiguousarray(part.transpose(2, 0, 1)))[None]
    resized = F.interpolate(source, size=(size, size), mode="bilinear", antialias=True)[0]
    return np.ascontiguousarray(resized.numpy().transpose(1, 2, 0))


def _nearest(tri: Bytes, size: int) -> Bytes:
    at = (np.arange(size) * tri.shape[0] + tri.shape[0] // 2) // size
    return np.ascontiguousarray(tri[at[:, None], at])
