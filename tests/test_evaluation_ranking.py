import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from deepmatte.evaluation.metrics import Errors
from deepmatte.evaluation.ranking import OVERALL, rank, ranks
from deepmatte.evaluation.results import Result, Row


def result(figures: dict[str, dict[str, tuple[float, ...] | None]], trimap_set: str = "trimap1") -> Result:
    """method → picture → its four errors, or None for a failure."""
    return Result(
        tuple(
            Row(method, name, trimap_set, Errors(*errors), 1.0, 1.0)
            if errors
            else Row(method, name, trimap_set, None, None, 1.0, "broken")
            for method, pictures in figures.items()
            for name, errors in pictures.items()
        )
    )


def test_ranks_are_averaged_over_pictures_and_errors() -> None:
    found = rank(
        result(
            {
                "x": {"a": (1.0, 1.0, 1.0, 1.0), "b": (5.0, 5.0, 5.0, 1.0)},
                "y": {"a": (2.0, 2.0, 2.0, 2.0), "b": (4.0, 4.0, 4.0, 4.0)},
            }
        )
    )["trimap1"]
    assert found["x"] == {"sad": 1.5, "mse": 1.5, "gradient": 1.5, "connectivity": 1.0, OVERALL: 11 / 8}
    assert found["y"] == {"sad": 1.5, "mse": 1.5, "gradient": 1.5, "connectivity": 2.0, OVERALL: 13 / 8}


def test_those_that_tie_share_the_mean_of_their_ranks() -> None:
    np.testing.assert_array_equal(ranks(np.array([3.0, 1.0, 3.0, 2.0])), [3.5, 1, 3.5, 2])


@given(st.lists(st.integers(0, 4), min_size=1, max_size=9))
def test_ranks_are_scipys(values: list[int]) -> None:
    np.testing.assert_array_equal(ranks(np.array(values, float)), rankdata(values))


def test_those_that_failed_come_last_and_share_that() -> None:
    ones = (1.0, 1.0, 1.0, 1.0)
    found = rank(result({"x": {"a": None}, "y": {"a": ones}, "z": {"a": None}}))["trimap1"]
    assert [found[method][OVERALL] for method in "xyz"] == [2.5, 1.0, 2.5]


def test_over_all_sets_every_case_counts_once() -> None:
    low, high = (1.0, 1.0, 1.0, 1.0), (2.0, 2.0, 2.0, 2.0)
    rows = (
        *result({"x": {"a": low, "b": low}, "y": {"a": high, "b": high}}, "trimap1").rows,
        *result({"x": {"a": high}, "y": {"a": low}}, "trimap2").rows,
    )
    found = rank(Result(rows))
    assert found[OVERALL]["x"][OVERALL] == pytest.approx((1 + 1 + 2) / 3)
    assert found["trimap2"]["x"][OVERALL] == 2.0


def test_without_truth_nothing_is_ranked() -> None:
    assert rank(Result((Row("m", "a", "t", None, 1.0, 1.0),))) == {}
    assert rank(Result(())) == {}


def test_a_case_that_all_methods_failed_on_does_not_count() -> None:
    ones, twos = (1.0, 1.0, 1.0, 1.0), (2.0, 2.0, 2.0, 2.0)
    found = rank(result({"x": {"a": None, "b": ones}, "y": {"a": None, "b": twos}}))["trimap1"]
    assert found["x"][OVERALL] == 1.0
