"""What a cutout is laid on: colours by name and number, pictures scaled to cover."""

import numpy as np
import pytest

from deepmatte.background import COLOURS, cover, is_colour, parse_colour
from deepmatte.errors import BadInput


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("#ff8000", (255, 128, 0)),
        ("#FF8000", (255, 128, 0)),
        ("#f80", (255, 136, 0)),
        ("teal", (0, 128, 128)),
        ("White", (255, 255, 255)),
    ],
)
def test_colours_are_read(text: str, levels: tuple[int, int, int]) -> None:
    assert is_colour(text)
    np.testing.assert_allclose(parse_colour(text) * 255, levels, atol=1e-4)


@pytest.mark.parametrize("text", ["#12", "#12345", "#gggggg", "#1234567", "blueish", "", "#１２３"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="expected #rgb, #rrggbb or one of aqua"):
        parse_colour(text)


def test_a_file_name_is_no_colour() -> None:
    assert not any(map(is_colour, ("beach.jpg", "#1.png", "#12", "")))
    assert all(is_colour(name) for name in COLOURS)


def test_a_picture_that_fits_is_not_changed() -> None:
    picture = np.random.default_rng(0).random((31, 47, 3), dtype=np.float32)
    np.testing.assert_allclose(cover(picture, 31, 47), picture, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 90), (90, 7), (61, 80), (13, 11)])
def test_one_colour_stays_that_colour_at_any_size(height: int, width: int) -> None:
    picture = np.full((29, 37, 3), 0.3, np.float32)
    np.testing.assert_allclose(cover(picture, height, width), np.full((height, width, 3), 0.3), atol=1e-6)


def test_a_wide_picture_is_cropped_in_the_middle() -> None:
    picture = np.zeros((10, 50, 3), np.float32)
    picture[:, 20:30] = 1
    np.testing.assert_allclose(cover(picture, 10, 10), np.ones((10, 10, 3)), atol=1e-6)


def test_a_slope_stays_a_slope_when_enlarged_and_reduced() -> None:
    picture = np.broadcast_to(np.linspace(0, 1, 101, dtype=np.float32)[:, None, None], (101, 40, 3)).copy()
    for height, width in ((303, 120), (50, 20), (25, 10)):
        rows = cover(picture, height, width)[:, width // 2, 0]
        inner = slice(height // 10, -height // 10)
        steps = np.diff(rows[inner])
        np.testing.assert_allclose(steps, steps.mean(), rtol=0.02)


def test_fine_stripes_become_grey_when_reduced() -> None:
    picture = np.zeros((80, 120, 3), np.float32)
    picture[:, ::2] = 1
    reduced = cover(picture, 20, 30)
    np.testing.assert_allclose(reduced[:, 2:-2], 0.5, atol=0.02)
