"""Which files are trained on and which are kept for tests, so that no test shows what was trained on.

Foregrounds and backgrounds are divided alike. Files that belong together (related signatures; or, of both
kinds, the same text in the manifest's column `subject`) stay together. What the manifest says goes before; a
training file that is related to a test file is left out then. Otherwise a checksum of a file's name and the
seed decides. A small corpus in which chance leaves too few for tests gets more: when it grows, some of those
go back to training, so what has been tested with belongs into the column `split`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepmatte.training.corpus.manifest import KINDS, SUBJECT, Entry
from deepmatte.training.corpus.signatures import Gallery, Signature


@dataclass(frozen=True)
class Division:
    """train, test: files; left_out: training files whose relations are in a test."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    left_out: tuple[str, ...]


def divide(
    entries: Sequence[Entry], signatures: Mapping[str, Signature], test_share: float, seed: int
) -> Division:
    """Divide a corpus's files. signatures: by file; those without one are in no part.

    test_share: of the files that the manifest leaves open, above 0 and below 1.
    """
    parts: dict[str, list[str]] = {"train": [], "test": [], "": []}
    families = _families([each for each in entries if each.file in signatures], signatures)
    said = [{entry.split for entry in family} - {""} for family in families]
    for kind in KINDS:
        mine = [number for number, family in enumerate(families) if any(each.kind == kind for each in family)]
        of_kind = [[entry for entry in families[number] if entry.kind == kind] for number in mine]
        sides = _sides(of_kind, [said[number] for number in mine], test_share, seed)
        for number, family, side in zip(mine, of_kind, sides, strict=True):
            said[number] = {side}  # for the other kind too
            for entry in family:
                parts["" if (side, entry.split) == ("test", "train") else side].append(entry.file)
    order = {entry.file: number for number, entry in enumerate(entries)}
    return Division(*(tuple(sorted(parts[name], key=order.__getitem__)) for name in ("train", "test", "")))


def _families(entries: Sequence[Entry], signatures: Mapping[str, Signature]) -> list[list[Entry]]:
    """Return the entries of both kinds in groups of which no two are related."""
    parents = {entry.file: entry.file for entry in entries}

    def head(file: str) -> str:
        while parents[file] != file:
            parents[file] = parents[parents[file]]
            file = parents[file]
        return file

    galleries, subjects = {kind: Gallery() for kind in KINDS}, dict[str, str]()
    for entry in entries:
        gallery = galleries[entry.kind]
        relations = gallery.related(signatures[entry.file])
        if subject := dict(entry.extra).get(SUBJECT):
            relations.append(subjects.setdefault(subject, entry.file))
        for other in relations:
            parents[head(entry.file)] = head(other)
        gallery.add(entry.file, signatures[entry.file])
    families: dict[str, list[Entry]] = {}
    for entry in entries:
        families.setdefault(head(entry.file), []).append(entry)
    return list(families.values())


def _sides(
    families: Sequence[Sequence[Entry]], said: Sequence[set[str]], test_share: float, seed: int
) -> list[str]:
    """Return "train" or "test" for each family. said: what is known of each.

    Of those that are open: test, if chance is below the share, and the next in the order of chance until half
    of the share is reached; but never the last one.
    """
    sides = ["test" if "test" in splits else "train" for splits in said]
    chances = [_chance(family, seed) for family in families]
    is_open = sorted((n for n, splits in enumerate(said) if not splits), key=chances.__getitem__)
    fewest = test_share * sum(len(families[number]) for number in is_open) / 2
    taken = 0
    for number in is_open[:-1]:
        if chances[number] >= test_share and taken >= max(fewest, 1):
            break
        sides[number] = "test"
        taken += len(families[number])
    return sides


def _chance(family: Sequence[Entry], seed: int) -> float:
    """Return a number in [0, 1) that a family's first name and the seed decide; packing keeps it."""
    name = min(entry.stem for entry in family)
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
