import numpy as np
import pytest
from scipy import ndimage
from small_corpus import write_corpus

from deepmatte.training import composition
from deepmatte.training.corpus import library
from deepmatte.training.published import PublishedMix, draw_layers


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> library.Library:
    return library.read(write_corpus(tmp_path_factory.mktemp("corpus")))


@pytest.mark.parametrize("crop", [320, 480, 640])
def test_samples_are_clean_composites_around_unknown_pixels(read: library.Library, crop: int) -> None:
    rng = np.random.default_rng(0)
    for _ in range(4):
        sample = composition.draw_sample(read, PublishedMix(crops=(crop,)), 80, rng)
        assert sample.image.shape == (80, 80, 3)
        clean = (
            sample.alpha[..., None] * sample.foreground + (1 - sample.alpha[..., None]) * sample.background
        )
        np.testing.assert_allclose(sample.image, clean, atol=0.51 / 255)
        assert (sample.trimap == 128).any()
        np.testing.assert_array_equal(sample.alpha[sample.trimap == 255], 1)
        np.testing.assert_array_equal(sample.alpha[sample.trimap == 0], 0)


def test_a_larger_crop_shows_more_in_the_same_size(read: library.Library) -> None:
    def soft(crop: int) -> float:
        rng = np.random.default_rng(1)
        mix = PublishedMix(crops=(crop,), widest_band=1)
        return float(np.mean([(draw_layers(read, mix, 80, rng)[2] > 0).mean() for _ in range(12)]))

    assert soft(640) < soft(320)


def _bands(read: library.Library, redraw: bool) -> list[float]:
    """How far the unknown region reaches into what is wholly background, in twelve samples."""
    mix = PublishedMix(crops=(320,), widest_band=20, redraw=redraw)
    bands = []
    for seed in range(12):
        alpha, tri = draw_layers(read, mix, 320, np.random.default_rng(seed))[2:]
        bands.append(float((ndimage.distance_transform_edt(alpha == 0) * (tri == 128)).max()))
    return bands


def test_the_trimap_is_drawn_anew_only_if_asked(read: library.Library) -> None:
    assert all(9 < band <= 10 for band in _bands(read, redraw=False))
    drawn = _bands(read, redraw=True)
    assert max(drawn) <= 20
    assert max(drawn) - min(drawn) > 5


def test_the_same_seed_gives_the_same_sample(read: library.Library) -> None:
    one, other = (draw_layers(read, PublishedMix(), 96, np.random.default_rng(7)) for _ in range(2))
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)
