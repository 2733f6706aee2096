"""What a rendered foreground is, what a kind of them is, and what it may be made from.

A rendering is square, S × S. Its colours are gamma-encoded and not multiplied by alpha; they are the
foreground's own wherever alpha is above 0 and a smooth continuation of them elsewhere, so that resampling
brings in no dark fringes. Alpha is coverage finer than 8 bits.

The same seed draws the same pixels on every machine. What keeps it so: every random number comes from the
generator that is handed in; sines, powers, exponentials and the like are taken in float64, whose last bit is
all that differs between processors; and coordinates are rounded (`settle`) before anything is rasterised.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from deepmatte import images
from deepmatte.errors import BadInput
from deepmatte.guides import fill
from deepmatte.pixels import AnyArray, Floats, to_unit

Generator = np.random.Generator
Value = float | int | str | bool
Asset = TypeVar("Asset")

# Coordinates are rounded to this part of a pixel before they are rasterised.
_SETTLED = 1024
# What alpha and what share of the picture count as something to see, and how often one is tried for.
_SEEN, _SEEN_SHARE, _TRIES = 0.03, 0.01, 6
_LEAST = np.float32(0.5 / 65535)
# Side that a photograph read for its colours is reduced to, in pixels.
_PHOTOGRAPH_PX = 1600


@dataclass(frozen=True)
class Span:
    """A number drawn between two bounds: evenly, evenly in its logarithm, or whole (bounds included)."""

    low: float
    high: float
    meaning: str
    scale: Literal["linear", "logarithmic", "whole"] = "linear"

    def __post_init__(self) -> None:
        if not self.low <= self.high or (self.scale == "logarithmic" and self.low <= 0):
            raise BadInput(f"a span from {self.low} to {self.high} ({self.scale}) holds no numbers")

    def pick(self, rng: Generator) -> float:
        """Draw one number."""
        if self.scale == "whole":
            return int(rng.integers(int(self.low), int(self.high), endpoint=True))
        if self.scale == "logarithmic":
            return float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True)
class Choice:
    """One of several values. weights: how often each, the same for all where none are given."""

    options: tuple[Value, ...]
    meaning: str
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.options or (self.weights is not None and len(self.weights) != len(self.options)):
            raise BadInput(f"a choice of {self.options} with weights {self.weights} cannot be made")

    def pick(self, rng: Generator) -> Value:
        """Draw one value."""
        weights = np.ones(len(self.options)) if self.weights is None else np.array(self.weights)
        reached = np.cumsum(weights / weights.sum())
        return self.options[min(int(np.searchsorted(reached, rng.random(), "right")), len(self.options) - 1)]


Parameters = Mapping[str, Span | Choice]


def pick(rng: Generator, parameters: Parameters) -> dict[str, Any]:
    """Draw a value for each parameter, in their order."""
    return {name: parameter.pick(rng) for name, parameter in parameters.items()}


@dataclass(frozen=True, eq=False)
class Rendering:
    """One foreground.

    colours: (S, S, 3) float32 in [0, 1]; alpha: (S, S) float32 in [0, 1]; parameters: what it was drawn with,
    for the record. Raises BadInput for other shapes, other types, NaN and values outside [0, 1].
    """

    colours: Floats
    alpha: Floats
    parameters: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        side = self.alpha.shape[0] if self.alpha.ndim else 0
        if self.alpha.shape != (side, side) or self.colours.shape != (side, side, 3) or not side:
            raise BadInput(
                f"a rendering has colours {self.colours.shape} and alpha {self.alpha.shape};"
                " expected (S, S, 3) and (S, S)"
            )
        for name, values in (("colours", self.colours), ("alpha", self.alpha)):
            if values.dtype != np.float32 or not (values.min() >= 0 and values.max() <= 1):
                raise BadInput(
                    f"a rendering's {name} are {values.dtype} from {values.min()} to {values.max()};"
                    " expected float32 in [0, 1]"
                )

    def is_usable(self) -> bool:
        """Tell whether there is something to see, and something soft to learn from."""
        seen, soft = self.alpha > _SEEN, (self.alpha > _SEEN) & (self.alpha < 1 - _SEEN)
        return bool(seen.mean() > _SEEN_SHARE and soft.any() and not seen.all())


@dataclass(frozen=True)
class Assets:
    """What a rendering may take from the outside. Everything is drawn without, too.

    photographs: files to take colours and light from; masks: files to take silhouettes from, where a picture
    with transparency gives its alpha and its colours, any other its brightness; unreadable: what could not be
    read, one line each, and was passed over.
    """

    photographs: tuple[Path, ...] = ()
    masks: tuple[Path, ...] = ()
    unreadable: list[str] = field(default_factory=list, compare=False)

    def fresh(self) -> "Assets":
        """Return the same assets, with nothing noted as unreadable."""
        return Assets(self.photographs, self.masks)

    def photograph(self, rng: Generator) -> Floats | None:
        """Return one of the photographs, (H, W, 3) in [0, 1], None where there are none that can be read."""
        photo = self._read_one(rng, self.photographs, images.read_photo)
        if photo is None:
            return None
        step = max(1, max(photo.pixels.shape[:2]) // _PHOTOGRAPH_PX)
        return to_unit(photo.pixels[::step, ::step])

    def mask(self, rng: Generator) -> tuple[Floats | None, Floats] | None:
        """Return one of the masks as colours (H, W, 3), None for a plain mask, and alpha (H, W)."""
        return self._read_one(rng, self.masks, _read_mask)

    def _read_one(
        self, rng: Generator, paths: tuple[Path, ...], read: Callable[[Path], Asset]
    ) -> Asset | None:
        """Return one of the files, or the first after it that can be read."""
        if not paths:
            return None
        first = int(rng.integers(len(paths)))
        for path in paths[first:] + paths[:first]:
            try:
                return read(path)
            except BadInput as error:
                self.unreadable.append(str(error))
        return None


def _read_mask(path: Path) -> tuple[Floats | None, Floats]:
    photo = images.read_photo(path)
    if photo.alpha is None:
        return None, to_unit(images.read_map(path))
    return to_unit(photo.pixels), to_unit(photo.alpha)


@dataclass(frozen=True)
class Kind:
    """One kind of foreground.

    name: of the kind and its files; group: what training counts it among; draw: (rng, size in pixels, assets)
    to a rendering of that size; summary: half a line; parameters: what is drawn at random, and from where;
    version: to be raised whenever the pixels of a seed change; needs: raises MatteError where what the kind
    is drawn with is not installed. Kinds that need something are slow, and drawn only where they are named.
    """

    name: str
    group: str
    draw: Callable[[Generator, int, Assets], Rendering]
    summary: str
    parameters: Parameters
    version: int = 1
    needs: Callable[[], None] | None = None

    def render(self, seed: int, index: int, size: int, assets: Assets | None = None) -> Rendering:
        """Draw the picture number `index` of a seed: always the same one.

        Where chance left hardly anything to see, it is drawn again. Raises BadInput if that does not help.
        """
        rng = np.random.default_rng([seed, index, self.version, zlib.crc32(self.name.encode())])
        for _ in range(_TRIES):
            rendering = self.draw(rng, size, Assets() if assets is None else assets)
            if rendering.is_usable():
                return rendering
        raise BadInput(
            f"{self.name} shows nothing, or no edge, at {size} × {size} px; expected a larger size"
        )


def from_premultiplied(
    premultiplied: AnyArray, alpha: AnyArray, parameters: Mapping[str, Value] | None = None
) -> Rendering:
    """Return the rendering whose colours times alpha are given. premultiplied: (S, S, 3); alpha: (S, S).

    Alpha that 16 bits cannot hold becomes 0: its colours would be nothing but rounding.
    """
    alpha = np.clip(alpha, 0, 1).astype(np.float32)
    alpha[alpha < _LEAST] = 0
    colours = premultiplied / np.maximum(alpha, _LEAST)[..., None]
    return Rendering(extend_colours(np.clip(colours, 0, 1), alpha), alpha, parameters or {})


def extend_colours(colours: AnyArray, alpha: AnyArray) -> Floats:
    """Continue a foreground's colours to where alpha is 0.

    colours: (H, W, 3); alpha: (H, W). Colours where alpha is above 0 are kept as they are; the others are
    filled from near ones by a push–pull pyramid.
    """
    planes = np.moveaxis(colours, -1, 0).astype(np.float32)
    known = (alpha > 0).astype(np.float32)
    filled = fill(planes, known)
    # Kept exactly: the pyramid's sums may round the last bit.
    return np.ascontiguousarray(np.moveaxis(np.where(known > 0, planes, np.clip(filled, 0, 1)), 0, -1))


def settle(coordinates: AnyArray) -> Floats:
    """Round coordinates in pixels to 1/1024, so that the last bit of a sine moves no edge."""
    return np.asarray(np.rint(np.asarray(coordinates, np.float64) * _SETTLED) / _SETTLED, dtype=np.float32)
