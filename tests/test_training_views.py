from dataclasses import replace

import numpy as np
import pytest
import torch

from deepmatte.training import views
from deepmatte.training.corpus import library
from deepmatte.training.shelf import Shelf
from deepmatte.training.views import View

SHELF = Shelf(torch.device("cpu"))
LEVEL = np.random.default_rng(0).integers(0, 256, (40, 52, 4), dtype=np.uint8)
PICTURE = library.Background((LEVEL,))
STRAIGHT = View(PICTURE, 0, np.array([20.0, 26.0]), np.eye(2), reflect=False, bicubic=False)


def _levels(view: View, size: int = 16) -> np.ndarray:
    """What is seen, as the picture's levels are: (size, size, 4) in 0 … 255."""
    return views.see([view], size, SHELF)[0].numpy().transpose(1, 2, 0) * 255


@pytest.mark.parametrize("bicubic", [False, True])
@pytest.mark.parametrize("reflect", [False, True])
def test_an_unturned_unscaled_view_is_the_picture_itself(bicubic: bool, reflect: bool) -> None:
    view = replace(STRAIGHT, bicubic=bicubic, reflect=reflect)
    np.testing.assert_allclose(_levels(view), LEVEL[12:28, 18:34], atol=1e-2)


def test_a_flipped_view_and_a_quarter_turn_are_the_pictures_own() -> None:
    flipped = replace(STRAIGHT, matrix=np.diag([1.0, -1.0]))
    np.testing.assert_allclose(_levels(flipped), LEVEL[12:28, 18:34][:, ::-1], atol=1e-2)
    turned = replace(STRAIGHT, matrix=np.array([[0.0, -1.0], [1.0, 0.0]]))
    np.testing.assert_allclose(_levels(turned), np.rot90(LEVEL[12:28, 18:34], -1), atol=1e-2)


def test_half_a_pixel_further_is_the_mean_of_neighbours() -> None:
    view = replace(STRAIGHT, middle=np.array([20.0, 26.5]))
    mean = (LEVEL[12:28, 18:34].astype(float) + LEVEL[12:28, 19:35]) / 2
    np.testing.assert_allclose(_levels(view), mean, atol=1e-2)


def test_beyond_a_frame_alpha_is_zero_or_the_picture_is_reflected() -> None:
    corner = replace(STRAIGHT, middle=np.array([4.0, 50.0]))
    seen = _levels(corner)
    np.testing.assert_allclose(seen[4:, :10], LEVEL[:12, 42:], atol=1e-2)
    assert (seen[:4, :, 3] == 0).all()
    assert (seen[:, 10:, 3] == 0).all()
    np.testing.assert_allclose(seen[4:, 10:, 0], np.broadcast_to(LEVEL[:12, -1:, 0], (12, 6)), atol=1e-2)
    mirrored = _levels(replace(corner, reflect=True))
    np.testing.assert_allclose(mirrored[4:, 10:], LEVEL[:12, 46:][:, ::-1], atol=1e-2)
    np.testing.assert_allclose(mirrored[:4, :10], LEVEL[:4, 42:][::-1], atol=1e-2)


def test_what_is_seen_does_not_depend_on_the_views_beside_it() -> None:
    rng = np.random.default_rng(1)
    drawn = [
        views.draw(PICTURE, rng.random(2) * (40, 52), 1.3, 0.4, rng, reflect=bool(number % 2))
        for number in range(6)
    ]
    together = views.see(drawn, 24, SHELF)
    for number, view in enumerate(drawn):
        assert torch.equal(views.see([view], 24, SHELF)[0], together[number])
    assert views.see([], 24, SHELF).shape == (0, 4, 24, 24)


def test_a_shelf_that_holds_a_picture_shows_the_same() -> None:
    shelf = Shelf(torch.device("cpu"))
    shelf.put(PICTURE)
    assert torch.equal(views.see([STRAIGHT], 16, shelf), views.see([STRAIGHT], 16, SHELF))
    rows, columns = slice(3, 8), slice(4, 21)
    np.testing.assert_array_equal(shelf.window(PICTURE, 0, rows, columns).numpy(), LEVEL[rows, columns])


def test_a_small_view_of_a_large_picture_looks_at_a_smaller_level() -> None:
    rng = np.random.default_rng(0)
    picture = library.Background(library._levels(np.full((460, 403, 4), 200, np.uint8)))
    scales = (2.0, 1.0, 0.6, 0.4, 0.2)
    drawn = [views.draw(picture, np.array([230.0, 200.0]), scale, 0, rng, reflect=True) for scale in scales]
    assert [view.level for view in drawn] == [0, 0, 1, 1, 2]
    for view in drawn:
        np.testing.assert_allclose(_levels(view), 200, atol=1e-2)
