import numpy as np
import pytest

from deepmatte.errors import BadInput
from deepmatte.evaluation import metrics


def _trimap(height: int, width: int, unknown: int) -> np.ndarray:
    """The first pixels unknown, the rest background."""
    tri = np.zeros(height * width, np.uint8)
    tri[:unknown] = 128
    return tri.reshape(height, width)


def test_sad_is_the_sum_over_unknown_pixels_in_thousands() -> None:
    true_alpha = np.zeros((3, 5), np.float32)
    assert metrics.sad(true_alpha + np.float32(0.5), true_alpha, _trimap(3, 5, 4)) == pytest.approx(0.002)


def test_mse_is_the_mean_over_unknown_pixels() -> None:
    true_alpha = np.zeros((3, 5), np.float32)
    pred_alpha = true_alpha.copy()
    pred_alpha[0, 0] = 0.5
    assert metrics.mse(pred_alpha, true_alpha, _trimap(3, 5, 4)) == pytest.approx(0.25 / 4)


def test_errors_where_the_trimap_is_known_do_not_count() -> None:
    true_alpha = np.zeros((3, 5), np.float32)
    pred_alpha = true_alpha.copy()
    pred_alpha[2] = 1
    assert metrics.sad(pred_alpha, true_alpha, _trimap(3, 5, 10)) == 0
    assert metrics.mse(pred_alpha, true_alpha, _trimap(3, 5, 10)) == 0


def test_nothing_unknown_is_no_error() -> None:
    ones = np.ones((3, 5), np.float32)
    assert metrics.mse(ones, 0 * ones, _trimap(3, 5, 0)) == 0


def test_sizes_must_agree() -> None:
    with pytest.raises(BadInput, match="differ in size"):
        metrics.sad(np.zeros((3, 5), np.float32), np.zeros((5, 3), np.float32), _trimap(3, 5, 1))


def test_a_matte_with_nan_is_refused() -> None:
    with pytest.raises(BadInput, match="no numbers"):
        metrics.sad(np.full((3, 5), np.nan, np.float32), np.zeros((3, 5), np.float32), _trimap(3, 5, 1))
