"""Which files are trained on and which are kept for tests, so that no test shows what was trained on.

Foregrounds and backgrounds are divided alike and apart. Files that belong together (the same text in the
manifest's column `subject`, or related signatures) stay together. What the manifest says goes before; a
training file that is related to a test file is left out then. Otherwise a checksum of a file's name and the
seed decides, so that a file's side depends on no other file but its relations, and stays when more are added.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepmatte.errors import BadInput
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

    test_share: of the files that the manifest leaves open, above 0 and below 1. Raises BadInput where a part
    would have no foreground or no background.
    """
    parts: dict[str, list[str]] = {"train": [], "test": [], "": []}
    for kind in KINDS:
        usable = [each for each in entries if each.kind == kind and each.file in signatures]
        families = _families(usable, signatures)
        sides = _sides(families, test_share, seed)
        for family, side in zip(families, sides, strict=True):
            for entry in family:
                parts["" if (side, entry.split) == ("test", "train") else side].append(entry.file)
        for name in ("train", "test"):
            if not any(each.file in parts[name] for each in usable):
                raise BadInput(
                    f"there is no {kind} to {name} with, of {len(usable)} in {len(families)} families of"
                    " related pictures; expected two families at least: add more, or say in the column split"
                    " which is which"
                )
    order = {entry.file: number for number, entry in enumerate(entries)}
    return Division(*(tuple(sorted(parts[name], key=order.__getitem__)) for name in ("train", "test", "")))


def _families(entries: Sequence[Entry], signatures: Mapping[str, Signature]) -> list[list[Entry]]:
    """Return the entries in groups of which no two are related."""
    parents = {entry.file: entry.file for entry in entries}

    def head(file: str) -> str:
        while parents[file] != file:
            parents[file] = parents[parents[file]]
            file = parents[file]
        return file

    gallery, subjects = Gallery(), dict[str, str]()
    for entry in entries:
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


def _sides(families: Sequence[Sequence[Entry]], test_share: float, seed: int) -> list[str]:
    """Return "train" or "test" for each family.

    Of those that are open: test, if chance is below the share, and the next in the order of chance until half
    of the share is reached; but never the last one.
    """
    said = [{entry.split for entry in family} - {""} for family in families]
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
