from typing import Any

import numpy as np
import pytest
import torch
from small_corpus import write_corpus

from deepmatte import framing, guides, trimap
from deepmatte.pixels import Bytes
from deepmatte.training import batches, composition
from deepmatte.training.composition import Mix, Samples
from deepmatte.training.corpus import library
from deepmatte.training.published import PublishedMix
from deepmatte.training.shelf import Shelf

SHELF = Shelf(torch.device("cpu"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> library.Library:
    return library.read(write_corpus(tmp_path_factory.mktemp("corpus")))


def test_the_same_seed_gives_the_same_batch(corpus: library.Library) -> None:
    first, second = (
        batches.draw_batch(corpus, Mix(), 2, 64, np.random.default_rng([7, 3])) for _ in range(2)
    )
    for name in ("planes", "fields", "alpha", "is_unknown"):
        assert torch.equal(getattr(first, name), getattr(second, name)), name


def test_a_batch_is_what_the_pipeline_would_feed(corpus: library.Library) -> None:
    batch = batches.draw_batch(corpus, Mix(), 3, 64, np.random.default_rng(1))
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


@pytest.mark.parametrize("mix", [Mix(degraded=1, jpeg=0.5), PublishedMix()], ids=["mix", "published"])
def test_samples_do_not_depend_on_those_beside_them(corpus: library.Library, mix: Mix | PublishedMix) -> None:
    together, apart = (np.random.default_rng(5).spawn(12) for _ in range(2))
    batch = composition.draw_samples(corpus, mix, 80, together, SHELF)
    joined = Samples.join([composition.draw_samples(corpus, mix, 80, [rng], SHELF) for rng in apart])
    for name in ("image", "alpha", "trimap", "foreground", "background"):
        torch.testing.assert_close(getattr(batch, name), getattr(joined, name), atol=1e-6, rtol=0)


def test_a_batch_moves_on_the_generator(corpus: library.Library) -> None:
    rng = np.random.default_rng(3)
    first, second = (batches.draw_batch(corpus, Mix(), 1, 64, rng, with_guides=False) for _ in range(2))
    assert not torch.equal(first.alpha, second.alpha)


def test_some_pictures_are_mixed_by_value(corpus: library.Library) -> None:
    """The others as light."""
    plain, mixed = (
        composition.draw_samples(
            corpus,
            Mix(degraded=0, by_value=share, light=(2.2, 2.2)),
            80,
            np.random.default_rng(4).spawn(20),
            SHELF,
        )
        for share in (1.0, 0.5)
    )
    for name in ("alpha", "foreground", "background"):
        assert torch.equal(getattr(plain, name), getattr(mixed, name)), name
    values = plain.alpha * plain.foreground + (1 - plain.alpha) * plain.background
    torch.testing.assert_close(plain.image, values, atol=0.51 / 255, rtol=0)
    is_plain = [
        bool((image - value).abs().max() < 0.51 / 255)
        for image, value in zip(mixed.image, values, strict=True)
    ]
    assert 5 < sum(is_plain) < 15


@pytest.mark.parametrize("exponent", [1.0, 2.2])
def test_the_image_is_the_composite_of_its_layers(corpus: library.Library, exponent: float) -> None:
    """Of their light, that is: of values raised to the exponent."""
    mix = Mix(degraded=0, light=(exponent, exponent))
    batch = batches.draw_batch(
        corpus, mix, 9, 80, np.random.default_rng(0), with_guides=False, with_colours=True
    )
    assert batch.foreground is not None
    assert batch.background is not None
    light = batch.alpha * batch.foreground**exponent + (1 - batch.alpha) * batch.background**exponent
    torch.testing.assert_close(batch.planes[:, :3], light ** (1 / exponent), atol=0.51 / 255, rtol=0)


def test_half_of_white_over_black_is_light_grey() -> None:
    """By the closed form of sRGB 0.735, which 2.2 comes near; what is covered wholly or not at all stays."""
    white, black = torch.ones(1, 3, 1, 3), torch.zeros(1, 3, 1, 3)
    alpha = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3)
    mixed = composition.mix_light(white, black, alpha, torch.full((1, 1, 1, 1), 2.2))
    torch.testing.assert_close(mixed[0, 0, 0], torch.tensor([0.0, 0.735, 1.0]), atol=0.006, rtol=0)


def test_samples_keep_their_ranges(corpus: library.Library) -> None:
    """Images lie on 8-bit levels, alpha has no value below half a level, and some pixels are unknown."""
    rngs = np.random.default_rng(0).spawn(10)
    samples = composition.draw_samples(corpus, Mix(degraded=1), 80, rngs, SHELF)
    levels = samples.image * 255
    torch.testing.assert_close(levels, levels.round(), atol=1e-3, rtol=0)
    for part in (samples.image, samples.alpha, samples.foreground, samples.background):
        assert 0 <= part.min() <= part.max() <= 1
    assert (samples.alpha[samples.alpha > 0] >= 0.5 / 255).all()
    assert ((samples.trimap == trimap.UNKNOWN).float().mean((1, 2)) > 0.005).all()


def test_foregrounds_are_drawn_again_until_their_trimap_will_do(
    corpus: library.Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What will not do is given up before a background is drawn for it."""
    asked, backdrops, draw = [], [], composition._draw_backdrop

    def will_do(tri: Bytes) -> bool:
        asked.append(tri.shape)
        return float((tri == trimap.UNKNOWN).mean()) > 0.4

    def note(*args: Any) -> object:
        backdrops.append(args)
        return draw(*args)

    monkeypatch.setattr(composition, "_draw_backdrop", note)
    rngs = np.random.default_rng(0).spawn(6)
    samples = composition.draw_samples(corpus, Mix(), 80, rngs, SHELF, will_do)
    assert ((samples.trimap == trimap.UNKNOWN).float().mean((1, 2)) > 0.4).all()
    assert len(asked) > len(backdrops) == 6
    assert set(asked) == {(80, 80)}


def test_a_second_foreground_lies_behind_the_first() -> None:
    half, both = torch.full((1, 1, 20, 32), 0.5), torch.ones(1, 1, 20, 32)
    alpha, other_alpha = half.clone(), both.clone()
    alpha[..., :8], other_alpha[..., 16:] = 1, 0
    alpha[..., 24:] = 0
    red, green = torch.tensor([1.0, 0, 0]), torch.tensor([0, 1.0, 0])
    colours, other = (part[None, :, None, None].expand(1, 3, 20, 32) for part in (red, green))
    merged, merged_alpha, is_marked = composition._merge(
        colours, alpha, other, other_alpha, torch.tensor([True])[:, None, None, None]
    )
    # From left to right: the first, opaque; half of it over the second; half of it alone; nothing.
    assert merged_alpha[0, 0, 0, ::8].tolist() == [1, 1, 0.5, 0]
    assert merged[0, :2, 0, ::8].T.tolist()[:3] == [[1, 0], [0.5, 0.5], [1, 0]]
    assert is_marked[0, 0, 0, ::8].tolist() == [True, False, False, False]
    # Where the two would leave no room for a background the first stays alone, and wholly marked.
    alone = composition._merge(colours, half, other, both, torch.ones(1, 1, 1, 1, dtype=torch.bool))
    for found, expected in zip(alone, (colours, half, both), strict=True):
        assert torch.equal(found, expected.to(found.dtype))


def test_as_many_pictures_are_grey_as_asked(corpus: library.Library) -> None:
    samples = composition.draw_samples(
        corpus, Mix(grey=0.5, degraded=0), 80, [np.random.default_rng(seed) for seed in range(40)], SHELF
    )
    # A toned picture's channels are functions of one another: as one rises, none falls.
    order = samples.image[:, 0].flatten(1).argsort(dim=1)
    is_grey = [
        bool(((picture.flatten(1)[:, by].diff(dim=1)) >= -2 / 255).all())
        for picture, by in zip(samples.image, order, strict=True)
    ]
    assert 12 <= sum(is_grey) <= 28
