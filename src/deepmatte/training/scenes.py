"""Scenes: whole pictures with their guides, which samples are windows of.

Guides know a picture better the more of it they see: made of a small crop alone they err twice as much over
unknown pixels as they do in a photograph, and a network learns to mistrust them. So a whole picture is drawn,
its guides are made as in use, and samples are cut from it. That takes a second or more of a processor, so a
scene is kept in a file and seen again.

A scene is drawn anew until it is like what people bring: both sides are known somewhere, and the guides are
not lost. Of what training draws at random a fifth is (docs/experiments.md).
"""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deepmatte import guides, outputs, trimap
from deepmatte.errors import BadInput
from deepmatte.pixels import AnyArray, Bytes, Floats, to_bytes
from deepmatte.training import composition
from deepmatte.training.composition import Mix
from deepmatte.training.corpus.library import Library
from deepmatte.training.shelf import Shelf

Rng = np.random.Generator

_TRIES = 20  # pictures drawn for one scene; the last is taken as it is


@dataclass(frozen=True)
class Scenes:
    """What scenes a phase has. side: of the whole pictures in pixels, a multiple of 16; count: how many.

    least_foreground, least_background, unknown: shares of the picture; hardest: mean error of the propagated
    alpha over unknown pixels.
    """

    side: int = 768
    count: int = 1500
    least_foreground: float = 0.05
    least_background: float = 0.1
    unknown: tuple[float, float] = (0.03, 0.6)
    hardest: float = 0.15

    def __post_init__(self) -> None:
        if self.side % 16 or self.side < 64 or self.count < 1:
            raise ValueError(
                f"scenes: side is {self.side} and count {self.count}; expected a multiple of 16, at least 64,"
                " and 1 or more"
            )

    def choose(self, step: int, batch: int, rng: Rng) -> list[int]:
        """Return the numbers of the scenes that a step's samples are from: a new one, while there are new
        ones, and any of those before.
        """
        met = min(step + 1, self.count)
        numbers = [int(number) for number in rng.integers(met, size=batch)]
        return [step, *numbers[1:]] if step < self.count else numbers


@dataclass(frozen=True, eq=False)
class Scene:
    """A whole picture of S × S pixels, as it is kept. image: (3, S, S), trimap, alpha: (S, S) uint8; planes:
    (2, S, S), fields: (13, S / 4, S / 4) float16, its guides.
    """

    image: Bytes
    trimap: Bytes
    alpha: Bytes
    planes: AnyArray
    fields: AnyArray

    def window(self, size: int, rng: Rng) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return a random window around an unknown pixel: planes (7, size, size), fields (13, size / 4, size
        / 4), alpha and is_unknown (1, size, size), all float32.
        """
        places = np.argwhere(self.trimap == trimap.UNKNOWN)
        # The pixel may lie anywhere but at the window's edge.
        corner = places[rng.integers(len(places))] - rng.integers(size // 8, size - size // 8, 2)
        corner = corner.clip(0, len(self.trimap) - size) // guides.SCALE
        y, x = (slice(at * guides.SCALE, at * guides.SCALE + size) for at in corner)
        row, column = (slice(at, at + size // guides.SCALE) for at in corner)
        tri = self.trimap[y, x]
        known = np.stack([tri == trimap.FOREGROUND, tri == trimap.BACKGROUND])
        planes = [_tensor(self.image[:, y, x]) / 255, _tensor(known), _tensor(self.planes[:, y, x])]
        fields, alpha = _tensor(self.fields[:, row, column]), _tensor(self.alpha[None, y, x]) / 255
        return torch.cat(planes), fields, alpha, _tensor(tri[None] == trimap.UNKNOWN)


def _tensor(array: AnyArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def find(
    path: Path | None, library: Library, mix: Mix, scenes: Scenes, rng: Rng, shelf: Shelf | None = None
) -> Scene:
    """Return the scene that is kept in a file; draw it, and keep it there, where none is.

    path: None to keep nothing. Raises BadOutput where it cannot be kept, BadInput for a file that is damaged.
    """
    if path is not None and path.exists():
        return _read(path)
    scene = _draw(library, mix, scenes, rng, shelf or Shelf(torch.device("cpu")))
    if path is not None:
        outputs.make_folder(path.parent)
        with (
            outputs.whole_file(path, overwrite=True) as descriptor,
            os.fdopen(os.dup(descriptor), "wb") as file,
        ):
            np.savez(file, **vars(scene))
    return scene


def _read(path: Path) -> Scene:
    try:
        with path.open("rb") as file, np.load(file) as kept:
            return Scene(**kept)
    except (OSError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path} holds no scene: {error}; remove it, and it is drawn again") from error


def _draw(library: Library, mix: Mix, scenes: Scenes, rng: Rng, shelf: Shelf) -> Scene:
    for left in reversed(range(_TRIES)):
        drawn = composition.draw_samples(library, mix, scenes.side, [rng], shelf)
        image, tri, alpha = (part[0].cpu().numpy() for part in (drawn.image, drawn.trimap, drawn.alpha[:, 0]))
        if left and not _shows_enough(tri, scenes):
            continue
        survey = guides.survey(image, tri)
        planes = survey.planes(image)
        if _error(planes[guides.PLANES.index("propagated")], alpha, tri) <= scenes.hardest:
            break
    half = np.float16
    return Scene(to_bytes(image), tri, to_bytes(alpha), planes.astype(half), survey.fields.astype(half))


def _shows_enough(tri: Bytes, scenes: Scenes) -> bool:
    foreground, unknown, background = (
        float((tri == kind).mean()) for kind in (trimap.FOREGROUND, trimap.UNKNOWN, trimap.BACKGROUND)
    )
    return (
        foreground >= scenes.least_foreground
        and background >= scenes.least_background
        and scenes.unknown[0] <= unknown <= scenes.unknown[1]
    )


def _error(propagated: Floats, alpha: Floats, tri: Bytes) -> float:
    return float(np.abs(np.clip(propagated, 0, 1) - alpha)[tri == trimap.UNKNOWN].mean())
