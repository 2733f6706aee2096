"""Bringing other people's pictures into a corpus folder: checked, without doubles, with clean colours.

First all of an origin is looked at, and only then is anything written, so that what is taken in does not
depend on the order in which processes finish. A journal in the folder lets an import that was ended go on;
the manifest changes once, at the end.
"""

import functools
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from deepmatte import images, outputs
from deepmatte.errors import BadInput, BadOutput, MatteError
from deepmatte.foreground import estimate_foreground
from deepmatte.outputs import name_some, show
from deepmatte.pixels import AnyArray, Floats, to_bytes, to_unit, to_words
from deepmatte.processes import do_all
from deepmatte.training.corpus import checks, layers, manifest, origins
from deepmatte.training.corpus.journal import Journal, alone
from deepmatte.training.corpus.manifest import Entry
from deepmatte.training.corpus.origins import Item
from deepmatte.training.corpus.selection import ORIGIN, Progress, choose, read
from deepmatte.training.corpus.store import Store

JOURNAL = ".import.jsonl"

# More of a background than this in the soft pixels' colours is taken out.
_MIXED = 0.5


@dataclass(frozen=True)
class Facts:
    """What is said of all files of an origin, where the origin itself says nothing.

    licence: refused without one unless allow_unknown; group: in place of the origin's own.
    """

    licence: str = ""
    allow_unknown: bool = False
    author: str = ""
    source: str = ""
    group: str = ""
    split: str = ""

    def __post_init__(self) -> None:
        for name in ("licence", "author", "source", "group"):
            text = getattr(self, name)
            if not outputs.is_text(text):
                raise BadInput(f"{name} is {text!r}; expected text in UTF-8")


@dataclass(frozen=True)
class Intake:
    """What came of an import.

    added: files in the corpus now that were not before; doubles: what was left out because it is there
    already; notes: what is worth a look; failures: what could not be used, and why.
    """

    added: tuple[str, ...]
    doubles: tuple[str, ...]
    notes: tuple[str, ...]
    failures: tuple[str, ...]


def import_corpus(
    layout: str,
    source: Path,
    output: Path,
    *,
    facts: Facts | None = None,
    keep_colours: bool = False,
    workers: int = 0,
    progress: Progress | None = None,
) -> Intake:
    """Add an origin's pictures to a corpus folder, which is made if it is not there.

    layout: a name in origins.LAYOUTS; keep_colours: take foregrounds' colours as they are; workers: how many
    processes, 0 for this one. A file of the name of a listed one gets another name.
    Raises BadInput for an origin that cannot be read or files without a licence, before anything is written;
    BadOutput where the folder cannot be written to: what was done stays done, and the same call goes on.
    """
    source, output, facts, tell = Path(source), Path(output), facts or Facts(), progress or _say_nothing
    items, entries, unusable = _list(layout, source, output, facts)
    if keep_colours:
        items = [item if item.treatment == "copy" else replace(item, treatment="keep") for item in items]
    outputs.make_folder(output)
    with alone(output):
        known = Store(output).entries(needs_licence=False) if _has_manifest(output) else []
        choice = choose(items, Store(output), known, workers, tell)
        chosen = [(items[number], _with_origin(entries[number], digest)) for number, digest in choice.chosen]
        job = f"{layout} {source.resolve()}{' keeping colours' if keep_colours else ''}"
        done = _convert(chosen, known, output, job, workers, tell)
        added = [each.entry for each in done if each.entry is not None]
        if added:
            manifest.write(output, [*known, *added], parquet=(output / manifest.PARQUET).exists())
        (output / JOURNAL).unlink(missing_ok=True)
    failures = (*unusable, *choice.failures, *(each.failure for each in done if each.failure))
    notes = tuple(note for each in done for note in each.notes)
    return Intake(tuple(entry.file for entry in added), choice.doubles, notes, failures)


def check_origin(layout: str, source: Path, output: Path, facts: Facts) -> None:
    """Raise BadInput for what import_corpus refuses before anything is written."""
    _list(layout, source, output, facts)


def _list(
    layout: str, source: Path, output: Path, facts: Facts
) -> tuple[list[Item], list[Entry], tuple[str, ...]]:
    """Return an origin's pictures, what the manifest will say of them, and which cannot be used and why."""
    listing = origins.list_items(layout, source)
    if source.resolve().is_relative_to(output.resolve()):
        raise BadInput(
            f"{show(source)} lies in {show(output)}, where pictures are to go; expected a folder elsewhere:"
            " move it out first"
        )
    said = {} if layout == "corpus" else _said(source, listing.items)
    # Of an origin that holds the corpus it is brought into, what lies there is no picture of its own.
    own = [each for each in listing.items if not each.image.resolve().is_relative_to(output.resolve())]
    items = [replace(item, said=item.said or said.get(item.name, ())) for item in own]
    entries = [_entry(item, facts) for item in items]
    manifest.check_licences(entries)
    return items, entries, listing.failures


def _say_nothing(step: str, share: float) -> None:
    pass


def _has_manifest(folder: Path) -> bool:
    return any((folder / name).exists() for name in (manifest.CSV, manifest.PARQUET))


def _said(source: Path, items: Sequence[Item]) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return what an origin's own manifest.csv says of its files, by their paths."""
    path = source / manifest.CSV
    if not path.exists():
        return {}
    rows = [(PurePosixPath(row["file"]).as_posix(), tuple(row.items())) for row in manifest.read_rows(path)]
    said = dict(rows)
    # Names as the folder spells them, which file systems may not insist on. Alphas go with their pictures.
    there = {each.relative_to(source).as_posix() for each in source.rglob("*") if each.is_file()}
    there |= {item.name for item in items}  # also what links of folders lead to
    there -= {item.alpha.relative_to(source).as_posix() for item in items if item.alpha is not None}
    if strangers := [file for file in said if file not in there]:
        # Else their licences would be said of nothing, and others of the files they mean.
        raise BadInput(
            f"{show(path)} names {name_some(strangers)}, which {show(source)} does not hold as a picture;"
            " expected the paths of its pictures"
        )
    if twice := [file for file, count in Counter(file for file, _ in rows).items() if count > 1]:
        raise BadInput(f"{show(path)} names {name_some(twice)} twice; expected each picture once")
    return said


def _entry(item: Item, facts: Facts) -> Entry:
    """Return what the manifest will say of an item, but for its file's name and digest."""
    said = dict(item.said)
    unknown = manifest.UNKNOWN_LICENCE if facts.allow_unknown else ""
    return Entry(
        file=_safe(item.name.replace("/", "-")),
        kind=item.kind,
        group=_safe(facts.group or said.get("group") or item.group),
        licence=said.get("licence") or facts.licence or unknown,
        source=said.get("source") or facts.source,
        author=said.get("author") or facts.author,
        split=said.get("split") or facts.split or item.split,
        extra=tuple((column, text) for column, text in item.said if column not in manifest.COLUMNS),
    )


def _safe(name: str) -> str:
    """Return a name that every file system takes."""
    return outputs.shorten(re.sub(r"[^\w .()+,@=-]", "-", name).strip(" .") or "unnamed")


def _with_origin(entry: Entry, digest: str) -> Entry:
    extra = tuple((column, text) for column, text in entry.extra if column != ORIGIN)
    return replace(entry, extra=(*extra, (ORIGIN, digest)))


def _origin(entry: Entry) -> str | None:
    return dict(entry.extra).get(ORIGIN)


# Converting


@dataclass(frozen=True)
class _Step:
    """An item and the entry it becomes."""

    item: Item
    entry: Entry


@dataclass(frozen=True)
class _Done:
    """What came of a step. entry: None where it failed; is_fatal: nothing more can be written."""

    entry: Entry | None
    notes: tuple[str, ...] = ()
    failure: str = ""
    is_fatal: bool = False


def _plan(
    chosen: Sequence[tuple[Item, Entry]], known: Sequence[Entry], output: Path, journal: Journal
) -> list[_Step]:
    """Give every item a file name of its own: none that is listed, or of a file that is not this job's."""
    taken = {entry.file.lower() for entry in known}
    steps = []
    for item, entry in chosen:
        suffix = item.image.suffix.lower() if item.treatment == "copy" else ".png"
        stem = f"{item.kind}/{entry.group}/{_safe(item.stem)}"
        names = (f"{stem}{'' if number == 1 else f'-{number}'}{suffix}" for number in itertools.count(1))
        name = next(
            name
            for name in names
            if name.lower() not in taken
            and (
                journal.done.get(name, {}).get("item") == item.name
                or name in journal.left  # of an import that was ended and not gone on with
                or not (output / name).exists()
            )
        )
        taken.add(name.lower())
        steps.append(_Step(item, replace(entry, file=name)))
    return steps


def _convert(
    chosen: Sequence[tuple[Item, Entry]],
    known: Sequence[Entry],
    output: Path,
    job: str,
    workers: int,
    tell: Progress,
) -> list[_Done]:
    """Write the files, but for those that the journal has; return all of them in their order."""
    journal = Journal(output / JOURNAL, {"job": job})
    try:
        steps = _plan(chosen, known, output, journal)
        results = {step.entry.file: _recall(step, journal, output) for step in steps}
        for folder in {(output / step.entry.file).parent for step in steps}:
            outputs.make_folder(folder)
            outputs.remove_parts(folder)
        todo = [step for step in steps if results[step.entry.file].entry is None]
        for step in todo:  # so that a file is known for this job's, however it ends
            journal.add(step.entry.file, {"item": step.item.name})
        for count, (number, done) in enumerate(
            do_all(todo, functools.partial(_write, output), _lost_step, workers), start=1
        ):
            if done.is_fatal:
                raise BadOutput(f"{done.failure}; make room and run the same command again")
            step = todo[number]
            results[step.entry.file] = done
            if done.entry is not None:
                record = {"sha256": done.entry.sha256, "origin": _origin(done.entry), "notes": done.notes}
                journal.add(step.entry.file, {"item": step.item.name, **record})
            tell("importing", (len(steps) - len(todo) + count) / len(steps))
    finally:
        journal.close()
    return [results[step.entry.file] for step in steps]


def _recall(step: _Step, journal: Journal, output: Path) -> _Done:
    """Return what came of a step in an earlier run of the same job; without an entry if nothing did."""
    record = journal.done.get(step.entry.file, {})
    is_same = (record.get("item"), record.get("origin")) == (step.item.name, _origin(step.entry))
    if not is_same or not (output / step.entry.file).is_file():
        return _Done(None)
    return _Done(replace(step.entry, sha256=record["sha256"]), tuple(record["notes"]))


def _write(output: Path, step: _Step) -> _Done:
    """Write one file, and say what is to be seen in it."""
    item, path = step.item, output / step.entry.file
    try:
        colours, alpha, icc = read(item)
        if item.treatment == "copy" or alpha is None:
            outputs.write_bytes(path, item.image.read_bytes(), overwrite=True)
        else:
            is_deep = np.uint16 in (colours.dtype, alpha.dtype) or alpha.dtype.kind == "f"
            levels = to_words if is_deep else to_bytes
            colours, alpha = levels(_treat(item.treatment, colours, alpha)), levels(to_unit(alpha))
            images.write_image(path, colours, alpha, icc, overwrite=True)
        entry = replace(step.entry, sha256=manifest.digest(path))
    except BadOutput as error:
        return _Done(None, failure=str(error), is_fatal=True)
    except (MatteError, OSError) as error:
        return _Done(None, failure=str(error))
    found = checks.judge(entry, colours, alpha) if alpha is not None else ()
    return _Done(entry, tuple(f"{entry.file} {finding.message}" for finding in found))


def _lost_step(step: _Step, reason: str) -> _Done:
    return _Done(None, failure=f"{show(step.item.image)} cannot be imported: {reason}")


def _treat(treatment: str, colours: AnyArray, alpha: AnyArray) -> Floats:
    """Return a foreground's own colours, continued beyond its alpha."""
    is_mixed = treatment == "estimate" or (
        treatment == "detect" and layers.measure_mixture(colours, alpha) > _MIXED
    )
    return estimate_foreground(colours, alpha) if is_mixed else layers.extend(colours, alpha)
