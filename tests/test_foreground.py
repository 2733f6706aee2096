"""Foreground colours under a soft alpha: closed forms first, then pymatting as an independent reference."""

import contextlib
import io
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from lens import mix

import deepmatte.foreground as foreground_module
from deepmatte.errors import BadInput
from deepmatte.foreground import estimate_foreground
from deepmatte.pixels import Floats, composite, to_bytes, to_words

RED = np.array([0.9, 0.1, 0.2], np.float32)
BLUE = np.array([0.1, 0.3, 0.8], np.float32)


def ramp(height: int, width: int) -> Floats:
    """An alpha that rises from 0 to 1 from left to right, flat at both ends."""
    row = np.clip(np.linspace(-0.3, 1.3, width, dtype=np.float32), 0, 1)
    return np.broadcast_to(row, (height, width)).copy()


def blades(height: int, width: int, seed: int) -> Floats:
    """Thin, crossing, soft lines: an alpha like hair."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    alpha = np.zeros((height, width), np.float32)
    for _ in range(60):
        angle, offset, wide = rng.uniform(0, np.pi), rng.uniform(0, width), rng.uniform(0.6, 2.5)
        distance = np.abs(np.cos(angle) * (x - offset) + np.sin(angle) * (y - height / 2))
        alpha = np.maximum(alpha, np.clip(wide - distance, 0, 1).astype(np.float32))
    return alpha


def smooth_colours(height: int, width: int, phase: float) -> Floats:
    """Slowly changing colours in [0.1, 0.9]."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    planes = [np.sin(x / 37 + phase + k) * np.cos(y / 29 - phase * k) for k in range(3)]
    return (0.5 + 0.4 * np.stack(planes, axis=-1)).astype(np.float32)


def soft_error(estimate: Floats, truth: Floats, alpha: Floats) -> float:
    """Mean absolute error of αF in levels of 255 where alpha is soft."""
    is_soft = (alpha > 0.02) & (alpha < 0.98)
    return float(np.abs(alpha[..., None] * (estimate - truth))[is_soft].mean() * 255)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 33), (31, 7), (2, 3), (65, 97), (210, 530)])
def test_one_colour_over_another_is_recovered_exactly(height: int, width: int) -> None:
    alpha = ramp(height, width) if width > 1 else np.ones((height, width), np.float32)
    picture = mix(np.broadcast_to(RED, (height, width, 3)), BLUE, alpha)
    estimate = estimate_foreground(picture, alpha)
    assert estimate.shape == (height, width, 3)
    assert estimate.dtype == np.float32
    np.testing.assert_allclose(estimate, np.broadcast_to(RED, estimate.shape), atol=1e-4)


def test_one_colour_over_another_needs_no_pure_pixel() -> None:
    alpha = np.clip(ramp(41, 67), 0.2, 0.7)
    picture = mix(np.broadcast_to(RED, (41, 67, 3)), BLUE, alpha)
    np.testing.assert_allclose(
        estimate_foreground(picture, alpha), np.broadcast_to(RED, (41, 67, 3)), atol=1e-3
    )


def test_where_alpha_is_one_the_foreground_is_the_image() -> None:
    rng = np.random.default_rng(1)
    picture = rng.random((45, 71, 3), dtype=np.float32)
    alpha = blades(45, 71, 2)
    estimate = estimate_foreground(picture, alpha)
    np.testing.assert_array_equal(estimate[alpha == 1], picture[alpha == 1])
    np.testing.assert_array_equal(estimate_foreground(picture, np.ones((45, 71), np.float32)), picture)


def test_where_alpha_is_nought_the_colours_of_the_foreground_go_on() -> None:
    alpha = np.zeros((60, 90), np.float32)
    alpha[20:40, 30:60] = 1
    picture = mix(np.broadcast_to(RED, (60, 90, 3)), BLUE, alpha)
    estimate = estimate_foreground(picture, alpha)
    np.testing.assert_allclose(estimate[10:50, 20:70], np.broadcast_to(RED, (40, 50, 3)), atol=1e-3)


def test_an_empty_foreground_gives_finite_colours() -> None:
    picture = np.random.default_rng(3).random((33, 50, 3), dtype=np.float32)
    estimate = estimate_foreground(picture, np.zeros((33, 50), np.float32))
    assert np.isfinite(estimate).all()
    assert estimate.min() >= 0
    assert estimate.max() <= 1


def test_the_tint_of_the_old_background_goes() -> None:
    alpha = blades(150, 230, 4)
    truth = smooth_colours(150, 230, 0.4)
    picture = mix(truth, smooth_colours(150, 230, 2.9), alpha)
    assert soft_error(estimate_foreground(picture, alpha), truth, alpha) < 0.15 * soft_error(
        picture, truth, alpha
    )


def test_convention_foregrounds_are_estimated_from_light() -> None:
    """Estimated from values, what a lens has mixed as light keeps a good part of it."""
    alpha = blades(150, 230, 4)
    dark = np.broadcast_to(np.array([0.12, 0.1, 0.08], np.float32), (150, 230, 3))
    picture = mix(dark, np.array([0.9, 0.9, 0.95], np.float32), alpha)
    assert soft_error(estimate_foreground(picture, alpha), dark, alpha) < 1
    assert soft_error(estimate_foreground(picture, alpha, exponent=1), dark, alpha) > 5


@pytest.mark.parametrize("exponent", [0, -1.0, float("nan"), float("inf")])
def test_other_exponents_are_refused(exponent: float) -> None:
    with pytest.raises(BadInput, match="more than 0"):
        estimate_foreground(np.zeros((5, 7, 3), np.float32), np.ones((5, 7), np.float32), exponent)


def test_types_agree() -> None:
    alpha, picture = blades(50, 81, 5), smooth_colours(50, 81, 1.0)
    floats = estimate_foreground(picture, alpha)
    np.testing.assert_allclose(estimate_foreground(to_words(picture), to_words(alpha)), floats, atol=2e-3)
    np.testing.assert_allclose(estimate_foreground(to_bytes(picture), to_bytes(alpha)), floats, atol=0.1)


def test_tiles_give_what_the_whole_picture_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, picture = np.maximum(blades(301, 210, 6), 0.01), smooth_colours(301, 210, 0.7)
    monkeypatch.setattr(foreground_module, "TILE_PX", 400)
    whole = estimate_foreground(picture, alpha)
    monkeypatch.setattr(foreground_module, "TILE_PX", 48)
    np.testing.assert_array_equal(estimate_foreground(picture, alpha), whole)


def test_large_pictures_are_swept_only_where_alpha_is_soft(monkeypatch: pytest.MonkeyPatch) -> None:
    alpha = np.zeros((600, 1100), np.float32)
    alpha[:, :300] = 1
    alpha[100:180, 300:380] = blades(80, 80, 7)
    truth = smooth_colours(600, 1100, 0.2)
    picture = mix(truth, smooth_colours(600, 1100, 2.0), alpha)
    monkeypatch.setattr(foreground_module, "SMALL_SIDE_PX", 10_000)
    everywhere = soft_error(estimate_foreground(picture, alpha), truth, alpha)
    monkeypatch.setattr(foreground_module, "SMALL_SIDE_PX", 64)
    assert soft_error(estimate_foreground(picture, alpha), truth, alpha) < everywhere + 0.1


@pytest.mark.parametrize(
    ("image_shape", "alpha_shape", "said"),
    [
        ((5, 7), (5, 7), "expected (height, width, 3)"),
        ((5, 7, 4), (5, 7), "expected (height, width, 3)"),
        ((5, 7, 3), (7, 5), "must match"),
        ((0, 7, 3), (0, 7), "at least one pixel"),
    ],
)
def test_wrong_shapes_are_refused(
    image_shape: tuple[int, ...], alpha_shape: tuple[int, ...], said: str
) -> None:
    with pytest.raises(BadInput) as caught:
        estimate_foreground(np.zeros(image_shape, np.float32), np.zeros(alpha_shape, np.float32))
    assert said in str(caught.value)


def test_floats_outside_the_unit_range_are_refused() -> None:
    with pytest.raises(BadInput, match="expected"):
        estimate_foreground(np.full((5, 7, 3), 200.0, np.float32), np.ones((5, 7), np.float32))


def test_a_megapixel_takes_less_than_a_second_of_a_processor() -> None:
    alpha, picture = np.maximum(blades(900, 1110, 8), 0.01), smooth_colours(900, 1110, 0.3)
    best = min(_seconds(picture, alpha) for _ in range(3))
    assert best < 1


def _seconds(picture: Floats, alpha: Floats) -> float:
    started = time.process_time()  # of this process alone: others may be at work
    estimate_foreground(picture, alpha)
    return time.process_time() - started


def test_as_good_as_pymatting() -> None:
    with contextlib.redirect_stderr(io.StringIO()):
        pymatting = pytest.importorskip("pymatting", exc_type=ImportError)
    rng = np.random.default_rng(9)
    alpha = blades(220, 310, 10)
    truth = np.clip(smooth_colours(220, 310, 0.9) + rng.normal(0, 0.05, (220, 310, 3)), 0, 1).astype(
        np.float32
    )
    picture = composite(truth, smooth_colours(220, 310, 4.0), alpha)
    theirs = pymatting.estimate_foreground_ml(picture.astype(np.float64), alpha.astype(np.float64))
    ours = estimate_foreground(picture, alpha, exponent=1)
    assert soft_error(ours, truth, alpha) < 1.05 * soft_error(theirs, truth, alpha)


@pytest.mark.slow
def test_memory_for_24_megapixels_stays_bounded() -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is told here on Linux only")
    program = textwrap.dedent(
        """
        import numpy as np
        from deepmatte.foreground import estimate_foreground
        image = np.random.default_rng(0).integers(0, 256, (4000, 6000, 3), dtype=np.uint8)
        alpha = np.linspace(0.01, 0.99, 6000, dtype=np.float32) * np.ones((4000, 1), np.float32)
        estimate_foreground(image, alpha)
        print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
        """
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert 700e6 < int(done.stdout) * 1024 < 1.5e9
