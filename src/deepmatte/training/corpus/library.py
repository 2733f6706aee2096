"""Corpora of foregrounds and backgrounds, in memory if they fit.

A manifest (see `manifest`) lists foregrounds, which are straight-alpha pictures whose colours are valid
wherever alpha is above 0, and backgrounds, which are photographs. What does not fit is read when it is drawn.
"""

import functools
import itertools
import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepmatte import images
from deepmatte.errors import BadInput
from deepmatte.outputs import name_some
from deepmatte.pixels import Bytes, to_bytes, to_unit
from deepmatte.training.corpus import manifest
from deepmatte.training.corpus.manifest import Entry
from deepmatte.training.corpus.store import Store

# Enough soft pixels of a foreground to centre crops on.
_CENTRES = 4000
# Pictures that tell how much memory all will take, and those that each process keeps if it is too much.
_SAMPLE, _KEPT = 32, 64
# Foregrounds without an edge in a row until a corpus is taken for broken.
_PATIENCE = 100


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
    """levels: (h, w, 4) uint8, opaque, each half the size of the one before."""

    levels: tuple[Bytes, ...]


Picture = Foreground | Background


@dataclass(frozen=True)
class Unread:
    """A picture of a corpus that memory has no room for."""

    store: Store
    entry: Entry


@dataclass(frozen=True, eq=False)
class Library:
    """Everything that is trained on; foregrounds by group name."""

    foregrounds: dict[str, list[Foreground | Unread]]
    backgrounds: list[Background | Unread]

    @property
    def is_read(self) -> bool:
        """Whether all pictures are in memory."""
        return not any(isinstance(picture, Unread) for picture in self.pictures)

    @property
    def pictures(self) -> Iterator[Picture | Unread]:
        """Every foreground, then every background."""
        return itertools.chain(*self.foregrounds.values(), self.backgrounds)

    def draw_foreground(self, rng: np.random.Generator, shares: dict[str, float] | None = None) -> Foreground:
        """Draw a foreground: a group, then one of its members.

        shares: relative share of each group; those that are not named count 1 per hundred files, as all do
        where none has a share.
        Raises BadInput where what is drawn cannot be read.
        """
        names = list(self.foregrounds)
        usual = {name: len(members) / 100 for name, members in self.foregrounds.items()}
        weights = np.array([(shares or {}).get(name, usual[name]) for name in names], np.float64)
        if not weights.any():
            weights = np.array([usual[name] for name in names], np.float64)
        for _ in range(_PATIENCE):
            # A number in [0, 1) and the weights' running sum, as rng.choice does at a tenth of its price.
            at = np.searchsorted(weights.cumsum(), rng.random() * weights.sum(), side="right")
            members = self.foregrounds[names[min(int(at), len(names) - 1)]]
            drawn = _opened(members[rng.integers(len(members))])
            if isinstance(drawn, Foreground):
                return drawn
        raise BadInput(f"{_PATIENCE} foregrounds in a row have no edge; expected alphas between 0 and 1")

    def draw_background(self, rng: np.random.Generator) -> Background:
        """Draw a background. Raises BadInput where it cannot be read."""
        drawn = _opened(self.backgrounds[rng.integers(len(self.backgrounds))])
        assert isinstance(drawn, Background)
        return drawn


def read(*corpora: Path, without: Collection[str] = (), max_bytes: float | None = None) -> Library:
    """Read corpora, folders or packed ones, as one, but for what their manifests keep for tests.

    Groups of one name are one group, whichever corpus they are from. without: groups to leave out, of
    foregrounds or backgrounds; max_bytes: how much memory pictures may take, half of the machine's if it is
    not given. If a sample of them says that they take more, none is read now, but each when it is drawn.
    Raises BadInput if a manifest or a file it names cannot be read, for a file without a licence, for groups
    that no corpus has, and where no foregrounds or no backgrounds are left.
    """
    library = read_any(*corpora, without=without, max_bytes=max_bytes)
    if not library.foregrounds or not library.backgrounds:
        raise BadInput(
            f"{name_some(map(str, corpora))} {'holds' if len(corpora) == 1 else 'hold'} no foregrounds or no"
            " backgrounds to train on; expected both"
        )
    return library


def read_any(*corpora: Path, without: Collection[str] = (), max_bytes: float | None = None) -> Library:
    """Read corpora as `read` does, also ones without foregrounds or backgrounds, to be joined with others."""
    listed = [(store, entry) for store in map(Store, map(Path, corpora)) for entry in store.entries()]
    # In the order that a fingerprint has them: what is one corpus by it is drawn from alike.
    listed.sort(key=lambda one: manifest.place(one[1]))
    manifest.check_groups((entry for _, entry in listed), without)
    unread = [
        Unread(store, entry)
        for store, entry in listed
        if entry.split != "test" and entry.group not in without
    ]
    limit = _half_of_memory() if max_bytes is None else max_bytes
    pictures: Sequence[Picture | Unread | None] = unread
    with ThreadPoolExecutor() as pool:
        sample = np.linspace(0, len(unread) - 1, min(_SAMPLE, len(unread))).round().astype(int).tolist()
        opened = dict(zip(sample, pool.map(_open, [unread[number] for number in sample]), strict=True))
        if len(unread) * np.mean([size_in_memory(each) for each in opened.values() if each] or [0]) <= limit:
            others = [number for number in range(len(unread)) if number not in opened]
            opened |= zip(others, pool.map(_open, [unread[number] for number in others]), strict=True)
            pictures = [opened[number] for number in range(len(unread))]
    foregrounds: dict[str, list[Foreground | Unread]] = {}
    backgrounds: list[Background | Unread] = []
    for each, picture in zip(unread, pictures, strict=True):
        if each.entry.kind == "background":
            assert isinstance(picture, Background | Unread)
            backgrounds.append(picture)
        elif picture is not None:
            assert isinstance(picture, Foreground | Unread)
            foregrounds.setdefault(each.entry.group, []).append(picture)
    return Library(foregrounds, backgrounds)


def size_in_memory(picture: Picture) -> int:
    """Return the bytes that a picture's levels take."""
    return sum(level.nbytes for level in picture.levels)


def _half_of_memory() -> float:
    """Return half of the machine's bytes, or this process's share where torchrun started several."""
    try:
        half = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2
        return half / int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    except (AttributeError, ValueError, OSError):  # Windows
        return 8e9


def _opened(picture: Picture | Unread) -> Picture | None:
    return _open_and_keep(picture) if isinstance(picture, Unread) else picture


def _open(unread: Unread) -> Picture | None:
    """Read a picture; None where a foreground has no edge."""
    entry = unread.entry
    photo = images.read_photo(unread.store.source(entry))
    colours = to_bytes(to_unit(photo.pixels))
    if entry.kind == "background":
        return Background(_levels(np.dstack([colours, np.full(colours.shape[:2], 255, np.uint8)])))
    if photo.alpha is None:
        raise BadInput(f"{entry.file} has no alpha channel; a foreground needs one: move it to background/")
    return make_foreground(entry.group, colours, to_bytes(to_unit(photo.alpha)))


_open_and_keep = functools.lru_cache(_KEPT)(_open)


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
        # Weigh colours by alpha, or the colours of transparent pixels bleed into thin strands.
        weights = [part[..., 3:] + np.float32(1e-3) for part in parts]
        total = sum(weights[1:], weights[0])
        colour = sum((p[..., :3] * w for p, w in zip(parts, weights, strict=True)), np.float32(0)) / total
        half = np.concatenate([colour, total / 4], axis=2)
        levels.append(np.rint(half).astype(np.uint8))
    return tuple(levels)
