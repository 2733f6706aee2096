"""The report of a study: figures from votes that were made up, and the files that show them."""

import json
import math
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from small_study import make_study, pair

from deepmatte import images
from deepmatte.errors import BadInput, BadOutput
from deepmatte.evaluation.study import chart, document
from deepmatte.evaluation.study.plan import Photo, Study
from deepmatte.evaluation.study.report import Report, count_votes, make_report
from deepmatte.evaluation.study.votes import Vote

PAIRS = (
    pair("cat", "a", "b"),
    pair("cat", "a", "b", "white"),
    pair("dog", "b", "a"),
    pair("dog", "a", "a"),
    pair("cat", "b", "b", "white"),
)
AB_BLACK, AB_WHITE, BA_DOG, CHECK, OTHER_CHECK = (each.key for each in PAIRS)


def study(methods: tuple[str, ...] = ("a", "b"), title: str = "Hair & fur <1>") -> Study:
    photos = tuple(Photo(name, f"{'0' * 20}.jpg", 2, 3) for name in ("cat", "dog"))
    return Study(title, "x", "q", 0, None, methods, photos, PAIRS)


def vote(rater: int, key: str, chosen: str, side: str = "left", milliseconds: int = 1000) -> Vote:
    return Vote(rater, key, "none" if chosen == "none" else side, chosen, milliseconds)


def three_of_four() -> Report:
    """Method a wins three of four votes, on black one of two."""
    votes = [
        vote(1, AB_BLACK, "first", milliseconds=1000),
        vote(1, AB_WHITE, "first", "right", 3000),
        vote(1, BA_DOG, "first", milliseconds=4000),
        vote(2, AB_WHITE, "first", milliseconds=9000),
    ]
    return count_votes(study(), votes)


def test_shares_strengths_and_counts_are_worked_out_by_hand() -> None:
    report = three_of_four()
    assert report.votes == 4
    assert report.overall.wins == ((0, 3), (1, 0))
    share = report.overall.shares[0][1]
    assert share is not None
    assert (share.value, share.votes) == (0.75, 4)
    assert report.overall.shares[0][0] is None
    first, second = report.overall.ranking
    assert (first.method, second.method) == ("a", "b")
    assert first.strength - second.strength == pytest.approx(math.log(3))
    assert first.share == share
    assert report.overall.note == ""
    assert report.left.value == 0.75
    assert report.median_seconds == 3.5
    assert [(rater.number, rater.votes, rater.checks) for rater in report.raters] == [(1, 3, 0), (2, 1, 0)]


def test_backgrounds_and_pictures_are_told_apart() -> None:
    report = three_of_four()
    assert report.by_background["black"].wins == ((0, 1), (1, 0))
    assert report.by_background["white"].wins == ((0, 2), (0, 0))
    cat, dog = report.by_picture["cat"], report.by_picture["dog"]
    assert (cat["a"].value, cat["a"].votes) == (1, 3)
    assert (dog["a"].value, dog["b"].value, dog["b"].votes) == (0, 1, 1)


def test_no_preference_is_half_a_vote_for_each() -> None:
    report = count_votes(study(), [vote(1, AB_BLACK, "none"), vote(1, AB_WHITE, "second")])
    assert report.overall.wins == ((0, 0.5), (1.5, 0))
    assert report.undecided == 1
    assert report.left.votes == 1
    first, second = report.overall.ranking
    assert first.strength - second.strength == pytest.approx(math.log(3))


@pytest.mark.parametrize(
    ("answers", "allowed", "counts"),
    [
        (["first", "first"], 0, True),
        (["first", "second"], 0, False),
        (["first", "none"], 0, False),  # the difference cannot be missed
        (["first", "second"], 1, True),
        (["second", "second"], 1, False),
        ([], 0, True),
    ],
)
def test_who_misses_checks_is_left_out_and_counted(answers: list[str], allowed: int, counts: bool) -> None:
    checks = [vote(2, key, chosen) for key, chosen in zip((CHECK, OTHER_CHECK), answers, strict=False)]
    votes = [vote(1, AB_BLACK, "first"), vote(1, CHECK, "first"), vote(2, AB_BLACK, "second"), *checks]
    report = count_votes(study(), votes, allowed)
    assert [rater.number for rater in report.excluded] == ([] if counts else [2])
    assert report.votes == 1 + counts
    assert report.overall.wins == ((0, 1), (counts, 0))
    assert report.raters[1].missed == sum(chosen != "first" for chosen in answers)
    assert ("left out: 1 vote of 1 rater" in str(report)) != counts


def test_negative_misses_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected 0 or more"):
        make_report(tmp_path, -1)


def test_who_never_lost_is_said_to_have_no_finite_strength() -> None:
    report = count_votes(study(("a", "b", "c")), [vote(1, AB_BLACK, "first")] * 3)
    assert "a never lost; b never won; c not compared yet: votes alone give no finite" in report.overall.note
    strengths = {rank.method: rank.strength for rank in report.overall.ranking}
    assert strengths["a"] > strengths["c"] > strengths["b"]
    assert strengths["a"] - strengths["b"] < 3
    assert report.overall.note in str(report)
    assert "never lost" in document.to_html(report)


def test_before_the_first_vote_there_is_a_report_all_the_same(tmp_path: Path) -> None:
    report = make_report(make_study(tmp_path, checks=0))
    assert report.votes == 0
    assert report.overall.ranking == ()
    assert report.median_seconds is None
    assert "no votes yet" in str(report)
    assert "No votes yet" in document.to_html(report)
    assert json.loads(json.dumps(report.to_dict()))["overall"]["note"] == ""
    with pytest.raises(BadInput, match="nothing to draw"):
        chart.draw_chart(report, "png")


def test_votes_of_excluded_raters_alone_are_no_votes() -> None:
    report = count_votes(study(), [vote(1, AB_BLACK, "first"), vote(1, CHECK, "second")])
    assert (report.votes, len(report.excluded)) == (0, 1)
    assert "no votes yet" in str(report)
    document.to_html(report)


def test_json_holds_the_same_figures() -> None:
    plain = json.loads(json.dumps(three_of_four().to_dict(), allow_nan=False))
    assert plain["overall"]["shares"][0][1]["value"] == 0.75
    assert plain["overall"]["ranking"][0]["method"] == "a"
    assert plain["by_picture"]["dog"]["b"]["votes"] == 1


def test_the_text_has_every_figure() -> None:
    text = str(three_of_four())
    assert "Hair & fur <1>: 2 methods, 2 photos, 3 pairs" in text
    assert "4 votes of 2 raters" in text
    assert "a       b       75 % (30 to 95) of 4\n" in text
    assert "on black" in text
    assert "median time 3.5 s" in text
    assert "nan" not in text.lower()


def test_the_page_needs_nothing_else_and_escapes_what_it_shows() -> None:
    page = document.to_html(three_of_four())
    assert "<title>Hair &amp; fur &lt;1&gt;</title>" in page
    assert "75 %" in page
    assert "+0.55" in page  # log(3) / 2
    assert "<script" not in page
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", page.replace('xlink:href="#', ""))
    assert page.count("<svg") == page.count("</svg>") == 1
    ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])


def test_the_plot_is_a_picture_and_a_drawing(tmp_path: Path) -> None:
    report = three_of_four()
    chart.write_chart(tmp_path / "plot.png", report)
    pixels = images.read_photo(tmp_path / "plot.png").pixels
    assert min(pixels.shape[:2]) > 300
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    chart.write_chart(tmp_path / "plot.svg", report)
    drawing = (tmp_path / "plot.svg").read_text("utf-8")
    assert "75 %" in drawing
    assert "Bradley-Terry strength" in drawing
    assert "<image" not in drawing


def test_the_same_votes_draw_the_same_plot() -> None:
    report = three_of_four()
    assert chart.draw_chart(report, "svg") == chart.draw_chart(report, "svg")
    assert chart.draw_chart(report, "png") == chart.draw_chart(report, "png")


def test_files_that_exist_stay_unless_told_otherwise(tmp_path: Path) -> None:
    for name, write in (("plot.png", chart.write_chart), ("page.html", document.write_document)):
        (tmp_path / name).write_text("mine")
        with pytest.raises(BadOutput, match="exists already"):
            write(tmp_path / name, three_of_four())
        assert (tmp_path / name).read_text() == "mine"
        write(tmp_path / name, three_of_four(), overwrite=True)
        assert (tmp_path / name).read_bytes() != b"mine"


def test_other_kinds_of_plots_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"ends in \.png or \.svg"):
        chart.write_chart(tmp_path / "plot.jpg", three_of_four())
    assert list(tmp_path.iterdir()) == []


def test_votes_without_a_preference_are_told_on_the_page() -> None:
    report = count_votes(study(), [vote(1, AB_BLACK, "none", milliseconds=2000)])
    assert "No preference: 1 votes" in document.to_html(report)
    assert "Median time: 2.0 s" in document.to_html(report)
