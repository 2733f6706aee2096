"""Trimaps changed on purpose: what a method is given when nobody took care.

A trimap is uint8 (H, W) of {0, 128, 255}, as everywhere. Distances are Euclidean, in px.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte import trimap
from deepmatte.errors import BadInput
from deepmatte.pixels import Bytes
from deepmatte.trimap import BACKGROUND, FOREGROUND, UNKNOWN

UNCHANGED = "unchanged"
DILATED, ERODED, SHIFTED = "dilated", "eroded", "shifted"
GRADED = (DILATED, ERODED, SHIFTED)  # these have a distance
NO_FOREGROUND, NO_BACKGROUND, ALL_UNKNOWN = "no-foreground", "no-background", "all-unknown"
ONE_SIDED = (NO_FOREGROUND, NO_BACKGROUND, ALL_UNKNOWN)

PAPER_DISTANCES = (1, 4, 7, 10, 13, 16, 19)  # Xu et al., "Deep Image Matting", figure 7


@dataclass(frozen=True)
class Change:
    """What is done to a trimap.

    kind: one of GRADED, ONE_SIDED and UNCHANGED; distance_px: how far, for those of GRADED; direction_deg:
    where shifted trimaps go, 0 right and 90 up, None for a direction that seed and picture decide.
    Raises BadInput for other kinds, and a distance below 1 for those of GRADED.
    """

    kind: str
    distance_px: int = 0
    direction_deg: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in (*GRADED, *ONE_SIDED, UNCHANGED):
            kinds = ", ".join(GRADED + ONE_SIDED)
            raise BadInput(f"trimaps cannot be made {self.kind!r}; expected one of {kinds}")
        if self.kind in GRADED and self.distance_px < 1:
            raise BadInput(f"trimaps cannot be {self.kind} by {self.distance_px} px; expected 1 or more")

    @property
    def name(self) -> str:
        """The kind and the distance, as a folder may be called."""
        return f"{self.kind}-{self.distance_px:02d}" if self.kind in GRADED else self.kind

    def offset(self, picture: str) -> tuple[int, int]:
        """Return how many whole px down and right the trimap of a picture is shifted. picture: its name."""
        if self.kind != SHIFTED:
            return 0, 0
        angle = self.direction_deg
        if angle is None:
            angle = 360 * random.Random(f"{self.seed} {picture}").random()
        across, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        return round(-self.distance_px * up), round(self.distance_px * across)

    def apply(self, known: Bytes, picture: str) -> Bytes:
        """Return the changed trimap of a picture."""
        if self.kind == DILATED:
            return dilate(known, self.distance_px)
        if self.kind == ERODED:
            return erode(known, self.distance_px)
        if self.kind == SHIFTED:
            return shift(known, *self.offset(picture))
        forgotten = {
            UNCHANGED: (),
            NO_FOREGROUND: (FOREGROUND,),
            NO_BACKGROUND: (BACKGROUND,),
            ALL_UNKNOWN: (FOREGROUND, BACKGROUND),
        }[self.kind]
        return np.where(np.isin(known, forgotten), np.uint8(UNKNOWN), known)


def list_changes(
    kinds: Sequence[str], distances: Sequence[int], direction_deg: float | None = None, seed: int = 0
) -> list[Change]:
    """Return the changes of these kinds, in order; those of GRADED at each distance.

    Distance 0 is the trimap as it is, which all kinds share: it comes once, first.
    Raises BadInput for unknown kinds and negative distances.
    """
    changes = [Change(UNCHANGED)] if 0 in distances and set(kinds) & set(GRADED) else []
    for kind in kinds:
        for distance in [each for each in distances if each] if kind in GRADED else [0]:
            shifted = (direction_deg, seed) if kind == SHIFTED else ()
            changes.append(Change(kind, distance, *shifted))
    return changes


def dilate(known: Bytes, distance_px: float) -> Bytes:
    """Return the trimap with both known areas cut back by a distance: what is nearer to their end is unknown.

    The unknown band grows by the distance to both sides; where foreground touches background, one opens.
    The picture's border is no end.
    """
    return trimap.from_alpha(known, distance_px, distance_px)


def erode(known: Bytes, distance_px: float) -> Bytes:
    """Return the trimap with both known areas grown by a distance into the unknown one.

    Where both arrive the nearer one stays, foreground where both are equally near. A band narrower than twice
    the distance is closed, though nobody knows that its middle is right.
    """
    to_foreground, to_background = _distance(known == FOREGROUND), _distance(known == BACKGROUND)
    is_taken = (known == UNKNOWN) & (np.minimum(to_foreground, to_background) <= distance_px)
    nearer = np.where(to_foreground <= to_background, np.uint8(FOREGROUND), np.uint8(BACKGROUND))
    return np.where(is_taken, nearer, known)


def _distance(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the distance in px to the nearest pixel of a mask, infinite where it is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf)
    return np.asarray(ndimage.distance_transform_edt(~mask))


def shift(known: Bytes, down_px: int, right_px: int) -> Bytes:
    """Return the trimap moved by whole pixels; what comes in repeats the outermost row or column."""
    height, width = known.shape
    rows = np.clip(np.arange(height) - down_px, 0, height - 1)
    columns = np.clip(np.arange(width) - right_px, 0, width - 1)
    return known[rows[:, None], columns]


# Over which pixels errors are measured, and what that means.
REGIONS = {
    "given": "unknown pixels of the changed trimap that the method was given",
    "original": "unknown pixels of the trimap before it was changed: the same pixels at every distance",
    "either": "pixels that either of both trimaps leaves unknown, and those they disagree on",
}


def regions(given: Bytes, original: Bytes) -> dict[str, Bytes]:
    """Return for each of REGIONS a trimap whose unknown pixels are the region."""
    is_agreed = (given == original) & (given != UNKNOWN)
    either = np.where(is_agreed, np.uint8(BACKGROUND), np.uint8(UNKNOWN))
    return {"given": given, "original": original, "either": either}
