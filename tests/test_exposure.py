import numpy as np
import pytest

from deepmatte import BadInput, MattingOptions, estimate_alpha, exposure, load_model
from deepmatte.pixels import to_unit


def _photo(height: int = 61, width: int = 83) -> np.ndarray:
    """Values from 0 to 1, evenly."""
    values = np.linspace(0, 1, height * width * 3, dtype=np.float32)
    return np.random.default_rng(0).permutation(values).reshape(height, width, 3)


def test_a_photo_that_spans_black_and_white_is_left_alone() -> None:
    image = np.rint(_photo() * 250 + 5).astype(np.uint8)
    assert exposure.expose(image) is image


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.25), (0.0, 0.7), (0.4, 0.6), (0.02, 0.45), (0.1, 0.45)])
def test_values_are_stretched_along_one_line(low: float, high: float) -> None:
    image = low + (high - low) * _photo()
    darkest = 0.06 if low > 0.11 * high else low / high
    expected = darkest + (1 - darkest) * (image - low) / (high - low)
    found = exposure.expose(image)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=0.005)  # up to the thousandth that is cut off
    assert np.ptp((found - expected)[expected < 0.99]) < 0.005


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.25), (0.45, 0.55), (0.9, 1.0), (0.05, 0.45)])
def test_what_was_stretched_once_stays(low: float, high: float) -> None:
    once = exposure.expose(low + (high - low) * _photo())
    np.testing.assert_array_equal(exposure.expose(once), once)


def test_levels_and_floats_give_the_same() -> None:
    levels = np.rint(_photo() * 90 + 30).astype(np.uint8)
    from_floats = exposure.expose(to_unit(levels))
    for form in (levels, (levels.astype(np.uint16) * 257), (levels.astype(">u2") * 257)):
        found = exposure.expose(form)
        assert found.dtype == np.uint16
        np.testing.assert_allclose(to_unit(found), from_floats, atol=1e-5)


def test_some_lights_in_the_night_do_not_keep_it_dark() -> None:
    image = 0.2 * _photo(200, 300)
    image[7:12, 5:13] = 1  # 40 of 60,000 pixels
    found = exposure.expose(image)
    assert (found[7:12, 5:13] == 1).all()
    assert found.mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_a_picture_of_one_value_is_no_error(value: int) -> None:
    found = to_unit(exposure.expose(np.full((5, 7, 3), value, np.uint8)))
    assert np.ptp(found) == 0


def test_noise_in_the_dark_is_not_brought_out_without_end() -> None:
    image = 0.01 * _photo()
    np.testing.assert_allclose(exposure.expose(image), image / 0.05, atol=1e-6)


def test_large_pictures_are_measured_by_a_part() -> None:
    image = np.tile((0.3 * _photo(50, 60)), (31, 29, 1))
    np.testing.assert_allclose(exposure.expose(image)[:50, :60], exposure.expose(image[:50, :60]), atol=0.005)


def test_floats_outside_the_range_are_still_refused() -> None:
    image = _photo()
    image[1, 1, 1] = 1.5
    with pytest.raises(BadInput, match=r"range from 0 to 1\.5"):
        exposure.expose(image)


@pytest.mark.parametrize("second_look", [False, True])
def test_convention_a_darker_photo_gets_the_same_alpha(second_look: bool) -> None:
    rows, columns = np.mgrid[:90, :110].astype(np.float32)
    true = np.clip((30 - np.hypot(rows - 45, columns - 55)) / 12 + 0.5, 0, 1)[..., None]
    stripes = 0.5 + 0.5 * np.sin(rows / 5 + columns / 3)[..., None]
    image = true * [0.95, 0.5, 0.1] + (1 - true) * (0.2 + 0.75 * stripes * [0.3, 1, 0.8])
    image = (image / image.max()).astype(np.float32)
    known = np.where(true[..., 0] == 1, 255, np.where(true[..., 0] == 0, 0, 128)).astype(np.uint8)
    options = MattingOptions(second_look=second_look)
    model = load_model(precision="f32")
    alpha = estimate_alpha(image, known, options, model=model)
    darker = estimate_alpha(0.3 * image, known, options, model=model)
    np.testing.assert_allclose(darker, alpha, atol=0.02)
    assert np.abs(darker - alpha).mean() < 0.001
