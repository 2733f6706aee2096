import math
import time

import numpy as np
import pytest

from deepmatte.errors import BadInput
from deepmatte.evaluation import metrics

ALL = [metrics.sad, metrics.mse, metrics.gradient, metrics.connectivity]


def _trimap(height: int, width: int, unknown: int) -> np.ndarray:
    """The first pixels unknown, the rest background."""
    tri = np.zeros(height * width, np.uint8)
    tri[:unknown] = 128
    return tri.reshape(height, width)


def _unknown(shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, 128, np.uint8)


def _kernels() -> tuple[np.ndarray, np.ndarray]:
    """The two 9 × 9 kernels, entry by entry as the definition writes them: down and across."""
    sigma = 1.4
    gauss = [math.exp(-(u**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi)) for u in range(-4, 5)]
    slope = [-u * value / sigma**2 for u, value in zip(range(-4, 5), gauss, strict=True)]
    across = np.array([[down * right for right in slope] for down in gauss])
    across /= math.sqrt((across**2).sum())
    return across.T, across


def _plain_magnitude(matte: np.ndarray) -> np.ndarray:
    """The gradient's length by direct summation at every pixel."""
    stretched = (matte - matte.min()) / (matte.max() - matte.min())
    padded = np.pad(stretched.astype(np.float64), 4, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (9, 9))
    parts = [(windows * kernel[::-1, ::-1]).sum(axis=(2, 3)) for kernel in _kernels()]
    return np.sqrt(parts[0] ** 2 + parts[1] ** 2)


def _plain_components(mask: np.ndarray) -> list[set[tuple[int, int]]]:
    """All 4-connected components, found by walking, column after column."""
    todo, found = {tuple(map(int, at)) for at in np.argwhere(mask)}, []
    for start in sorted(todo, key=lambda at: (at[1], at[0])):
        if start not in todo:
            continue
        todo.remove(start)
        component, edge = {start}, [start]
        while edge:
            y, x = edge.pop()
            for at in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if at in todo:
                    todo.remove(at)
                    component.add(at)
                    edge.append(at)
        found.append(component)
    return found


def _plain_connectivity(pred_alpha: np.ndarray, true_alpha: np.ndarray, trimap: np.ndarray) -> float:
    """The definition, step by step and pixel by pixel. Mattes hold values of 8 bit."""
    level = np.full(trimap.shape, -1.0)
    for step in range(1, 11):
        threshold = step * 255 / 10
        both = (np.rint(pred_alpha * 255) >= threshold) & (np.rint(true_alpha * 255) >= threshold)
        components = _plain_components(both)
        largest = max(components, key=len) if components else set()  # the first of the largest
        for y, x in np.ndindex(*trimap.shape):
            if level[y, x] == -1 and (y, x) not in largest:
                level[y, x] = (step - 1) / 10
    level[level == -1] = 1
    total = 0.0
    for at in zip(*np.nonzero(trimap == 128), strict=True):
        pred_above, true_above = pred_alpha[at] - level[at], true_alpha[at] - level[at]
        pred_degree = 1 - (pred_above if pred_above >= 0.15 else 0)
        true_degree = 1 - (true_above if true_above >= 0.15 else 0)
        total += abs(pred_degree - true_degree)
    return float(total / 1000)


def _random_pair(seed: int, height: int, width: int, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Two mattes of 8 bit values with few levels, so that blobs of all sizes, and equal ones, appear."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, levels + 1, (height, width))
    other = np.clip(coarse + random.integers(-1, 2, coarse.shape), 0, levels)
    return tuple(np.rint(each * 255 / levels).astype(np.float32) / 255 for each in (coarse, other))


def test_sad_is_the_sum_over_unknown_pixels_in_thousands() -> None:
    true_alpha = np.zeros((3, 5), np.float32)
    assert metrics.sad(true_alpha + np.float32(0.5), true_alpha, _trimap(3, 5, 4)) == pytest.approx(0.002)


def test_mse_is_the_mean_over_unknown_pixels() -> None:
    true_alpha = np.zeros((3, 5), np.float32)
    pred_alpha = true_alpha.copy()
    pred_alpha[0, 0] = 0.5
    assert metrics.mse(pred_alpha, true_alpha, _trimap(3, 5, 4)) == pytest.approx(0.25 / 4)


def test_gradient_of_a_step_follows_from_the_kernel() -> None:
    step = np.zeros((11, 23), np.float32)
    step[:, 12:] = 1
    across = _kernels()[1].sum(axis=0)
    # At the n-th column from the edge, the part of the kernel that lies on the white side; once per row.
    squares = sum(across[:n].sum() ** 2 for n in range(1, 10))
    flat = np.zeros_like(step)
    assert metrics.gradient(step, flat, _unknown(step.shape)) == pytest.approx(11 * squares / 1000)


def test_gradient_of_a_ramp_is_its_slope_times_the_kernels_moment() -> None:
    ramp = np.tile(np.linspace(0, 1, 25, dtype=np.float32), (11, 1))
    inside = np.zeros(ramp.shape, np.uint8)
    inside[:, 4:-4] = 128
    moment = (_kernels()[1] * -np.arange(-4, 5)).sum() / 24
    expected = 11 * 17 * moment**2 / 1000
    assert metrics.gradient(ramp, np.zeros_like(ramp), inside) == pytest.approx(expected, rel=1e-5)


def test_gradient_of_a_smooth_disc_is_that_of_its_profile() -> None:
    """A cone is a ramp in every direction: away from tip and rim its gradient is the ramp's all around."""
    down, right = np.mgrid[-60:60, -70:70] + 0.5
    radius = np.hypot(down, right)
    cone = np.clip(1 - radius / 50, 0, 1)
    ring = np.where((radius > 20) & (radius < 40), 128, 0).astype(np.uint8)
    moment = (_kernels()[1] * -np.arange(-4, 5)).sum() / 50 / (cone.max() - cone.min())
    expected = (ring == 128).sum() * moment**2 / 1000
    assert metrics.gradient(cone, np.zeros_like(cone), ring) == pytest.approx(expected, rel=5e-3)


def test_gradient_does_not_see_a_change_of_contrast() -> None:
    """Each matte is stretched to [0, 1] of its own before its gradient is taken."""
    true_alpha, _ = _random_pair(0, 13, 21, 5)
    faded = np.float32(0.25) + np.float32(0.5) * true_alpha
    assert metrics.gradient(faded, true_alpha, _unknown(faded.shape)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_gradient_equals_the_plain_sum(seed: int) -> None:
    pred_alpha, true_alpha = _random_pair(seed, 19, 27, 9)
    trimap = np.random.default_rng(seed).choice(np.array([0, 128, 255], np.uint8), (19, 27))
    difference = (_plain_magnitude(pred_alpha) - _plain_magnitude(true_alpha)) ** 2
    expected = difference[trimap == 128].sum() / 1000
    assert metrics.gradient(pred_alpha, true_alpha, trimap) == pytest.approx(expected, rel=1e-6)


def _two_blobs(bridge: float) -> np.ndarray:
    """A large and a small white rectangle on black, with a bridge of one pixel's width."""
    matte = np.zeros((9, 15), np.float32)
    matte[1:8, 1:7] = 1
    matte[3:6, 10:14] = 1
    matte[4, 7:10] = bridge
    return matte


def test_connectivity_forgives_a_tenth_where_blobs_hang_together() -> None:
    true_alpha = _two_blobs(bridge=1)
    pred_alpha = true_alpha.copy()
    pred_alpha[3:6, 10:14] = 0.9
    # Level 0.9 in the blob; the truth is 0.1 above it, which is within the dead zone.
    assert metrics.connectivity(pred_alpha, true_alpha, _unknown(true_alpha.shape)) == 0


def test_connectivity_counts_a_tenth_in_a_blob_of_its_own() -> None:
    true_alpha = _two_blobs(bridge=0)
    pred_alpha = true_alpha.copy()
    pred_alpha[3:6, 10:14] = 0.9
    # Level 0: the degrees of the blob's 12 pixels are 1 - 0.9 and 1 - 1.
    expected = 12 * 0.1 / 1000
    assert metrics.connectivity(pred_alpha, true_alpha, _unknown(true_alpha.shape)) == pytest.approx(expected)


def test_connectivity_of_a_bridge_that_breaks_half_way() -> None:
    true_alpha = _two_blobs(bridge=1)
    pred_alpha = _two_blobs(bridge=0.5)
    # The bridge has level 0.5 and so degrees 1 and 0.5. The small blob falls off at 0.6, in both alike.
    expected = 3 * 0.5 / 1000
    assert metrics.connectivity(pred_alpha, true_alpha, _unknown(true_alpha.shape)) == pytest.approx(expected)


def test_a_corner_does_not_connect() -> None:
    true_alpha = np.zeros((5, 7), np.float32)
    true_alpha[:3, :4] = 1
    true_alpha[3, 4] = 1  # touches the block by its corner only
    pred_alpha = true_alpha.copy()
    pred_alpha[3, 4] = 0.9
    measured = metrics.connectivity(pred_alpha, true_alpha, _unknown(true_alpha.shape))
    assert measured == pytest.approx(0.1 / 1000)


def test_of_equal_components_the_first_by_columns_is_the_largest() -> None:
    true_alpha = np.zeros((5, 7), np.float32)
    true_alpha[4, 0:2] = 1  # starts in the first column, but in the last row
    true_alpha[0, 3:5] = 1
    pred_alpha = np.where(true_alpha == 1, np.float32(0.9), np.float32(0))
    measured = metrics.connectivity(pred_alpha, true_alpha, _unknown(true_alpha.shape))
    assert measured == pytest.approx(2 * 0.1 / 1000)  # those of the other component
    trimap = _unknown(true_alpha.shape)
    trimap[0] = 0
    assert metrics.connectivity(pred_alpha, true_alpha, trimap) == 0


@pytest.mark.parametrize("levels", [2, 5, 10, 255])
@pytest.mark.parametrize("seed", range(5))
def test_connectivity_equals_the_plain_definition(seed: int, levels: int) -> None:
    """5 and 10 levels lie exactly on thresholds; 51/255 reaches 0.2."""
    pred_alpha, true_alpha = _random_pair(seed, 11, 17, levels)
    for share in (0.1, 0.5, 1):
        trimap = np.where(np.random.default_rng(seed).random((11, 17)) < share, 128, 255).astype(np.uint8)
        expected = _plain_connectivity(pred_alpha, true_alpha, trimap)
        assert metrics.connectivity(pred_alpha, true_alpha, trimap) == pytest.approx(expected, abs=1e-9)


def test_connectivity_of_a_megapixel_is_quick() -> None:
    random = np.random.default_rng(0)
    true_alpha = random.random((800, 1250), np.float32)
    pred_alpha = np.clip(true_alpha + random.normal(0, 0.1, true_alpha.shape), 0, 1).astype(np.float32)
    trimap = _unknown(true_alpha.shape)
    seconds = []
    for _ in range(3):
        start = time.process_time()  # not what other processes take
        metrics.connectivity(pred_alpha, true_alpha, trimap)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.5


def test_measure_returns_all_four_as_papers_print_them() -> None:
    pred_alpha, true_alpha = _random_pair(1, 13, 21, 7)
    trimap = _trimap(13, 21, 170)
    sad, mse, gradient, connectivity = (metric(pred_alpha, true_alpha, trimap) for metric in ALL)
    errors = metrics.measure(pred_alpha, true_alpha, trimap)
    assert errors == metrics.Errors(sad, 1000 * mse, gradient, connectivity)
    assert tuple(vars(errors)) == metrics.NAMES


@pytest.mark.parametrize("metric", ALL)
def test_equal_mattes_have_no_error(metric) -> None:
    _, true_alpha = _random_pair(2, 13, 21, 20)
    assert metric(true_alpha, true_alpha.copy(), _unknown(true_alpha.shape)) == 0


@pytest.mark.parametrize("metric", ALL)
def test_errors_where_the_trimap_is_known_do_not_count(metric) -> None:
    true_alpha = np.zeros((23, 5), np.float32)
    true_alpha[0] = 1
    pred_alpha = true_alpha.copy()
    pred_alpha[-1] = 1  # further from the unknown pixels than the gradient sees
    assert metric(pred_alpha, true_alpha, _trimap(23, 5, 10)) == 0


@pytest.mark.parametrize("metric", ALL)
def test_each_error_is_the_same_both_ways(metric) -> None:
    pred_alpha, true_alpha = _random_pair(3, 13, 21, 12)
    trimap = _trimap(13, 21, 200)
    assert metric(pred_alpha, true_alpha, trimap) == metric(true_alpha, pred_alpha, trimap) > 0


@pytest.mark.parametrize("metric", ALL)
def test_the_type_of_floats_changes_nothing(metric) -> None:
    pred_alpha, true_alpha = _random_pair(4, 13, 21, 10)
    wide = (np.rint(255 * each.astype(np.float64)) / 255 for each in (pred_alpha, true_alpha))
    trimap = _trimap(13, 21, 200)
    assert metric(*wide, trimap) == metric(pred_alpha, true_alpha, trimap)


@pytest.mark.parametrize("metric", ALL)
def test_nothing_unknown_is_no_error(metric) -> None:
    ones = np.ones((3, 5), np.float32)
    assert metric(ones, 0 * ones, _trimap(3, 5, 0)) == 0


@pytest.mark.parametrize("metric", ALL)
def test_sizes_must_agree(metric) -> None:
    with pytest.raises(BadInput, match="differ in size"):
        metric(np.zeros((3, 5), np.float32), np.zeros((5, 3), np.float32), _trimap(3, 5, 1))


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize(
    ("value", "message"),
    [(np.nan, "no numbers"), (np.inf, "no numbers"), (1.001, "0 to 1.001"), (-0.001, "-0.001 to 0")],
)
def test_a_matte_that_is_none_is_refused_wherever_its_fault_lies(metric, value, message) -> None:
    good, bad = np.zeros((3, 5), np.float32), np.zeros((3, 5), np.float32)
    bad[2, 4] = value  # a pixel that the trimap knows
    with pytest.raises(BadInput, match=rf"^the matte .*{message}"):
        metric(bad, good, _trimap(3, 5, 1))
    with pytest.raises(BadInput, match=rf"^the true alpha .*{message}"):
        metric(good, bad, _trimap(3, 5, 1))


def test_bytes_are_refused() -> None:
    with pytest.raises(BadInput, match="to_unit"):
        metrics.measure(np.zeros((3, 5), np.uint8), np.zeros((3, 5), np.float32), _trimap(3, 5, 1))


def test_a_trimap_that_was_not_parsed_is_refused() -> None:
    flat = np.zeros((3, 5), np.float32)
    with pytest.raises(BadInput, match=r"trimap\.parse"):
        metrics.measure(flat, flat, np.full((3, 5), 127, np.uint8))
