"""Samples as the paper draws them (Xu et al. 2017, section 5): composites, cropped around unknown pixels.

One foreground over one background; its trimap by random dilation of the true alpha's soft pixels; a crop of
320, 480 or 640 pixels around an unknown pixel, brought to the sample's size; flipped half of the time.
Nothing else is changed: no colours, no blur, no noise.

As the paper's composites have the foreground's size, a crop shows no more than its file; the unknown pixel is
then not in the crop's middle. Beyond a file that is smaller than the crop nothing is seen, but where the file
cuts its foreground off, that is reflected: its frame is no edge of the foreground.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from deepmatte import trimap
from deepmatte.training import views
from deepmatte.training.corpus.library import Library, Picture
from deepmatte.training.distances import square_depths
from deepmatte.training.shelf import Shelf
from deepmatte.training.views import View

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
    library: Library, mix: PublishedMix, size: int, rngs: Sequence[Rng], shelf: Shelf
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return foregrounds and backgrounds (B, 3, S, S), alphas (B, 1, S, S) and trimaps (B, S, S) uint8 of one
    sample with each generator.
    """
    drawn = [_draw(library, mix, size, rng) for rng in rngs]
    layers = torch.empty(len(drawn), 7, size, size, device=shelf.device)
    tri = torch.empty(len(drawn), size, size, dtype=torch.uint8, device=shelf.device)
    for crop in {each.crop for each in drawn}:
        chosen = [number for number, each in enumerate(drawn) if each.crop == crop]
        layers[chosen], tri[chosen] = _show([drawn[number] for number in chosen], crop, size, shelf)
    foreground, alpha, background = layers.split((3, 1, 3), dim=1)
    tri[(alpha[:, 0] > 0) & (alpha[:, 0] < 1)] = (
        trimap.UNKNOWN
    )  # resizing softens; what is soft is never known
    return foreground, background, alpha, tri


@dataclass(frozen=True, eq=False)
class _Sample:
    """crop: its side before it is resized; band: how far the unknown region is dilated, in the crop's
    pixels; flips: whether left and right change places.
    """

    foreground: View
    background: View
    crop: int
    band: int
    flips: bool


def _draw(library: Library, mix: PublishedMix, size: int, rng: Rng) -> _Sample:
    members = sum(map(len, library.foregrounds.values()))
    shares = {group: len(each) / members for group, each in library.foregrounds.items()}
    foreground, background = library.draw_foreground(rng, shares), library.draw_background(rng)
    crop = round(int(rng.choice(mix.crops)) * size / 320)
    band = int(rng.integers(1, mix.widest_band + 1)) if mix.redraw else -(-mix.widest_band // 2)
    centre = foreground.centres[rng.integers(len(foreground.centres))]
    # Dilation moves the unknown region's pixels away from the soft ones; so does the crop's centre.
    centre = centre + rng.integers(-band, band + 1, 2) // 2
    # A whole crop of the photograph, which is enlarged if it is too small.
    sides = np.array(background.levels[0].shape[:2])
    side = min(crop, *sides)
    middle = rng.integers(0, sides - side + 1) + side / 2
    return _Sample(
        _crop(
            foreground,
            _keep_inside(centre + crop % 2 / 2, foreground.levels[0].shape[:2], crop),
            1.0,
            reflect=foreground.open_edge,
        ),
        _crop(background, middle, side / crop, reflect=True),
        crop,
        band,
        bool(rng.random() < 0.5),
    )


def _keep_inside(middle: NDArray[np.float64], shape: tuple[int, ...], crop: int) -> NDArray[np.float64]:
    """Return the middle, moved until the crop lies in the file or, where that is smaller, the file in it."""
    ends = np.array([np.full(2, crop / 2), np.array(shape) - crop / 2])
    return np.clip(middle, ends.min(axis=0), ends.max(axis=0))


def _crop(picture: Picture, middle: NDArray[np.float64], step: float, *, reflect: bool) -> View:
    """Return a view that is neither turned nor flipped, a pixel of it `step` pixels of the picture."""
    return View(picture, 0, middle, np.eye(2) * step, reflect, bicubic=False)


def _show(samples: Sequence[_Sample], crop: int, size: int, shelf: Shelf) -> tuple[Tensor, Tensor]:
    """Return layers (N, 7, size, size), foreground, alpha and background, and trimaps (N, size, size)."""
    over = views.see([each.foreground for each in samples], crop, shelf)
    over[:, 3] = (over[:, 3] * 255).round() / 255  # as the file has it: 1 is 1
    under = views.see([each.background for each in samples], crop, shelf)[:, :3]
    layers = torch.cat([over, under], dim=1)
    tri = _dilate(over[:, 3], [each.band for each in samples])
    flipped = [number for number, each in enumerate(samples) if each.flips]
    layers[flipped], tri[flipped] = layers[flipped].flip(3), tri[flipped].flip(2)
    if crop != size:
        layers = F.interpolate(layers, size=(size, size), mode="bilinear", antialias=True)
        at = (torch.arange(size, device=shelf.device) * crop + crop // 2) // size
        tri = tri[:, at[:, None], at]
    return layers, tri


def _dilate(alpha: Tensor, bands: Sequence[int]) -> Tensor:
    """Return trimaps, unknown as far around soft pixels as the bands say: trimap.from_alpha for tensors."""
    limits = torch.tensor(bands, dtype=torch.int32, device=alpha.device)[:, None, None] ** 2
    is_opaque, is_clear = (square_depths(alpha == value, bands) > limits for value in (1, 0))
    unknown = torch.full_like(alpha, trimap.UNKNOWN, dtype=torch.uint8)
    return unknown.masked_fill_(is_opaque, trimap.FOREGROUND).masked_fill_(is_clear, trimap.BACKGROUND)
