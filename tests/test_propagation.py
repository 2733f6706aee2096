import numpy as np
import pytest

from deepmatte import propagation
from deepmatte.grids import box3
from deepmatte.propagation import _assemble, _Level


def _two_colours(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A foreground disc of one colour blended softly over a background of another."""
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(rows - height / 2, columns - width / 2)
    alpha = np.clip((min(height, width) / 3 - distance) / 6 + 0.5, 0, 1).astype(np.float32)
    foreground, background = np.array([0.9, 0.2, 0.1]), np.array([0.1, 0.3, 0.8])
    image = alpha * foreground[:, None, None] + (1 - alpha) * background[:, None, None]
    return image.astype(np.float32), alpha


def _dense_laplacian(image: np.ndarray, epsilon: float = propagation.LAPLACIAN_EPSILON) -> np.ndarray:
    """The matting Laplacian, summed window by window as equation (12) of Levin et al. 2008 is written."""
    height, width = image.shape[1:]
    cells = height * width
    laplacian = np.zeros((cells, cells))
    index = np.arange(cells).reshape(height, width)
    for y in range(height - 2):
        for x in range(width - 2):
            window = image[:, y : y + 3, x : x + 3].reshape(3, 9).astype(np.float64)
            members = index[y : y + 3, x : x + 3].ravel()
            centred = window - window.mean(1, keepdims=True)
            covariance = centred @ centred.T / 9 + epsilon / 9 * np.eye(3)
            affinity = (1 + centred.T @ np.linalg.inv(covariance) @ centred) / 9
            laplacian[np.ix_(members, members)] += np.eye(9) - affinity
    return laplacian


def _dense_links(image: np.ndarray, free: np.ndarray) -> np.ndarray:
    """The links' own Laplacian, each unknown cell joined to all others: for as few as are linked to all."""
    height, width = image.shape[1:]
    y, x = np.divmod(free, width)
    roots = np.cbrt(image.reshape(3, -1)[:, free])
    points = np.stack([*roots, 0.03 * x / width, 0.03 * y / height], axis=1)
    weights = np.maximum(1 - np.abs(points[:, None] - points).sum(axis=-1), 0) * propagation.LINKS
    np.fill_diagonal(weights, 0)
    return np.asarray(np.diag(weights.sum(axis=1)) - weights)


def test_the_equations_equal_the_dense_ones_written_as_in_the_papers() -> None:
    rng = np.random.default_rng(1)
    image, alpha, hint = rng.random((3, 6, 8), np.float32), np.zeros((6, 8), np.float32), rng.random((6, 8))
    known = np.ones((6, 8), np.float32)
    known[2:4, 2:5] = 0  # six cells: each is linked to all others
    alpha[:3] = known[:3]
    trust = rng.uniform(0.1, 2, (6, 8)).astype(np.float32) * (1 - known)
    is_free = known.ravel() == 0
    free = np.flatnonzero(is_free)
    matrix, right = _assemble(_Level(image, known, alpha, hint.astype(np.float32), trust), is_free)
    dense = _dense_laplacian(image)
    expected = dense[np.ix_(free, free)] + np.diag(trust.ravel()[free]) + _dense_links(image, free)
    np.testing.assert_allclose(matrix.toarray(), expected, atol=1e-3)
    pull = (trust * hint).ravel() - dense @ (alpha * known).ravel()
    np.testing.assert_allclose(right, pull[free], atol=1e-3)


def _print(height: int, width: int) -> np.ndarray:
    """Black print on white paper, whose colours lie on one line but for a little noise: (3, H, W)."""
    rng = np.random.default_rng(6)
    grey = np.where(rng.random((height, width)) > 0.5, 0.9, 0.02)
    return (grey + rng.normal(0, 5e-4, (3, height, width))).astype(np.float32)


def test_the_equations_of_print_equal_the_dense_ones() -> None:
    image = _print(7, 9)
    is_free = np.ones(63, np.bool_)
    nothing = np.zeros((7, 9), np.float32)
    matrix, _ = _assemble(_Level(image, nothing, nothing, nothing, nothing), is_free)
    links = propagation._link(image, np.arange(63)).toarray()
    expected = _dense_laplacian(image) + np.diag(links.sum(axis=1)) - links
    np.testing.assert_allclose(matrix.toarray(), expected, atol=0.01)


def test_noise_is_regularised_in_the_equations_and_in_lines() -> None:
    image = np.random.default_rng(5).random((3, 6, 7), np.float32) * 0.1
    nothing = np.zeros((6, 7), np.float32)
    is_free = np.ones(42, np.bool_)
    matrix, _ = _assemble(_Level(image, nothing, nothing, nothing, nothing, 0.01), is_free)
    links = propagation._link(image, np.arange(42)).toarray()
    dense = _dense_laplacian(image, propagation.LAPLACIAN_EPSILON + 0.03 * 0.01)
    np.testing.assert_allclose(matrix.toarray(), dense + np.diag(links.sum(axis=1)) - links, atol=1e-3)
    alpha = np.random.default_rng(6).random((6, 7), np.float32)
    slopes = [np.abs(propagation.fit_lines(image, alpha, noise)[:3]).mean() for noise in (0.0, 1e-3, 1.0)]
    assert slopes[0] > 2 * slopes[1] > 20 * slopes[2]


@pytest.mark.parametrize("deviation", [0.0, 0.01, 0.05])
def test_noise_is_measured_beside_slopes_and_edges(deviation: float) -> None:
    rows, columns = np.mgrid[:120, :150]
    image = np.stack([rows / 200, columns / 300, (rows + columns) / 600]) + 0.2 * (rows > 60) * (columns > 40)
    noise = np.random.default_rng(0).normal(0, deviation, (2, *image.shape))
    both = propagation.measure_noise((image + noise).astype(np.float32))
    assert both.shape == (2,)
    np.testing.assert_allclose(both, max(deviation**2 - 1.6e-5, 0), rtol=0.08, atol=1e-9)


def test_print_gets_the_alpha_that_solves_the_dense_equations() -> None:
    image = _print(12, 17)
    image = ((image + np.roll(image, 1, axis=2) + np.roll(image, 1, axis=1)) / 3).astype(np.float32)
    known = np.zeros((12, 17), np.float32)
    known[:2] = known[-2:] = 1
    alpha = known * (np.arange(12) < 6)[:, None].astype(np.float32)
    free = np.flatnonzero(known.ravel() == 0)
    links = propagation._link(image, free).toarray()
    dense = _dense_laplacian(image)
    equations = dense[np.ix_(free, free)] + np.diag(links.sum(axis=1)) - links
    solved = np.linalg.solve(equations, -(dense @ alpha.ravel())[free])
    found = propagation.propagate(image, known, alpha)
    np.testing.assert_allclose(found.ravel()[free], np.clip(solved, 0, 1), atol=0.03)


def test_links_join_cells_of_one_colour_wherever_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(propagation, "NEIGHBOURS", 1)
    image = np.random.default_rng(5).random((3, 7, 11), np.float32)
    image[:, 6, 10] = image[:, 0, 0]
    links = propagation._link(image, np.arange(77)).toarray()
    np.fill_diagonal(links, 0)
    apart = 0.03 * (10 / 11 + 6 / 7)
    assert links[0, 76] == links[76, 0] == pytest.approx(propagation.LINKS * (1 - apart), rel=1e-4)
    assert np.count_nonzero(links[0]) == np.count_nonzero(links[76]) == 1


def test_a_blend_of_two_colours_is_recovered() -> None:
    image, alpha = _two_colours(37, 45)
    known = ((alpha == 0) | (alpha == 1)).astype(np.float32)
    found = propagation.propagate(image, known, alpha * known)
    assert np.abs(found - alpha).max() < 0.02


def test_known_cells_are_kept() -> None:
    image, alpha = _two_colours(21, 33)
    known = ((alpha == 0) | (alpha == 1)).astype(np.float32)
    found = propagation.propagate(image, known, alpha * known)
    np.testing.assert_array_equal(found[known == 1], alpha[known == 1])


def test_nothing_known_gives_one_half() -> None:
    image = np.random.default_rng(0).random((3, 19, 23), np.float32)
    nothing = np.zeros((19, 23), np.float32)
    np.testing.assert_allclose(propagation.propagate(image, nothing, nothing), 0.5, atol=1e-3)


def test_a_hint_is_weighed_against_the_laplacian_as_the_dense_solution_does() -> None:
    rng = np.random.default_rng(4)
    image = rng.random((3, 6, 8), np.float32)
    hint, trust = rng.random((6, 8), np.float32), rng.uniform(0.1, 2, (6, 8)).astype(np.float32)
    known = np.zeros((6, 8), np.float32)
    known[0], known[5] = 1, 1
    alpha = np.zeros((6, 8), np.float32)
    alpha[0] = 1
    free = known.ravel() == 0
    system = _dense_laplacian(image)
    links = propagation._link(image, np.flatnonzero(free)).toarray()
    system[np.ix_(free, free)] += np.diag(links.sum(axis=1)) - links
    system += np.diag((trust * (1 - known)).ravel().astype(np.float64))
    right = (trust * hint).ravel() - system @ alpha.ravel()
    expected = np.linalg.solve(system[np.ix_(free, free)], right[free])
    found = propagation.propagate(image, known, alpha, hint, trust)
    np.testing.assert_allclose(found.ravel()[free], np.clip(expected, 0, 1), atol=2e-3)
    np.testing.assert_array_equal(found.ravel()[~free], alpha.ravel()[~free])


def test_a_trusted_hint_alone_is_the_answer() -> None:
    hint = np.full((19, 23), 0.8, np.float32)
    nothing, trust = np.zeros_like(hint), np.full_like(hint, 0.01)
    found = propagation.propagate(np.full((3, 19, 23), 0.4, np.float32), nothing, nothing, hint, trust)
    np.testing.assert_allclose(found, 0.8, atol=1e-3)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (2, 3), (5, 2), (33, 1), (37, 2)])
def test_pictures_smaller_than_a_window_work(height: int, width: int) -> None:
    image = np.random.default_rng(0).random((3, height, width), np.float32)
    known = np.zeros((height, width), np.float32)
    known[0, 0] = 1
    found = propagation.propagate(image, known, known)
    assert found.shape == (height, width)
    assert np.isfinite(found).all()


def test_pictures_of_a_batch_do_not_touch_each_other() -> None:
    pairs = [_two_colours(24, 35), (np.full((3, 24, 35), 0.5, np.float32), np.zeros((24, 35), np.float32))]
    known = [((alpha == 0) | (alpha == 1)).astype(np.float32) for _, alpha in pairs]
    together = propagation.propagate(
        np.stack([image for image, _ in pairs]),
        np.stack(known),
        np.stack([alpha * k for (_, alpha), k in zip(pairs, known, strict=True)]),
    )
    for (image, alpha), k, found in zip(pairs, known, together, strict=True):
        np.testing.assert_allclose(found, propagation.propagate(image, k, alpha * k), atol=1e-3)


def test_lines_explain_an_alpha_that_is_linear_in_colour() -> None:
    image = np.random.default_rng(2).random((3, 15, 11), np.float32)
    alpha = (0.5 * image[0] - 0.25 * image[1] + 0.125 * image[2] + 0.3).astype(np.float32)
    lines = propagation.fit_lines(image, alpha)
    np.testing.assert_allclose(propagation.apply_lines(lines, image), alpha, atol=2e-3)
    np.testing.assert_allclose(lines[:, 7, 5], [0.5, -0.25, 0.125, 0.3], atol=2e-3)


@pytest.mark.parametrize("noise", [0, 5e-4])
def test_lines_of_print_are_those_found_window_by_window(noise: float) -> None:
    image = np.repeat(_print(9, 11)[:1], 3, axis=0)
    image += np.random.default_rng(3).normal(0, 1, image.shape).astype(np.float32) * noise
    alpha = np.random.default_rng(4).random((9, 11), np.float32)
    lines = propagation.fit_lines(image, alpha)
    wide, wide_alpha = (
        np.pad(part.astype(np.float64), [(0, 0), (1, 1), (1, 1)], "edge") for part in (image, alpha[None])
    )
    each = np.empty((4, 9, 11))
    for y in range(9):
        for x in range(11):
            colours, values = (part[:, y : y + 3, x : x + 3].reshape(-1, 9) for part in (wide, wide_alpha))
            rows = (colours - colours.mean(1, keepdims=True)).T
            normal = rows.T @ rows / 9 + propagation.LINE_EPSILON * np.eye(3)
            each[:3, y, x] = np.linalg.solve(normal, rows.T @ values[0] / 9)
            each[3, y, x] = values.mean() - each[:3, y, x] @ colours.mean(1)
    np.testing.assert_allclose(lines, box3(each), rtol=0.01, atol=0.01)
