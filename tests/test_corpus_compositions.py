from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_blobs import write_blobs

from deepmatte import images, trimap
from deepmatte.errors import BadInput
from deepmatte.training.corpus import compositions
from deepmatte.training.corpus.compositions import Composition, Pair, Style
from deepmatte.training.corpus.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(write_blobs(tmp_path / "corpus"))


def _compose(store: Store, number: int = 0, style: Style | None = None, background: int = 6) -> Composition:
    style, entries = style or Style(), store.entries()
    pair = Pair(f"0_{number}", number, entries[0], entries[background])
    return compositions.compose(store, pair, *compositions.read_foreground(store, entries[0], style), style)


def test_the_image_is_the_composite_of_what_is_stored(store: Store) -> None:
    made = _compose(store)
    alpha = made.alpha[..., None] / 255
    np.testing.assert_allclose(
        made.image, alpha * made.foreground + (1 - alpha) * made.background, atol=0.500001
    )
    assert made.image.shape == (37, 53, 3)
    read = images.read_photo(store.path / "foreground/0.png")
    np.testing.assert_array_equal(made.alpha, read.alpha)
    np.testing.assert_array_equal(made.foreground, read.pixels)


def test_trimaps_hold_and_their_width_is_drawn(store: Store) -> None:
    style = Style(trimap_px=(0, 6))
    shares = set()
    for number in range(12):
        made = _compose(store, number, style)
        assert (made.alpha[made.trimap == trimap.FOREGROUND] == 255).all()
        assert (made.alpha[made.trimap == trimap.BACKGROUND] == 0).all()
        shares.add(float((made.trimap == trimap.UNKNOWN).mean()))
    assert len(shares) > 6
    exact = _compose(store, style=Style(trimap_px=(0, 0)))
    np.testing.assert_array_equal(exact.trimap, trimap.from_alpha(exact.alpha))


def test_the_seed_and_the_number_decide(store: Store) -> None:
    first, again, other, reseeded = (
        _compose(store, number, Style(seed=seed)).image for number, seed in ((0, 0), (0, 0), (1, 0), (0, 1))
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first != reseeded).any()


def test_the_same_comes_out_on_every_machine(store: Store) -> None:
    # Regenerate by printing the sums, after raising compositions.VERSION.
    made = [_compose(store, number, Style(trimap_px=(0, 6))) for number in range(3)]
    assert [int(each.background.sum()) for each in made] == [904514, 906035, 897419]
    assert [int((each.trimap == trimap.UNKNOWN).sum()) for each in made] == [1160, 1271, 1685]


@pytest.mark.parametrize(("height", "width"), [(9, 11), (37, 53), (70, 60), (300, 31), (200, 400)])
def test_backgrounds_of_any_size_cover(store: Store, height: int, width: int) -> None:
    columns = np.linspace(0, 255, width).astype(np.uint8)
    slope = np.broadcast_to(columns[None, :, None], (height, width, 3))
    images.write_image(store.path / "background/0.png", np.ascontiguousarray(slope), overwrite=True)
    for number in range(6):
        made = _compose(store, number).background
        assert made.shape == (37, 53, 3)
        steps = np.diff(made[..., 0].astype(int), axis=1)
        assert (steps >= 0).all()
        # Between all of it across the picture and, where it is large enough, pixel by pixel.
        assert steps[0].sum() <= 255
        assert steps[0].mean() >= 0.9 * 255 / width * min(1, height / 37, width / 53)
        assert np.ptp(made.astype(int), axis=0).max() <= 1


def test_each_foreground_gets_all_backgrounds_before_one_comes_again(store: Store) -> None:
    entries = store.entries()
    order = compositions.background_order(entries[0], 6, 15, seed=0)
    assert sorted(order[:6]) == sorted(order[6:12]) == list(range(6))
    assert len(order) == 15
    np.testing.assert_array_equal(compositions.background_order(entries[0], 6, 4, seed=0), order[:4])
    others = [compositions.background_order(entry, 6, 15, seed=0).tolist() for entry in entries[1:6]]
    assert order.tolist() not in others


def test_foregrounds_are_shrunk_and_checked(store: Store) -> None:
    first = store.entries()[0]
    colours, alpha = compositions.read_foreground(store, first, Style(side_px=20))
    assert (colours.shape, alpha.shape, alpha.dtype) == ((14, 20, 3), (14, 20), np.uint8)
    deep = np.full((30, 40), 65535, np.uint16)
    deep[0, 0] = 65530
    images.write_image(store.path / "foreground/9.png", np.zeros((30, 40, 3), np.uint16), deep)
    with pytest.raises(BadInput, match=r"foreground/9\.png is opaque everywhere"):
        compositions.read_foreground(store, replace(first, file="foreground/9.png"), Style())
