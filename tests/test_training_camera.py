from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from deepmatte.training import camera
from deepmatte.training.camera import Change, Colouring, Film, Rim, Wrap


def _picture(count: int, side: int = 64) -> torch.Tensor:
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).random((count, 3, side, side)), (0, 0, 1, 1))
    return torch.from_numpy(((smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32))


@pytest.mark.parametrize("truncate", [2, 2.5, 4])
def test_blurs_are_scipys_each_with_its_own_width(truncate: float) -> None:
    sigmas = [0.5, 1.7, 2.4]
    pictures = _picture(3)
    for picture, sigma, found in zip(pictures, sigmas, camera.blur(pictures, sigmas, truncate), strict=True):
        expected = ndimage.gaussian_filter(
            picture.numpy(), (0, sigma, sigma), truncate=truncate, mode="nearest"
        )
        np.testing.assert_allclose(found.numpy(), expected, atol=2e-6)


def test_wide_blurs_are_nearly_scipys() -> None:
    pictures, sigmas = _picture(2, 96), [4.0, 7.0]
    for picture, sigma, found in zip(pictures, sigmas, camera.blur(pictures, sigmas), strict=True):
        expected = ndimage.gaussian_filter(picture.numpy(), (0, sigma, sigma), mode="nearest")
        assert np.abs(found.numpy() - expected)[:, 16:-16, 16:-16].max() < 0.02


def test_colours_follow_their_equation() -> None:
    pictures = _picture(3)
    colouring = Colouring(gamma=(0.8, 1.0, 1.4), saturation=0.5, gain=(1.1, 1.0, 0.7), offset=0.05)
    found = camera.recolour(pictures, [None, colouring, None])
    assert torch.equal(found[0], pictures[0])
    assert torch.equal(found[2], pictures[2])
    power = pictures[1].numpy().clip(1e-4, 1) ** np.array([0.8, 1.0, 1.4])[:, None, None]
    grey = power.mean(axis=0)
    expected = (grey + 0.5 * (power - grey)) * np.array([1.1, 1.0, 0.7])[:, None, None] + 0.05
    np.testing.assert_allclose(found[1].numpy(), expected.clip(0, 1), atol=1e-6)


def test_vivid_layers_are_more_colourful_than_they_were_and_others_are_not() -> None:
    picture = (0.4 + 0.2 * (_picture(1) - 0.5)).expand(400, -1, -1, -1)
    medians = []
    for vivid in (0, 1):
        drawn = [camera.draw_colouring(np.random.default_rng([seed, vivid]), vivid) for seed in range(400)]
        shown = camera.recolour(picture, drawn)
        chroma = (shown.amax(dim=1) - shown.amin(dim=1)).mean((1, 2)).numpy()
        medians.append(float(np.median(chroma)))
    before = float((picture[0].amax(dim=0) - picture[0].amin(dim=0)).mean())
    assert medians[0] == pytest.approx(before, rel=0.25)
    assert medians[1] > 1.5 * before


def _rim(**changes: object) -> Rim:
    return replace(Rim((-1.0, 0.0), 4.0, (1.5, 1.0, 0.5), 0.0, 2.0, 7), **changes)


def test_light_from_behind_adds_its_gain_where_nothing_is_in_its_way() -> None:
    """Glints even out: a pixel alone has (1 + gain) times the light, one in a solid's midst as before."""
    side = 96
    pictures = torch.tensor([0.2, 0.3, 0.4])[None, :, None, None].expand(2, -1, side, side).contiguous()
    alpha = torch.cat([torch.zeros(1, 1, side, side), torch.ones(1, 1, side, side)])
    lit = camera.light_rims(pictures, alpha, [_rim(), _rim()])
    gain = (lit[0].square() / pictures[0].square()).mean((1, 2)) - 1
    np.testing.assert_allclose(gain.numpy(), [1.5, 1.0, 0.5], rtol=0.05)
    assert torch.allclose(lit[1], pictures[1], atol=1e-6)
    gloss = camera.light_rims(pictures, alpha, [_rim(gain=(0.0, 0.0, 0.0), gloss=0.1)] * 2)
    added = (gloss[0].square() - pictures[0].square()).mean((1, 2))
    np.testing.assert_allclose(added.numpy(), [0.1] * 3, rtol=0.05)


@pytest.mark.parametrize("lit", range(4))
def test_only_the_side_to_the_light_is_lit(lit: int) -> None:
    """What is turned away from it lies in the shade, and so does all that is deep inside."""
    alpha = torch.zeros(1, 1, 90, 90)
    alpha[..., 20:70, 20:70] = 1
    towards = ((-1.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, -1.0))[lit]
    picture = torch.full((1, 3, 90, 90), 0.3)
    change = camera.light_rims(picture, alpha, [_rim(towards=towards)])[0].mean(dim=0) - 0.3
    sides = change[20:24, 30:60], change[30:60, 66:70], change[66:70, 30:60], change[30:60, 20:24]
    means = [float(side.mean()) for side in sides]
    assert means.index(max(means)) == lit
    assert means[(lit + 2) % 4] < 0.2 * means[lit]
    assert float(change[42:48, 42:48].abs().max()) < 0.01


def test_each_rim_lights_its_own_picture() -> None:
    rims = [camera.draw_rim(np.random.default_rng(seed)) for seed in range(3)]
    pictures, alpha = _picture(3), _picture(3)[:, :1]
    together = camera.light_rims(pictures, alpha, rims)
    assert float(together.min()) >= 0
    assert float(together.max()) <= 1
    for number, rim in enumerate(rims):
        alone = camera.light_rims(pictures[number : number + 1], alpha[number : number + 1], [rim])
        assert torch.allclose(alone[0], together[number], atol=1e-6)


def test_wrapped_light_takes_its_share_where_nothing_is_solid() -> None:
    """In closed form on even pictures: F + s (1 − α) (B − F)."""
    front, around = torch.full((3, 3, 40, 54), 0.9), torch.full((3, 3, 40, 54), 0.1)
    alpha = torch.tensor([0.0, 0.5, 1.0])[:, None, None, None].expand(3, 1, 40, 54)
    found = camera.wrap_light(front, around, alpha, [Wrap(0.25, 3.0, 2.0)] * 3)
    for number, expected in enumerate((0.7, 0.8, 0.9)):
        np.testing.assert_allclose(found[number].numpy(), expected, atol=1e-6)


def test_light_wraps_no_deeper_than_it_may() -> None:
    alpha = torch.zeros(1, 1, 60, 76)
    alpha[..., 30:] = 1
    front, around = torch.zeros(1, 3, 60, 76), torch.ones(1, 3, 60, 76)
    row = camera.wrap_light(front, around, alpha, [Wrap(0.4, 4.0, 1.0)])[0, 0, 30]
    assert row[:15].allclose(torch.tensor(0.4), atol=1e-3)
    assert 0.15 < float(row[30]) < 0.25
    assert row[45:].allclose(torch.tensor(0.0), atol=1e-3)
    assert bool((row.diff() <= 1e-6).all())


def test_each_wrap_is_of_its_own_picture_and_makes_no_other_colours() -> None:
    wraps = [camera.draw_wrap(np.random.default_rng(seed), 0.4) for seed in range(3)]
    assert all(0 <= wrap.share <= 0.4 for wrap in wraps)
    front, around, alpha = _picture(3), _picture(4)[1:], _picture(3)[:, :1]
    alpha[..., :9] = 1  # a blur of ones may come out above 1 by rounding, and a colour below 0
    front[..., :9] = 0
    together = camera.wrap_light(front, around, alpha, wraps)
    assert float(together.min()) >= 0
    assert float(together.max()) <= 1
    for number, wrap in enumerate(wraps):
        alone = camera.wrap_light(*(part[number, None] for part in (front, around, alpha)), [wrap])
        assert torch.allclose(alone[0], together[number], atol=1e-6)


@pytest.mark.parametrize("kind", camera.KINDS)
def test_each_change_changes_its_own_pictures_only(kind: str) -> None:
    changes = [each for seed in range(60) for each in camera.draw_changes(np.random.default_rng(seed), 1.0)]
    changes.append(Change("film", film=Film((0.3, 0.6, 0.1), 1.1, (1.0, 1.02, 1.05))))
    one = next(each for each in changes if each.kind == kind)
    pictures = _picture(3) * 0.5 + 0.25
    found = camera.change(pictures, [(), (one,), ()])
    assert torch.equal(found[0], pictures[0])
    assert torch.equal(found[2], pictures[2])
    assert 0.0005 < (found[1] - pictures[1]).abs().mean() < 0.1
    assert abs((found[1] - pictures[1]).mean()) < 0.02


def test_changes_follow_one_another() -> None:
    pictures = _picture(2)
    contrast, blur = Change("contrast", 1.3), Change("blur", 0.9)
    both = camera.change(pictures, [(contrast, blur), (blur, contrast)])
    for number, order in enumerate(((contrast, blur), (blur, contrast))):
        one = pictures[number, None]
        for each in order:
            one = camera.change(one, [(each,)])
        torch.testing.assert_close(both[number, None], one, atol=1e-6, rtol=0)
    assert not torch.equal(both[0], camera.change(pictures[:1], [(blur, contrast)])[0])


def test_as_many_end_as_files_as_asked() -> None:
    drawn = [camera.draw_changes(np.random.default_rng(seed), 0.3) for seed in range(1000)]
    files = [changes for changes in drawn if changes[-1].kind == "jpeg"]
    assert 250 < len(files) < 350
    assert {len(changes) for changes in drawn} == {1, 2, 3, 4}


def test_film_follows_its_equation() -> None:
    pictures = _picture(2)
    films = [Film((0.2, 0.7, 0.1), 1.6, (1.0, 1.1, 1.4)), Film((1.0, 0.0, 0.0), 1.0, (1.0, 1.0, 1.0))]
    found = camera.change(pictures, [(Change("film", film=each),) for each in films]).numpy()
    grey = np.tensordot([0.2, 0.7, 0.1], pictures[0].numpy(), 1)
    for channel, gamma in enumerate((1.0, 1.1, 1.4)):
        expected = (grey.mean() + 1.6 * (grey - grey.mean())).clip(0, 1) ** gamma
        np.testing.assert_allclose(found[0, channel], expected, atol=1e-6)
    for channel in found[1]:
        np.testing.assert_allclose(channel, pictures[1, 0].numpy(), atol=1e-6)


def test_films_are_drawn_grey_now_and_then_toned() -> None:
    films = [camera.draw_film(np.random.default_rng(seed)) for seed in range(400)]
    assert all(sum(film.shares) == pytest.approx(1, abs=1e-6) for film in films)
    assert 0.2 < np.mean([film.gamma != (1, 1, 1) for film in films]) < 0.3
    assert 0.35 < np.mean([film.contrast > 1 for film in films]) < 0.45
    assert all(film.gamma == tuple(sorted(film.gamma)) for film in films)  # paper yellows
