"""Changed trimaps: widths and places that can be counted by hand."""

import itertools
import math

import numpy as np
import pytest

from deepmatte import trimap
from deepmatte.errors import BadInput
from deepmatte.evaluation.robustness import changes
from deepmatte.evaluation.robustness.changes import GRADED, ONE_SIDED, UNCHANGED, Change
from deepmatte.pixels import Bytes

B, U, F = trimap.BACKGROUND, trimap.UNKNOWN, trimap.FOREGROUND


def band(first: int, last: int, height: int = 5, width: int = 61) -> Bytes:
    """A trimap that is foreground to the left of columns first ... last, which are unknown."""
    known = np.full((height, width), B, np.uint8)
    known[:, :first] = F
    known[:, first : last + 1] = U
    return known


@pytest.mark.parametrize("distance", range(1, 20))
def test_a_band_grows_by_exactly_the_distance_on_both_sides(distance: int) -> None:
    np.testing.assert_array_equal(changes.dilate(band(25, 31), distance), band(25 - distance, 31 + distance))


@pytest.mark.parametrize("distance", range(1, 9))
def test_a_band_shrinks_by_exactly_the_distance_on_both_sides(distance: int) -> None:
    np.testing.assert_array_equal(changes.erode(band(22, 38), distance), band(22 + distance, 38 - distance))


def test_the_middle_of_a_closed_band_is_the_nearer_sides_and_a_tie_is_foreground() -> None:
    np.testing.assert_array_equal(
        changes.erode(band(22, 26), 3), band(25, 24)
    )  # 3 of 5 columns are foreground
    np.testing.assert_array_equal(changes.erode(band(22, 25), 3), band(24, 23))


@pytest.mark.parametrize(("distance", "count"), [(1, 5), (2, 13), (3, 29), (4, 49), (5, 81)])
def test_a_point_becomes_a_disc(distance: int, count: int) -> None:
    """Counts are Gauss's circle numbers: pixels within a Euclidean distance."""
    known = np.full((31, 33), B, np.uint8)
    known[14, 17] = U
    assert (changes.dilate(known, distance) == U).sum() == count
    known = np.full((31, 33), U, np.uint8)
    known[14, 17] = F
    assert (changes.erode(known, distance) == F).sum() == count


def test_a_band_opens_where_foreground_touches_background() -> None:
    np.testing.assert_array_equal(changes.dilate(band(30, 29), 4), band(26, 33))


def test_a_wide_distance_forgets_a_small_side() -> None:
    assert set(np.unique(changes.dilate(band(4, 9), 4))) == {B, U}


@pytest.mark.parametrize("distance", [1, 2, 5, 7])
def test_both_match_the_plain_definitions(distance: int) -> None:
    known = np.random.default_rng(3).choice(np.array([B, U, U, U, F], np.uint8), (23, 29)).astype(np.uint8)
    known[5:18, 6:22] = U
    rows, columns = np.mgrid[:23, :29]

    def nearest(value_is: np.ndarray, row: int, column: int) -> float:
        return float(np.sqrt((rows - row) ** 2 + (columns - column) ** 2)[value_is].min())

    dilated, eroded = known.copy(), known.copy()
    for row, column in itertools.product(range(23), range(29)):
        if known[row, column] != U:
            other = known != known[row, column]
            dilated[row, column] = U if nearest(other, row, column) <= distance else known[row, column]
        else:
            front, back = nearest(known == F, row, column), nearest(known == B, row, column)
            if min(front, back) <= distance:
                eroded[row, column] = F if front <= back else B
    np.testing.assert_array_equal(changes.dilate(known, distance), dilated)
    np.testing.assert_array_equal(changes.erode(known, distance), eroded)
    np.testing.assert_array_equal(eroded == U, (known == U) & ~trimap.dilate(known != U, distance))


@pytest.mark.parametrize(
    ("degrees", "down", "right"), [(0, 0, 10), (90, -10, 0), (180, 0, -10), (-90, 10, 0), (45, -7, 7)]
)
def test_a_shift_goes_where_it_is_told(degrees: float, down: int, right: int) -> None:
    change = Change("shifted", 10, degrees)
    assert change.offset("any") == (down, right)
    known = np.full((37, 43), B, np.uint8)
    known[18, 21] = F
    rows, columns = np.nonzero(change.apply(known, "any"))
    assert (rows.tolist(), columns.tolist()) == ([18 + down], [21 + right])


def test_what_a_shift_lets_in_repeats_the_border() -> None:
    known = np.array([[F, U, B], [B, U, F]], np.uint8)
    np.testing.assert_array_equal(changes.shift(known, 0, 1), [[F, F, U], [B, B, U]])
    np.testing.assert_array_equal(changes.shift(known, -1, 0), [[B, U, F], [B, U, F]])
    np.testing.assert_array_equal(changes.shift(known, 5, 5), np.full((2, 3), F))


def test_directions_are_drawn_for_each_picture_and_kept_at_every_distance() -> None:
    drawn = [Change("shifted", 19, seed=seed).offset(name) for seed in range(4) for name in ("a", "b", "c")]
    assert len(set(drawn)) > 8
    assert drawn == [Change("shifted", 19, seed=seed).offset(name) for seed in range(4) for name in "abc"]
    for down, right in drawn:
        assert math.hypot(down, right) == pytest.approx(19, abs=0.71)
    angles = [np.arctan2(*Change("shifted", distance).offset("a")) for distance in (100, 200, 900)]
    assert np.ptp(angles) < 0.02


def test_sides_are_forgotten() -> None:
    known = np.array([[F, U, B, B]], np.uint8)
    expected = {
        "no-foreground": [[U, U, B, B]],
        "no-background": [[F, U, U, U]],
        "all-unknown": [[U, U, U, U]],
        UNCHANGED: [[F, U, B, B]],
    }
    for kind, values in expected.items():
        changed = Change(kind).apply(known, "")
        np.testing.assert_array_equal(changed, values)
        assert changed.dtype == np.uint8


@pytest.mark.parametrize("kind", [*GRADED, *ONE_SIDED, UNCHANGED])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 3), (2, 1)])
@pytest.mark.parametrize("value", [B, U, F])
def test_tiny_trimaps_of_one_colour_stay_trimaps(kind: str, height: int, width: int, value: int) -> None:
    known = np.full((height, width), value, np.uint8)
    change = Change(kind, 3 if kind in GRADED else 0)
    changed = change.apply(known, "tiny")
    assert changed.shape == known.shape
    assert set(np.unique(changed)) <= {B, U, F}
    if kind in GRADED:
        np.testing.assert_array_equal(changed, known)


def test_changes_are_listed_by_kind_and_the_unchanged_trimap_comes_once() -> None:
    listed = changes.list_changes(["eroded", "no-foreground", "shifted"], [0, 1, 12], 30, 5)
    assert [each.name for each in listed] == [
        "unchanged",
        "eroded-01",
        "eroded-12",
        "no-foreground",
        "shifted-01",
        "shifted-12",
    ]
    assert listed[-1] == Change("shifted", 12, 30, 5)
    assert changes.list_changes(["all-unknown"], [0, 4]) == [Change("all-unknown")]


@pytest.mark.parametrize(("kind", "distance"), [("dilated", 0), ("shifted", -3), ("blurred", 1)])
def test_changes_that_cannot_be_are_refused(kind: str, distance: int) -> None:
    with pytest.raises(BadInput, match="expected"):
        Change(kind, distance)


def test_regions_are_counted_by_hand() -> None:
    original = np.array([[F, F, U, U, B, B, B]], np.uint8)
    given = np.array([[F, U, U, B, B, F, B]], np.uint8)
    areas = changes.regions(given, original)
    assert list(areas) == list(changes.REGIONS)
    unknown = {region: np.flatnonzero(area == U).tolist() for region, area in areas.items()}
    assert unknown == {"given": [1, 2], "original": [2, 3], "either": [1, 2, 3, 5]}


def test_either_region_is_the_changed_one_if_dilated_and_the_original_if_eroded() -> None:
    original = band(22, 38)
    dilated, eroded = changes.dilate(original, 4), changes.erode(original, 4)
    assert ((changes.regions(dilated, original)["either"] == U) == (dilated == U)).all()
    assert ((changes.regions(eroded, original)["either"] == U) == (original == U)).all()
