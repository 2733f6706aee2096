import numpy as np
import pytest

from deepmatte import palette
from deepmatte.palette import FARTHEST


def _row(*greys: float) -> np.ndarray:
    """A picture one cell high, (3, 1, W)."""
    return np.broadcast_to(np.array(greys, np.float32), (3, 1, len(greys)))


def _marks(width: int, *places: int) -> np.ndarray:
    marks = np.zeros((1, width), np.float32)
    marks[0, list(places)] = 1
    return marks


def test_distances_of_grey_cells_are_those_worked_out_by_hand() -> None:
    image = _row(0.97, 0.22, 0.07)  # plus the floor: 1, ¼, 1/10
    distances = palette.measure_distances(image, _marks(3, 0), _marks(3, 2))
    step = 0.3 / 3
    to_foreground = np.hypot(np.sqrt(3) * np.log(4) / 4, step)
    to_background = np.hypot(np.sqrt(3) * np.log(2.5) / 4, step)
    np.testing.assert_allclose(
        distances[:, 0, 1], np.minimum([to_foreground, to_background], FARTHEST), rtol=1e-4
    )
    np.testing.assert_array_equal(distances[:, 0, [0, 2]], [[0, FARTHEST], [FARTHEST, 0]])


def test_distances_are_those_to_the_nearest_of_all_known_cells() -> None:
    rng = np.random.default_rng(0)
    image = rng.random((3, 13, 22), np.float32)
    kind = rng.integers(0, 3, (13, 22))
    distances = palette.measure_distances(image, (kind == 1) * np.float32(1), (kind == 2) * np.float32(1))
    y, x = np.mgrid[:13, :22]
    points = np.stack([*(np.log(image + 0.03) / 4), y * 0.3 / 22, x * 0.3 / 22], axis=-1)
    for plane, marked in zip(distances, (1, 2), strict=True):
        for cell in zip(*np.nonzero(kind == 0), strict=True):
            nearest = np.sqrt(((points[kind == marked] - points[cell]) ** 2).sum(axis=1)).min()
            assert plane[cell] == pytest.approx(min(nearest, FARTHEST), abs=2e-4)


def test_more_known_cells_than_samples_change_little() -> None:
    image = np.random.default_rng(1).random((3, 60, 90), np.float32) * 0.1 + 0.4
    is_foreground = np.zeros((60, 90), np.float32)
    is_foreground[:, :40] = 1
    is_background = np.zeros((60, 90), np.float32)
    is_background[:, 60:] = 1
    distances = palette.measure_distances(image, is_foreground, is_background)
    assert (distances[0, :, 40:60] < 0.3).all()
    assert (distances[0, :, 41] < distances[0, :, 59]).all()


@pytest.mark.parametrize(
    ("foreground", "background", "alpha"),
    [(0.0, 0.3, 1), (0.05, 0.0, 0), (0.06, 0.06, 0.5), (FARTHEST, FARTHEST, 1), (FARTHEST, 0.0, 0)],
)
def test_the_nearer_kind_wins_and_what_is_near_to_neither_is_foreground(
    foreground: float, background: float, alpha: float
) -> None:
    distances = np.array([[[foreground, 0.2]], [[background, 0.2]]], np.float32)
    found, sureness = palette.judge(distances)
    assert found[0, 0] == pytest.approx(alpha, abs=0.05)
    assert sureness[0, 0] == pytest.approx(abs(2 * alpha - 1), abs=0.1)


@pytest.mark.parametrize("kind", [0, 1])
def test_nothing_is_sure_where_a_kind_is_not_known_at_all(kind: int) -> None:
    image = np.random.default_rng(0).random((3, 9, 14), np.float32)
    marks = [np.zeros((9, 14), np.float32), np.zeros((9, 14), np.float32)]
    marks[kind][:, :3] = 1
    distances = palette.measure_distances(image, *marks)
    assert (distances[1 - kind] == FARTHEST).all()
    np.testing.assert_array_equal(palette.judge(distances)[1], 0)


def test_pictures_of_a_batch_do_not_touch_each_other() -> None:
    rng = np.random.default_rng(2)
    image = rng.random((2, 3, 11, 17), np.float32)
    marks = (rng.random((2, 2, 11, 17)) < 0.2).astype(np.float32)
    marks[1] *= 1 - marks[0]
    together = palette.measure_distances(image, *marks)
    for index in range(2):
        alone = palette.measure_distances(image[index], *marks[:, index])
        np.testing.assert_array_equal(together[index], alone)
