import numpy as np
import pytest
from PIL import Image

from deepmatte import pixels
from deepmatte.errors import BadInput
from deepmatte.pixels import AnyArray


@pytest.mark.parametrize(
    "array",
    [
        np.array([[0, 51, 255]], np.uint8),
        np.array([[0, 13107, 65535]], np.uint16),
        np.array([[0, 0.2, 1]], np.float64),
        np.array([[0, 0.2, 1]], np.float32),
    ],
)
def test_convention_arrays_of_every_type_mean_the_same(array: AnyArray) -> None:
    unit = pixels.to_unit(array)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, [[0, 0.2, 1]], atol=1e-7)


def test_convention_arrays_of_booleans_are_zero_and_one() -> None:
    np.testing.assert_array_equal(pixels.to_unit(np.array([[False, True]])), [[0, 1]])


@pytest.mark.parametrize(
    "array",
    [
        np.array([[0.0, 255.0]]),
        np.array([[-0.01, 0.5]]),
        np.array([[np.nan, 0.5]]),
        np.array([[0, 255]], np.int64),
        np.array([["a"]]),
        np.array([[1j]]),
    ],
)
def test_convention_arrays_of_other_types_are_refused(array: AnyArray) -> None:
    with pytest.raises(BadInput) as caught:
        pixels.to_unit(array)
    assert "expected" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_pixels_are_no_error() -> None:
    assert pixels.to_unit(np.zeros((0, 3))).shape == (0, 3)


def test_bytes_come_back_exactly() -> None:
    every_byte = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(pixels.to_bytes(pixels.to_unit(every_byte)), every_byte)


def test_words_come_back_exactly() -> None:
    every_word = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(pixels.to_words(pixels.to_unit(every_word)), every_word)


def test_convention_arrays_are_rounded_to_bytes() -> None:
    np.testing.assert_array_equal(
        pixels.to_bytes(np.array([-1, 0.499 / 255, 0.501 / 255, 2])), [0, 0, 1, 255]
    )


def test_words_are_rounded_and_clipped() -> None:
    np.testing.assert_array_equal(
        pixels.to_words(np.array([-1, 0.499 / 65535, 0.501 / 65535, 2])), [0, 0, 1, 65535]
    )


def test_convention_colours_are_mixed_as_stored() -> None:
    red = np.broadcast_to(np.array([1, 0, 0], np.float32), (3, 5, 3))
    blue = np.array([0, 0, 1], np.float32)
    half = np.full((3, 5), 0.5, np.float32)
    np.testing.assert_array_equal(
        pixels.composite(red, blue, half), np.broadcast_to([0.5, 0, 0.5], (3, 5, 3))
    )


def test_alpha_one_is_foreground_and_zero_is_background() -> None:
    generator = np.random.default_rng(0)
    foreground = generator.random((3, 5, 3), np.float32)
    background = generator.random((3, 5, 3), np.float32)
    opaque = np.ones((3, 5), np.float32)
    np.testing.assert_array_equal(pixels.composite(foreground, background, opaque), foreground)
    np.testing.assert_array_equal(pixels.composite(foreground, background, 0 * opaque), background)


def test_a_composite_of_bytes_is_the_composite_of_their_shares() -> None:
    foreground = np.full((2, 3, 3), 255, np.uint8)
    alpha = np.full((2, 3), 65535 // 5, np.uint16)
    over_black = pixels.composite(foreground, np.zeros(3, np.uint8), alpha)
    np.testing.assert_allclose(over_black, 0.2, rtol=1e-6)


def test_levels_of_either_byte_order_mean_the_same() -> None:
    levels = np.array([0, 1, 258, 65535], np.uint16)
    for array in (levels, levels.astype(">u2"), levels.astype("<u2")):
        np.testing.assert_array_equal(pixels.to_unit(array), levels.astype(np.float32) / 65535)


@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize("wrong", [-0.1, 7, np.nan])
def test_a_composite_of_what_lies_outside_its_range_is_refused(part: int, wrong: float) -> None:
    parts = [np.full((2, 3, 3), 0.5, np.float32), np.full(3, 0.5, np.float32), np.ones((2, 3), np.float32)]
    parts[part][0] = wrong
    with pytest.raises(BadInput, match=r"float pixels range"):
        pixels.composite(*parts)


def test_a_composite_of_sizes_that_differ_is_refused() -> None:
    with pytest.raises(BadInput, match="do not fit"):
        pixels.composite(np.zeros((2, 3, 3)), np.zeros((3, 2, 3)), np.zeros((2, 3)))


def test_a_picture_resized_to_its_own_size_stays_as_it_is() -> None:
    picture = np.random.default_rng(0).random((7, 11, 2), np.float32)
    np.testing.assert_allclose(pixels.resize(picture, 7, 11), picture, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(3, 5), (21, 50)])
def test_a_slope_resized_is_the_slope_at_the_new_centres(height: int, width: int) -> None:
    slope = np.broadcast_to((np.arange(20) + 0.5) / 20, (9, 20)).astype(np.float32)[..., None]
    centres = (np.arange(width) + 0.5) / width
    inner = slice(width // 5, -(width // 5))
    resized = pixels.resize(slope, height, width)[:, inner, 0]
    np.testing.assert_allclose(resized, np.broadcast_to(centres[inner], resized.shape), atol=1e-3)


@pytest.mark.parametrize("kernel", ["LINEAR", "CUBIC"])
@pytest.mark.parametrize(("height", "width"), [(38, 66), (23, 41), (11, 13)])
def test_resized_pictures_agree_with_pillow(kernel: str, height: int, width: int) -> None:
    """But for the border, beyond which Pillow sees nothing and we see the outermost pixels repeated."""
    picture = np.random.default_rng(0).random((31, 53, 2), np.float32)
    resample = {"LINEAR": Image.Resampling.BILINEAR, "CUBIC": Image.Resampling.BICUBIC}[kernel]
    layers = [Image.fromarray(picture[..., layer]).resize((width, height), resample) for layer in range(2)]
    resized = pixels.resize(picture, height, width, getattr(pixels, kernel))
    rows, columns = (slice(8 * side // 31, -(8 * side // 31)) for side in (height, width))
    np.testing.assert_allclose(resized[rows, columns], np.stack(layers, 2)[rows, columns], atol=1e-6)


def test_weights_of_a_cubic_are_those_of_keys() -> None:
    weights = pixels.CUBIC.weigh(np.array([0, 0.5, 1, 1.5, 2, 3]))
    np.testing.assert_allclose(weights, [1, 0.5625, 0, -0.0625, 0, 0], atol=1e-12)


def test_a_window_shows_its_part_of_the_picture() -> None:
    picture = np.random.default_rng(0).random((19, 30, 3), np.float32)
    np.testing.assert_allclose(pixels.window(picture, 4, 6, 10, 21, 1, 1), picture[10:14, 21:27], atol=1e-6)
    beyond = pixels.window(picture, 2, 3, 18, 40, 1, 1)
    np.testing.assert_allclose(beyond, np.broadcast_to(picture[-1, -1], (2, 3, 3)), atol=1e-6)


@pytest.mark.parametrize("kernel", [pixels.LINEAR, pixels.CUBIC])
@pytest.mark.parametrize("step", [0.7, 2.0])
def test_a_window_is_part_of_the_resized_picture(kernel: pixels.Kernel, step: float) -> None:
    picture = np.random.default_rng(0).random((42, 70, 3), np.float32)
    whole = pixels.window(picture, round(42 / step), round(70 / step), 0, 0, step, step, kernel)
    part = pixels.window(picture, 5, 7, 9 * step, 11 * step, step, step, kernel)
    np.testing.assert_allclose(part, whole[9:14, 11:18], atol=1e-6)


def test_light_is_values_to_the_power_that_photographs_mix_by() -> None:
    values = np.linspace(0, 1, 33, dtype=np.float32)
    np.testing.assert_allclose(pixels.to_light(values), values**pixels.LIGHT, atol=1e-6)
