"""Views: pictures seen through affine maps, many at once, on any device.

What is seen is settled on the host, where it is drawn (View); looking (see) is a fixed computation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from deepmatte.training.corpus.library import Picture
from deepmatte.training.shelf import Shelf

Rng = np.random.Generator

_KERNELS = ("bilinear", "bicubic")


@dataclass(frozen=True, eq=False)
class View:
    """A square of a picture's level.

    middle: (y, x) that the view's middle shows, in pixels of the level, whose centres lie at halves; matrix:
    (2, 2), how far (y, x) move there for each pixel of the view down and across; reflect: beyond its frame
    the picture is reflected, else its edge is repeated with alpha 0; bicubic: the kernel, else bilinear.
    """

    picture: Picture
    level: int
    middle: NDArray[np.float64]
    matrix: NDArray[np.float64]
    reflect: bool
    bicubic: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the level."""
        height, width = self.picture.levels[self.level].shape[:2]
        return height, width

    def _reach(self, size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the first and last (y, x) that a view of size × size pixels touches, and a little more."""
        reach = np.abs(self.matrix).sum(axis=1) * size / 2
        return np.floor(self.middle - reach) - 3, np.ceil(self.middle + reach) + 3

    def is_inside(self, size: int) -> bool:
        """Whether all that a view of size × size pixels needs is in the picture."""
        low, high = self._reach(size)
        return bool((low >= 0).all() and (high <= self.shape).all())

    def window(self, size: int) -> tuple[slice, slice]:
        """Return the rows and columns of the level that a view of size × size pixels needs."""
        if self.reflect and not self.is_inside(size):
            return slice(0, self.shape[0]), slice(0, self.shape[1])
        low, high = self._reach(size)
        ends = np.array(self.shape)
        top, left = np.clip(low, 0, ends - 1).astype(int).tolist()
        bottom, right = np.clip(high, (top + 1, left + 1), ends).astype(int).tolist()
        return slice(top, bottom), slice(left, right)

    def map_to(self, rows: slice, columns: slice, size: int) -> NDArray[np.float64]:
        """Return the affine map (2, 3) from (x, y, 1) in a view to (x, y) in a window of the level, both in
        units where −1 … 1 is the width or height.
        """
        out = np.empty((2, 3))
        for row, axis, part in ((0, 1, columns), (1, 0, rows)):
            length = part.stop - part.start
            out[row, :2] = self.matrix[axis, ::-1] * size / length
            out[row, 2] = (self.middle[axis] - part.start) * 2 / length - 1
        return out


def draw(
    picture: Picture, centre: NDArray[np.float64], scale: float, angle: float, rng: Rng, *, reflect: bool
) -> View:
    """Draw a view of a picture; a flip, a stretch and the resampling kernel are random.

    centre: (y, x) in pixels of level 0; scale: view pixels per level-0 pixel; angle in radians.
    """
    level = min(max(int(math.log2(1 / scale) + 0.5), 0), len(picture.levels) - 1)
    stretch = math.exp(rng.uniform(-0.12, 0.12))
    down, across = stretch / (scale * 2**level), 1 / (stretch * scale * 2**level)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    cos, sin = math.cos(angle), math.sin(angle)
    matrix = np.array([[cos * down, sin * across * flip], [-sin * down, cos * across * flip]])
    return View(picture, level, centre / 2**level, matrix, reflect, bool(rng.random() < 0.4))


def see(views: Sequence[View], size: int, shelf: Shelf) -> Tensor:
    """Return what views show: (V, 4, size, size) float32 in [0, 1]; red, green, blue, alpha."""
    out = torch.empty((len(views), 4, size, size), device=shelf.device)
    if not views:
        return out
    windows = [view.window(size) for view in views]
    maps = np.stack([view.map_to(*window, size) for view, window in zip(views, windows, strict=True)])
    across, down, shift = (
        torch.from_numpy(maps.astype(np.float32)).to(shelf.device)[..., None, None].unbind(2)
    )
    # The centres of a view's pixels, in units where −1 … 1 is its width.
    at = (torch.arange(size, dtype=torch.float32, device=shelf.device) * 2 + 1) / size - 1
    places = torch.stack(
        [shift[:, axis] + across[:, axis] * at + down[:, axis] * at[:, None] for axis in (0, 1)], dim=-1
    )
    for number, (view, window) in enumerate(zip(views, windows, strict=True)):
        picture = shelf.window(view.picture, view.level, *window).permute(2, 0, 1)[None].float()
        mode, padding = _KERNELS[view.bicubic], "reflection" if view.reflect else "border"
        out[number] = F.grid_sample(picture, places[number, None], mode, padding, align_corners=False)[0]
        if not view.reflect and not view.is_inside(size):
            out[number, 3] *= (places[number].abs() <= 1).all(dim=-1)
    return out.div_(255).clamp_(0, 1)
