"""Compositions in tar archives as WebDataset lays them out: for what is too much for one disk.

A composition is a row of members with one name: NAME.image.png, NAME.alpha.png, NAME.trimap.png, perhaps
NAME.foreground.png and NAME.background.png, and NAME.json, which says what it is made of. Archives are read
from front to back, so a stream will do.
"""

import contextlib
import functools
import glob
import io
import json
import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from deepmatte import images, outputs
from deepmatte.errors import BadInput, BadOutput
from deepmatte.outputs import show
from deepmatte.pixels import Bytes
from deepmatte.sources import Encoded
from deepmatte.training.corpus import compositions
from deepmatte.training.corpus.compositions import Composition, Made, Pair, Style, Task
from deepmatte.training.corpus.manifest import Entry
from deepmatte.training.corpus.store import Store

_FACTS = "json"


@dataclass(frozen=True)
class ShardMaker:
    """Writes shards, each whole or not at all, and passes over those that are there."""

    store: Store
    style: Style
    output: Path
    with_layers: bool

    def __call__(self, task: Task) -> Made:
        """Write the shard that a task is."""
        path = self.output / task.target
        if path.exists():
            return self._passed_over(task, path)
        failures: list[str] = []
        try:
            with (
                outputs.whole_file(path) as descriptor,
                os.fdopen(os.dup(descriptor), "wb") as file,
                tarfile.open(fileobj=file, mode="w") as archive,
            ):
                for pair, composition in self._compositions(task, failures):
                    for name, content in self._members(pair, composition):
                        member = tarfile.TarInfo(name)
                        member.size = len(content)
                        archive.addfile(member, io.BytesIO(content))
        except BadOutput as error:
            return Made(task.split, 0, tuple(failures), str(error))
        return Made(task.split, len(task.pairs) - len(failures), tuple(failures))

    def _passed_over(self, task: Task, path: Path) -> Made:
        """Return what a shard holds that is there: where something failed, less than was planned."""
        try:
            with tarfile.open(path) as archive:
                count = sum(name.endswith(f".{_FACTS}") for name in archive.getnames())
        except (OSError, tarfile.TarError, EOFError) as error:
            return Made(task.split, 0, (f"{show(path)} cannot be read: {error}; delete it to make it anew",))
        lacking = len(task.pairs) - count
        told = f"{show(path)} lacks {lacking} compositions that could not be made; delete it to try again"
        return Made(task.split, count, (told,) if lacking else ())

    def _compositions(self, task: Task, failures: list[str]) -> Iterator[tuple[Pair, Composition]]:
        """Yield what can be made, and note what cannot."""

        @functools.lru_cache(maxsize=8)
        def read(entry: Entry) -> tuple[Bytes, Bytes]:
            return compositions.read_foreground(self.store, entry, self.style)

        for pair in task.pairs:
            try:
                yield pair, compositions.compose(self.store, pair, *read(pair.foreground), self.style)
            except BadInput as error:
                failures.append(f"{pair.name}: {error}")

    def _members(self, pair: Pair, composition: Composition) -> Iterator[tuple[str, bytes]]:
        parts = {
            "image": composition.image,
            "alpha": composition.alpha,
            "trimap": composition.trimap,
        }
        if self.with_layers:
            parts |= {"foreground": composition.foreground, "background": composition.background}
        for part, pixels in parts.items():
            yield f"{composition.name}.{part}.png", images.encode_image(pixels, ".png")
        facts = {
            "foreground": pair.foreground.file,
            "background": pair.background.file,
            "foreground_licence": pair.foreground.licence,
            "background_licence": pair.background.licence,
        }
        yield f"{composition.name}.{_FACTS}", json.dumps(facts, ensure_ascii=False).encode()


@dataclass(frozen=True, eq=False)
class Sample:
    """One composition read.

    image: (H, W, 3); alpha, trimap: (H, W); foreground, background: (H, W, 3), None where they were not
    stored; facts: the files and licences it is made of.
    """

    name: str
    image: Bytes
    alpha: Bytes
    trimap: Bytes
    foreground: Bytes | None
    background: Bytes | None
    facts: dict[str, str]


def find_shards(pattern: str) -> list[str]:
    """Return the paths or addresses of shards.

    pattern: a path or an address that fsspec knows, with one {000000..000041} for the numbers between, or
    with * where the place can be listed. Raises BadInput where there are none.
    """
    braces = re.search(r"\{(\d+)\.\.(\d+)\}", pattern)
    if braces is not None:
        before, after, (first, last) = pattern[: braces.start()], pattern[braces.end() :], braces.groups()
        numbers = range(int(first), int(last) + 1)
        found = [f"{before}{number:0{len(first)}d}{after}" for number in numbers]
    elif "*" in pattern:
        found = _listed(pattern)
    else:
        found = [pattern]
    if not found:
        raise BadInput(f"there is nothing like {show(pattern)}; expected shards, such as train-000000.tar")
    return found


def _listed(pattern: str) -> list[str]:
    if "://" not in pattern:
        return sorted(glob.glob(pattern))
    import fsspec

    system, _, paths = fsspec.get_fs_token_paths(pattern)
    return sorted(system.unstrip_protocol(path) for path in paths)


def read_shards(
    addresses: Sequence[str], *, part: tuple[int, int] = (0, 1), seed: int | None = None
) -> Iterator[Sample]:
    """Yield the compositions of shards, one in memory at a time.

    part: (k, n) for the k-th of n readers, which get different shards; seed: shuffles the shards' order, None
    leaves it. Raises BadInput for a shard that cannot be read or is damaged.
    """
    order = list(range(len(addresses)))
    if seed is not None:
        order = np.random.default_rng(seed).permutation(len(addresses)).tolist()
    index, count = part
    for number in order[index::count]:
        yield from _read_shard(addresses[number])


def _read_shard(address: str) -> Iterator[Sample]:
    try:
        with _open(address) as file, tarfile.open(fileobj=file, mode="r|") as archive:
            name, members = "", dict[str, bytes]()
            for member in archive:
                key, _, part = member.name.partition(".")
                if key != name and members:
                    yield _sample(address, name, members)
                    members = {}
                content = archive.extractfile(member)
                name = key
                members[part] = content.read() if content is not None else b""
            if members:
                yield _sample(address, name, members)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise BadInput(
            f"{show(address)} cannot be read: {error}; expected a shard of compositions"
        ) from error


@contextlib.contextmanager
def _open(address: str) -> Iterator[BinaryIO]:
    if "://" not in address:
        with open(address, "rb") as file:
            yield file
        return
    import fsspec

    with fsspec.open(address, "rb") as file:
        yield file


def _sample(address: str, name: str, members: dict[str, bytes]) -> Sample:
    """Decode the members of one name."""
    if missing := [part for part in ("image.png", "alpha.png", "trimap.png") if part not in members]:
        raise BadInput(f"{show(address)} has no {', '.join(missing)} for {show(name)}; expected compositions")

    def picture(part: str, is_map: bool) -> Any:
        if f"{part}.png" not in members:
            return None
        source = Encoded(f"{address}: {name}.{part}.png", members[f"{part}.png"])
        return images.read_map(source) if is_map else images.read_photo(source).pixels

    colours = (picture(part, False) for part in ("image", "foreground", "background"))
    image, foreground, background = colours
    facts = json.loads(members.get(_FACTS, b"{}"))
    return Sample(name, image, picture("alpha", True), picture("trimap", True), foreground, background, facts)
