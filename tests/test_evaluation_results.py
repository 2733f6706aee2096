import json

import pytest

from deepmatte.evaluation.metrics import Errors
from deepmatte.evaluation.results import SPEED, Result, Row


def row(method: str, name: str, sad: float | None, seconds: float = 1.0, megapixels: float = 0.5) -> Row:
    """A row of trimap1; without a sad, a failed one."""
    if sad is None:
        return Row(method, name, "trimap1", None, None, megapixels, "broken")
    return Row(method, name, "trimap1", Errors(sad, 10 * sad, 100 * sad, 0.0), seconds, megapixels)


RESULT = Result(
    (
        row("ours", "a", 2.0, seconds=1.0, megapixels=0.5),
        row("theirs", "a", 3.0, seconds=4.0, megapixels=0.5),
        row("ours", "b", 4.0, seconds=2.0, megapixels=1.0),
        row("theirs", "b", None),
    )
)


def test_means_are_over_the_pictures_that_did_not_fail() -> None:
    means = RESULT.means()["trimap1"]
    assert means["ours"] == {"sad": 3.0, "mse": 30.0, "gradient": 300.0, "connectivity": 0.0, SPEED: 2.0}
    assert means["theirs"]["sad"] == 3.0


def test_seconds_per_megapixel_are_of_all_pictures_together() -> None:
    # 1 s for 0.5 Mpx and 1 s for 1.5 Mpx are 1 s/Mpx, not the mean of 2 and 0.67.
    result = Result((row("m", "a", 1.0, 1.0, 0.5), row("m", "b", 1.0, 1.0, 1.5)))
    assert result.means()["trimap1"]["m"][SPEED] == 1.0


def test_ratios_are_over_the_pictures_that_both_have() -> None:
    ratios = RESULT.ratios()["trimap1"]
    assert ratios["ours"]["sad"] == 1.0
    assert ratios["theirs"]["sad"] == 1.5  # 3 to 2 on a, not 3 to the 3 of the mean
    assert ratios["theirs"][SPEED] == 4.0
    assert ratios["theirs"]["connectivity"] is None  # nothing is a multiple of 0


def test_without_truth_there_are_times_only() -> None:
    result = Result((Row("m", "a", "t", None, 3.0, 1.5),))
    assert result.means()["t"]["m"] == {
        "sad": None,
        "mse": None,
        "gradient": None,
        "connectivity": None,
        SPEED: 2.0,
    }
    assert result.failures == []


def test_methods_and_sets_keep_their_order() -> None:
    assert RESULT.methods == ["ours", "theirs"]
    assert RESULT.trimap_sets == ["trimap1"]
    assert [row.name for row in RESULT.failures] == ["b"]


def test_json_and_back_is_the_same() -> None:
    assert Result.from_dict(json.loads(json.dumps(RESULT.to_dict()))) == RESULT


def test_a_row_of_other_keys_is_refused() -> None:
    with pytest.raises(TypeError):
        Row.from_dict({**RESULT.rows[0].to_dict(), "colour": "red"})
