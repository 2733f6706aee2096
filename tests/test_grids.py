import numpy as np
import pytest

from deepmatte import grids


def test_halving_takes_the_mean_of_four_cells_and_repeats_an_odd_edge() -> None:
    grid = np.array([[0, 2, 4], [4, 2, 8]], np.float32)
    np.testing.assert_array_equal(grids.halve(grid), [[2, 6]])


def test_reducing_by_four_is_halving_twice_where_sides_are_multiples() -> None:
    grid = np.random.default_rng(0).random((2, 12, 20), np.float32)
    np.testing.assert_allclose(grids.reduce_by(grid, 4), grids.halve(grids.halve(grid)), rtol=1e-6)


def test_reducing_rounds_sides_up() -> None:
    assert grids.reduce_by(np.zeros((3, 9, 5), np.float32), 4).shape == (3, 3, 2)


@pytest.mark.parametrize("factor", [2, 4])
def test_enlarging_keeps_a_ramp_straight_inside(factor: int) -> None:
    ramp = np.tile(np.arange(7, dtype=np.float32), (3, 1))
    fine = grids.enlarge(ramp, factor, 3 * factor, 7 * factor)
    # The centre of fine cell k lies at (k + ½) / factor − ½ on the coarse grid.
    inside = slice(factor, -factor)
    expected = (np.arange(7 * factor) + 0.5) / factor - 0.5
    np.testing.assert_allclose(fine[1, inside], expected[inside], atol=1e-6)
    assert fine.min() == 0
    assert fine.max() == 6


def test_enlarging_cuts_to_the_size_asked_for() -> None:
    assert grids.enlarge(np.ones((2, 3, 5), np.float32), 4, 10, 17).shape == (2, 10, 17)


def test_a_box_is_the_mean_of_nine_cells() -> None:
    grid = np.zeros((5, 7), np.float32)
    grid[2, 3] = 9
    expected = np.zeros((5, 7))
    expected[1:4, 2:5] = 1
    np.testing.assert_allclose(grids.box3(grid), expected, atol=1e-6)
