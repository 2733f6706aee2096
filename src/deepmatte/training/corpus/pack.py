"""A corpus in one small file, to be trained on from memory.

The file is a zip archive of WebP pictures and their manifest. WebP, because it keeps alpha losslessly beside
lossy colours and needs a fraction of PNG's room; zip, because it has an index and checksums, reads single
members, and becomes an ordinary corpus folder again in any unpacker. Alpha loses nothing but what shrinking
and 8 bits take from it: whatever room is lacking comes out of the colours.
"""

import contextlib
import hashlib
import os
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from deepmatte import images, outputs
from deepmatte.errors import BadInput, BadOutput, MatteError
from deepmatte.outputs import show
from deepmatte.pixels import Bytes, to_bytes
from deepmatte.processes import do_all
from deepmatte.training.corpus import layers, manifest
from deepmatte.training.corpus.manifest import Entry
from deepmatte.training.corpus.store import Store

SIDE_PX, MAX_BYTES = 512, 56_000_000
QUALITIES = (90, 80, 70, 60, 50, 40, 30)  # of the colours: the first that fits is taken

_SAMPLE = 48  # files that the quality is chosen by
_MARGIN = 1.02  # their total may mislead by this much
_MEMBER_BYTES = 400  # of the archive's index and the manifest, for each file

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Pack:
    """What has been packed. failures: files that could not be read, and why."""

    files: int
    size: int
    quality: int
    failures: tuple[str, ...]


def pack(
    path: Path,
    output: Path,
    *,
    side_px: int = SIDE_PX,
    max_bytes: int = MAX_BYTES,
    without: Collection[str] = (),
    workers: int = 0,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Pack:
    """Write a corpus as one file of at most max_bytes, no picture's side longer than side_px.

    without: groups to leave out; workers: how many processes encode pictures, 0 for this one. What cannot be
    read is left out and said. Raises BadInput where the manifest cannot be read, it has no such group, a file
    has no licence or there is no room even at the lowest quality; BadOutput where the file exists, unless
    overwrite, or cannot be written.
    """
    outputs.check_target(output, overwrite)
    if output.suffix != ".zip":
        raise BadOutput(f"{show(output)} would be a zip archive; expected a name that ends in .zip")
    store = Store(Path(path))
    entries = manifest.leave_out(store.entries(), without)
    if not entries:
        raise BadInput(f"{show(path)} lists no files; expected foregrounds and backgrounds to pack")
    sample = _Sample.take(store, entries, side_px)
    needed = 0.0
    for quality in QUALITIES:
        needed = sample.room_needed(quality)
        if needed > max_bytes:
            continue
        try:
            encoder = _Encoder(store, side_px, quality)
            return _write(entries, encoder, output, max_bytes, workers, progress, overwrite)
        except _NoRoom:
            continue
    raise BadInput(
        f"{show(path)} takes about {needed / 1e6:.1f} MB at {side_px} px with the"
        f" least quality of colours; expected at most {max_bytes / 1e6:.1f} MB: make the pictures smaller, or"
        " allow more"
    )


class _NoRoom(Exception):
    """What has been packed takes more room than allowed."""


@dataclass(frozen=True, eq=False)
class _Picture:
    """colours: (h, w, 3); alpha: (h, w), None for a background; both as bytes, no side too long."""

    colours: Bytes
    alpha: Bytes | None

    def encode(self, quality: int) -> bytes:
        return images.encode_image(self.colours, ".webp", quality, self.alpha, keeps_hidden=True)


def _read(store: Store, entry: Entry, side_px: int) -> _Picture:
    if entry.kind == "background":
        pixels = images.read_photo(store.source(entry)).pixels
        opaque = np.full(pixels.shape[:2], 255, np.uint8)
        return _Picture(to_bytes(layers.shrink(pixels, opaque, side_px)[0]), None)
    colours, alpha = layers.shrink(*layers.read_foreground(store.source(entry)), side_px)
    matte = to_bytes(alpha)
    layers.check_alpha(matte, entry.file)  # what is small may be gone
    # Smooth where nothing is seen, which takes next to no room.
    return _Picture(to_bytes(layers.extend(colours, matte)), matte)


@dataclass(frozen=True, eq=False)
class _Sample:
    """Some pictures, to tell how much room all of them will take."""

    pictures: list[_Picture]
    files: int

    @classmethod
    def take(cls, store: Store, entries: Sequence[Entry], side_px: int) -> "_Sample":
        pictures = []
        for index in np.linspace(0, len(entries) - 1, min(_SAMPLE, len(entries))).round().astype(int):
            with contextlib.suppress(MatteError):  # said when it is its turn
                pictures.append(_read(store, entries[index], side_px))
        return cls(pictures, len(entries))

    def room_needed(self, quality: int) -> float:
        sizes = [len(picture.encode(quality)) for picture in self.pictures]
        return _MARGIN * self.files * (sum(sizes) / max(1, len(sizes)) + _MEMBER_BYTES)


@dataclass(frozen=True)
class _Member:
    """One file of the archive; content is None where there is a failure."""

    entry: Entry
    content: bytes | None
    failure: str = ""


@dataclass(frozen=True)
class _Encoder:
    """Makes members of entries."""

    store: Store
    side_px: int
    quality: int

    def __call__(self, entry: Entry) -> _Member:
        try:
            picture = _read(self.store, entry, self.side_px)
            content = picture.encode(self.quality)
        except MatteError as error:
            return _Member(entry, None, str(error))
        height, width = picture.colours.shape[:2]
        sides = {"width": str(width), "height": str(height)}
        extra = tuple((column, sides.get(column, text)) for column, text in entry.extra)
        return _Member(replace(entry, sha256=hashlib.sha256(content).hexdigest(), extra=extra), content)

    def lost(self, entry: Entry, reason: str) -> _Member:
        return _Member(entry, None, f"{show(entry.file)} cannot be packed: {reason}")


def _write(
    entries: Sequence[Entry],
    encoder: _Encoder,
    output: Path,
    max_bytes: int,
    workers: int,
    progress: Progress | None,
    overwrite: bool,
) -> Pack:
    packed: list[Entry] = []
    failures = []
    names = _names(entries)
    with outputs.whole_file(output, overwrite) as descriptor:
        with os.fdopen(os.dup(descriptor), "wb") as file, zipfile.ZipFile(file, "w") as archive:
            members = do_all(entries, encoder, encoder.lost, workers)
            for done, member in enumerate(_in_order(members), start=1):
                if member.content is None:
                    failures.append(member.failure)
                else:
                    entry = replace(member.entry, file=names[member.entry.file])
                    archive.writestr(zipfile.ZipInfo(entry.file), member.content)
                    packed.append(entry)
                if file.tell() > max_bytes:
                    raise _NoRoom
                if progress is not None:
                    progress(f"packing at quality {encoder.quality}", done / len(entries))
            archive.writestr(zipfile.ZipInfo(manifest.CSV), manifest.to_csv(packed), zipfile.ZIP_DEFLATED)
        size = os.fstat(descriptor).st_size
        if size > max_bytes:
            raise _NoRoom
    return Pack(len(packed), size, encoder.quality, tuple(failures))


def _in_order(members: Iterator[tuple[int, _Member]]) -> Iterator[_Member]:
    """Yield members by their numbers, whatever order they come in."""
    waiting: dict[int, _Member] = {}
    following = 0
    for number, member in members:
        waiting[number] = member
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def _names(entries: Sequence[Entry]) -> dict[str, str]:
    """Return what each file is called once it is a WebP: two that differ by suffix only keep theirs."""
    count = Counter(entry.stem for entry in entries)
    return {entry.file: f"{entry.stem if count[entry.stem] == 1 else entry.file}.webp" for entry in entries}
