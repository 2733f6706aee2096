import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_blobs import write_blobs

from deepmatte import images, outputs
from deepmatte.errors import BadInput, BadOutput
from deepmatte.evaluation.benchmarks import find_cases, read_case
from deepmatte.training.corpus import checks, composing, library, manifest, shards
from deepmatte.training.corpus.composing import compose_corpus
from deepmatte.training.corpus.compositions import Style
from deepmatte.training.corpus.pack import pack
from deepmatte.training.corpus.plans import Settings

FEW = Settings(Style(trimap_px=(0, 4)), {"train": 3, "test": 2}, test_share=0.3)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_blobs(tmp_path / "corpus")


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_the_tests_are_a_benchmark_and_the_rest_a_corpus(corpus: Path, tmp_path: Path) -> None:
    told: list[float] = []
    result = compose_corpus(
        corpus, tmp_path / "made", settings=FEW, progress=lambda _, share: told.append(share)
    )
    assert told[-1] == 1
    cases = find_cases(tmp_path / "made/test")
    assert len(cases) == result.made["test"] > 0
    for case in cases:
        image, known, alpha = read_case(case)
        assert alpha is not None
        assert (alpha[known == 255] == 1).all()
        assert image.shape == (37, 53, 3)
    parts = {split: manifest.read(tmp_path / "made" / split) for split in ("train", "test")}
    files = {split: {entry.file for entry in part} for split, part in parts.items()}
    assert not files["train"] & files["test"]
    assert len(files["train"] | files["test"]) == 12
    assert result.made["train"] == 3 * sum(entry.kind == "foreground" for entry in parts["train"])
    assert library.read(tmp_path / "made/train").backgrounds
    assert checks.check(tmp_path / "made/train") == []
    lines = (tmp_path / "made/test/compositions.csv").read_text().splitlines()
    assert lines[0] == "name,foreground,background,foreground_licence,background_licence"
    assert sorted(line.split(",")[0] for line in lines[1:]) == [case.name for case in cases]
    assert {line.split(",")[2] for line in lines[1:]} <= files["test"]


def test_the_list_keeps_licences_with_a_carriage_return(corpus: Path, tmp_path: Path) -> None:
    entries = [replace(entry, licence="a\rb") for entry in manifest.read(corpus)]
    manifest.write(corpus, entries)
    compose_corpus(corpus, tmp_path / "made", settings=FEW)
    with (tmp_path / "made/test/compositions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["foreground_licence"] for row in rows} == {"a\rb"}


def test_any_number_of_workers_and_a_packed_corpus_make_the_same(corpus: Path, tmp_path: Path) -> None:
    for workers in (0, 2):
        compose_corpus(corpus, tmp_path / str(workers), settings=FEW, workers=workers)
    first = _contents(tmp_path / "0")
    assert first == _contents(tmp_path / "2")
    pack(corpus, tmp_path / "corpus.zip")
    settings = replace(FEW, with_layers=True, style=replace(FEW.style, side_px=30))
    compose_corpus(tmp_path / "corpus.zip", tmp_path / "packed", settings=settings)
    names = {name.replace(".webp", ".png") for name in _contents(tmp_path / "packed")}
    assert {name for name in names if "layers/" not in name} == set(first)
    photo = images.read_photo(next((tmp_path / "packed/test/layers/background").iterdir()))
    assert photo.pixels.shape == (21, 30, 3)


def test_more_can_be_made_later_but_not_otherwise(corpus: Path, tmp_path: Path) -> None:
    compose_corpus(corpus, tmp_path / "made", settings=replace(FEW, counts={"test": 1}))
    assert not (tmp_path / "made/train").exists()
    before = _contents(tmp_path / "made/test/image")
    compose_corpus(corpus, tmp_path / "made", settings=FEW)
    compose_corpus(corpus, tmp_path / "whole", settings=FEW)
    assert _contents(tmp_path / "made") == _contents(tmp_path / "whole")
    assert before.items() <= _contents(tmp_path / "made/test/image").items()
    for folder in ("made", "whole"):  # a picture of one's own, numbered by its day
        shutil.copy(next((corpus / "background").iterdir()), tmp_path / folder / "test/image/my_20261130.png")
    compose_corpus(corpus, tmp_path / "made", settings=replace(FEW, counts={"test": 1, "train": 1}))
    assert _contents(tmp_path / "made") == _contents(tmp_path / "whole")  # the list keeps all that are there
    with pytest.raises(BadInput, match="made with another seed; choose another folder"):
        compose_corpus(corpus, tmp_path / "made", settings=replace(FEW, style=Style(1, (0, 4))))
    images.write_image(corpus / "background/9.png", np.zeros((50, 60, 3), np.uint8))
    more = manifest.Entry("background/9.png", "background", "blobs", "CC0-1.0")
    manifest.write(corpus, [*manifest.read(corpus), more])
    with pytest.raises(BadInput, match="made with another corpus"):
        compose_corpus(corpus, tmp_path / "made", settings=FEW)


def test_names_are_kept_apart_and_have_no_dots(corpus: Path, tmp_path: Path) -> None:
    entries = manifest.read(corpus)
    for entry, file in zip(entries, ("a/b.c.png", "a-b.c.png", "A/b-c.png"), strict=False):
        (corpus / "foreground" / file).parent.mkdir(exist_ok=True)
        (corpus / entry.file).rename(corpus / "foreground" / file)
        entries = [replace(e, file=f"foreground/{file}") if e == entry else e for e in entries]
    manifest.write(corpus, entries)
    settings = replace(FEW, counts={"train": 1, "test": 1})
    compose_corpus(corpus, tmp_path / "made", settings=settings)
    names = [
        path.stem for split in ("train", "test") for path in (tmp_path / "made" / split / "image").iterdir()
    ]
    assert len(names) == 6
    assert not any("." in name for name in names)
    assert sum(name.lower().startswith("a-b-c") for name in names) == 3


def test_names_too_long_for_a_file_system_are_shortened(corpus: Path, tmp_path: Path) -> None:
    """A group and a stem of as many letters as an import gives them at most."""
    entries = manifest.read(corpus)
    for entry, stem in zip(entries, ("a" * 150, "a" * 149 + "b"), strict=False):
        (corpus / "foreground" / ("g" * 120)).mkdir(exist_ok=True)
        file = f"foreground/{'g' * 120}/{stem}.png"
        (corpus / entry.file).rename(corpus / file)
        entries = [replace(e, file=file) if e == entry else e for e in entries]
    manifest.write(corpus, entries)
    made = compose_corpus(corpus, tmp_path / "made", settings=replace(FEW, counts={"train": 1, "test": 1}))
    names = [path.name for path in (tmp_path / "made").glob("*/image/*")]
    assert not made.failures
    assert sum(name.startswith("g" * 120) for name in names) == 2
    assert max(len(name) for name in names) < 220


def test_what_cannot_be_read_is_listed_and_left_out(corpus: Path, tmp_path: Path) -> None:
    (corpus / "background/0.png").write_bytes(b"nothing")
    (corpus / "foreground/0.png").unlink()
    for _ in range(2):
        result = compose_corpus(corpus, tmp_path / "made", settings=FEW)
        assert [failure.split("/corpus/")[1][:16] for failure in result.failures] == [
            "foreground/0.png",
            "background/0.png",
        ]
    assert sum(result.made.values()) > 0
    assert not (tmp_path / "made/train/background/0.png").exists()


def test_what_cannot_be_made_is_refused(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="two numbers from 0"):
        Settings(Style(trimap_px=(5, 4)))
    for settings in ({"counts": {}}, {"counts": {"train": 0}}, {"style": Style(seed=-1)}):
        with pytest.raises(BadInput, match="at least one composition, and a seed from 0"):
            Settings(**settings)
    with pytest.raises(BadInput, match="between 0 and 1"):
        Settings(test_share=1)
    (tmp_path / "made").mkdir()
    for content in ("{", "{}", "[]"):
        (tmp_path / "made/plan.json").write_text(content)
        with pytest.raises(BadInput, match="expected what an earlier run wrote"):
            compose_corpus(corpus, tmp_path / "made", settings=FEW)
    entries = [replace(each, licence="") for each in manifest.read(corpus)]
    manifest.write(corpus, entries)
    with pytest.raises(BadInput, match="have no licence"):
        compose_corpus(corpus, tmp_path / "other", settings=FEW)


@pytest.mark.parametrize("per_shard", [None, 4])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_and_an_interruption_can_be_gone_on_from(
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    per_shard: int | None,
) -> None:
    settings, room, publish = replace(FEW, per_shard=per_shard), [3 if per_shard else 40], outputs._publish

    def with_little_room(*arguments: object) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise error
        publish(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(outputs, "_publish", with_little_room)
        with pytest.raises(BadOutput if isinstance(error, OSError) else KeyboardInterrupt) as caught:
            compose_corpus(corpus, tmp_path / "made", settings=settings)
    assert isinstance(error, KeyboardInterrupt) or "No space left on device; make room" in str(caught.value)
    left = _contents(tmp_path / "made")
    assert not any(name.endswith(".part") for name in left)
    compose_corpus(corpus, tmp_path / "made", settings=settings)
    compose_corpus(corpus, tmp_path / "whole", settings=settings)
    whole = _contents(tmp_path / "whole")
    assert _contents(tmp_path / "made") == whole
    assert left.items() <= whole.items()
    assert len(left) < len(whole)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as on Unix")
@pytest.mark.parametrize("per_shard", [None, 10])
def test_a_killed_job_goes_on(corpus: Path, tmp_path: Path, per_shard: int | None) -> None:
    counts = ["--train", "12", "--test", "6", "--test-share", "0.3"]
    command = [sys.executable, "-m", "deepmatte", "corpus", "compose", str(corpus), *counts, "--workers", "2"]
    command += ["--shards", str(per_shard)] if per_shard else []
    made = tmp_path / "made"
    job = subprocess.Popen([*command, "--output", str(made)], start_new_session=True)
    pattern = "train-*.tar" if per_shard else "train/image/*.png"
    while not list(made.glob(pattern)):
        assert job.poll() is None
        time.sleep(0.02)
    os.killpg(job.pid, signal.SIGKILL)
    job.wait()
    for path in made.rglob("*.png"):
        if not path.name.startswith("."):
            images.read_photo(path)
    for folder in (made, tmp_path / "whole"):
        subprocess.run([*command, "--output", str(folder)], check=True, stdout=subprocess.DEVNULL)
    assert _contents(made) == _contents(tmp_path / "whole")


def test_the_paper_s_numbers_are_the_usual_ones() -> None:
    assert Settings().counts == {"train": 100, "test": 20}
    assert composing.Settings is Settings


def test_a_shard_holds_what_folders_hold(corpus: Path, tmp_path: Path) -> None:
    compose_corpus(corpus, tmp_path / "folders", settings=replace(FEW, with_layers=True))
    settings = replace(FEW, per_shard=4, with_layers=True)
    result = compose_corpus(corpus, tmp_path / "shards", settings=settings)
    found = shards.find_shards(str(tmp_path / "shards/train-*.tar"))
    samples = list(shards.read_shards(found))
    assert len(samples) == result.made["train"]
    assert [sample.name for sample in samples] != sorted(sample.name for sample in samples)
    folder = tmp_path / "folders/train"
    assert {sample.name for sample in samples} == {path.stem for path in (folder / "image").iterdir()}
    for sample in samples[:3]:
        for part in ("image", "layers/foreground", "layers/background"):
            stored = images.read_photo(folder / part / f"{sample.name}.png").pixels
            np.testing.assert_array_equal(getattr(sample, part.split("/")[-1]), stored)
        for part in ("alpha", "trimap"):
            stored = images.read_map(folder / part / f"{sample.name}.png")
            np.testing.assert_array_equal(getattr(sample, part), stored)
        assert sample.facts["foreground_licence"] == "CC0-1.0"


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_corpus_of_one_part_makes_that_part(corpus: Path, tmp_path: Path, split: str) -> None:
    manifest.write(corpus, [replace(entry, split=split) for entry in manifest.read(corpus)])
    settings = replace(FEW, counts={split: 2})
    assert compose_corpus(corpus, tmp_path / "made", settings=settings).made[split] > 0
    other = {"train": "test", "test": "train"}[split]
    with pytest.raises(BadInput, match=f"no foreground to {other} with"):
        compose_corpus(corpus, tmp_path / "made", settings=FEW)


def test_pictures_that_changed_are_not_mixed_with_earlier_ones(corpus: Path, tmp_path: Path) -> None:
    compose_corpus(corpus, tmp_path / "made", settings=replace(FEW, counts={"train": 1}))
    path = corpus / manifest.read(corpus)[-1].file
    photo = images.read_photo(path)
    images.write_image(path, 255 - photo.pixels, overwrite=True)
    with pytest.raises(BadInput, match="another corpus"):
        compose_corpus(corpus, tmp_path / "made", settings=FEW)


def test_pictures_behind_symbolic_links_are_brought_themselves(corpus: Path, tmp_path: Path) -> None:
    entry = manifest.read(corpus)[0]
    path = corpus / entry.file
    path.rename(corpus / "kept.png")
    path.symlink_to(os.path.relpath(corpus / "kept.png", path.parent))
    compose_corpus(corpus, tmp_path / "made", settings=FEW)
    (brought,) = (tmp_path / "made").glob(f"*/{entry.file}")
    assert brought.read_bytes() == (corpus / "kept.png").read_bytes()
