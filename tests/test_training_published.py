import numpy as np
import pytest
import torch
from scipy import ndimage
from small_corpus import write_corpus

from deepmatte import trimap
from deepmatte.training import composition, published
from deepmatte.training.composition import Samples
from deepmatte.training.corpus import library
from deepmatte.training.published import PublishedMix
from deepmatte.training.shelf import Shelf

SHELF = Shelf(torch.device("cpu"))


def _draw(read: library.Library, mix: PublishedMix, size: int, count: int, seed: int = 0) -> Samples:
    return composition.draw_samples(read, mix, size, np.random.default_rng(seed).spawn(count), SHELF)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> library.Library:
    return library.read(write_corpus(tmp_path_factory.mktemp("corpus")))


@pytest.mark.parametrize("crop", [320, 480, 640])
def test_samples_are_clean_composites_around_unknown_pixels(read: library.Library, crop: int) -> None:
    samples = _draw(read, PublishedMix(crops=(crop,)), 80, 4)
    clean = samples.alpha * samples.foreground + (1 - samples.alpha) * samples.background
    torch.testing.assert_close(samples.image, clean, atol=0.51 / 255, rtol=0)
    assert (samples.trimap == 128).any(dim=2).any(dim=1).all()
    assert (samples.alpha[:, 0][samples.trimap == 255] == 1).all()
    assert (samples.alpha[:, 0][samples.trimap == 0] == 0).all()


def test_a_crop_of_the_samples_size_is_cut_from_the_files_themselves(read: library.Library) -> None:
    mix = PublishedMix(crops=(320,), widest_band=9)
    for rng in np.random.default_rng(2).spawn(6):
        drawn = published._draw(read, mix, 51, rng)
        layers, tri = published._show([drawn], 51, 51, SHELF)
        seen = (layers[0].permute(1, 2, 0) * 255).numpy()
        seen = seen[:, ::-1] if drawn.flips else seen
        for view, part in ((drawn.foreground, seen[..., :4]), (drawn.background, seen[..., 4:])):
            level = view.picture.levels[0]
            rows, columns = (np.arange(51) + int(middle - 25.5) for middle in view.middle)
            inside = (
                ((rows >= 0) & (rows < level.shape[0]))[:, None] & (columns >= 0) & (columns < level.shape[1])
            )
            assert inside.all()
            whole = level[rows[:, None], columns]
            np.testing.assert_allclose(part, whole[..., : part.shape[2]], atol=2e-2)
        expected = trimap.from_alpha(layers[0, 3].numpy(), drawn.band, drawn.band)
        np.testing.assert_array_equal(tri[0].numpy(), expected)


@pytest.mark.parametrize("open_edge", [False, True])
def test_a_file_smaller_than_the_crop_lies_in_it_whole(open_edge: bool) -> None:
    rows, columns = np.mgrid[:35, :61]
    alpha = (255 * np.clip((columns - 30) / 8 + 0.5, 0, 1)).astype(np.uint8)  # cut off on three sides
    if not open_edge:
        alpha[[0, -1]] = alpha[:, -1] = 0
    colours = np.stack([7 * rows, 4 * columns, rows + columns], axis=2).astype(np.uint8)
    foreground = library.make_foreground("half", colours, alpha)
    assert foreground is not None
    assert foreground.open_edge == open_edge
    level = foreground.levels[0]
    background = library.Background((np.full((99, 98, 4), 255, np.uint8),))
    read = library.Library({"half": [foreground]}, [background])
    for rng in np.random.default_rng(3).spawn(5):
        drawn = published._draw(read, PublishedMix(crops=(320,), widest_band=9), 51, rng)
        seen = (published._show([drawn], 51, 51, SHELF)[0][0].permute(1, 2, 0) * 255).numpy()
        seen = seen[:, ::-1] if drawn.flips else seen
        top, left = (int(middle - 25.5) for middle in drawn.foreground.middle)
        assert -16 <= top <= 0
        assert 0 <= left <= 10
        np.testing.assert_allclose(seen[-top : 35 - top, :, :4], level[:, left : left + 51], atol=2e-2)
        above, below = seen[: max(-top, 0), :, 3], seen[35 - top :, :, 3]
        if open_edge:
            np.testing.assert_allclose(above, level[: len(above), left : left + 51, 3][::-1], atol=2e-2)
            np.testing.assert_allclose(below, level[35 - len(below) :, left : left + 51, 3][::-1], atol=2e-2)
        else:
            assert not above.any()
            assert not below.any()


def test_a_larger_crop_shows_more_in_the_same_size(read: library.Library) -> None:
    def soft(crop: int) -> float:
        samples = _draw(read, PublishedMix(crops=(crop,), widest_band=1), 80, 12, seed=1)
        return float((samples.alpha > 0).float().mean())

    assert soft(640) < soft(320)


def _bands(read: library.Library, redraw: bool) -> list[float]:
    """How far the unknown region reaches into what is wholly background, in twelve samples."""
    samples = _draw(read, PublishedMix(crops=(320,), widest_band=20, redraw=redraw), 160, 12)
    return [
        float((ndimage.distance_transform_edt(alpha[0] == 0) * (tri == 128)).max())
        for alpha, tri in zip(samples.alpha.numpy(), samples.trimap.numpy(), strict=True)
    ]


def test_the_trimap_is_drawn_anew_only_if_asked(read: library.Library) -> None:
    assert all(9 < band <= 10 for band in _bands(read, redraw=False))
    drawn = _bands(read, redraw=True)
    assert max(drawn) <= 20
    assert max(drawn) - min(drawn) > 5


def test_the_same_seed_gives_the_same_sample(read: library.Library) -> None:
    one, other = (_draw(read, PublishedMix(), 96, 3, seed=7) for _ in range(2))
    for name in ("image", "alpha", "trimap", "foreground", "background"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name
