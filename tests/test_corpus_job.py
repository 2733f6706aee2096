"""Jobs of renderings: files, records, manifest, resumption."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from deepmatte import images, outputs
from deepmatte.errors import BadInput, BadOutput
from deepmatte.training.corpus import manifest
from deepmatte.training.corpus.manifest import Entry
from deepmatte.training.corpus.render import KINDS
from deepmatte.training.corpus.render import job as jobs
from deepmatte.training.corpus.render.job import Job, find_pictures, run
from deepmatte.training.corpus.render.rendering import Assets, Kind, Rendering

SIZE = 37


def dot(rng, size, assets):
    """Draw a soft dot, which takes no time."""
    rows, columns = np.mgrid[:size, :size] - size * rng.uniform(0.3, 0.7)
    alpha = np.clip(size * 0.2 - np.hypot(rows, columns), 0, 1).astype(np.float32)
    photograph = assets.photograph(rng)
    colour = rng.random(3) if photograph is None else photograph.mean(axis=(0, 1))
    colours = np.broadcast_to(colour, (size, size, 3)).astype(np.float32)
    return Rendering(colours, alpha, {"red": float(colour[0])})


@pytest.fixture(autouse=True)
def _dots(monkeypatch):
    monkeypatch.setitem(KINDS, "dot", Kind("dot", "dots", dot, "a dot", {}))
    monkeypatch.setitem(KINDS, "spot", Kind("spot", "spots", dot, "a spot", {}))


def content(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "foreground").iterdir())}


def test_a_job_writes_files_their_parameters_and_a_manifest(tmp_path):
    outcome = run(Job(("dot", "spot"), 5, SIZE, seed=3), tmp_path / "new/corpus")
    assert (outcome.made, outcome.present, outcome.failures) == (5, 0, ())
    entries = manifest.read(tmp_path / "new/corpus")
    assert [entry.file for entry in entries] == [
        "foreground/dot-3-000000.png",
        "foreground/spot-3-000000.png",
        "foreground/dot-3-000001.png",
        "foreground/spot-3-000001.png",
        "foreground/dot-3-000002.png",
    ]
    assert {(entry.kind, entry.group, entry.licence) for entry in entries} == {
        ("foreground", "dots", "CC0-1.0"),
        ("foreground", "spots", "CC0-1.0"),
    }
    assert len({entry.source for entry in entries}) == 5
    assert entries[0].sha256 == manifest.digest(tmp_path / "new/corpus" / entries[0].file)
    lines = [
        json.loads(line) for line in (tmp_path / "new/corpus/parameters.jsonl").read_text().splitlines()[1:]
    ]
    assert [line["key"] for line in lines] == [entry.file for entry in entries]
    assert all(0 <= line["parameters"]["red"] <= 1 for line in lines)


def test_files_hold_16_bits_and_straight_colours(tmp_path):
    job = Job(("dot",), 1, SIZE, optics=0.0)
    run(job, tmp_path)
    photo = images.read_photo(tmp_path / "foreground/dot-0-000000.png")
    rendering = KINDS["dot"].render(0, 0, SIZE)
    assert photo.alpha.dtype == np.uint16
    np.testing.assert_allclose(photo.alpha / 65535, rendering.alpha, atol=1e-5)
    seen = photo.alpha > 0
    np.testing.assert_allclose(photo.pixels[seen] / 65535, rendering.colours[seen], atol=1e-5)
    np.testing.assert_allclose(photo.pixels / 65535, rendering.colours, atol=0.5 / 255)


def test_8_bits_are_kept_without_loss(tmp_path):
    run(Job(("dot",), 1, SIZE, optics=0.0, bits=8), tmp_path)
    photo = images.read_photo(tmp_path / "foreground/dot-0-000000.webp")
    rendering = KINDS["dot"].render(0, 0, SIZE)
    assert photo.alpha.dtype == np.uint8
    np.testing.assert_array_equal(photo.pixels, np.rint(rendering.colours * 255))
    np.testing.assert_array_equal(photo.alpha, np.rint(rendering.alpha * 255))


def test_the_manifest_does_not_depend_on_what_was_done_first(tmp_path, monkeypatch):
    run(Job(("dot", "spot"), 5, SIZE), tmp_path / "a")
    do_all = jobs.do_all

    def the_last_first(tasks, work, lost, workers):
        yield from reversed(list(do_all(tasks, work, lost, workers)))

    monkeypatch.setattr(jobs, "do_all", the_last_first)
    run(Job(("dot", "spot"), 5, SIZE), tmp_path / "b")
    assert manifest.read(tmp_path / "a") == manifest.read(tmp_path / "b")


def test_files_do_not_depend_on_the_workers_nor_on_the_other_kinds(tmp_path):
    run(Job(("grass",), 2, SIZE, seed=1, optics=0.5), tmp_path / "a")
    run(Job(("grass", "feathers"), 3, SIZE, seed=1, optics=0.5), tmp_path / "b", workers=2)
    alone, together = content(tmp_path / "a"), content(tmp_path / "b")
    assert set(alone) <= set(together)
    assert all(together[name] == alone[name] for name in alone)


def test_a_second_run_draws_only_what_is_missing(tmp_path):
    job = Job(("dot",), 4, SIZE)
    run(job, tmp_path)
    before = content(tmp_path)
    (tmp_path / "foreground/dot-0-000002.png").unlink()
    (tmp_path / "foreground/.deepmatte-000000000000.part").touch()
    outcome = run(Job(("dot",), 6, SIZE), tmp_path)
    assert (outcome.made, outcome.present) == (3, 3)
    after = content(tmp_path)
    assert len(after) == 6
    assert all(after[name] == before[name] for name in before)
    assert len(manifest.read(tmp_path)) == 6


def test_what_other_jobs_and_people_listed_is_kept(tmp_path):
    (tmp_path / "foreground").mkdir()
    own = Entry("foreground/mine.png", "foreground", "mine", "MIT", split="test")
    manifest.write(tmp_path, [own])
    run(Job(("dot",), 1, SIZE), tmp_path)
    run(Job(("spot",), 1, SIZE, seed=9), tmp_path)
    listed = manifest.read(tmp_path)
    assert listed[0] == own
    assert [entry.group for entry in listed] == ["mine", "dots", "spots"]


@pytest.mark.parametrize("change", [{"size": 40}, {"optics": 1.0}, {"bits": 8}])
def test_files_of_other_settings_are_not_mixed_with(tmp_path, change):
    settings = {"kinds": ("dot",), "count": 1, "size": SIZE, "optics": 0.0}
    run(Job(**settings), tmp_path)
    if "bits" in change:  # another name: both may be there
        assert run(Job(**{**settings, **change}), tmp_path).made == 1
        return
    with pytest.raises(BadOutput, match=r"was rendered with .* choose another folder or another seed"):
        run(Job(**{**settings, **change}), tmp_path)


def test_a_licence_is_not_changed_by_another_run_and_kept_if_written_by_hand(tmp_path):
    run(Job(("dot",), 2, SIZE), tmp_path)
    with pytest.raises(BadOutput, match=r"under the licence CC0-1\.0, not CC-BY-4\.0"):
        run(Job(("dot",), 2, SIZE, licence="CC-BY-4.0"), tmp_path)
    first, second = manifest.read(tmp_path)
    by_hand = replace(first, licence="CC-BY-SA-4.0", author="Ada", group="mine", split="test")
    manifest.write(tmp_path, [by_hand, second])
    run(Job(("dot",), 3, SIZE), tmp_path)
    assert manifest.read(tmp_path)[:2] == [by_hand, second]


def test_a_full_disk_stops_the_job_and_what_is_done_stays(tmp_path, monkeypatch):
    write, room = outputs.write_bytes, [3]

    def with_little_room(path, content, overwrite=False):
        if "foreground" in str(path):
            room[0] -= 1
            if room[0] < 0:
                raise BadOutput(f"{path} cannot be written: No space left on device")
        write(path, content, overwrite)

    monkeypatch.setattr(outputs, "write_bytes", with_little_room)
    with pytest.raises(BadOutput, match="3 files were made: make room and run the same command again"):
        run(Job(("dot",), 5, SIZE), tmp_path)
    assert len(manifest.read(tmp_path)) == 3
    room[0] = 9
    outcome = run(Job(("dot",), 5, SIZE), tmp_path)
    assert (outcome.made, outcome.present) == (2, 3)


def test_an_interruption_leaves_a_state_to_go_on_from(tmp_path, monkeypatch):
    calls = []

    def interrupted(job, output, task):
        calls.append(task)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return jobs_make(job, output, task)

    jobs_make = jobs._make
    monkeypatch.setattr(jobs, "_make", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(Job(("dot",), 5, SIZE), tmp_path)
    assert len(manifest.read(tmp_path)) == 2
    monkeypatch.undo()
    KINDS["dot"] = Kind("dot", "dots", dot, "a dot", {})
    try:
        assert run(Job(("dot",), 5, SIZE), tmp_path).made == 3
    finally:
        del KINDS["dot"]


def test_a_killed_job_goes_on_without_a_broken_or_doubled_file(tmp_path):
    program = (
        "import sys; from pathlib import Path; from deepmatte.training.corpus.render.job import Job, run\n"
        "if __name__ == '__main__': run(Job(('grass',), 6, 37), Path(sys.argv[1]))"
    )
    process = subprocess.Popen([sys.executable, "-c", program, tmp_path / "killed"])
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "killed").glob("foreground/*.png"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    run(Job(("grass",), 6, SIZE), tmp_path / "killed")
    run(Job(("grass",), 6, SIZE), tmp_path / "whole")
    assert content(tmp_path / "killed") == content(tmp_path / "whole")
    assert manifest.read(tmp_path / "killed") == manifest.read(tmp_path / "whole")


def test_two_jobs_in_one_folder_are_refused(tmp_path):
    with jobs.alone(tmp_path), pytest.raises(BadOutput, match="another job is at work"):
        run(Job(("dot",), 1, SIZE), tmp_path)


def test_unreadable_photographs_are_passed_over_and_told_once(tmp_path):
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    (photographs / "broken.jpg").write_bytes(b"no picture")
    images.write_image(photographs / "good.png", np.full((5, 7, 3), 51, np.uint8))
    job = Job(("dot",), 6, SIZE, assets=Assets(find_pictures(photographs)), optics=0.0)
    outcome = run(job, tmp_path / "corpus")
    assert outcome.made == 6
    assert len(outcome.failures) == 1
    assert "broken.jpg" in outcome.failures[0]
    photo = images.read_photo(tmp_path / "corpus/foreground/dot-0-000000.png")
    np.testing.assert_allclose(photo.pixels / 65535, 0.2, atol=0.5 / 255)


def test_a_picture_that_cannot_be_made_is_told_and_the_others_are_made(tmp_path, monkeypatch):
    def seldom(rng, size, assets):
        if rng.random() < 0.5:
            raise BadInput("it is raining")
        return dot(rng, size, assets)

    monkeypatch.setitem(KINDS, "dot", Kind("dot", "dots", seldom, "", {}))
    outcome = run(Job(("dot",), 8, SIZE), tmp_path)
    assert 0 < outcome.made < 8
    assert len(outcome.failures) == 8 - outcome.made
    assert "it is raining" in outcome.failures[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kinds": ("dot", "hare")}, "hare is no kind"),
        ({"kinds": ()}, "expected all, or some of"),
        ({"size": 3}, "expected 32 to 4096"),
        ({"count": 0}, "a count above 0"),
        ({"optics": 1.5}, "optics from 0 to 1"),
        ({"bits": 12}, "8 or 16 bits"),
        ({"licence": " "}, "licence is empty"),
        ({"licence": "\udce9"}, "licence is .*expected text in UTF-8"),
    ],
)
def test_what_cannot_be_rendered_is_refused(change, message):
    settings = {"kinds": ("dot",), "count": 1, "size": SIZE}
    with pytest.raises(BadInput, match=message):
        Job(**{**settings, **change})


def test_folders_of_pictures_are_found_in_order_or_refused(tmp_path):
    with pytest.raises(BadInput, match="is no folder"):
        find_pictures(tmp_path / "none")
    with pytest.raises(BadInput, match="has no pictures"):
        find_pictures(tmp_path)
    (tmp_path / "b").mkdir()
    for name in ("c.JPG", "b/a.png", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in find_pictures(tmp_path)] == ["a.png", "c.JPG"]
