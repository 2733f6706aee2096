import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from deepmatte.training import jpeg
from deepmatte.training.jpeg import File


def _pictures(count: int) -> np.ndarray:
    """Coloured, with edges: (count, 48, 80, 3) uint8."""
    rng = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(rng.random((count, 48, 80, 3)), (0, 3, 3, 0))
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    smooth[:, 10:30, 20:50] = 1 - smooth[:, 10:30, 20:50]
    return np.rint(smooth * 255).astype(np.uint8)


def _compress(pictures: np.ndarray, files: list[File]) -> np.ndarray:
    unit = torch.from_numpy(pictures.astype(np.float32) / 255).permute(0, 3, 1, 2)
    return jpeg.compress(unit, files).permute(0, 2, 3, 1).numpy() * 255


@pytest.mark.parametrize("halved", [False, True])
def test_pictures_come_out_as_from_pillow(halved: bool) -> None:
    pictures, qualities = _pictures(4), (35, 60, 80, 95)
    found = _compress(pictures, [File(quality, halved) for quality in qualities])
    for picture, quality, out in zip(pictures, qualities, found, strict=True):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=2 if halved else 0)
        expected = np.asarray(Image.open(file), np.float32)
        # Most are equal. Whole numbers in between (chroma, cosines) are rounded differently here and
        # there, and a coefficient that falls on the other side changes its block a little.
        difference = np.abs(out - expected)
        assert np.quantile(difference, 0.9) <= 2
        assert difference.mean() < 1
        assert difference.mean() < 0.4 * np.abs(expected - picture).mean()


def test_tables_are_the_standards_at_quality_50() -> None:
    for quality in (10, 50, 77, 100):
        file = io.BytesIO()
        Image.fromarray(_pictures(1)[0]).save(file, "JPEG", quality=quality)
        expected = Image.open(file).quantization
        for table, number in ((jpeg.tables(quality)[0], 0), (jpeg.tables(quality)[1], 1)):
            np.testing.assert_array_equal(table.reshape(-1), expected[number])


def test_at_the_best_quality_hardly_anything_is_lost() -> None:
    pictures = _pictures(1)
    assert np.abs(_compress(pictures, [File(100, False)]) - pictures).mean() < 1
    assert np.abs(_compress(pictures, [File(100, False)]) - pictures).max() <= 4
    grey = np.full((1, 32, 48, 3), 90, np.uint8)
    np.testing.assert_allclose(_compress(grey, [File(100, True)]), grey, atol=1e-3)


def test_the_grid_of_blocks_starts_where_it_is_said() -> None:
    """Moving the picture against the grid is moving the grid."""
    picture = _pictures(1)
    whole = _compress(picture, [File(30, False)])
    cut = _compress(picture[:, 3:, 5:][:, :32, :48], [File(30, False, top=3, left=5)])
    np.testing.assert_allclose(cut[:, 5:29, 3:43], whole[:, 8:32, 8:48], atol=1e-2)
