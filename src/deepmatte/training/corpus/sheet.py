"""A contact sheet: many pictures of a corpus in one, to look at."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepmatte import background, images
from deepmatte.errors import BadInput, MatteError
from deepmatte.pixels import Floats, composite, to_bytes, to_unit
from deepmatte.training.corpus import layers
from deepmatte.training.corpus.manifest import Entry
from deepmatte.training.corpus.store import Store

COUNT, SIDE_PX, GAP_PX = 24, 384, 4
CHECKS, PHOTOS = "checks", "photos"

_PAPER, _MISSING = np.float32(0.2), np.float32(0.35)
_SQUARE_PX = 16
_LIGHT, _DARK = np.float32(0.8), np.float32(0.6)

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Look:
    """What a sheet looks like.

    side_px: of a cell; columns: cells in a row, None for about as many as rows; over: what foregrounds lie
    on: "checks", "photos" of the corpus itself, or a colour; with_alpha: whether the alpha stands beside.
    """

    side_px: int = SIDE_PX
    columns: int | None = None
    over: str = CHECKS
    with_alpha: bool = False


@dataclass(frozen=True)
class Sheet:
    """shown: the files by row; failures: what could not be read, and why."""

    shown: tuple[tuple[str, ...], ...]
    failures: tuple[str, ...]


def write_sheet(
    path: Path,
    output: Path,
    *,
    count: int = COUNT,
    groups: Sequence[str] = (),
    kind: str = "foreground",
    seed: int = 0,
    look: Look | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Sheet:
    """Write a picture of pictures of a corpus, chosen at random, in the order of its manifest.

    groups: to choose from, all where none is named. What cannot be read leaves its cell grey. Raises BadInput
    where the manifest cannot be read or nothing is left to choose from, BadOutput where the sheet cannot be
    written.
    """
    images.check_output(output, overwrite)
    look, store = look or Look(), Store(Path(path))
    entries = store.entries(needs_licence=False)
    rng = np.random.default_rng([seed, 1])
    chosen = _choose(entries, groups, kind, count, rng)
    photos = [entry for entry in entries if entry.kind == "background"]
    backdrop = _Backdrop(store, photos, look)
    cells, failures = [], []
    for done, entry in enumerate(chosen, start=1):
        try:
            cells.append(_draw_cell(store, entry, look, backdrop))
        except MatteError as error:
            cells.append(np.full((look.side_px, look.side_px * (1 + look.with_alpha), 3), _MISSING))
            failures.append(str(error))
        if progress is not None:
            progress("drawing", done / len(chosen))
    wide = 2 if look.with_alpha else 1
    columns = min(look.columns or math.ceil(math.sqrt(1.5 * len(cells) / wide)), len(cells))
    files = [entry.file for entry in chosen]
    rows = tuple(tuple(files[at : at + columns]) for at in range(0, len(files), columns))
    images.write_image(output, to_bytes(_arrange(cells, columns)), overwrite=overwrite)
    return Sheet(rows, tuple(failures))


def _choose(
    entries: Sequence[Entry], groups: Sequence[str], kind: str, count: int, rng: np.random.Generator
) -> list[Entry]:
    """Return `count` of the entries, or all there are."""
    known = dict.fromkeys(entry.group for entry in entries if entry.kind == kind)
    if unknown := [group for group in groups if group not in known]:
        raise BadInput(f"there is no group {', '.join(unknown)}; expected some of {', '.join(known)}")
    fitting = [entry for entry in entries if entry.kind == kind and (not groups or entry.group in groups)]
    if not fitting:
        raise BadInput(f"there is no {kind} in this corpus; nothing can be shown")
    return [fitting[index] for index in sorted(rng.permutation(len(fitting))[:count])]


@dataclass
class _Backdrop:
    """What foregrounds are laid on, one cell after the other."""

    store: Store
    photos: list[Entry]
    look: Look
    _used: int = 0

    def __post_init__(self) -> None:
        if self.look.over == PHOTOS and not self.photos:
            raise BadInput("there is no background in this corpus to lay foregrounds on; choose a colour")
        if self.look.over not in (CHECKS, PHOTOS):
            background.parse_colour(self.look.over)

    def next(self, height: int, width: int) -> Floats:
        """Return (height, width, 3)."""
        if self.look.over == PHOTOS:
            photo = self.photos[self._used % len(self.photos)]
            self._used += 1
            return background.cover(
                to_unit(images.read_photo(self.store.source(photo)).pixels), height, width
            )
        if self.look.over == CHECKS:
            rows, columns = np.mgrid[:height, :width] // _SQUARE_PX
            squares = np.where((rows + columns) % 2, _DARK, _LIGHT)
            return np.repeat(squares[..., None], 3, axis=2)
        return np.broadcast_to(background.parse_colour(self.look.over), (height, width, 3)).copy()


def _draw_cell(store: Store, entry: Entry, look: Look, backdrop: _Backdrop) -> Floats:
    """Return one picture in the middle of a square; with its alpha, two squares side by side."""
    if entry.kind == "background":
        photo = to_unit(images.read_photo(store.source(entry)).pixels)
        colours, alpha = layers.shrink(photo, np.ones(photo.shape[:2], np.float32), look.side_px)
    else:
        colours, alpha = layers.shrink(*layers.read_foreground(store.source(entry)), look.side_px)
    shown = composite(colours, backdrop.next(*alpha.shape), alpha)
    parts = [shown, np.repeat(alpha[..., None], 3, axis=2)] if look.with_alpha else [shown]
    return np.concatenate([_centred(part, look.side_px) for part in parts], axis=1)


def _centred(picture: Floats, side_px: int) -> Floats:
    cell = np.full((side_px, side_px, 3), _PAPER)
    top, left = ((side_px - side) // 2 for side in picture.shape[:2])
    cell[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return cell


def _arrange(cells: Sequence[Floats], columns: int) -> Floats:
    """Return cells of one size in rows, with a gap between and around."""
    height, width = (side + GAP_PX for side in cells[0].shape[:2])
    rows = math.ceil(len(cells) / columns)
    sheet = np.full((rows * height + GAP_PX, columns * width + GAP_PX, 3), _PAPER)
    for number, cell in enumerate(cells):
        row, column = divmod(number, columns)
        top, left = row * height + GAP_PX, column * width + GAP_PX
        sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return sheet
