import numpy as np
import pytest
from PIL import Image

from deepmatte.errors import BadInput
from deepmatte.evaluation.rounding import ROUNDINGS, compose, resize_bicubic, resize_bilinear

OFFICIAL, NEAREST = ROUNDINGS["official"], ROUNDINGS["nearest"]


def _noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def _flat(height: int, width: int, level: int) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


@pytest.mark.parametrize(
    ("name", "expected"),
    # 100/255 of 37 over 202 is 137.29, 101/255 of it 136.65.
    [("official", [202, 137, 136, 37]), ("nearest", [202, 137, 137, 37])],
)
def test_composites_are_cut_off_or_rounded(name: str, expected: list[int]) -> None:
    alpha = np.array([[0, 100, 101, 255]], np.uint8)
    composite = compose(_flat(1, 4, 37), _flat(1, 4, 202), alpha, ROUNDINGS[name])
    np.testing.assert_array_equal(composite[0], np.array(expected)[:, None].repeat(3, axis=1))


@pytest.mark.parametrize("alpha", [1, 77, 128, 200, 254])
def test_cut_off_is_int_of_doubles_and_nearest_is_exact(alpha: int) -> None:
    """Every pair of levels."""
    over, under = np.mgrid[:256, :256].astype(np.uint8)
    pair = [np.repeat(each[..., None], 3, axis=2) for each in (over, under)]
    cut_off, nearest = (compose(*pair, np.full_like(over, alpha), each) for each in (OFFICIAL, NEAREST))
    share = alpha / 255
    expected = [[int(share * high + (1 - share) * low) for low in range(256)] for high in range(256)]
    np.testing.assert_array_equal(cut_off[..., 0], expected)
    total = alpha * over.astype(int) + (255 - alpha) * under.astype(int)
    np.testing.assert_array_equal(nearest[..., 0], (2 * total + 255) // 510)


@pytest.mark.parametrize("name", ROUNDINGS)
def test_a_large_background_is_cut_to_its_top_left_corner(name: str) -> None:
    background = _noise(0, 9, 13, 3)
    composite = compose(_flat(7, 11, 0), background, np.zeros((7, 11), np.uint8), ROUNDINGS[name])
    np.testing.assert_array_equal(composite, background[:7, :11])


@pytest.mark.parametrize(
    ("name", "resize", "size"),
    [("official", resize_bicubic, (15, 20)), ("nearest", resize_bilinear, (16, 21))],
)
def test_a_small_background_is_enlarged_to_cover(name: str, resize, size: tuple[int, int]) -> None:
    """By 20/12, to 15 × 20 exactly: where the official script rounds up, the other one adds a pixel."""
    background = _noise(1, 9, 12, 3)
    composite = compose(_flat(13, 20, 0), background, np.zeros((13, 20), np.uint8), ROUNDINGS[name])
    np.testing.assert_array_equal(composite, resize(background, *size)[:13, :20])


def test_a_side_that_is_a_hair_too_long_is_rounded_up() -> None:
    """In doubles 49 · (side / 49) may be a little more than side; the official script adds a pixel then."""
    side = next(side for side in range(50, 400) if 49 * (side / 49) > side)
    background = _noise(2, 30, 49, 3)
    composite = compose(_flat(11, side, 0), background, np.zeros((11, side), np.uint8), OFFICIAL)
    height = int(np.ceil(30 * (side / 49)))
    expected = Image.fromarray(background).resize((side + 1, height), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(composite, np.array(expected)[:11, :side])


SIZES = [((7, 5), (9, 6)), ((1, 3), (4, 9)), ((23, 41), (24, 43)), ((19, 33), (211, 370)), ((2, 2), (3, 3))]


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_bicubic_is_pillows_to_the_last_bit(old: tuple[int, int], new: tuple[int, int]) -> None:
    background = _noise(3, *old, 3)
    expected = Image.fromarray(background).resize(new[::-1], Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(resize_bicubic(background, *new), np.array(expected))


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_bilinear_is_opencvs_to_the_last_bit(old: tuple[int, int], new: tuple[int, int]) -> None:
    cv2 = pytest.importorskip("cv2")
    background = _noise(4, *old, 3)
    expected = cv2.resize(background, new[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(resize_bilinear(background, *new), expected)


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_bilinear_is_within_a_level_of_the_formula(old: tuple[int, int], new: tuple[int, int]) -> None:
    background = _noise(5, *old, 3)
    blend = background.astype(float)
    for axis in (0, 1):
        place = np.clip((np.arange(new[axis]) + 0.5) * old[axis] / new[axis] - 0.5, 0, old[axis] - 1)
        before = np.minimum(place.astype(int), max(old[axis] - 2, 0))
        after = np.minimum(before + 1, old[axis] - 1)
        share = (place - before).reshape([-1, 1, 1] if axis == 0 else [1, -1, 1])
        blend = np.take(blend, before, axis) * (1 - share) + np.take(blend, after, axis) * share
    assert np.abs(resize_bilinear(background, *new) - blend).max() <= 1


@pytest.mark.parametrize("resize", [resize_bicubic, resize_bilinear])
def test_a_plain_background_stays_plain(resize) -> None:
    for level in (0, 1, 128, 255):
        np.testing.assert_array_equal(resize(_flat(5, 7, level), 11, 16), _flat(11, 16, level))


def test_a_foreground_of_another_size_than_its_alpha_is_refused() -> None:
    with pytest.raises(BadInput, match="7 × 5 px but its alpha 5 × 7 px"):
        compose(_flat(5, 7, 0), _flat(5, 7, 0), np.zeros((7, 5), np.uint8), OFFICIAL)
