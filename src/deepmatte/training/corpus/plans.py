"""What compositions are to be made of a corpus: settled once, and kept.

A plan says which files are trained on, which are kept for tests and which are left out; everything else
follows from it, the settings and the seed.
"""

import functools
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from deepmatte import images, outputs
from deepmatte.errors import BadInput, MatteError
from deepmatte.outputs import show
from deepmatte.processes import do_all
from deepmatte.training.corpus import compositions, layers, manifest, splits
from deepmatte.training.corpus.compositions import Pair, Style, Task
from deepmatte.training.corpus.manifest import Entry
from deepmatte.training.corpus.signatures import Signature, sign
from deepmatte.training.corpus.store import Store

PLAN = "plan.json"
PER_TRAIN, PER_TEST, TEST_SHARE = 100, 20, 0.1  # the first two are the paper's

_AT_ONCE = 10  # compositions of one foreground that are made in a row

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Settings:
    """What to make.

    style: of every composition; counts: backgrounds for each foreground, by split; a split that is not named
    is not made. test_share: of what the manifest leaves open; with_layers: also store each composition's
    foreground and background; per_shard: compositions in a shard, None for folders.
    Raises BadInput for what cannot be.
    """

    style: Style = field(default_factory=Style)
    counts: Mapping[str, int] = field(default_factory=lambda: {"train": PER_TRAIN, "test": PER_TEST})
    test_share: float = TEST_SHARE
    with_layers: bool = False
    per_shard: int | None = None

    def __post_init__(self) -> None:
        if not self.counts or min(self.counts.values()) < 1 or self.style.seed < 0:
            raise BadInput(
                f"counts {dict(self.counts)} with seed {self.style.seed} are asked for; expected at least one"
                " composition, and a seed from 0"
            )
        low, high = self.style.trimap_px
        if not 0 <= low <= high:
            raise BadInput(f"trimaps reach {low} to {high} px; expected two numbers from 0, the larger last")
        if not 0 < self.test_share < 1:
            raise BadInput(f"a share of {self.test_share:g} is asked for tests; expected between 0 and 1")


@dataclass(frozen=True)
class Plan:
    """foregrounds, backgrounds: entries by split."""

    foregrounds: dict[str, list[Entry]]
    backgrounds: dict[str, list[Entry]]
    left_out: tuple[str, ...]
    failures: tuple[str, ...]


def settle(store: Store, output: Path, settings: Settings, workers: int, tell: Progress) -> Plan:
    """Return the plan that the output holds, or make one and keep it there."""
    entries = store.entries()
    key = {
        "version": compositions.VERSION,
        **asdict(settings.style),
        "test_share": settings.test_share,
        "with_layers": settings.with_layers,
        "per_shard": settings.per_shard,
        "corpus": _fingerprint(store, entries),
    }
    if settings.per_shard is not None:  # what a shard holds depends on how many there are in all
        key["counts"] = dict(settings.counts)
    key = json.loads(json.dumps(key))
    kept = _read_plan(output / PLAN)
    if kept is None:
        signatures, failures = _look_at_all(store, entries, workers, tell)
        division = splits.divide(entries, signatures, settings.test_share, settings.style.seed)
        kept = {"key": key, **asdict(division), "failures": failures}
        _check_parts(kept, entries, settings)
        outputs.write_bytes(output / PLAN, json.dumps(kept, indent=1).encode(), overwrite=True)
    elif other := [name for name in key if kept["key"].get(name) != key[name]]:
        raise BadInput(
            f"{show(output)} holds compositions made with another {', '.join(other)}; choose another folder,"
            " or the same settings"
        )
    _check_parts(kept, entries, settings)
    by_file = {entry.file: entry for entry in entries}
    parts = {split: [by_file[file] for file in kept[split]] for split in ("train", "test")}
    foregrounds, backgrounds = (
        {split: [each for each in part if each.kind == kind] for split, part in parts.items()}
        for kind in ("foreground", "background")
    )
    return Plan(foregrounds, backgrounds, tuple(kept["left_out"]), tuple(kept["failures"]))


def _check_parts(plan: Mapping[str, Any], entries: Sequence[Entry], settings: Settings) -> None:
    """Raise BadInput where a part that is to be made has no foreground or no background."""
    kinds = {entry.file: entry.kind for entry in entries}
    for split in settings.counts:
        for kind in manifest.KINDS:
            if not any(kinds[file] == kind for file in plan[split]):
                usable = sum(kinds[file] == kind for part in ("train", "test") for file in plan[part])
                raise BadInput(
                    f"there is no {kind} to {split} with, of {usable}; expected two families of related"
                    " pictures at least: add more, or say in the column split which is which"
                )


def _read_plan(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        kept: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(f"{show(path)} cannot be read: {error}; expected what an earlier run wrote") from error
    held = {"key", "failures", *(part.name for part in fields(splits.Division))}
    if not isinstance(kept, dict) or not kept.keys() >= held:
        raise BadInput(f"{show(path)} is no plan; expected what an earlier run wrote: choose another folder")
    return kept


def _fingerprint(store: Store, entries: Sequence[Entry]) -> str:
    """Return a checksum of what a corpus lists and holds: other pictures make another plan."""
    lines = []
    for entry in entries:
        subject = dict(entry.extra).get(manifest.SUBJECT, "")
        lines.append(f"{entry.file}\n{entry.kind}\n{entry.split}\n{subject}\n{_digest(store, entry)}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _digest(store: Store, entry: Entry) -> str:
    """Return the SHA-256 of a file as it is, for manifests may be out of date; "" where it cannot be read."""
    try:
        return hashlib.sha256(store.content(entry)).hexdigest()
    except MatteError:
        return ""


def _look_at_all(
    store: Store, entries: Sequence[Entry], workers: int, tell: Progress
) -> tuple[dict[str, Signature], list[str]]:
    """Return the signatures of the files that can be used, and what is wrong with the others."""
    signatures: dict[str, Signature] = {}
    failures: dict[int, str] = {}
    looks = do_all(entries, functools.partial(_look, store), _lost_look, workers)
    for count, (number, look) in enumerate(looks, start=1):
        if isinstance(look, Signature):
            signatures[entries[number].file] = look
        else:
            failures[number] = look
        tell("looking", count / len(entries))
    return signatures, [failures[number] for number in sorted(failures)]


def _look(store: Store, entry: Entry) -> Signature | str:
    try:
        if entry.kind == "background":
            return sign(images.read_photo(store.source(entry)).pixels)
        return sign(*layers.read_foreground(store.source(entry)))
    except MatteError as error:
        return str(error)


def _lost_look(entry: Entry, reason: str) -> Signature | str:
    return f"{show(entry.file)} cannot be read: {reason}"


# What follows from it


def _names(foregrounds: Sequence[Entry]) -> dict[str, str]:
    """Return what the compositions of each foreground are called, but for their number; all different.

    Without dots, as a tar archive for WebDataset needs them.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for entry in foregrounds:
        parts = PurePosixPath(entry.file).with_suffix("").parts
        plain = outputs.shorten(re.sub(r"[^\w-]", "-", "-".join(parts[1:] or parts)))
        several = (plain if number == 1 else f"{plain}-{number}" for number in itertools.count(1))
        names[entry.file] = next(name for name in several if name.lower() not in taken)
        taken.add(names[entry.file].lower())
    return names


def folder_tasks(plan: Plan, settings: Settings) -> Iterator[Task]:
    """Yield the compositions that go to folders, foreground by foreground."""
    for split in settings.counts:
        for pairs in pairs_of(plan, settings, split):
            for at in range(0, len(pairs), _AT_ONCE):
                yield Task(split, split, tuple(pairs[at : at + _AT_ONCE]))


def pairs_of(plan: Plan, settings: Settings, split: str) -> Iterator[list[Pair]]:
    """Yield the compositions of each foreground."""
    foregrounds, backgrounds = plan.foregrounds[split], plan.backgrounds[split]
    names, count = _names(foregrounds), settings.counts[split]
    for entry in foregrounds:
        order = compositions.background_order(entry, len(backgrounds), count, settings.style.seed)
        yield [
            Pair(f"{names[entry.file]}_{number}", number, entry, backgrounds[index])
            for number, index in enumerate(order.tolist())
        ]


def shard_tasks(plan: Plan, settings: Settings) -> Iterator[Task]:
    """Yield shards, each of compositions from all over the split."""
    per_shard = settings.per_shard or 1
    for split, count in settings.counts.items():
        foregrounds, backgrounds = plan.foregrounds[split], plan.backgrounds[split]
        names, seed = _names(foregrounds), settings.style.seed
        orders = [
            compositions.background_order(entry, len(backgrounds), count, seed) for entry in foregrounds
        ]
        places = np.random.default_rng([seed, compositions.VERSION]).permutation(len(foregrounds) * count)
        for shard, at in enumerate(range(0, len(places), per_shard)):
            pairs = []
            for place in places[at : at + per_shard].tolist():
                index, number = divmod(place, count)
                entry, background = foregrounds[index], backgrounds[orders[index][number]]
                pairs.append(Pair(f"{names[entry.file]}_{number}", number, entry, background))
            yield Task(split, f"{split}-{shard:06d}.tar", tuple(pairs))
