import numpy as np
import pytest
from scipy import ndimage

from deepmatte.evaluation import crops

SIZE = (301, 410)


def spot(row: int, column: int, value: float = 1.0, side: int = 20) -> np.ndarray:
    """An error map that is wrong in one square only, by its top left corner."""
    error = np.zeros(SIZE, np.float32)
    error[row : row + side, column : column + side] = value
    return error


def holds(place: crops.Place, error: np.ndarray) -> bool:
    return bool(np.abs(error[place.window]).sum() == np.abs(error).sum())


def test_errors_count_where_the_trimap_is_unknown() -> None:
    trimap = np.array([[0, 128, 255]], np.uint8)
    error = crops.error_map(np.full((1, 3), 0.75, np.float32), np.full((1, 3), 0.5, np.float32), trimap)
    np.testing.assert_array_equal(error, [[0, 0.25, 0]])


def test_sums_over_windows_are_those_of_a_box_filter() -> None:
    values = np.random.default_rng(0).random((13, 22)).astype(np.float32)
    box = ndimage.convolve(values.astype(np.float64), np.ones((5, 7)), origin=(-1 + 1, 0))
    np.testing.assert_allclose(crops.window_sums(values, 5, 7), box[2:-2, 3:-3], rtol=1e-5)


def test_places_are_where_we_are_wrong_behind_and_ahead() -> None:
    ours = spot(3, 4) + spot(200, 300, -0.9, side=15)
    theirs = spot(3, 4, -1) + spot(5, 300)
    places = crops.worst_places({"ours": ours, "theirs": theirs})
    assert [place.reason for place in places] == [
        "where ours is most wrong",
        "where ours is most behind theirs",
        "where ours is most ahead of theirs",
    ]
    assert holds(places[0], spot(3, 4))
    assert holds(places[1], spot(200, 300, side=15))
    assert holds(places[2], spot(5, 300))


def test_a_place_where_all_are_alike_is_neither_behind_nor_ahead() -> None:
    places = crops.worst_places({"ours": spot(3, 4), "theirs": spot(3, 4), "others": spot(3, 4)})
    assert [place.reason for place in places] == ["where ours is most wrong"]


def test_behind_is_behind_the_best_other_one() -> None:
    ours = spot(3, 4) + spot(200, 300, 0.9)
    maps = {"ours": ours, "theirs": ours, "others": spot(3, 4)}
    first, behind = crops.worst_places(maps)
    assert holds(first, spot(3, 4))
    assert behind.reason == "where ours is most behind the best other one"
    assert holds(behind, spot(200, 300))


def test_one_method_alone_is_shown_where_it_is_worst() -> None:
    error = spot(3, 4) + spot(200, 300) + spot(5, 300, 0.5)
    places = crops.worst_places({"ours": error})
    assert len(places) == 3
    assert holds(places[2], spot(5, 300))


def test_without_errors_there_are_no_places() -> None:
    assert crops.worst_places({"ours": np.zeros(SIZE, np.float32)}) == []


@pytest.mark.parametrize("size", [(7, 9), (1, 200), (300, 5)])
def test_places_stay_inside_small_pictures(size: tuple[int, int]) -> None:
    for place in crops.worst_places({"ours": np.ones(size, np.float32)}):
        assert 0 <= place.top <= place.top + place.height <= size[0]
        assert 0 <= place.left <= place.left + place.width <= size[1]


def test_a_picture_is_reduced_by_means_of_cells() -> None:
    picture = np.arange(4 * 6, dtype=np.float32).reshape(4, 6) / 24
    reduced = crops.reduce(picture, 3)
    np.testing.assert_allclose(reduced, picture.reshape(2, 2, 3, 2).mean(axis=(1, 3)))
    assert crops.reduce(np.zeros((5, 9, 3), np.uint8), 4).shape == (2, 3, 3)
    assert crops.reduce(np.zeros((5, 9), np.uint16), 9).shape == (5, 9)


def test_colours_say_which_way_and_how_much() -> None:
    trimap = np.array([[128, 128, 128, 128, 0]], np.uint8)
    colours = crops.error_colours(np.array([[0.0, 0.25, 0.5, -1.0, 0.0]], np.float32), trimap)[0].astype(int)
    assert (colours[0] == 0).all()
    assert colours[1] == pytest.approx(colours[2] / 2, abs=1)
    assert colours[2].argmax() == 0  # orange: too much
    assert colours[3].argmax() == 2  # blue: too little
    assert len(set(colours[4])) == 1  # grey: not counted
