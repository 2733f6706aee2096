"""Foregrounds over backgrounds: the pictures that a matting network is trained and measured on.

Every composition is drawn from the seed, its foreground's name and its number alone, so that it is the same
on every machine and whichever process makes it. Pictures are 8 bits here: what is composed is what is stored.
"""

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepmatte import images, pixels, trimap
from deepmatte.pixels import AnyArray, Bytes, to_bytes, to_unit
from deepmatte.training.corpus import layers
from deepmatte.training.corpus.manifest import Entry
from deepmatte.training.corpus.store import Store

VERSION = 1  # to be raised whenever a seed gives other pictures
TRIMAP_PX = (1, 20)

# Drawn numbers are rounded to this, so that the last bit of a logarithm moves no pixel.
_SETTLED = 4096


@dataclass(frozen=True)
class Style:
    """How compositions are made.

    seed: of everything; trimap_px: the least and the most that a trimap's unknown region reaches beyond the
    mixed pixels, drawn for each side on its own; side_px: foregrounds are shrunk until no side is longer,
    None to leave them.
    """

    seed: int = 0
    trimap_px: tuple[int, int] = TRIMAP_PX
    side_px: int | None = None


@dataclass(frozen=True, eq=False)
class Composition:
    """name: of its files; image, foreground, background: (H, W, 3); alpha, trimap: (H, W)."""

    name: str
    image: Bytes
    alpha: Bytes
    trimap: Bytes
    foreground: Bytes
    background: Bytes


@dataclass(frozen=True)
class Pair:
    """The composition of one foreground with one of its backgrounds. name: of its files."""

    name: str
    number: int
    foreground: Entry
    background: Entry


@dataclass(frozen=True)
class Task:
    """Compositions that are made in a row. target: the folder or the file they go to, below the output."""

    split: str
    target: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Made:
    """What came of a task. count: compositions that are there now; failures: what could not be made, and why;
    stop: why nothing more can be written, if so.
    """

    split: str
    count: int
    failures: tuple[str, ...] = ()
    stop: str = ""


def lost(task: Task, reason: str) -> Made:
    """Say what became of a task whose process ended."""
    return Made(task.split, 0, (f"{task.target}, from {task.pairs[0].name} on, was not made: {reason}",))


def background_order(foreground: Entry, available: int, count: int, seed: int) -> NDArray[np.int32]:
    """Return which backgrounds a foreground gets, by number: all in a random order, again and again if need
    be. Shape (count,).
    """
    rng = _generator(seed, foreground)
    rounds = [rng.permutation(available) for _ in range(math.ceil(count / available))]
    return np.concatenate(rounds)[:count].astype(np.int32)


def read_foreground(store: Store, entry: Entry, style: Style) -> tuple[Bytes, Bytes]:
    """Return a foreground's colours (H, W, 3) and alpha (H, W). Raises BadInput where it cannot be used."""
    colours, alpha = layers.read_foreground(store.source(entry))
    if style.side_px is not None:
        colours, alpha = layers.shrink(colours, alpha, style.side_px)
    matte = to_bytes(to_unit(alpha))
    layers.check_alpha(matte, entry.file)
    return to_bytes(to_unit(colours)), matte


def compose(store: Store, pair: Pair, colours: Bytes, alpha: Bytes, style: Style) -> Composition:
    """Lay a foreground, as `read_foreground` gives it, over its background. Raises BadInput."""
    rng = _generator(style.seed, pair.foreground, pair.number)
    photo = images.read_photo(store.source(pair.background)).pixels
    height, width = alpha.shape
    background = _window(photo, height, width, rng)
    low, high = style.trimap_px
    inner_px, outer_px = rng.integers(low, high, size=2, endpoint=True).tolist()
    return Composition(
        pair.name,
        to_bytes(pixels.composite(colours, background, alpha)),
        alpha,
        trimap.from_alpha(alpha, inner_px, outer_px),
        colours,
        background,
    )


def _generator(seed: int, foreground: Entry, *numbers: int) -> np.random.Generator:
    name = int.from_bytes(hashlib.sha256(foreground.stem.encode()).digest()[:8], "big")
    return np.random.default_rng([seed, VERSION, name, *numbers])


def _window(photo: AnyArray, height: int, width: int, rng: np.random.Generator) -> Bytes:
    """Return a part of a photo at (height, width): anywhere in it, from all of it down to its own pixels.

    A photo that is too small is enlarged until it covers.
    """
    have_height, have_width = photo.shape[:2]
    widest = min(have_height / height, have_width / width)
    share = rng.random()
    step = widest if widest <= 1 else math.exp(share * math.log(widest))
    step = min(math.floor(step * _SETTLED) / _SETTLED, widest)
    top, left = (
        math.floor(place * (have - side * step))
        for place, have, side in zip(rng.random(2), (have_height, have_width), (height, width), strict=True)
    )
    rows, columns = math.ceil(height * step) + 2, math.ceil(width * step) + 2
    part = to_unit(photo[top : top + rows, left : left + columns])
    return to_bytes(pixels.window(part, height, width, 0, 0, step, step))
