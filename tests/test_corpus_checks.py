from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_corpus import write_corpus
from test_corpus_layers import disc, plain

from deepmatte import images
from deepmatte.errors import BadInput
from deepmatte.pixels import AnyArray, to_bytes
from deepmatte.training.corpus import manifest
from deepmatte.training.corpus.checks import Finding, check
from deepmatte.training.corpus.manifest import Entry

SOFT, OTHER = "foreground/soft/0.png", "foreground/soft/1.png"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus")


def _put(corpus: Path, name: str, colours: AnyArray, alpha: AnyArray | None = None) -> None:
    images.write_image(corpus / name, colours, alpha, overwrite=True)


def _change(corpus: Path, file: str, **values: str) -> None:
    entries = [replace(each, **values) if each.file == file else each for each in manifest.read(corpus)]
    manifest.write(corpus, entries)


def _add(corpus: Path, file: str, split: str = "") -> None:
    manifest.write(
        corpus, [*manifest.read(corpus), Entry(file, file.split("/")[0], "more", "CC0-1.0", split=split)]
    )


def _subjects(findings: list[Finding]) -> list[tuple[str, tuple[str, ...]]]:
    return [(finding.subject, finding.files) for finding in findings]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_sound_corpus_has_no_findings(corpus: Path, workers: int) -> None:
    told: list[float] = []
    assert check(corpus, workers=workers, progress=lambda _, share: told.append(share)) == []
    assert told[-1] == 1


def test_files_are_compared_with_the_manifest(corpus: Path) -> None:
    _change(corpus, SOFT, sha256="0" * 64)
    _change(corpus, OTHER, licence="")
    (corpus / "background/0.png").unlink()
    (corpus / "background/1.png").write_bytes(b"nothing")
    findings = check(corpus)
    assert _subjects(findings) == [
        ("changed", (SOFT,)),
        ("licence", (OTHER,)),
        ("unusable", ("background/0.png",)),
        ("unusable", ("background/1.png",)),
    ]
    assert [finding.message.split(";")[0] for finding in findings[2:]] == [
        "cannot be read: No such file or directory",
        "is no picture of a known kind",
    ]
    assert all(finding.is_fault for finding in findings)


def test_alphas_that_are_wrong_are_faults(corpus: Path) -> None:
    alpha = np.zeros((30, 41), np.uint8)
    _put(corpus, SOFT, np.zeros((30, 41, 3), np.uint8), alpha)
    _put(corpus, OTHER, np.zeros((30, 41, 3), np.uint8))
    findings = check(corpus)
    assert [(each.subject, each.is_fault) for each in findings] == [("unusable", True)] * 2
    assert findings[0].message.startswith("is transparent everywhere")
    assert findings[1].message.startswith("has no alpha channel")


def test_doubtful_foregrounds_are_noted(corpus: Path) -> None:
    alpha = disc()
    dark = to_bytes(plain(alpha) * alpha[..., None])
    _put(corpus, SOFT, dark, to_bytes(alpha))
    _put(corpus, OTHER, to_bytes(plain(alpha)), to_bytes(alpha > 0.4))
    findings = check(corpus)
    assert _subjects(findings) == [("dark fringe", (SOFT,)), ("two-valued", (OTHER,))]
    assert not any(finding.is_fault for finding in findings)
    assert findings[0].message.startswith("has dark fringes: 100% of")


def test_doubles_are_found_and_so_is_the_same_in_other_words(corpus: Path) -> None:
    (corpus / "background/2.png").write_bytes((corpus / "background/0.png").read_bytes())
    photo = images.read_photo(corpus / "background/1.png")
    _put(corpus, "background/3.jpg", photo.pixels[:, ::-1])
    for number in ("2.png", "3.jpg"):
        _add(corpus, f"background/{number}")
    findings = check(corpus)
    assert _subjects(findings) == [
        ("double", ("background/0.png", "background/2.png")),
        ("alike", ("background/1.png", "background/3.jpg")),
    ]
    assert [finding.is_fault for finding in findings] == [True, False]


def test_tests_that_are_trained_on_are_found(corpus: Path) -> None:
    photo = images.read_photo(corpus / SOFT)
    assert photo.alpha is not None
    _put(corpus, "foreground/recoloured.png", 255 - photo.pixels, photo.alpha)
    _add(corpus, "foreground/recoloured.png")
    assert check(corpus) == []
    _change(corpus, "foreground/recoloured.png", split="test")
    # What nobody has decided on is trained on.
    assert _subjects(check(corpus)) == [("leak", (SOFT, "foreground/recoloured.png"))]
    _change(corpus, SOFT, split="train")
    assert _subjects(check(corpus)) == [("leak", (SOFT, "foreground/recoloured.png"))]


def test_files_of_one_subject_are_a_leak_too(corpus: Path) -> None:
    entries = manifest.read(corpus)
    for number, split in ((4, "train"), (5, "test")):
        entries[number] = replace(entries[number], split=split, extra=(("subject", "one place"),))
    manifest.write(corpus, entries)
    assert _subjects(check(corpus)) == [("leak", ("background/0.png", "background/1.png"))]


def test_pictures_that_are_not_listed_are_noted(corpus: Path) -> None:
    manifest.write(corpus, manifest.read(corpus)[:-1])
    findings = check(corpus)
    assert _subjects(findings) == [("unlisted", ("background/1.png",))]
    assert not findings[0].is_fault


def test_a_corpus_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no readable manifest\.csv"):
        check(tmp_path)
