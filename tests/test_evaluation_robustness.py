"""Runs with changed trimaps, and what follows from them."""

import dataclasses
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from small_benchmark import CRASHING, HALF, KILLED, SIZES, TRUTH, make_benchmark

from deepmatte import images, trimap
from deepmatte.errors import BadInput, BadOutput
from deepmatte.evaluation.benchmarks import find_cases
from deepmatte.evaluation.methods import Method
from deepmatte.evaluation.metrics import NAMES, Errors
from deepmatte.evaluation.robustness import curves, plot, results, runs, summary
from deepmatte.evaluation.robustness.changes import GRADED, ONE_SIDED, REGIONS, Change, list_changes
from deepmatte.evaluation.robustness.trials import Trial
from deepmatte.pixels import AnyArray, Floats

EVERYTHING = list_changes([*GRADED, *ONE_SIDED], [0, 1, 2])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_benchmark(tmp_path / "benchmark", sets=("trimap1",))


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    """A benchmark whose true alphas are 0 or 1 and whose trimaps have a band of three or four columns."""
    for name, (height, width, first, last) in {"p": (6, 41, 19, 21), "q": (9, 47, 22, 25)}.items():
        alpha = np.zeros((height, width), np.uint8)
        alpha[:, : (first + last + 1) // 2] = 255
        known = alpha.copy()
        known[:, first : last + 1] = 128
        for part, pixels in (("image", np.dstack([alpha] * 3)), ("alpha", alpha), ("trimap1", known)):
            (tmp_path / "binary" / part).mkdir(parents=True, exist_ok=True)
            images.write_image(tmp_path / "binary" / part / f"{name}.png", pixels)
    return tmp_path / "binary"


def complain(image: AnyArray, known: AnyArray) -> Floats:
    """Insist on known foreground and background, as classic methods do."""
    for value in (trimap.FOREGROUND, trimap.BACKGROUND):
        if not (known == value).any():
            raise ValueError(f"no pixel is {value}")
    return np.full(known.shape, 0.5, np.float32)


CLASSIC = Method("classic", complain)


class Counting:
    """A method that counts how often it is asked, and answers ½."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, image: AnyArray, known: AnyArray) -> Floats:
        self.count += 1
        return np.full(known.shape, 0.5, np.float32)


def test_the_truth_has_no_error_whatever_is_done_to_the_trimap(folder: Path) -> None:
    trials = runs.run(find_cases(folder), [TRUTH], EVERYTHING)
    assert len(trials) == 2 * len(EVERYTHING)
    measured = [trial.errors for trial in trials if trial.errors is not None]
    assert {tuple(each) for each in measured} == {tuple(REGIONS)}
    assert {getattr(errors, name) for each in measured for errors in each.values() for name in NAMES} == {0}
    closed = [(trial.name, trial.kind, trial.distance_px) for trial in trials if trial.is_closed]
    assert closed == [("a", "eroded", 2)]  # a band of two columns; that of b is wider where a row crosses it


def test_one_half_is_wrong_by_half_the_unknown_pixels_of_a_binary_truth(binary: Path) -> None:
    trials = runs.run(find_cases(binary), [HALF], list_changes(["dilated", "eroded"], [1, 5, 19]))
    widths = {"p": 3, "q": 4}
    heights = {"p": 6, "q": 9}
    for trial in trials:
        grown = widths[trial.name] + 2 * trial.distance_px * (1 if trial.kind == "dilated" else -1)
        if grown <= 0:
            assert trial.is_closed
            continue
        given, original = grown * heights[trial.name], widths[trial.name] * heights[trial.name]
        either = max(given, original)
        assert trial.unknown_px == {"given": given, "original": original, "either": either}
        assert trial.errors is not None
        for region, count in trial.unknown_px.items():
            assert trial.errors[region].sad == pytest.approx(count / 2 / 1000)
            assert trial.errors[region].mse == pytest.approx(250)


def test_curves_and_growth_are_worked_out_by_hand(binary: Path) -> None:
    changes = list_changes(["dilated"], [1, 4, 7])
    (chart,) = curves.draw_charts(runs.run(find_cases(binary), [HALF, TRUTH], changes))
    assert (chart.trimap_set, chart.kind, chart.pictures) == ("trimap1", "dilated", ("p", "q"))
    assert (chart.left_out, chart.closed_px, chart.hopeless) == ({}, (), ())
    half, truth = chart.curves
    unknown = [(6 * (3 + 2 * d) + 9 * (4 + 2 * d)) / 2 for d in (1, 4, 7)]
    assert list(chart.unknown_px.values()) == unknown
    assert [means["given"]["sad"] for means in half.means] == pytest.approx([u / 2000 for u in unknown])
    assert half.growth_percent("given", "sad") == pytest.approx(100 * (unknown[2] / unknown[0] - 1))
    assert half.growth_percent("original", "sad") == pytest.approx(0)
    assert truth.growth_percent("given", "sad") is None
    assert half.distances_px == (1, 4, 7)


def test_slow_methods_are_tried_at_every_other_distance(binary: Path) -> None:
    counting = Counting()
    changes = list_changes(["dilated", "no-foreground"], [1, 4, 7, 10, 13])
    trials = runs.run(find_cases(binary), [HALF, Method("slow", counting)], changes, every_other=["slow"])
    assert counting.count == 2 * (3 + 1)
    chart = curves.draw_charts(trials)[0]
    assert [curve.distances_px for curve in chart.curves] == [(1, 4, 7, 10, 13), (1, 7, 13)]
    slow = summary.tables(trials)[0].rows[1]
    assert [cell == "–" for cell in slow[1:-1]] == [False, True, False, True, False]
    assert summary.tables(trials)[0].rows[2] == (
        "(thousand px unknown)",
        "0.04",
        "0.09",
        "0.13",
        "0.18",
        "0.22",
        "+429 %",
    )
    with pytest.raises(BadInput, match="no method is called fast"):
        runs.run(find_cases(binary), [HALF], changes, every_other=["fast"])


def test_trimaps_can_be_made_of_the_true_alpha(folder: Path, binary: Path) -> None:
    cases = find_cases(make_benchmark(folder))  # with a second trimap set, which makes no difference
    trials = runs.run(cases, [TRUTH], list_changes(["dilated"], [0, 1]), from_alpha=True)
    assert [(trial.name, trial.trimap_set) for trial in trials] == [
        ("a", "from-alpha"),
        ("b", "from-alpha"),
    ] * 2
    width = SIZES["a"][1]
    assert trials[0].unknown_px is not None
    assert trials[0].unknown_px["given"] == width - 2  # the ramp, but for its ends
    hard = runs.run(find_cases(binary), [HALF], list_changes(["dilated"], [3]), from_alpha=True)
    assert [trial.unknown_px and trial.unknown_px["given"] for trial in hard] == [6 * 6, 6 * 9]


def test_one_sided_trimaps_have_a_result_or_a_reason(folder: Path) -> None:
    trials = runs.run(find_cases(folder), [HALF, CLASSIC], list_changes(ONE_SIDED, []))
    sides = {(side.kind, side.method): side for side in curves.list_sides(trials)}
    assert len(sides) == 6
    for kind in ONE_SIDED:
        half, classic = sides[kind, "half"], sides[kind, "classic"]
        assert (half.results, half.of, half.failures) == (2, 2, {})
        assert half.means is not None
        assert (classic.results, classic.of, classic.means) == (0, 2, None)
        value = 0 if kind == "no-background" else 255
        assert classic.failures == {f"ValueError: no pixel is {value}": 2}
    assert summary.complaint(trials) == ""  # findings, no failures
    rows = {table.title: table.rows for table in summary.tables(trials)}
    assert rows["trimap1 no-background"][1] == ("classic", "0 of 2", "–", "–", "ValueError: no pixel is 0")


def test_a_crash_is_recorded_and_counts_and_the_rest_goes_on(folder: Path) -> None:
    trials = runs.run(find_cases(folder), [HALF, CRASHING], list_changes(["dilated"], [1, 2]))
    assert [(trial.method, trial.name) for trial in trials if trial.failure] == [("crashing", "b")] * 2
    assert summary.complaint(trials) == (
        "2 of 8 failed: crashing on b (trimap1 dilated by 1 px): ZeroDivisionError: no answer for this one;"
        " crashing on b (trimap1 dilated by 2 px): ZeroDivisionError: no answer for this one"
    )
    (chart,) = curves.draw_charts(trials)
    assert chart.pictures == ("a",)  # for both methods, or their means would be of different pictures
    assert chart.left_out == {"b": "crashing, 1 px: ZeroDivisionError: no answer for this one"}
    assert [curve.method for curve in chart.curves] == ["half", "crashing"]
    assert chart.curves[0].means == chart.curves[1].means


def test_a_method_that_always_fails_takes_no_picture_from_the_others(folder: Path) -> None:
    def fail(image: AnyArray, known: AnyArray) -> Floats:
        raise MemoryError

    trials = runs.run(find_cases(folder), [HALF, Method("hopeless", fail)], EVERYTHING)
    for chart in curves.draw_charts(trials):
        assert chart.hopeless == ("hopeless",)
        assert [curve.method for curve in chart.curves] == ["half"]
        assert len(chart.pictures) == 2
    failed = len(trials) // 2 - 1  # where nothing is asked nothing fails
    assert summary.complaint(trials).startswith(f"{failed} of {len(trials)} failed")  # memory is no finding


@pytest.mark.parametrize("part", ["image", "trimap1", "alpha"])
def test_a_damaged_file_is_a_failure_even_where_a_side_is_missing(folder: Path, part: str) -> None:
    (folder / part / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    trials = runs.run(find_cases(folder), [HALF], list_changes(["all-unknown"], []))
    assert [trial.is_finding for trial in trials] == [True, False]
    assert "b.png" in summary.complaint(trials)


def test_a_process_taken_down_is_recorded_and_the_rest_goes_on(folder: Path, tmp_path: Path) -> None:
    changes = list_changes(["dilated"], [1])
    trials = runs.run(find_cases(folder), [KILLED, HALF], changes, workers=1, output=tmp_path / "out")
    assert [(trial.method, trial.name) for trial in trials if trial.failure] == [("killed", "b")]
    assert "SIGKILL" in str(trials[2].failure)
    assert trials[3].errors is not None


def test_what_is_there_is_not_done_again_unless_something_changed(folder: Path, tmp_path: Path) -> None:
    counting, other = Counting(), Counting()
    changes = list_changes(["dilated", "shifted", "no-foreground"], [1, 2], direction_deg=0)
    out = tmp_path / "out"

    def count(
        identity: str = "1", changes: list[Change] = changes, from_alpha: bool = False
    ) -> tuple[int, int]:
        before = counting.count, other.count
        methods = [Method("m", counting, identity), Method("other", other)]
        trials = runs.run(
            find_cases(folder), methods, changes, output=out, resume=True, from_alpha=from_alpha
        )
        assert len(trials) == 4 * len(changes)
        assert not summary.complaint(trials)
        return counting.count - before[0], other.count - before[1]

    assert count() == (10, 10)
    assert count() == (0, 0)
    assert count("2") == (10, 0)  # another model: the other method's rows stay
    assert count("2", [*changes, Change("dilated", 3)]) == (2, 2)
    turned = list_changes(["dilated", "shifted", "no-foreground"], [1, 2], direction_deg=90)
    assert count("2", turned) == (4, 4)
    assert count("2", turned, from_alpha=True) == (10, 10)
    known = images.read_map(folder / "trimap1" / "a.png")
    known[0] = 128
    images.write_image(folder / "trimap1" / "a.png", known, overwrite=True)
    assert count("2", turned) == (5, 5)
    (out / "rows" / "m" / "trimap1" / "dilated-02" / "b.json").write_text("[]")
    assert count("2", turned) == (1, 0)


def test_findings_are_kept_and_failures_tried_again(folder: Path, tmp_path: Path) -> None:
    changes = list_changes(["dilated", "all-unknown"], [1])
    cases = find_cases(folder)
    runs.run(cases, [CRASHING, CLASSIC], changes, output=tmp_path)
    counting = Counting()
    replaced = [Method("crashing", counting), Method("classic", counting)]
    trials = runs.run(cases, replaced, changes, output=tmp_path, resume=True)
    # Both failed on the dilated trimap of b; that there is no result without any side is known.
    assert counting.count == 2
    assert sum(trial.failure is not None for trial in trials) == 3


def test_results_are_written_and_replaced_when_resumed_only(folder: Path, tmp_path: Path) -> None:
    out, changes = tmp_path / "out", list_changes([*GRADED, *ONE_SIDED], [1])
    trials = results.examine(folder, [HALF, TRUTH], changes, out)
    names = {path.name for path in out.iterdir()}
    assert names == {"rows", "robustness.json"} | {
        f"{kind}-trimap1.{suffix}" for kind in GRADED for suffix in ("png", "svg")
    }
    with pytest.raises(BadInput, match="add --resume"):
        results.examine(folder, [HALF], changes, out)
    again = results.examine(folder, [HALF, TRUTH], changes, out, resume=True)
    assert again == trials
    with pytest.raises(BadInput, match="no trimaps called trimap9; expected some of trimap1"):
        results.examine(folder, [HALF], changes, tmp_path / "new", trimap_sets=["trimap9"])
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made_is_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadOutput, match="cannot be made"):
        results.examine(folder, [HALF], EVERYTHING, tmp_path / "file" / "out")


def test_the_document_holds_every_figure(binary: Path) -> None:
    trials = runs.run(find_cases(binary), [HALF, CLASSIC], list_changes(["dilated", "no-foreground"], [1, 3]))
    content = json.loads(json.dumps(summary.document(trials)))
    assert content["methods"] == ["half", "classic"]
    assert set(content["regions"]) == set(REGIONS)
    chart = content["graded"]["trimap1"]["dilated"]
    assert chart["pictures"] == ["p", "q"]
    half = chart["methods"]["half"]
    assert half["distances_px"] == [1, 3]
    assert set(half["means"]["given"]) == set(NAMES)
    assert half["means"]["given"]["sad"] == pytest.approx([0.021, 0.036])  # 42 and 72 pixels
    assert content["one_sided"]["trimap1"]["no-foreground"]["classic"]["results"] == 0
    rows = [Trial.from_dict(row) for row in content["rows"]]
    assert rows == trials


def made_up(kind: str, values: dict[str, list[float]]) -> curves.Chart:
    """Charts of one picture with these SADs at 1, 2, 3, ... px."""
    trials = [
        Trial(method, "cat", "hand drawn", kind, distance, dict.fromkeys(REGIONS, Errors(sad, 0, 0, 0)))
        for method, sads in values.items()
        for distance, sad in enumerate(sads, start=1)
    ]
    counted = [dataclasses.replace(trial, unknown_px=dict.fromkeys(REGIONS, 9)) for trial in trials]
    return curves.draw_charts(counted)[0]


@pytest.mark.parametrize("kind", GRADED)
def test_the_plot_names_every_method_with_its_growth(tmp_path: Path, kind: str) -> None:
    chart = made_up(kind, {"a <b> & $c$": [10, 15], "steady": [10, 10.4], "better": [10, 9], "none": [0, 0]})
    svg = plot.draw(chart, "svg")
    root = ElementTree.fromstring(svg)
    texts = ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a <b> & $c$ +50 %", "steady +4 %", "better −10 %", "none"} <= set(texts)
    assert any(text.endswith("… px") for text in texts)
    assert svg == plot.draw(chart, "svg")  # the same bits each time
    (tmp_path / "plot.png").write_bytes(plot.draw(chart, "png"))
    height, width, _ = images.read_photo(tmp_path / "plot.png").pixels.shape
    assert width > height > 400


def test_names_at_the_end_of_curves_do_not_meet() -> None:
    chart = made_up("dilated", {f"method {n}": [5, 10 + n / 100] for n in range(8)})
    root = ElementTree.fromstring(plot.draw(chart, "svg"))
    texts = [each for each in root.iter("{http://www.w3.org/2000/svg}text") if "method" in (each.text or "")]
    heights = [float(each.attrib["y"]) for each in texts]
    assert len(heights) == 8
    assert min(np.diff(sorted(heights))) > 10
    assert heights == sorted(heights, reverse=True)  # the larger error stands higher


def test_labels_are_moved_as_little_as_need_be() -> None:
    assert plot.spread([5, 1, 9], 2) == [5, 1, 9]
    assert plot.spread([4, 4], 2) == [3, 5]
    assert plot.spread([0, 1, 10, 10.5, 11], 1) == pytest.approx([0, 1, 9.5, 10.5, 11.5])
    assert plot.spread([7], 3) == [7]


def test_one_distance_and_no_error_can_be_drawn(tmp_path: Path) -> None:
    chart = made_up("shifted", {"lone": [0.0]})
    assert chart.curves[0].growth_percent("given", "sad") is None
    assert plot.draw(chart, "png").startswith(b"\x89PNG")


def test_distances_at_which_a_band_is_closed_are_left_out_for_all(binary: Path, tmp_path: Path) -> None:
    trials = runs.run(find_cases(binary), [HALF, TRUTH], list_changes(["eroded"], [1, 2, 3]))
    (chart,) = curves.draw_charts(trials)
    assert chart.closed_px == (2, 3)
    assert [curve.distances_px for curve in chart.curves] == [(1,), (1,)]
    none = runs.run(find_cases(binary), [HALF], list_changes(["eroded"], [2]))
    (chart,) = curves.draw_charts(none)
    assert chart.curves == chart.hopeless == ()
    assert chart.left_out == dict.fromkeys(["p", "q"], "half, 2 px: nothing is unknown")
    paths = results.write_results(tmp_path, none)
    assert [path.name for path in paths] == ["robustness.json"]
    assert "0 pictures" in summary.tables(none)[0].title


def test_slow_methods_are_tried_at_the_last_distance_so_that_growth_compares(binary: Path) -> None:
    changes = list_changes(["dilated"], [1, 4, 7, 10])
    slow = Method("slow", HALF.estimate)
    (chart,) = curves.draw_charts(runs.run(find_cases(binary), [HALF, slow], changes, every_other=["slow"]))
    assert [curve.distances_px for curve in chart.curves] == [(1, 4, 7, 10), (1, 7, 10)]
    first, second = (curve.growth_percent("given", "sad") for curve in chart.curves)
    assert first == second != 0


def test_a_curve_that_ends_before_others_has_no_growth() -> None:
    errors = {region: Errors(1.0, 1.0, 1.0, 1.0) for region in REGIONS}
    whole = [Trial("fast", "p", "trimap1", "dilated", px, errors) for px in (1, 4, 7)]
    short = [Trial("slow", "p", "trimap1", "dilated", px, errors) for px in (1, 4)]
    (chart,) = curves.draw_charts([*whole, *short])
    assert [curve.growth_percent("given", "sad") for curve in chart.curves] == [0, None]


def test_a_plot_goes_where_no_curve_is_left(binary: Path, tmp_path: Path) -> None:
    changes = list_changes(["dilated"], [1, 4])
    results.write_results(tmp_path, runs.run(find_cases(binary), [HALF], changes))
    assert (tmp_path / "dilated-trimap1.svg").is_file()
    failing = Method("half", lambda *_: np.full((1, 1), 2.0))
    paths = results.write_results(tmp_path, runs.run(find_cases(binary), [failing], changes))
    assert paths == [tmp_path / "robustness.json"]
    assert not list(tmp_path.glob("dilated*"))
