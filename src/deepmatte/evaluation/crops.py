"""Where mattes are worst, and pictures of it: pure arrays, no files.

An error map is signed, (H, W) float32: matte minus truth over unknown pixels, 0 elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deepmatte import grids
from deepmatte.pixels import AnyArray, Bytes, Floats, to_bytes, to_unit
from deepmatte.trimap import UNKNOWN

FULL_ERROR = 0.5  # an error of this size or more is shown in full colour

_SIDE_SHARE, _SIDE_LEAST_PX, _SIDE_MOST_PX = 0.25, 64, 240
_WORTH_SHARE = 0.002  # of a crop's area: a difference below this much wholly wrong area is not worth showing
_TOO_MUCH = np.array([1.0, 0.45, 0.1], np.float32)  # orange: more foreground than there is
_TOO_LITTLE = np.array([0.2, 0.6, 1.0], np.float32)  # blue: less
_NOT_COUNTED = 0.16  # grey of known pixels


@dataclass(frozen=True)
class Place:
    """A part of a picture, and why it is shown."""

    top: int
    left: int
    height: int
    width: int
    reason: str

    @property
    def window(self) -> tuple[slice, slice]:
        """What cuts the place out of an array (H, W, ...)."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


def error_map(matte: Floats, truth: Floats, trimap: Bytes) -> Floats:
    """Return matte minus truth where the trimap is unknown, 0 elsewhere."""
    return np.where(trimap == UNKNOWN, matte - truth, np.float32(0)).astype(np.float32)


def worst_places(errors: dict[str, Floats]) -> list[Place]:
    """Return up to three places, the most telling first.

    errors: the error map of each method, (H, W). Places: where the first method is most wrong; where it is
    most behind the best other one; where it is most ahead of all others. Of one method alone: where it is
    most wrong, three times. What one place shows does not count for the next.
    """
    left = {name: np.abs(error) for name, error in errors.items()}
    height, width = next(iter(left.values())).shape
    side = round(np.clip(_SIDE_SHARE * max(height, width), _SIDE_LEAST_PX, _SIDE_MOST_PX))
    rows, columns = min(side, height), min(side, width)
    places: list[Place] = []
    for reason, gain in _wishes(list(left)):
        gains = gain([window_sums(each, rows, columns) for each in left.values()])
        top, first = (int(at) for at in np.unravel_index(np.argmax(gains), gains.shape))
        if gains[top, first] > _WORTH_SHARE * rows * columns:
            places.append(Place(top, first, rows, columns, reason))
            for each in left.values():
                each[places[-1].window] = 0
    return places


def _wishes(names: list[str]) -> list[tuple[str, Callable[[list[Floats]], Floats]]]:
    """Return what is to be shown of methods, and how much each window shows of it by their sums of errors."""
    worst = f"where {names[0]} is most wrong", lambda sums: sums[0]
    if len(names) == 1:
        return [worst, *[("where it is next most wrong", worst[1])] * 2]
    best, rest = (names[1], names[1]) if len(names) == 2 else ("the best other one", "all others")
    behind = f"where {names[0]} is most behind {best}", lambda sums: sums[0] - np.minimum.reduce(sums[1:])
    ahead = f"where {names[0]} is most ahead of {rest}", lambda sums: np.minimum.reduce(sums[1:]) - sums[0]
    return [worst, behind, ahead]


def window_sums(values: Floats, height: int, width: int) -> Floats:
    """Return the sum over each window (height, width) that lies wholly inside, by its top left corner."""
    total = np.pad(values.astype(np.float64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    rows = total[height:] - total[:-height]
    return np.asarray(rows[:, width:] - rows[:, :-width], np.float32)


def reduce(picture: AnyArray, longest_px: int) -> Floats:
    """Return a picture (H, W) or (H, W, 3) of any type reduced by a whole factor, to at most longest_px."""
    unit = to_unit(picture)
    factor = -(-max(unit.shape[:2]) // longest_px)
    if factor <= 1:
        return unit
    planes = np.moveaxis(unit, -1, 0) if unit.ndim == 3 else unit
    reduced = grids.reduce_by(planes, factor)
    return np.moveaxis(reduced, 0, -1) if unit.ndim == 3 else reduced


def error_colours(error: Floats, trimap: Bytes) -> Bytes:
    """Return an error map as a picture (H, W, 3), uint8.

    Black is right; orange too much, blue too little foreground, in full colour from FULL_ERROR on; known
    pixels, which do not count, are grey.
    """
    strength = np.minimum(np.abs(error) / FULL_ERROR, 1)[..., None]
    colours = strength * np.where(error[..., None] > 0, _TOO_MUCH, _TOO_LITTLE)
    return to_bytes(np.where((trimap == UNKNOWN)[..., None], colours, _NOT_COUNTED))
