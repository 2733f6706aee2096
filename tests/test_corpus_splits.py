from dataclasses import replace

import numpy as np
import pytest

from deepmatte.pixels import resize
from deepmatte.training.corpus.manifest import Entry
from deepmatte.training.corpus.signatures import Signature, sign
from deepmatte.training.corpus.splits import divide


def _signature(seed: int, planes: int) -> Signature:
    patches = resize(np.random.default_rng(seed).random((5, 6, 4), np.float32), 40, 60)
    return sign(patches[..., :3], patches[..., 3] if planes == 4 else None)


def _corpus(foregrounds: int, backgrounds: int) -> tuple[list[Entry], dict[str, Signature]]:
    entries, signatures = [], {}
    for kind, count, planes in (("foreground", foregrounds, 4), ("background", backgrounds, 3)):
        for number in range(count):
            entries.append(Entry(f"{kind}/{number}.png", kind, "all", "CC0-1.0"))
            signatures[entries[-1].file] = _signature(number, planes)
    return entries, signatures


def test_every_file_is_on_one_side_and_both_kinds_are_on_both() -> None:
    entries, signatures = _corpus(200, 100)
    division = divide(entries, signatures, 0.1, seed=0)
    assert sorted(division.train + division.test) == sorted(signatures)
    assert division.left_out == ()
    for kind, count in (("foreground", 200), ("background", 100)):
        share = sum(file.startswith(kind) for file in division.test) / count
        assert share == pytest.approx(0.1, abs=0.05)


def test_files_stay_on_their_side_when_others_are_added() -> None:
    entries, signatures = _corpus(200, 60)
    few = [each for each in entries if int(each.file.split("/")[1][:-4]) < 100]
    before = divide(few, signatures, 0.1, seed=0)
    after = divide(entries, signatures, 0.1, seed=0)
    assert set(before.test) <= set(after.test)
    assert divide(entries, signatures, 0.1, seed=1).test != after.test


def test_relations_and_files_of_one_subject_stay_together() -> None:
    entries, signatures = _corpus(60, 60)
    for number in range(0, 60, 2):
        signatures[f"foreground/{number}.png"] = signatures[f"foreground/{number + 1}.png"]
        for one in (number, number + 1):
            entries[60 + one] = replace(entries[60 + one], extra=(("subject", f"place {number}"),))
    division = divide(entries, signatures, 0.3, seed=0)
    for kind in ("foreground", "background"):
        tests = {int(file.split("/")[1][:-4]) for file in division.test if file.startswith(kind)}
        assert tests
        assert tests == {number ^ 1 for number in tests}


def test_what_the_manifest_says_goes_before() -> None:
    entries, signatures = _corpus(20, 20)
    entries[0], entries[1] = (replace(entries[n], split=split) for n, split in ((0, "test"), (1, "train")))
    signatures[entries[2].file] = signatures[entries[0].file]
    entries[3] = replace(entries[3], split="train")
    signatures[entries[3].file] = signatures[entries[0].file]
    division = divide(entries, signatures, 0.1, seed=0)
    assert {entries[0].file, entries[2].file} <= set(division.test)
    assert entries[1].file in division.train
    assert division.left_out == (entries[3].file,)


@pytest.mark.parametrize(("foregrounds", "backgrounds"), [(2, 2), (3, 2), (2, 9)])
def test_few_files_are_divided_too(foregrounds: int, backgrounds: int) -> None:
    entries, signatures = _corpus(foregrounds, backgrounds)
    for seed in range(5):
        division = divide(entries, signatures, 0.1, seed)
        for part in (division.train, division.test):
            assert {file.split("/")[0] for file in part} == {"foreground", "background"}


def test_a_subject_is_on_one_side_whatever_kind_its_pictures_are() -> None:
    entries, signatures = _corpus(40, 40)
    for number in range(0, 80, 2):  # of each second foreground, and of the background behind it
        entries[number] = replace(entries[number], extra=(("subject", f"place {number % 40}"),))
    for seed in range(5):
        division = divide(entries, signatures, 0.3, seed)
        tests = set(division.test)
        for number in range(0, 40, 2):
            assert (f"foreground/{number}.png" in tests) == (f"background/{number}.png" in tests)


def test_a_kind_of_one_family_is_on_one_side() -> None:
    entries, signatures = _corpus(5, 3)
    signatures |= {f"background/{number}.png": signatures["background/0.png"] for number in (1, 2)}
    division = divide(entries, signatures, 0.1, seed=0)
    assert not any(file.startswith("background") for file in division.test)
