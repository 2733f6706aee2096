import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmatte.evaluation import charts
from deepmatte.evaluation.metrics import Errors
from deepmatte.evaluation.results import Result, Row


def result(*points: tuple[str, float, float | None]) -> Result:
    """Methods with their SAD and seconds per megapixel."""
    return Result(
        tuple(Row(name, "a", "t1", Errors(sad, 0.0, 0.0, 0.0), seconds, 1.0) for name, sad, seconds in points)
    )


def test_points_stand_where_their_figures_are() -> None:
    drawn = charts.quality_and_time(
        result(("ours", 6.0, 0.1), ("theirs", 8.0, 10.0), ("<third>", 7.0, 1.0)), "t1"
    )
    tree = ET.fromstring(drawn)
    x, y = zip(
        *((float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in tree.iter("circle")), strict=True
    )
    assert x[2] - x[0] == pytest.approx(x[1] - x[2], abs=0.2)  # a tenfold time is the same way everywhere
    assert y[1] < y[2] < y[0]  # less error is lower
    assert y[2] == pytest.approx((y[0] + y[1]) / 2, abs=0.2)
    names = [text.text for text in tree.iter("text") if text.attrib["class"] == "name"]
    assert names == ["ours", "theirs", "<third>"]


def test_names_of_points_in_one_place_do_not_cover_each_other() -> None:
    drawn = charts.quality_and_time(result(("one", 6.0, 1.0), ("two", 6.0, 1.0), ("three", 6.01, 1.0)), "t1")
    places = re.findall(r'class="name" x="([\d.]+)" y="([\d.]+)"', drawn)
    assert len(set(places)) == 3


@pytest.mark.parametrize("points", [[("one", 6.0, 1.0)], [("one", 6.0, 1.0), ("two", 5.0, None)], []])
def test_with_less_than_two_points_there_is_no_drawing(points: list[tuple[str, float, float | None]]) -> None:
    rows = result(*points)
    assert charts.quality_and_time(rows, "t1") == "" if points else rows.trimap_sets == []


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_ticks_are_round_and_hold_everything(one: float, other: float) -> None:
    lowest, highest = sorted((one, other))
    found = charts.ticks(lowest, highest)
    assert 3 <= len(found) <= 8
    assert found[0] <= lowest + 1e-9
    assert found[-1] >= highest * (1 - 1e-9)
    assert found == sorted(set(found))
