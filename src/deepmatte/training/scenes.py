"""Scenes: whole pictures with their guides, which samples are windows of.

Guides know a picture better the more of it they see: made of a small crop alone they err twice as much over
unknown pixels as they do in a photograph, and a network learns to mistrust them. So a whole picture is drawn,
its guides are made as in use, and samples are cut from it. That takes half a second of a processor, so a
scene is kept in a file and seen again.

A scene is drawn anew, some times, until it is like what people bring: both sides are known somewhere, and the
guides are not lost. Guides get most photographs nearly right, and of what is drawn less than a third. The
rest is kept, as new pictures are worth more than new windows of old ones, and is met less often
(docs/experiments.md), and so are alphas whose edges are all wider than a hair. Some scenes are drawn for what
guides know nothing of: a trimap without a side, a part of the foreground that nobody marked, what is seen
through a mesh. Some trimaps are those of a second look (matting): what the default model is sure of is known,
which is wrong at times.
"""

import functools
import hashlib
import io
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepmatte import exposure, framing, guides, matting, outputs, trimap
from deepmatte.framing import Window
from deepmatte.grids import halve
from deepmatte.guides import SCALE
from deepmatte.models import Model, catalogue
from deepmatte.pixels import AnyArray, Bytes, Floats, to_bytes, to_unit
from deepmatte.training import composition
from deepmatte.training.composition import Groups, Mix, Rng
from deepmatte.training.corpus.library import Library
from deepmatte.training.shelf import Shelf

_log = logging.getLogger("deepmatte")

_TRIES = 20  # pictures drawn for one scene at most; where none will do, the best of them is taken
# What baskets and veils are made of, and what they hold.
_MESHES = (("textiles", 0.4), ("lace", 0.1), ("shapes", 0.2), ("meshes", 0.3))
_HELD = (("objects", 0.4), ("fringed_animals", 0.25), ("strands", 0.15), ("shapes", 0.2))
# What nobody marks, as a flag in a toy's hand: half of such parts, the others are like the first foreground.
_CARRIED = (
    ("textiles", 0.3), ("shapes", 0.3), ("objects", 0.25), ("fringed_animals", 0.1), ("strands", 0.05),
)  # fmt: skip
# What guides may get wrong there: they take what is seen through a hole for the mesh.
_LOST = 0.35
# Mean error of the propagated alpha in most photographs: 0.03 to 0.05, where every other scene has more than
# 0.07. A network that has seen few easy scenes spoils what guides have found.
_CLEAR = 0.06
# Fineness (measure_fineness) of alphas that are met least often, and of those that always are: hair has
# 3.4 to 3.5 in photographs, as it is drawn 2.7 in the middle.
_COARSE, _FINE = 1.7, 3.7
# Of windows: in so many the channels are in any order, for hair is as good in green. Guides know no order of
# channels: theirs are those of such a picture.
_REORDERED = 0.5
# Of a picture: where less is unknown once a trimap is settled, it stays as it was.
_LEAST_SETTLED = 0.01
_FORMAT = 7  # changes when what is kept, or how guides are made, does


@dataclass(frozen=True)
class Scenes:
    """What scenes a phase has. side: of the whole pictures in pixels, a multiple of 16; count: how many.

    least_foreground, least_background, unknown: shares of the picture; hardest: mean error of the propagated
    alpha over unknown pixels. Shares of scenes that are drawn for something else, and are not so where it
    forbids it: one_sided, each side of the trimap is missing every other time; unmarked, a second foreground
    is unknown to it; meshed, two foregrounds are drawn from meshes and what is seen through them. unclear: of
    the others, how often one that guides do not get nearly right is met, to one that they do; coarse: of all,
    how often one of wide soft edges alone, to one of hairs. settled: share of all whose trimap the default
    model's answer settles. every: steps from one new scene to the next.
    """

    side: int = 768
    count: int = 1500
    least_foreground: float = 0.05
    least_background: float = 0.1
    unknown: tuple[float, float] = (0.03, 0.6)
    hardest: float = 0.15
    one_sided: float = 0.0
    unmarked: float = 0.0
    meshed: float = 0.0
    unclear: float = 1.0
    coarse: float = 1.0
    settled: float = 0.0
    every: int = 1

    def __post_init__(self) -> None:
        if self.side % 16 or self.side < 64 or self.count < 1 or self.every < 1:
            raise ValueError(
                f"scenes: side is {self.side}, count {self.count} and every {self.every}; expected a multiple"
                " of 16, at least 64, and 1 or more"
            )
        if not (0 < self.unclear <= 1 and 0 < self.coarse <= 1):
            raise ValueError(
                f"scenes: unclear is {self.unclear} and coarse {self.coarse}; expected shares above 0 and at"
                " most 1"
            )
        least, most = self.unknown
        if not 0 <= least < most <= 1 or self.least_foreground + self.least_background + least >= 1:
            raise ValueError(f"scenes: no picture is known and unknown in such shares: {self}")

    def key(self, mix: Mix, seed: int) -> str:
        """Return what files of such scenes are called by: another for all that decides on their pixels, but
        how many there are and how often one is met, and the corpus.
        """
        settled_by = catalogue.names()[:1] if self.settled else []
        return name(_FORMAT, seed, mix, replace(self, count=1, every=1, unclear=1.0, coarse=1.0), *settled_by)

    def share(self, scene: "Scene | Spots") -> float:
        """Return how often a scene is met, to one that is met whenever it is drawn, above 0 and at most 1."""
        fine = (float(scene.fineness) - _COARSE) / (_FINE - _COARSE)
        return (1.0 if scene.is_clear else self.unclear) * min(max(fine, self.coarse), 1.0)

    def choose(self, step: int, batch: int, rng: Rng, share: Callable[[int], float]) -> Iterator[int]:
        """Yield the numbers of the scenes that a step's samples are from: any that were met before, each as
        often as its share says; and every so many steps, first, a new one, while there are new ones.
        """
        last = step // self.every
        if last < self.count and step % self.every == 0:
            yield last
            batch -= 1
        while batch:
            number = int(rng.integers(min(last + 1, self.count)))
            if rng.random() < share(number):
                yield number
                batch -= 1


@dataclass(frozen=True)
class Cut:
    """A window of size × size pixels, its first row and column multiples of SCALE. turned: its rows become
    columns; mirrored: then from top to bottom, from left to right; channels: the picture's that become its
    first, second and third.
    """

    top: int
    left: int
    size: int
    turned: bool
    mirrored: tuple[bool, bool]
    channels: tuple[int, int, int] = (0, 1, 2)

    @property
    def planes_order(self) -> list[int]:
        """Which of framing.PLANES becomes each of the window's."""
        return [*self.channels, *range(3, len(framing.PLANES))]

    @property
    def fields_order(self) -> list[int]:
        """Which of guides.FIELDS, colours of both sides first, becomes each of the window's."""
        both = [3 * side + channel for side in range(2) for channel in self.channels]
        return [*both, *range(len(both), len(guides.FIELDS))]


@dataclass(frozen=True, eq=False)
class Spots:
    """What is left of a scene for choosing windows. side: its own; unknown: (N,), its unknown pixels in the
    flattened trimap; is_clear: whether guides get it nearly right, or need not; fineness: of its alpha.
    """

    side: int
    unknown: NDArray[np.int32]
    is_clear: bool
    fineness: float

    def cut(self, size: int, rng: Rng) -> Cut:
        """Draw a window of size × size pixels around an unknown pixel, one of eight ways round, half of them
        with channels in any order.
        """
        place = np.array(divmod(int(self.unknown[rng.integers(len(self.unknown))]), self.side))
        # The pixel may lie anywhere but at the window's edge.
        corner = place - rng.integers(size // 8, size - size // 8, 2)
        top, left = (int(at) // SCALE * SCALE for at in corner.clip(0, self.side - size))
        turned, down, across = (bool(one) for one in rng.integers(2, size=3))
        is_reordered = rng.random() < _REORDERED
        first, second, third = rng.permutation(3).tolist() if is_reordered else range(3)
        return Cut(top, left, size, turned, (down, across), (first, second, third))


@dataclass(frozen=True, eq=False)
class Scene:
    """A whole picture of S × S pixels as it is kept: the source of its guides (framing.GuideSource).

    image: (3, S, S), trimap, alpha: (S, S) uint8; guide_planes: (2, S, S), guide_fields: (13, S / 4, S / 4)
    float16. is_clear: () bool; fineness: () float32.
    """

    image: Bytes
    trimap: Bytes
    alpha: Bytes
    guide_planes: AnyArray
    guide_fields: AnyArray
    is_clear: NDArray[np.bool_]
    fineness: Floats

    def planes(self, image: Floats, top: int, left: int) -> AnyArray:
        """Return the guide planes under a window of the picture, (2, H, W). image: (3, H, W), the window."""
        height, width = image.shape[-2:]
        return self.guide_planes[:, top : top + height, left : left + width]

    def fields_window(self, top: int, left: int, height: int, width: int) -> AnyArray:
        """Return the grid fields under a window, (13, height / 4, width / 4)."""
        rows, columns = (
            slice(at // SCALE, (at + side) // SCALE) for at, side in ((top, height), (left, width))
        )
        return self.guide_fields[:, rows, columns]

    @functools.cached_property
    def spots(self) -> Spots:
        """Where the unknown pixels are."""
        unknown = np.flatnonzero(self.trimap == trimap.UNKNOWN).astype(np.int32)
        return Spots(len(self.trimap), unknown, bool(self.is_clear), float(self.fineness))

    def cut(self, size: int, rng: Rng) -> Cut:
        """Draw a window of size × size pixels around an unknown pixel."""
        return self.spots.cut(size, rng)

    def window(self, cut: Cut) -> tuple[Tensor, ...]:
        """Return a window: planes (7, size, size), fields (13, size / 4, size / 4), alpha and is_unknown (1,
        size, size), all float32.
        """
        window = Window(cut.top, cut.left, cut.size, cut.size)
        planes = framing.planes(np.moveaxis(self.image, 0, 2), self.trimap, self, window)[cut.planes_order]
        fields = framing.fields(self, self.trimap.shape, window)[cut.fields_order]
        alpha = to_unit(self.alpha[window.slices])
        is_unknown = (self.trimap[window.slices] == trimap.UNKNOWN).astype(np.float32)
        axes = [axis for axis, is_so in zip((1, 2), cut.mirrored, strict=True) if is_so]
        parts = [torch.from_numpy(part) for part in (planes, fields, alpha[None], is_unknown[None])]
        return tuple((part.mT if cut.turned else part).flip(axes) for part in parts)


def name(*what: object) -> str:
    """Return a short name for what its parts say of themselves."""
    return hashlib.sha256(repr(what).encode()).hexdigest()[:8]


def fetch(
    path: Path | None, library: Library, mix: Mix, kind: Scenes, rng: Rng, shelf: Shelf | None = None
) -> Scene:
    """Return the scene that is kept in a file; draw it, and keep it there, where none is.

    path: None to keep nothing. A file that cannot be read is drawn again. Raises BadOutput where a scene
    cannot be kept.
    """
    kept = None if path is None else _read(path)
    if kept is not None:
        return kept
    scene = _draw(library, mix, kind, rng, shelf or Shelf(torch.device("cpu")))
    if path is not None:
        outputs.make_folder(path.parent)
        content = io.BytesIO()
        np.savez(content, **{part.name: getattr(scene, part.name) for part in fields(Scene)})
        outputs.write_bytes(path, content.getvalue(), overwrite=True)
    return scene


def _read(path: Path) -> Scene | None:
    try:
        with path.open("rb") as file, np.load(file) as kept:
            return Scene(**kept)
    except FileNotFoundError:
        return None
    except Exception as error:  # noqa: BLE001 (archives are damaged in many ways)
        _log.warning("%s is damaged and is drawn again (%s)", path, type(error).__name__)
        return None


def _choose_kind(mix: Mix, kind: Scenes, rng: Rng) -> tuple[Mix, Scenes, float]:
    """Draw what one scene is for, and return the mix and the demands that serve it, and the error of guides
    up to which it is clear: any, where it is drawn for what they know nothing of.
    """
    of_kind, clear = rng.random(), math.inf
    if of_kind < kind.one_sided:
        mix = replace(mix, one_sided_trimap=0.5)
        kind = replace(kind, least_foreground=0, least_background=0, unknown=(kind.unknown[0], 1), hardest=1)
    elif of_kind < kind.one_sided + kind.unmarked:
        second = _only(mix, _CARRIED) if rng.random() < 0.5 else mix.second_groups
        mix = replace(mix, second_foreground=1, second_groups=second, unmarked_second=1)
        kind = replace(kind, hardest=1)
    elif of_kind < kind.one_sided + kind.unmarked + kind.meshed:
        meshes, held = _only(mix, _MESHES), _only(mix, _HELD)
        mix = replace(mix, groups=meshes, second_foreground=1, second_groups=held, unmarked_second=0)
        kind = replace(kind, hardest=_LOST)
    else:
        clear = _CLEAR
    return mix, kind, clear


def _only(mix: Mix, groups: Groups) -> Groups:
    """Return groups such that none is drawn that a mix names beside them."""
    return tuple((name, 0.0) for name, _ in mix.groups) + groups


def _draw(library: Library, mix: Mix, kind: Scenes, rng: Rng, shelf: Shelf) -> Scene:
    mix, kind, clear = _choose_kind(mix, kind, rng)
    best, least, left = None, math.inf, _TRIES

    def will_do(tri: Bytes) -> bool:
        nonlocal left
        left -= 1
        return left <= 0 or _shows_enough(tri, kind)

    while left > 0:
        drawn = composition.draw_samples(library, mix, kind.side, [rng], shelf, will_do)
        image, tri, alpha = (part[0].cpu().numpy() for part in (drawn.image, drawn.trimap, drawn.alpha[:, 0]))
        if best is not None and not _shows_enough(tri, kind):
            break
        image = _expose(image)
        survey = guides.survey(image, tri)
        planes = survey.planes(image)
        error = _error(planes[guides.PLANES.index("propagated")], alpha, tri)
        if error < least:
            least = error
            best = image, tri, alpha, *_halve(planes, survey)
        if error <= kind.hardest:
            break
    assert best is not None
    image, tri, alpha, *told = best
    told += [np.array(least <= clear), np.array(measure_fineness(alpha), np.float32)]
    scene = Scene(to_bytes(image), tri, to_bytes(alpha), *told)
    return _settle(scene) if kind.settled and rng.random() < kind.settled else scene


def _expose(image: Floats) -> Floats:
    """Return a picture (3, S, S) as the pipeline would look at it, in 8 bits."""
    exposed = to_unit(exposure.expose(np.moveaxis(image, 0, -1)))
    return to_unit(to_bytes(np.moveaxis(exposed, -1, 0)))


def _settle(scene: Scene) -> Scene:
    """Return a scene with the trimap that a second look would have, and its guides."""
    rows = np.moveaxis(scene.image, 0, -1)
    alpha = matting.solve(rows, scene.trimap, matting.MattingOptions(), _first_look())
    tri = trimap.settle(scene.trimap, alpha)
    if np.mean(tri == trimap.UNKNOWN) < _LEAST_SETTLED:
        return scene
    image = to_unit(scene.image)
    survey = guides.survey(image, tri)
    planes, grids = _halve(survey.planes(image), survey)
    return replace(scene, trimap=tri, guide_planes=planes, guide_fields=grids)


@functools.lru_cache(maxsize=1)
def _first_look() -> Model:
    from deepmatte.training import inference  # which knows recipes, and those know scenes

    return inference.open_shipped()


def _halve(planes: Floats, survey: guides.Guides) -> tuple[AnyArray, AnyArray]:
    """Return guide planes and fields in half precision, as they are kept."""
    return planes.astype(np.float16), survey.fields.astype(np.float16)


def measure_fineness(alpha: Floats) -> float:
    """Return how fine an alpha (H, W), sides 7 px at least, is: what pixels differ from the mean of 2 × 2,
    over what those means differ from theirs, both in the mean of where cells may begin.

    2 for straight edges, 4 for lines of one pixel, more where these lie side by side; 0 where nothing
    differs.
    """
    height, width = ((side - 3) // 4 * 4 for side in alpha.shape)
    own = next_own = 0.0
    for start in range(4):
        pixels = alpha[start : start + height, start : start + width]
        half = halve(pixels)
        own += float(np.abs(pixels - half.repeat(2, 0).repeat(2, 1)).sum())
        next_own += float(np.abs(half - halve(half).repeat(2, 0).repeat(2, 1)).sum())
    return own / max(next_own, 1e-6)


def _shows_enough(tri: Bytes, kind: Scenes) -> bool:
    foreground, unknown, background = (
        float((tri == level).mean()) for level in (trimap.FOREGROUND, trimap.UNKNOWN, trimap.BACKGROUND)
    )
    return (
        foreground >= kind.least_foreground
        and background >= kind.least_background
        and kind.unknown[0] <= unknown <= kind.unknown[1]
    )


def _error(propagated: Floats, alpha: Floats, tri: Bytes) -> float:
    return float(np.abs(np.clip(propagated, 0, 1) - alpha)[tri == trimap.UNKNOWN].mean())
