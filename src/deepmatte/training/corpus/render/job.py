"""Renderings by the thousand, as files of a corpus folder.

A job writes foreground/KIND-SEED-NUMBER.png, a line of parameters.jsonl for each file, and manifest.csv. A
file and its line are complete or not there, so a job that was killed, or stopped for want of room, goes on
where it was when it is run again.
"""

import contextlib
import functools
import hashlib
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from deepmatte import images, outputs
from deepmatte.errors import BadInput, BadOutput, MatteError
from deepmatte.outputs import show
from deepmatte.pixels import to_bytes, to_words
from deepmatte.processes import do_all
from deepmatte.training.corpus import manifest
from deepmatte.training.corpus.journal import Journal, alone
from deepmatte.training.corpus.manifest import Entry
from deepmatte.training.corpus.render import KINDS, optics
from deepmatte.training.corpus.render.rendering import Assets, Rendering

PARAMETERS = "parameters.jsonl"
LICENCE = "CC0-1.0"
SIZES_PX = (32, 4096)
# Lines between two writings of the manifest.
_MANIFEST_EVERY = 500

Progress = Callable[[str, float], None]
Record = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """What to render.

    kinds: names in KINDS, drawn in turn; count: files in all; size: side in pixels; seed: of everything;
    assets: what to take colours and silhouettes from; optics: the share of files that lens or shutter blur;
    bits: 16 for PNG, 8 for lossless WebP; licence: of the files.
    Raises BadInput for what cannot be, and MatteError where what a kind needs is not installed.
    """

    kinds: tuple[str, ...]
    count: int
    size: int
    seed: int = 0
    assets: Assets = field(default_factory=Assets)
    optics: float = 0.3
    bits: int = 16
    licence: str = LICENCE

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown or not self.kinds:
            raise BadInput(
                f"{', '.join(unknown) or 'nothing'} is no kind of rendering; expected all, or some of"
                f" {', '.join(KINDS)}"
            )
        for kind in self.kinds:
            if (needs := KINDS[kind].needs) is not None:
                needs()
        low, high = SIZES_PX
        if not low <= self.size <= high:
            raise BadInput(f"a size of {self.size} px cannot be rendered; expected {low} to {high}")
        if self.count < 1 or self.seed < 0 or not 0 <= self.optics <= 1 or self.bits not in (8, 16):
            raise BadInput(
                f"count {self.count}, seed {self.seed}, optics {self.optics}, {self.bits} bits: expected a"
                " count above 0, a seed from 0, optics from 0 to 1, and 8 or 16 bits"
            )
        if not self.licence.strip():
            raise BadInput("the licence is empty; expected an SPDX identifier such as CC0-1.0")
        if not outputs.is_text(self.licence):
            raise BadInput(f"the licence is {self.licence!r}; expected text in UTF-8")

    def tasks(self) -> Iterator["Task"]:
        """Yield what is to be drawn, in order."""
        suffix = ".png" if self.bits == 16 else ".webp"
        for number in range(self.count):
            kind, number = self.kinds[number % len(self.kinds)], number // len(self.kinds)
            yield Task(kind, number, f"foreground/{kind}-{self.seed}-{number:06d}{suffix}")

    def settings(self, kind: str) -> Record:
        """Return all that decides on the pixels of a kind's files, besides their numbers."""
        return {
            "kind": kind,
            "version": KINDS[kind].version,
            "seed": self.seed,
            "size": self.size,
            "bits": self.bits,
            "optics_share": self.optics,
            "photographs": _digest(self.assets.photographs),
            "masks": _digest(self.assets.masks),
        }

    def draw(self, task: "Task", assets: Assets) -> Rendering:
        """Draw one picture: always the same one."""
        kind = KINDS[task.kind]
        rendering = kind.render(self.seed, task.number, self.size, assets)
        source = [self.seed, task.number, kind.version, zlib.crc32(task.kind.encode()), 1]
        rng = np.random.default_rng(source)
        return optics.apply(rng, rendering) if rng.random() < self.optics else rendering


@dataclass(frozen=True)
class Task:
    """One file: its kind, its number within the kind, and its path below the corpus folder."""

    kind: str
    number: int
    file: str


@dataclass(frozen=True)
class Outcome:
    """What came of a job. made, present: how many files it wrote, and found done; failures: one line each, of
    files that could not be made and assets that could not be read; seconds: how long it took.
    """

    made: int
    present: int
    failures: tuple[str, ...]
    seconds: float


def find_pictures(directory: Path) -> tuple[Path, ...]:
    """Return all picture files in a folder and below, in the order of their names. Raises BadInput."""
    if not Path(directory).is_dir():
        raise BadInput(f"{show(directory)} is no folder; expected one with pictures")
    found = [path for path in Path(directory).rglob("*") if path.suffix.lower() in images.SUFFIXES]
    found = sorted((path for path in found if path.is_file()), key=lambda path: path.as_posix())
    if not found:
        raise BadInput(f"{show(directory)} has no pictures; expected some of {', '.join(images.SUFFIXES)}")
    return tuple(found)


def run(job: Job, output: Path, *, workers: int = 0, progress: Progress | None = None) -> Outcome:
    """Render what is not there yet into a corpus folder, which is made if need be.

    workers: how many processes, 0 to draw in this one.
    Raises BadOutput where the folder cannot be written to, such as a full disk, where another job is at work
    in it, and where its files were rendered with other settings; BadInput for a manifest that cannot be read.
    What is done stays done.
    """
    started, output = time.monotonic(), Path(output)
    outputs.make_folder(output / "foreground")
    with alone(output), _journal(job, output) as journal:
        waiting = [task for task in job.tasks() if not _is_done(job, output, journal, task)]
        outputs.remove_parts(output / "foreground")
        failures: dict[str, None] = {}
        made = 0
        for number, record in do_all(waiting, functools.partial(_make, job, output), _lost, workers):
            failures.update(dict.fromkeys(record.pop("failures")))
            if full := record.pop("stop", None):
                raise BadOutput(f"{full}; {made} files were made: make room and run the same command again")
            if record:
                journal.add(waiting[number].file, record)
                made += 1
                if made % _MANIFEST_EVERY == 0:
                    _write_manifest(output, journal)
            if progress is not None:
                progress(f"rendering {waiting[number].kind}", made / len(waiting))
    return Outcome(made, job.count - len(waiting), tuple(failures), time.monotonic() - started)


@contextlib.contextmanager
def _journal(job: Job, output: Path) -> Iterator[Journal]:
    """Yield what is known of the folder's renderings; at the end, however it comes, they are listed."""
    journal = Journal(output / PARAMETERS, {"renders": 1})
    try:
        yield journal
    except BaseException:
        with contextlib.suppress(MatteError):  # the reason of the end is worth more
            _write_manifest(output, journal)
        raise
    else:
        _write_manifest(output, journal)
    finally:
        journal.close()


def _is_done(job: Job, output: Path, journal: Journal, task: Task) -> bool:
    """Return whether a task's file is there. Raises BadOutput if it is another picture."""
    record = journal.done.get(task.file)
    path = output / task.file
    if record is not None and record.get("licence") != job.licence:
        raise BadOutput(
            f"{show(path)} was rendered under the licence {record.get('licence')}, not {job.licence};"
            " choose another folder, or the same licence"
        )
    if record is None or not path.is_file() or path.stat().st_size != record.get("bytes"):
        return False
    settings = job.settings(task.kind)
    other = [
        f"{key} {record.get(key)}, not {value}" for key, value in settings.items() if record.get(key) != value
    ]
    if other:
        raise BadOutput(
            f"{show(path)} was rendered with {' and '.join(other)};"
            " choose another folder or another seed, or the same settings"
        )
    return True


def _make(job: Job, output: Path, task: Task) -> Record:
    """Draw one picture and write its file.

    Returns its record, with `failures`, and `stop` if all must end; nothing else where there is no file.
    """
    assets = job.assets.fresh()
    try:
        rendering = job.draw(task, assets)
        content = _encode(rendering, job.bits)
    except (MatteError, MemoryError) as error:
        return {"failures": [*assets.unreadable, f"{task.file} was not made: {error or 'out of memory'}"]}
    try:
        outputs.write_bytes(output / task.file, content, overwrite=True)
    except BadOutput as error:
        return {"failures": assets.unreadable, "stop": str(error)}
    return {
        **job.settings(task.kind),
        "number": task.number,
        "licence": job.licence,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "parameters": dict(rendering.parameters),
        "failures": assets.unreadable,
    }


def _lost(task: Task, reason: str) -> Record:
    return {"failures": [f"{task.file} was not made: {reason}"]}


def _encode(rendering: Rendering, bits: int) -> bytes:
    if bits == 8:
        levels = to_bytes(rendering.colours)
        return images.encode_image(levels, ".webp", alpha=to_bytes(rendering.alpha), is_lossless=True)
    alpha = to_words(rendering.alpha)
    # Where nothing is seen 8 bits are enough, and the file is a third smaller.
    hidden = to_bytes(rendering.colours).astype(np.uint16) * 257
    colours = np.where(alpha[..., None] > 0, to_words(rendering.colours), hidden)
    return images.encode_image(colours, ".png", alpha=alpha)


@functools.lru_cache(maxsize=8)
def _digest(paths: tuple[Path, ...]) -> str:
    """Return what tells one set of assets from another: by names and sizes of the files."""
    names = [(path.name, path.stat().st_size) for path in paths]
    return hashlib.sha256(repr(names).encode()).hexdigest()[:12] if names else ""


def _write_manifest(output: Path, journal: Journal) -> None:
    """List all renderings of the folder after what else its manifest lists.

    By seed, number and kind: the list is the same whichever of them were done first.
    """
    is_parquet = (output / manifest.PARQUET).exists()
    has_one = is_parquet or (output / manifest.CSV).exists()
    others = manifest.read(output, needs_licence=False) if has_one else []
    known = {entry.file: entry for entry in others}
    kinds = {kind: place for place, kind in enumerate(KINDS)}
    rendered = sorted(
        (record["seed"], record["number"], kinds.get(record["kind"], len(kinds)), file)
        for file, record in journal.done.items()
        if (output / file).is_file()
    )
    for *_, file in rendered:
        known[file] = _entry(file, journal.done[file], known.pop(file, None))
    manifest.write(output, list(known.values()), parquet=is_parquet)


def _entry(file: str, record: Record, before: Entry | None) -> Entry:
    """Return what the manifest says of a rendering; what it said before stays, perhaps written by hand."""
    if before is not None:
        return replace(before, sha256=record["sha256"])
    kind = record["kind"]
    return Entry(
        file,
        "foreground",
        KINDS[kind].group if kind in KINDS else kind,
        record["licence"],
        f"deepmatte corpus render {kind} --seed {record['seed']}, number {record['number']}",
        sha256=record["sha256"],
    )
