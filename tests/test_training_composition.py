import numpy as np
import pytest
import torch
from small_corpus import write_corpus

from deepmatte import framing, guides, trimap
from deepmatte.training import composition
from deepmatte.training.composition import Mix
from deepmatte.training.corpus import library


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> library.Library:
    return library.read(write_corpus(tmp_path_factory.mktemp("corpus")))


def test_the_same_seed_gives_the_same_batch(corpus: library.Library) -> None:
    first, second = (
        composition.draw_batch(corpus, Mix(), 2, 64, np.random.default_rng([7, 3])) for _ in range(2)
    )
    for name in ("planes", "fields", "alpha", "is_unknown"):
        assert torch.equal(getattr(first, name), getattr(second, name)), name


def test_a_batch_is_what_the_pipeline_would_feed(corpus: library.Library) -> None:
    batch = composition.draw_batch(corpus, Mix(), 3, 64, np.random.default_rng(1))
    assert batch.planes.shape == (3, len(framing.PLANES), 64, 64)
    assert batch.fields.shape == (3, len(framing.FIELDS), 16, 16)
    for index in range(3):
        image = batch.planes[index, :3].numpy().transpose(1, 2, 0)
        tri = np.full((64, 64), trimap.UNKNOWN, np.uint8)
        tri[batch.planes[index, 3].numpy() == 1] = trimap.FOREGROUND
        tri[batch.planes[index, 4].numpy() == 1] = trimap.BACKGROUND
        survey = guides.survey(image.transpose(2, 0, 1), tri)
        window = framing.Window(0, 0, 64, 64)
        np.testing.assert_allclose(framing.planes(image, tri, survey, window), batch.planes[index], atol=1e-3)
        np.testing.assert_allclose(framing.fields(survey, (64, 64), window), batch.fields[index], atol=1e-3)


def test_known_pixels_of_a_drawn_trimap_are_right() -> None:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:96, :96]
    alpha = np.clip((30 - np.hypot(rows - 40, columns - 55)) / 8 + 0.5, 0, 1).astype(np.float32)
    for _ in range(30):
        tri = composition.draw_trimap(alpha, Mix(), rng)
        assert set(np.unique(tri)) <= {0, 128, 255}
        assert alpha[tri == trimap.FOREGROUND].min(initial=1) > 0.95
        assert alpha[tri == trimap.BACKGROUND].max(initial=0) < 0.05


def test_unknown_bands_reach_as_wide_as_the_mix_says() -> None:
    rng = np.random.default_rng(0)
    alpha = np.zeros((128, 128), np.float32)
    alpha[:, 64:] = 1
    mix = Mix(widest_band=0.3, one_sided_trimap=0, something_stays_known=0)
    widths = [(composition.draw_trimap(alpha, mix, rng)[5] == trimap.UNKNOWN).sum() for _ in range(200)]
    assert min(widths) <= 6
    assert 45 <= max(widths) <= 2 * 0.3 * 128 + 2 + 38  # two bands and, at times, a blob


def test_the_image_is_the_composite_where_alpha_is_one_half(corpus: library.Library) -> None:
    """Samples lie in [0, 1], on 8-bit levels, and alpha has both ends."""
    for seed in range(10):
        sample = composition.draw_sample(corpus, Mix(), 80, np.random.default_rng(seed))
        assert sample.image.shape == (80, 80, 3)
        assert 0 <= sample.image.min() <= sample.image.max() <= 1
        np.testing.assert_allclose(sample.image * 255, np.rint(sample.image * 255), atol=1e-3)
        assert 0 <= sample.alpha.min() <= sample.alpha.max() <= 1
        assert (sample.trimap == trimap.UNKNOWN).any()


def test_an_unturned_unscaled_view_is_the_picture_itself() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 52, 4), dtype=np.uint8)

    class Straight:
        """A generator that draws no stretch, no flip and the bilinear kernel."""

        def uniform(self, low: float, high: float) -> float:
            return 0.0

        def random(self) -> float:
            return 1.0

    centre = np.array([20.0, 26.0])
    view = composition._sample((picture,), centre, 1.0, 0.0, 16, Straight(), reflect=False)  # type: ignore[arg-type]
    np.testing.assert_allclose(view * 255, picture[12:28, 18:34], atol=1e-2)


def test_beyond_a_closed_frame_alpha_is_zero() -> None:
    picture = np.full((40, 52, 4), 255, np.uint8)
    view = composition._sample(
        (picture,), np.array([0.0, 0.0]), 1.0, 0.0, 32, np.random.default_rng(0), reflect=False
    )
    assert view[..., 3].min() == 0
    assert view[..., 3].max() == 1


def test_a_thin_foreground_is_not_swallowed_by_its_band() -> None:
    alpha = np.zeros((96, 96), np.float32)
    alpha[:, 40:50] = 1
    rng = np.random.default_rng(0)
    mix = Mix(one_sided_trimap=0, something_stays_known=1)
    assert all((composition.draw_trimap(alpha, mix, rng) == trimap.FOREGROUND).any() for _ in range(50))


def test_foreground_is_known_only_where_it_may_be_marked() -> None:
    alpha = np.zeros((96, 96), np.float32)
    alpha[:, 20:70] = 1
    is_marked = np.zeros((96, 96), np.bool_)
    is_marked[:, :45] = True
    for seed in range(30):
        tri = composition.draw_trimap(alpha, Mix(), np.random.default_rng(seed), is_marked)
        assert not (tri[:, 45:70] == trimap.FOREGROUND).any()
