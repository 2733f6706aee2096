"""Corpora of foregrounds and backgrounds, read into memory.

A manifest (see `manifest`) lists foregrounds, which are straight-alpha pictures whose colours are valid
wherever alpha is above 0, and backgrounds, which are photographs.
"""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepmatte import images
from deepmatte.errors import BadInput
from deepmatte.outputs import name_some
from deepmatte.pixels import Bytes, to_bytes, to_unit
from deepmatte.training.corpus.store import Store

# Enough soft pixels of a foreground to centre crops on.
_CENTRES = 4000


@dataclass(frozen=True, eq=False)
class Foreground:
    """levels: (h, w, 4) uint8 straight-alpha pictures, each half the size of the one before;
    centres: (N, 2) pixel positions (y, x) of soft or edge pixels; open_edge: it is cut off by its own
    frame.
    """

    group: str
    levels: tuple[Bytes, ...]
    centres: NDArray[np.int32]
    open_edge: bool


@dataclass(frozen=True, eq=False)
class Background:
    """levels: (h, w, 3) uint8, each half the size of the one before."""

    levels: tuple[Bytes, ...]


@dataclass(frozen=True, eq=False)
class Library:
    """Everything that is trained on; foregrounds by group name."""

    foregrounds: dict[str, list[Foreground]]
    backgrounds: list[Background]


def read(*corpora: Path, without: Collection[str] = ()) -> Library:
    """Read whole corpora, folders or packed ones, as one, but for what their manifests keep for tests.

    Groups of one name are one group, whichever corpus they are from. without: groups to leave out, of
    foregrounds or backgrounds.
    Raises BadInput if a manifest or a file it names cannot be read, for a file without a licence, for groups
    that no corpus has, and where no foregrounds or no backgrounds are left.
    """
    library = read_any(*corpora, without=without)
    if not library.foregrounds or not library.backgrounds:
        raise BadInput(
            f"{name_some(map(str, corpora))} {'holds' if len(corpora) == 1 else 'hold'} no foregrounds or no"
            " backgrounds to train on; expected both"
        )
    return library


def read_any(*corpora: Path, without: Collection[str] = ()) -> Library:
    """Read corpora as `read` does, also ones without foregrounds or backgrounds, to be joined with others."""
    listed = [(store, entry) for store in map(Store, map(Path, corpora)) for entry in store.entries()]
    _check_groups(without, sorted({entry.group for _, entry in listed}))
    listed = [
        (store, entry) for store, entry in listed if entry.split != "test" and entry.group not in without
    ]
    with ThreadPoolExecutor() as pool:
        pictures = list(pool.map(lambda each: images.read_photo(each[0].source(each[1])), listed))
    foregrounds: dict[str, list[Foreground]] = {}
    backgrounds = []
    for (_, entry), photo in zip(listed, pictures, strict=True):
        pixels = to_bytes(to_unit(photo.pixels))
        if entry.kind == "background":
            backgrounds.append(Background(_levels(pixels)))
            continue
        if photo.alpha is None:
            raise BadInput(
                f"{entry.file} has no alpha channel; a foreground needs one: move it to background/"
            )
        foreground = make_foreground(entry.group, pixels, to_bytes(to_unit(photo.alpha)))
        if foreground is not None:
            foregrounds.setdefault(entry.group, []).append(foreground)
    return Library(foregrounds, backgrounds)


def _check_groups(without: Collection[str], groups: Sequence[str]) -> None:
    if unknown := sorted(set(without) - set(groups)):
        raise BadInput(
            f"there is no group called {name_some(unknown)} to leave out; expected some of"
            f" {', '.join(groups)}"
        )


def make_foreground(group: str, colours: Bytes, alpha: Bytes) -> Foreground | None:
    """Prepare one foreground: colours (h, w, 3), alpha (h, w). None if its alpha has no edge at all."""
    padded = np.pad(alpha, 1, mode="edge")
    shifts = [
        padded[1 + dy : padded.shape[0] - 1 + dy, 1 + dx : padded.shape[1] - 1 + dx] for dy, dx in _AROUND
    ]
    is_edge = (np.maximum.reduce(shifts) > 8) & (np.minimum.reduce(shifts) < 247)
    centres = np.argwhere(is_edge).astype(np.int32)
    if not len(centres):
        return None
    if len(centres) > _CENTRES:
        centres = centres[np.random.default_rng(0).permutation(len(centres))[:_CENTRES]]
    frame = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    return Foreground(group, _levels(np.dstack([colours, alpha])), centres, bool(frame.mean() > 25))


_AROUND = ((-1, 0), (1, 0), (0, -1), (0, 1), (0, 0))


def _levels(picture: Bytes) -> tuple[Bytes, ...]:
    """Return the picture and its halves down to about 100 px, so that shrinking needs no wide filter."""
    levels = [picture]
    while min(levels[-1].shape[:2]) >= 200:
        whole = levels[-1].astype(np.float32)
        height, width = whole.shape[0] // 2 * 2, whole.shape[1] // 2 * 2
        parts = [whole[y:height:2, x:width:2] for y in (0, 1) for x in (0, 1)]
        if whole.shape[2] == 4:
            # Weigh colours by alpha, or the colours of transparent pixels bleed into thin strands.
            weights = [part[..., 3:] + np.float32(1e-3) for part in parts]
            total = sum(weights[1:], weights[0])
            colour = sum((p[..., :3] * w for p, w in zip(parts, weights, strict=True)), np.float32(0)) / total
            half = np.concatenate([colour, total / 4], axis=2)
        else:
            half = sum(parts[1:], parts[0]) / 4
        levels.append(np.rint(half).astype(np.uint8))
    return tuple(levels)
