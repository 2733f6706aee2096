import numpy as np
import pytest
import torch
from scipy import ndimage

from deepmatte.training.distances import square_depths


def test_depths_are_those_of_scipy_up_to_each_limit() -> None:
    rng = np.random.default_rng(0)
    masks = ndimage.gaussian_filter(rng.random((5, 71, 93)), (0, 6, 6)) > 0.49
    limits = [1, 40, 7, 23, 12]
    found = square_depths(torch.from_numpy(masks), limits).numpy()
    for mask, limit, square in zip(masks, limits, found, strict=True):
        exact = np.rint(ndimage.distance_transform_edt(mask) ** 2)
        is_near = exact <= limit**2
        assert is_near.any()
        np.testing.assert_array_equal(square[is_near], exact[is_near])
        assert square[~is_near].min(initial=limit**2 + 1) > limit**2


def test_one_pixel_outside_gives_circles() -> None:
    mask = torch.ones(1, 31, 45, dtype=torch.bool)
    mask[0, 9, 20] = False
    y, x = torch.meshgrid(torch.arange(31) - 9, torch.arange(45) - 20, indexing="ij")
    assert torch.equal(square_depths(mask, [50])[0], (y**2 + x**2).float())


@pytest.mark.parametrize(("mask", "expected"), [(False, 0), (True, 36)])
def test_with_nothing_inside_or_outside_depths_are_0_or_beyond(mask: bool, expected: int) -> None:
    assert (square_depths(torch.full((1, 5, 7), mask), [5]) == expected).all()
    assert square_depths(torch.empty(0, 5, 7, dtype=torch.bool), []).shape == (0, 5, 7)
