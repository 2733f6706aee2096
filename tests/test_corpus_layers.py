from pathlib import Path

import numpy as np
import pytest

from deepmatte import images, pixels
from deepmatte.errors import BadInput
from deepmatte.pixels import Floats
from deepmatte.training.corpus import layers

ORANGE = np.array([0.9, 0.6, 0.2], np.float32)


def disc(height: int = 70, width: int = 91, softness: float = 12.0) -> Floats:
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(rows - height / 2, columns - width / 2)
    return np.clip((height / 3 - distance) / softness + 0.5, 0, 1).astype(np.float32)


def plain(alpha: Floats) -> Floats:
    return np.broadcast_to(ORANGE, (*alpha.shape, 3)).astype(np.float32)


@pytest.mark.parametrize("to_levels", [pixels.to_bytes, pixels.to_words])
def test_a_foreground_is_read_as_it_is_stored(tmp_path: Path, to_levels: object) -> None:
    colours, alpha = (to_levels(part) for part in (plain(disc()), disc()))
    images.write_image(tmp_path / "a.png", colours, alpha)
    read = layers.read_foreground(tmp_path / "a.png")
    np.testing.assert_array_equal(read[0], colours)
    np.testing.assert_array_equal(read[1], alpha)


@pytest.mark.parametrize(
    ("level", "said"), [(0, "is transparent everywhere"), (255, "has no alpha channel, or it is opaque")]
)
def test_an_alpha_without_a_foreground_is_refused(tmp_path: Path, level: int, said: str) -> None:
    alpha = np.full((7, 9), level, np.uint8)
    images.write_image(tmp_path / "a.png", np.zeros((7, 9, 3), np.uint8), alpha)
    with pytest.raises(BadInput, match=said):
        layers.read_foreground(tmp_path / "a.png")


def test_an_alpha_that_is_opaque_everywhere_is_refused() -> None:
    layers.check_alpha(np.array([[255, 254]], np.uint8), "a")
    with pytest.raises(BadInput, match="a is opaque everywhere"):
        layers.check_alpha(np.full((2, 3), 65535, np.uint16), "a")


def test_shrinking_keeps_the_colours_of_thin_strands() -> None:
    alpha = np.zeros((90, 121), np.float32)
    alpha[:, ::7] = 1
    colours = np.where(alpha[..., None] > 0, ORANGE, 0).astype(np.float32)
    small, share = layers.shrink(colours, alpha, 40)
    assert small.shape == (30, 40, 3)
    np.testing.assert_allclose(share.mean(), alpha.mean(), atol=0.01)
    is_visible = share > 0.05
    np.testing.assert_allclose(small[is_visible], np.broadcast_to(ORANGE, (is_visible.sum(), 3)), atol=0.03)


def test_nothing_is_enlarged() -> None:
    alpha = disc()
    colours, share = layers.shrink(plain(alpha), alpha, 200)
    np.testing.assert_array_equal(share, alpha)
    assert colours.shape == (70, 91, 3)


def test_an_alpha_of_two_values_is_told_from_a_soft_one() -> None:
    assert layers.is_two_valued(disc() > 0.5)
    assert not layers.is_two_valued(disc(softness=2))


def test_haze_is_told_from_clean_transparency() -> None:
    assert not layers.is_hazy(disc())
    assert layers.is_hazy(np.maximum(disc(), np.float32(2 / 255)))


@pytest.mark.parametrize("background", [0, 1])
@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_a_fringe_is_the_share_of_the_old_background(background: float, share: float) -> None:
    alpha = disc()
    cut_out = pixels.composite(plain(alpha), np.full(3, background, np.float32), alpha)
    colours = share * cut_out + (1 - share) * plain(alpha)
    fringe = layers.measure_fringe(colours.astype(np.float32), alpha)
    found = fringe.light if background else fringe.dark
    assert found == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_a_mixture_is_the_share_of_the_background_that_is_still_there(share: float) -> None:
    alpha = disc()
    slope = np.broadcast_to(np.linspace(0, 0.5, 91, dtype=np.float32)[:, None], (70, 91, 3))
    photo = pixels.composite(plain(alpha), np.ascontiguousarray(slope), alpha)
    clean = np.where(alpha[..., None] > 0, plain(alpha), slope)
    assert layers.measure_mixture(share * photo + (1 - share) * clean, alpha) == pytest.approx(
        share, abs=0.03
    )


def test_a_fringe_needs_soft_pixels() -> None:
    assert layers.measure_fringe(plain(disc()), (disc() > 0.5).astype(np.float32)) == layers.Fringe(0, 0)


def test_colours_that_end_with_alpha_are_bare() -> None:
    alpha = disc()
    assert not layers.is_bare(plain(alpha), alpha)
    assert layers.is_bare(np.where(alpha[..., None] > 0, plain(alpha), np.float32(0)), alpha)
