import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from constant_model import constant_model
from small_benchmark import CRASHING, HALF, KILLED, SIZES, TRUTH, UNKNOWN, crash, make_benchmark

from deepmatte import images
from deepmatte.errors import BadInput, BadOutput
from deepmatte.evaluation import methods, runs
from deepmatte.evaluation.benchmarks import find_cases
from deepmatte.evaluation.methods import Method, open_predictions
from deepmatte.evaluation.records import Records
from deepmatte.pixels import AnyArray, Floats, to_unit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_benchmark(tmp_path / "benchmark")


def unknown_pixels(trimap_set: str, name: str) -> int:
    """How many pixels the trimap leaves open: some columns, and the whole of one row."""
    (height, width), columns = SIZES[name], UNKNOWN[trimap_set][name]
    return (height - 1) * columns + width


def test_the_truth_has_no_error_and_one_half_is_worked_out_by_hand(folder: Path) -> None:
    result = runs.evaluate(folder, [HALF, TRUTH])
    assert [row.method for row in result.rows[:4]] == ["half", "truth", "half", "truth"]
    for row in result.rows:
        assert row.errors is not None
        if row.method == "truth":
            assert row.errors.sad == row.errors.mse == row.errors.gradient == row.errors.connectivity == 0
        else:
            alpha = to_unit(images.read_map(folder / "alpha" / f"{row.name}.png"))[3]
            ramp = np.abs(alpha - 0.5).sum() + (unknown_pixels(row.trimap_set, row.name) - len(alpha)) / 2
            assert row.errors.sad == pytest.approx(ramp / 1000, rel=1e-5)
        height, width = SIZES[row.name]
        assert row.megapixels == height * width / 1e6
        assert row.seconds is not None
        assert row.seconds >= 0


def test_our_pipeline_is_the_default(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "compile_model", lambda *_: constant_model(0.5))
    means = runs.evaluate(folder).means()
    expected = np.mean([unknown_pixels("trimap2", name) for name in SIZES]) / 2 / 1000
    assert means["trimap2"]["deepmatte"]["sad"] == pytest.approx(expected, rel=0.1)  # less on the ramps


def test_a_crash_is_a_row_and_the_rest_goes_on(folder: Path) -> None:
    result = runs.evaluate(folder, [CRASHING, TRUTH])
    failures = [(row.method, row.name, row.failure) for row in result.failures]
    assert failures == [("crashing", "b", "ZeroDivisionError: no answer for this one")] * 2
    assert len(result.rows) == 8


def test_a_process_taken_down_is_a_row_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = make_benchmark(tmp_path / "benchmark", sets=("trimap1",))
    result = runs.evaluate(folder, [KILLED, HALF], workers=1, output=tmp_path / "out")
    assert [(row.method, row.name) for row in result.failures] == [("killed", "b")]
    assert "SIGKILL" in str(result.failures[0].failure)
    here = runs.evaluate(folder, [HALF])
    for name in SIZES:
        assert result.of("trimap1", "half")[name].errors == here.of("trimap1", "half")[name].errors


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (np.zeros((9, 7), np.float32), "the matte is 7 × 9 px of float32; expected 9 × 7 px of floats"),
        (np.zeros((7, 9), np.uint8), "of uint8"),
        (np.full((7, 9), np.nan, np.float32), "no numbers"),
        (np.full((7, 9), 1.001), "ranges from 1.001 to 1.001"),
        (np.full((7, 9), -1e-7), "expected [0, 1]"),
    ],
)
def test_mattes_that_cannot_be_are_failures(folder: Path, answer: AnyArray, said: str) -> None:
    cases = [case for case in find_cases(folder) if case.name == "a"][:1]
    (row,) = runs.run(cases, [Method("odd", lambda *_: answer)]).rows
    assert row.failure is not None
    assert said in row.failure
    assert row.errors is None


def test_a_method_that_paints_over_its_trimap_is_measured_all_the_same(folder: Path) -> None:
    def paint(image: AnyArray, trimap: AnyArray) -> Floats:
        trimap[:] = 0
        return HALF.estimate(image, trimap)

    painted, plain = (runs.evaluate(folder, [Method("m", each)]).rows for each in (paint, HALF.estimate))
    assert [row.errors for row in painted] == [row.errors for row in plain]


def test_what_a_method_prints_is_kept_off_the_results(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def talk(image: AnyArray, trimap: AnyArray) -> Floats:
        sys.stdout.write("working hard\n")
        return HALF.estimate(image, trimap)

    runs.evaluate(folder, [Method("m", talk)])
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("working hard") == 4


def test_a_damaged_picture_fails_for_every_method_and_alone(folder: Path) -> None:
    (folder / "image" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = runs.evaluate(folder, [HALF, TRUTH])
    assert [row.name for row in result.failures] == ["b"] * 4
    assert "b.png" in str(result.failures[0].failure)


def test_two_methods_of_one_name_are_refused(folder: Path) -> None:
    with pytest.raises(BadInput, match="two methods are called half"):
        runs.evaluate(folder, [HALF, HALF])


def test_without_truth_mattes_are_made_and_not_measured(folder: Path, tmp_path: Path) -> None:
    cases = find_cases(folder, needs_truth=False)
    cases = [
        type(case)(case.name, case.trimap_set, case.image_path, case.trimap_path, None) for case in cases
    ]
    result = runs.run(cases, [HALF], output=tmp_path / "out")
    assert all(row.errors is None and row.failure is None and row.seconds for row in result.rows)
    assert len(list((tmp_path / "out" / "mattes").rglob("*.png"))) == 4


def test_mattes_are_kept_as_a_folder_of_predictions(folder: Path, tmp_path: Path) -> None:
    first = runs.evaluate(folder, [HALF, TRUTH], output=tmp_path / "out")
    kept = open_predictions(tmp_path / "out" / "mattes" / "half", find_cases(folder))
    assert images.read_map(kept.paths["trimap1", "a"]).dtype == np.uint16
    again = runs.evaluate(folder, [kept])
    for row in again.rows:
        before = first.of(row.trimap_set, "half")[row.name].errors
        assert row.errors is not None
        assert before is not None
        assert row.errors.sad == pytest.approx(before.sad, rel=1e-4)
        assert row.seconds is None


class Counting:
    """A method that counts how often it is asked."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, image: AnyArray, trimap: AnyArray) -> Floats:
        self.count += 1
        return np.zeros(trimap.shape, np.float32)


def test_what_is_there_is_not_done_again_unless_something_changed(folder: Path, tmp_path: Path) -> None:
    counting, out = Counting(), tmp_path / "out"

    def count(identity: str = "1") -> int:
        before = counting.count
        result = runs.evaluate(folder, [Method("m", counting, identity)], output=out, resume=True)
        assert len(result.rows) == 4
        assert not result.failures
        return counting.count - before

    assert count() == 4
    assert count() == 0
    assert count("2") == 4  # another version
    path = folder / "trimap1" / "a.png"
    trimap = images.read_map(path)
    trimap[0] = 128
    images.write_image(path, trimap, overwrite=True)
    assert count("2") == 1
    os.utime(path)
    assert count("2") == 0  # touched, but byte by byte the same
    (out / "mattes" / "m" / "trimap2" / "b.png").unlink()
    assert count("2") == 1
    (out / "rows" / "m" / "trimap2" / "b.json").write_text("{")
    assert count("2") == 1
    assert len(list((out / "rows").rglob("*.json"))) == 4


def test_a_row_whose_files_changed_under_way_counts_no_more(folder: Path, tmp_path: Path) -> None:
    def disturb(image: AnyArray, trimap: AnyArray) -> Floats:
        images.write_image(folder / "alpha" / "a.png", np.full((7, 9), 255, np.uint8), overwrite=True)
        return np.zeros(trimap.shape, np.float32)

    method = Method("m", disturb, "1")
    first = runs.evaluate(folder, [method], output=tmp_path)
    cases = find_cases(folder)
    kept = [case.name for case in cases if Records(tmp_path).load(method, case) is not None]
    assert kept == ["b", "a", "b"]  # when trimap2 came it had changed already
    again = runs.evaluate(folder, [method], output=tmp_path, resume=True)
    before, after = (result.of("trimap1", "m") for result in (first, again))
    assert (before["a"].errors == after["a"].errors, before["b"].errors == after["b"].errors) == (False, True)


def test_failures_are_tried_again(folder: Path, tmp_path: Path) -> None:
    assert len(runs.evaluate(folder, [CRASHING], output=tmp_path).failures) == 2
    mended = Method("crashing", HALF.estimate)
    assert not runs.evaluate(folder, [mended], output=tmp_path, resume=True).failures


def test_another_method_joins_a_run(folder: Path, tmp_path: Path) -> None:
    runs.evaluate(folder, [HALF], output=tmp_path)
    counting = Counting()
    result = runs.evaluate(folder, [TRUTH, Method("half", counting)], output=tmp_path, resume=True)
    assert counting.count == 0
    assert result.methods == ["truth", "half"]


def test_a_folder_that_holds_a_run_is_not_mixed_with_another(folder: Path, tmp_path: Path) -> None:
    runs.evaluate(folder, [HALF], output=tmp_path)
    with pytest.raises(BadInput, match="add --resume"):
        runs.evaluate(folder, [HALF], output=tmp_path)


def test_a_folder_that_cannot_be_written_to_is_found_before_the_work(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(BadOutput, match="cannot be written to"):
        runs.evaluate(folder, [HALF], output=tmp_path / "out")


def test_changed_predictions_are_measured_again(folder: Path, tmp_path: Path) -> None:
    runs.evaluate(folder, [HALF], output=tmp_path / "made")
    mattes, out = tmp_path / "made" / "mattes" / "half", tmp_path / "out"
    cases = find_cases(folder)
    before = runs.run(cases, [open_predictions(mattes, cases)], output=out)
    images.write_image(mattes / "trimap1" / "a.png", np.zeros((7, 9), np.uint8), overwrite=True)
    after = runs.run(cases, [open_predictions(mattes, cases)], output=out, resume=True)
    assert [x.errors == y.errors for x, y in zip(before.rows, after.rows, strict=True)].count(False) == 1
    assert not (out / "mattes").exists()


def test_a_full_or_forbidden_folder_is_a_failure_and_no_end(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mattes").write_text("no folder")
    result = runs.evaluate(folder, [HALF], output=tmp_path)
    assert len(result.failures) == 4
    assert "cannot be made" in str(result.failures[0].failure)


def test_progress_tells_every_step(folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    runs.evaluate(folder, [HALF], progress=lambda *step: told.append(step))
    assert told == [("starting", 0, 4), *((f"{name} half", n, 4) for n, name in enumerate("abab", start=1))]


SLOW = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import numpy as np
from deepmatte.evaluation import runs
from deepmatte.evaluation.methods import Method

def slow(image, trimap):
    time.sleep(0.3)
    return np.full(trimap.shape, 0.25, np.float32)

if __name__ == "__main__":
    runs.evaluate({folder!r}, [Method("slow", slow, "1")], output=Path({output!r}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed as on Unix")
def test_a_run_killed_without_warning_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = SLOW.format(tests=str(Path(__file__).parent), folder=str(folder), output=str(out))
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        deadline = time.monotonic() + 60
        while not list(out.rglob("*.json")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    kept = {path: path.read_bytes() for path in out.rglob("*.json")}
    assert 1 <= len(kept) < 4
    counting = Counting()
    result = runs.evaluate(folder, [Method("slow", counting, "1")], output=out, resume=True)
    assert counting.count == 4 - len(kept)
    assert len(result.rows) == len(list(out.rglob("*.json"))) == 4
    assert len({(row.method, row.trimap_set, row.name) for row in result.rows}) == 4
    assert all(path.read_bytes() == content for path, content in kept.items())


def test_rows_on_disk_are_json_that_reads_well(folder: Path, tmp_path: Path) -> None:
    runs.evaluate(folder, [Method("crashing", crash)], output=tmp_path)
    content = json.loads((tmp_path / "rows" / "crashing" / "trimap1" / "b.json").read_text("utf-8"))
    assert content["row"]["failure"] == "ZeroDivisionError: no answer for this one"
    case = find_cases(folder)[1]
    assert Records(tmp_path).load(Method("crashing", crash), case) is None
