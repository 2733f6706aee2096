"""Compositions as files in folders: a benchmark, and a corpus of just what it is made of.

Each file appears whole or not at all, a composition's image last: where there is an image, all is there.
"""

import itertools
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from deepmatte import images, outputs
from deepmatte.errors import BadOutput, MatteError
from deepmatte.training.corpus import compositions, manifest
from deepmatte.training.corpus.compositions import Composition, Made, Style, Task
from deepmatte.training.corpus.manifest import Entry
from deepmatte.training.corpus.plans import Plan, Settings, pairs_of
from deepmatte.training.corpus.store import Store

LIST = "compositions.csv"

_PARTS = ("image", "alpha", "trimap")
_LAYERS = ("layers/foreground", "layers/background")


def prepare(store: Store, plan: Plan, split: str, folder: Path) -> None:
    """Make a split's folder: a benchmark to be, and a corpus of what it is made of."""
    for name in (*_PARTS, *_LAYERS):
        outputs.remove_parts(folder / name)
    for name in _PARTS:
        outputs.make_folder(folder / name)
    description = f"compositions by deepmatte corpus compose, {split}"
    toml = f"description = {json.dumps(description)}\n"
    outputs.write_bytes(folder / "benchmark.toml", toml.encode(), overwrite=True)
    entries = [*plan.foregrounds[split], *plan.backgrounds[split]]
    for entry in entries:
        _bring(store, entry, folder / entry.file)
    manifest.write(folder, [replace(entry, split=split) for entry in entries])


def _bring(store: Store, entry: Entry, path: Path) -> None:
    """Put a file of the corpus there, if it is not: by a hard link where the disk has them."""
    if path.exists():
        return
    outputs.make_folder(path.parent)
    source = store.path / entry.file
    try:
        os.link(source.resolve(), path)  # what a symbolic link says may lead elsewhere from there
    except OSError:  # another disk, a packed corpus, or no links there
        outputs.remove_parts(path.parent)
        outputs.write_bytes(path, store.content(entry))


@dataclass(frozen=True)
class FolderMaker:
    """Writes compositions as files, and passes over what is there."""

    store: Store
    style: Style
    output: Path
    with_layers: bool

    def __call__(self, task: Task) -> Made:
        """Write the compositions of one foreground that are not there."""
        folder, failures = self.output / task.target, list[str]()
        todo = [pair for pair in task.pairs if not (folder / "image" / f"{pair.name}.png").exists()]
        count = len(task.pairs) - len(todo)
        if not todo:
            return Made(task.split, count)
        try:
            colours, alpha = compositions.read_foreground(self.store, todo[0].foreground, self.style)
        except MatteError as error:
            return Made(task.split, count, (str(error),))
        for pair in todo:
            try:
                self._write(compositions.compose(self.store, pair, colours, alpha, self.style), folder)
                count += 1
            except BadOutput as error:
                return Made(task.split, count, tuple(failures), str(error))
            except MatteError as error:
                failures.append(f"{pair.name}: {error}")
        return Made(task.split, count, tuple(failures))

    def _write(self, composition: Composition, folder: Path) -> None:
        parts = {"alpha": composition.alpha, "trimap": composition.trimap}
        if self.with_layers:
            parts |= {_LAYERS[0]: composition.foreground, _LAYERS[1]: composition.background}
        for name, pixels in (parts | {"image": composition.image}).items():
            outputs.make_folder(folder / name)
            images.write_image(folder / name / f"{composition.name}.png", pixels, overwrite=True)


def write_list(plan: Plan, settings: Settings, split: str, path: Path) -> None:
    """Write what each composition is made of, and under which licences: also of those that an earlier run
    made beyond what is asked for now.
    """
    rows = [("name", "foreground", "background", "foreground_licence", "background_licence")]
    asked = settings.counts[split]
    names = {pairs[0].name.rpartition("_")[0] for pairs in pairs_of(plan, settings, split)}
    there = {each.stem for each in (path.parent / "image").glob("*_*.png")}
    parts = [stem.rpartition("_") for stem in there]
    numbers = [int(number) for name, _, number in parts if name in names and number.isdecimal()]
    more = replace(settings, counts={split: max([asked, *(number + 1 for number in numbers)])})
    for pair in itertools.chain.from_iterable(pairs_of(plan, more, split)):
        if pair.number >= asked and pair.name not in there:
            continue
        over, under = pair.foreground, pair.background
        rows.append((pair.name, over.file, under.file, over.licence, under.licence))
    outputs.write_bytes(path, manifest.format_csv(rows).encode(), overwrite=True)
