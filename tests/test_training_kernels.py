import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from deepmatte.training import kernels


def test_a_channel_of_whole_numbers_comes_back_the_same() -> None:
    kernel = np.array([[-127, 3, 0, 50], [254, -2, 4, 8]], np.float32)
    levels, steps = kernels.to_levels(kernel)
    assert levels.tolist() == [[-127, 3, 0, 50], [127, -1, 2, 4]]
    assert steps.ravel().tolist() == [1, 2]
    assert (kernels.from_levels(levels, steps) == kernel).all()


def test_a_channel_of_zeros_stays_zero() -> None:
    levels, steps = kernels.to_levels(np.zeros((2, 3, 1, 1), np.float32))
    assert not levels.any()
    assert np.isfinite(steps).all()


def test_one_large_weight_is_cut_off_where_the_others_gain_more() -> None:
    kernel = np.random.default_rng(0).normal(0, 1, (1, 5000)).astype(np.float32)
    kernel[0, 0] = 6.5
    levels, steps = kernels.to_levels(kernel)
    uncut = np.rint(kernel / (6.5 / 127)) * (6.5 / 127)
    assert np.square(kernels.from_levels(levels, steps) - kernel).sum() < np.square(uncut - kernel).sum()
    assert steps.item() < 6.5 / 127


@pytest.mark.parametrize(("shape", "most"), [((333, 300), 127), ((334, 300), 15), ((401, 37, 3, 9), 7)])
def test_the_largest_kernels_have_the_fewest_levels(shape: tuple[int, ...], most: int) -> None:
    kernel = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    levels, steps = kernels.to_levels(kernel)
    assert (np.abs(levels).max(axis=tuple(range(1, kernel.ndim))) == most).all()
    once = kernels.from_levels(levels, steps)
    is_within = np.abs(levels) < most
    assert (np.abs(once - kernel) <= steps / 2 * (1 + 1e-5))[is_within].all()
    # The least squared error of a normal distribution in even steps is 0.01154 for 16 levels, 0.00349 for 32
    # (Max 1960, table 2); there is a level less here.
    assert np.square(once - kernel).mean() < {7: 0.0135, 15: 0.0038, 127: 0.0001}[most]
    np.testing.assert_allclose(kernels.from_levels(*kernels.to_levels(once)), once, rtol=1e-6, atol=0)


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    size=st.floats(1e-6, 1e6),
)
def test_what_was_rounded_once_comes_back_and_is_near(seed: int, shape: list[int], size: float) -> None:
    kernel = (size * np.random.default_rng(seed).normal(size=shape)).astype(np.float32)
    levels, steps = kernels.to_levels(kernel)
    assert levels.shape == kernel.shape
    assert steps.shape == (shape[0], *[1] * (len(shape) - 1))
    once = kernels.from_levels(levels, steps)
    again = kernels.from_levels(*kernels.to_levels(once))
    np.testing.assert_allclose(again, once, rtol=1e-6, atol=0)
    largest = np.abs(kernel).max(axis=tuple(range(1, kernel.ndim)), keepdims=True)
    root = np.sqrt(kernel[0].size)  # a cut is taken where the sum of squares gains: no single error is larger
    assert (np.abs(once - kernel) <= root * largest / 254 * (1 + 1e-6)).all()


def test_only_kernels_of_a_copy_are_rounded() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    network[1].weight.data.uniform_()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    after = kernels.rounded(network).state_dict()
    assert all((value == before[name]).all() for name, value in network.state_dict().items())
    changed = [name for name, value in after.items() if (value != before[name]).any()]
    assert changed == ["0.weight"]
    torch.testing.assert_close(after["0.weight"], before["0.weight"], rtol=0, atol=0.002)


def test_weights_that_are_no_numbers_stay_as_they_are() -> None:
    layer = nn.Linear(2, 2)
    layer.weight.data[0, 1] = float("nan")
    assert torch.isnan(kernels.rounded(layer).weight[0, 1])
