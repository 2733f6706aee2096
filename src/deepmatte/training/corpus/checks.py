"""What may be wrong with a corpus: files, alphas, colours, doubles, and tests that leak into training."""

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deepmatte import images
from deepmatte.errors import MatteError
from deepmatte.outputs import show
from deepmatte.pixels import AnyArray
from deepmatte.processes import do_all
from deepmatte.sources import Encoded
from deepmatte.training.corpus import layers, manifest
from deepmatte.training.corpus.manifest import Entry
from deepmatte.training.corpus.signatures import Gallery, Signature, sign
from deepmatte.training.corpus.store import Store

FRINGE = 0.5  # shares of an old background above this are told

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Finding:
    """What was found. subject: in a word; files: which it is about; is_fault: or else only worth a look."""

    subject: str
    files: tuple[str, ...]
    message: str
    is_fault: bool = True


@dataclass(frozen=True, eq=False)
class Inspection:
    """What one file showed. digest: SHA-256 of its bytes; signature: None where it cannot be read."""

    entry: Entry
    findings: tuple[Finding, ...]
    digest: str = ""
    signature: Signature | None = None


def check(path: Path, *, workers: int = 0, progress: Progress | None = None) -> list[Finding]:
    """Return what is wrong with a corpus, a folder or a packed one, in the order of its manifest.

    workers: how many processes look at pictures, 0 for this one. Raises BadInput where its manifest cannot
    be read.
    """
    store = Store(Path(path))
    entries = store.entries(needs_licence=False)
    inspections: dict[int, Inspection] = {}
    work, lost = functools.partial(inspect, store), _lost
    for number, inspection in do_all(entries, work, lost, workers):
        inspections[number] = inspection
        if progress is not None:
            progress("looking", len(inspections) / len(entries))
    ordered = [inspections[number] for number in range(len(entries))]
    findings = [finding for each in ordered for finding in each.findings]
    return [*findings, *_compare(ordered), *_find_unlisted(store, entries)]


def inspect(store: Store, entry: Entry) -> Inspection:
    """Look at one file of a corpus."""
    findings = [] if entry.licence else [_fault("licence", entry, "has no licence; expected one, or unknown")]
    try:
        content = store.content(entry)
        digest = hashlib.sha256(content).hexdigest()
        if entry.sha256.lower() not in ("", digest):
            findings.append(_fault("changed", entry, "is not the file that the manifest describes"))
        source = Encoded(entry.file, content)
        if entry.kind == "background":
            return Inspection(entry, tuple(findings), digest, sign(images.read_photo(source).pixels))
        colours, alpha = layers.read_foreground(source)
    except MatteError as error:
        message = str(error)
        for name in (f"{store.path}/{entry.file}", entry.file):
            message = message.removeprefix(f"{show(name)} ")
        return Inspection(entry, (*findings, _fault("unusable", entry, message)))
    return Inspection(entry, (*findings, *judge(entry, colours, alpha)), digest, sign(colours, alpha))


def _lost(entry: Entry, reason: str) -> Inspection:
    return Inspection(entry, (_fault("unusable", entry, f"cannot be looked at: {reason}"),))


def _fault(subject: str, entry: Entry, message: str) -> Finding:
    return Finding(subject, (entry.file,), message)


def judge(entry: Entry, colours: AnyArray, alpha: AnyArray) -> Iterator[Finding]:
    """Yield what is worth a look in a foreground that can be used. colours, alpha: as in layers."""
    if layers.is_two_valued(alpha):
        yield Finding("two-valued", (entry.file,), "has an alpha of only 0 and 1, no soft edge", False)
    if layers.is_hazy(alpha):
        yield Finding("haze", (entry.file,), "is hardly anywhere quite transparent", False)
    fringe = layers.measure_fringe(colours, alpha)
    for name, share in (("dark", fringe.dark), ("light", fringe.light)):
        if share > FRINGE:
            told = f"has {name} fringes: {min(share, 1):.0%} of an old background's colour in its soft pixels"
            yield Finding(f"{name} fringe", (entry.file,), told, False)
    if layers.is_bare(colours, alpha):
        yield Finding(
            "bare", (entry.file,), "has one colour where its alpha ends, not its own continued", False
        )


def _compare(inspections: Iterable[Inspection]) -> Iterator[Finding]:
    """Yield doubles, and tests that are related to what is trained on."""
    digests: dict[str, str] = {}
    subjects: dict[tuple[str, str], str] = {}  # the first file of a split and a subject
    galleries = {split: {kind: Gallery() for kind in manifest.KINDS} for split in manifest.SPLITS}
    for each in inspections:
        if each.signature is None:
            continue
        entry, gallery = each.entry, galleries[each.entry.split][each.entry.kind]
        first = digests.setdefault(each.digest, entry.file)
        if first != entry.file:
            yield Finding("double", (first, entry.file), "are the same file")
        elif same := gallery.same(each.signature):
            yield Finding("alike", (same[0], entry.file), "look the same", False)
        gallery.add(entry.file, each.signature)
        subject = dict(entry.extra).get(manifest.SUBJECT, "")
        if subject:
            subjects.setdefault((entry.split, subject), entry.file)
        leaks = []
        for other in _OPPOSITE[entry.split]:
            leaks += galleries[other][entry.kind].related(each.signature)
            leaks += [subjects[other, subject]] if (other, subject) in subjects else []
        if leaks:
            yield Finding("leak", (leaks[0], entry.file), "show one subject, in training and in a test")


# Training takes what is not for tests, also where nobody has decided.
_OPPOSITE = {"train": ("test",), "": ("test",), "test": ("train", "")}


def _find_unlisted(store: Store, entries: Iterable[Entry]) -> Iterator[Finding]:
    """Yield pictures of the folder that the manifest does not name."""
    listed = {entry.file for entry in entries}
    for kind in manifest.KINDS:
        for path in sorted((store.path / kind).rglob("*")):
            file = path.relative_to(store.path).as_posix()
            if path.suffix.lower() in images.SUFFIXES and file not in listed and path.is_file():
                yield Finding("unlisted", (file,), "is there but not listed in the manifest", False)
