"""Between a picture of any size and the arrays that a network takes, and exactly back.

A network takes two stacks for one window, float32:

    planes (C, H, W)                   red, green, blue in [0, 1], is_foreground and is_background (0 or 1),
                                       then the guides' full-resolution planes
    fields (G, H / SCALE, W / SCALE)   the guides' grid fields

H and W are multiples of its stride. Windows start inside the picture, at multiples of the stride, and reach
less than one stride over its lower and right edge; there the last row and column are repeated. Nothing is
added above or to the left: the network's own zero padding is what it met at the edges of its training crops.

A picture is computed in tiles. Each has a core, whose result is kept, and a margin around it, at least as
wide as the network can see. So cores are copied side by side without blending, and the outcome does not
depend on how the picture was cut. Only what holds unknown pixels is computed.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from deepmatte import guides, threads
from deepmatte.errors import BadInput
from deepmatte.pixels import AnyArray, Bytes, Floats, to_unit
from deepmatte.trimap import BACKGROUND, FOREGROUND, UNKNOWN

PICTURE_PLANES = ("red", "green", "blue", "is_foreground", "is_background")
PLANES = PICTURE_PLANES + guides.PLANES
FIELDS = guides.FIELDS
CORE_PX = 1536  # with its margins 4 Mpx at most, whatever the size of the picture
MARGIN_PX = 176  # a model says its own; this is how far GuidedNet can see, rounded up
_TILE_COST_PX = 150_000  # what starting on one more tile costs, in pixels that could be computed meanwhile
# Planes are made in strips of so many rows, several at a time; a training window is one strip.
_STRIP = 512
_SMALLEST_CORE_PX = 128  # below this a tile is nearly all margin


class GuideSource(Protocol):
    """What knows the guides of a picture, as guides.Guides does; windows start at multiples of SCALE."""

    def planes(self, image: Floats, top: int, left: int) -> Floats:
        """Return (P, H, W) for a window of the image (3, H, W) in [0, 1] that starts at (top, left)."""

    def fields_window(self, top: int, left: int, height: int, width: int) -> Floats:
        """Return (G, H, W) grid fields under a window; H, W are its sides over SCALE, rounded up."""


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: rows top … top + height − 1, columns left … left + width − 1."""

    top: int
    left: int
    height: int
    width: int

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an array (H, W, ...)."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


@dataclass(frozen=True)
class Tile:
    """One piece of work: what the network sees, and the part of its answer that is kept."""

    core: Window  # inside the picture
    padded: Window  # the core and its margin; sides are multiples of the stride


@dataclass(frozen=True)
class _Cutter:
    """Cuts one picture into tiles, in cells of step × step pixels."""

    has_unknown: NDArray[np.bool_]  # one value per cell
    step: int
    margin: int  # cells
    largest: int  # cells, the longest side of a core

    def tiles(self, cells: Window) -> tuple[list[Window], int]:
        """Return the cheapest cores (in cells) found for a part of the picture, and their cost in pixels.

        A part is shrunk to its unknown cells, then cut in two wherever that costs less than the whole.
        """
        whole = self._shrink(cells)
        if whole is None:
            return [], 0
        cost = self.padded(whole).area * self.step**2 + _TILE_COST_PX
        longer = max(whole.height, whole.width)
        is_small = cost <= 2 * _TILE_COST_PX or longer * self.step < 2 * _SMALLEST_CORE_PX
        if longer == 1 or (longer <= self.largest and is_small):
            return [whole], cost
        # Cut so that equal parts come out in the end, none longer than allowed.
        parts = max(2, -(-longer // self.largest))
        halves = [self.tiles(half) for half in _cut(whole, longer * (parts // 2) // parts)]
        if longer <= self.largest and cost <= sum(half_cost for _, half_cost in halves):
            return [whole], cost
        return [core for cores, _ in halves for core in cores], sum(half_cost for _, half_cost in halves)

    def padded(self, core: Window) -> Window:
        """Return the core with its margin, as far as there is picture."""
        rows, columns = self.has_unknown.shape
        top, left = max(0, core.top - self.margin), max(0, core.left - self.margin)
        bottom = min(rows, core.top + core.height + self.margin)
        right = min(columns, core.left + core.width + self.margin)
        return Window(top, left, bottom - top, right - left)

    def _shrink(self, cells: Window) -> Window | None:
        """Return the bounding box of the unknown cells in a part, or None if there are none."""
        part = self.has_unknown[cells.slices]
        rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
        if not rows.size:
            return None
        height, width = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
        return Window(cells.top + int(rows[0]), cells.left + int(columns[0]), height, width)


def tiles(trimap: Bytes, stride: int, core_px: int = CORE_PX, margin_px: int = MARGIN_PX) -> list[Tile]:
    """Cut a picture into tiles whose cores hold every unknown pixel once, with as little work as possible.

    trimap: (H, W) of {0, 128, 255}; stride: of the network, in pixels; core_px: longest side of a core;
    margin_px: how far around a core the network can see, rounded up to the stride.
    No unknown pixel gives no tiles. Raises BadInput if a core would be smaller than the stride.
    """
    step = math.lcm(stride, guides.SCALE)
    if stride < 1 or margin_px < 0 or core_px < step:
        raise BadInput(
            f"tiles of {core_px} px with a margin of {margin_px} px do not fit a stride of {stride} px;"
            f" expected at least {step} px and a margin of 0 or more"
        )
    cutter = _Cutter(_cells_with_unknown(trimap, step), step, -(-margin_px // step), core_px // step)
    height, width = trimap.shape
    rows, columns = cutter.has_unknown.shape
    cores, _ = cutter.tiles(Window(0, 0, rows, columns))
    return [
        Tile(_inside(_in_pixels(core, step), height, width), _in_pixels(cutter.padded(core), step))
        for core in cores
    ]


def planes(image: AnyArray, trimap: Bytes, source: GuideSource, window: Window) -> Floats:
    """Return the full-resolution planes of one window: (C, window.height, window.width) float32.

    image: (H, W, 3) of any type that pixels.to_unit reads; trimap: (H, W) of {0, 128, 255}.
    """
    inside = _inside(window, *trimap.shape)
    stack = np.empty((len(PLANES), window.height, window.width), np.float32)

    def fill(down: int) -> None:
        strip = Window(inside.top + down, inside.left, min(_STRIP, inside.height - down), inside.width)
        part = stack[:, down : down + strip.height, : inside.width]
        picture, known = part[:3], trimap[strip.slices]
        picture[:] = np.moveaxis(to_unit(image[strip.slices]), 2, 0)
        part[3] = known == FOREGROUND
        part[4] = known == BACKGROUND
        part[len(PICTURE_PLANES) :] = source.planes(picture, strip.top, strip.left)

    threads.do_all(fill, range(0, inside.height, _STRIP))
    _repeat_edge(stack, inside.height, inside.width)
    return stack


def fields(source: GuideSource, picture_shape: tuple[int, ...], window: Window) -> Floats:
    """Return the grid fields of one window: (G, window.height / SCALE, window.width / SCALE) float32.

    picture_shape: (H, W) of the whole picture.
    """
    inside = _inside(window, *picture_shape[:2])
    known = source.fields_window(inside.top, inside.left, inside.height, inside.width)
    count, height, width = known.shape
    stack = np.empty((count, window.height // guides.SCALE, window.width // guides.SCALE), np.float32)
    stack[:, :height, :width] = known
    _repeat_edge(stack, height, width)
    return stack


def pick(stack: Floats, given: tuple[str, ...], wanted: tuple[str, ...]) -> Floats:
    """Return the parts of a stack (C, H, W) that a model reads, in its order; given: the stack's names."""
    return stack if wanted == given else stack[[given.index(name) for name in wanted]]


def keep_core(alpha: Floats, tile: Tile, values: Floats) -> None:
    """Write the core of a tile's result into the picture's alpha.

    alpha: (H, W) of the whole picture, changed in place; values: (tile.padded.height, tile.padded.width).
    """
    top, left = tile.core.top - tile.padded.top, tile.core.left - tile.padded.left
    alpha[tile.core.slices] = values[Window(top, left, tile.core.height, tile.core.width).slices]


def _repeat_edge(stack: Floats, height: int, width: int) -> None:
    """Fill what lies beyond the first height rows and width columns with the last of them, in place."""
    stack[:, height:, :width] = stack[:, height - 1 : height, :width]
    stack[:, :, width:] = stack[:, :, width - 1 : width]


def _cells_with_unknown(trimap: Bytes, step: int) -> NDArray[np.bool_]:
    """Return for each cell of step × step pixels whether it holds an unknown pixel."""
    is_unknown = trimap == UNKNOWN
    by_rows = np.logical_or.reduceat(is_unknown, np.arange(0, trimap.shape[0], step), axis=0)
    return np.logical_or.reduceat(by_rows, np.arange(0, trimap.shape[1], step), axis=1)


def _cut(window: Window, at: int) -> tuple[Window, Window]:
    """Cut a window in two across its longer side, `at` rows or columns from its start."""
    if window.height >= window.width:
        return (
            Window(window.top, window.left, at, window.width),
            Window(window.top + at, window.left, window.height - at, window.width),
        )
    return (
        Window(window.top, window.left, window.height, at),
        Window(window.top, window.left + at, window.height, window.width - at),
    )


def _in_pixels(cells: Window, step: int) -> Window:
    """Return a window of cells as a window of pixels."""
    return Window(cells.top * step, cells.left * step, cells.height * step, cells.width * step)


def _inside(window: Window, height: int, width: int) -> Window:
    """Return the part of a window that lies in the picture."""
    return Window(
        window.top,
        window.left,
        min(window.height, height - window.top),
        min(window.width, width - window.left),
    )
