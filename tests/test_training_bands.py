from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from scipy import ndimage

from deepmatte import trimap
from deepmatte.training import bands
from deepmatte.training.bands import Bands, Side

MIX = {"narrowest_band": 1, "widest_band": 0.25, "one_sided_trimap": 0.01, "something_stays_known": 0.97}
EVEN = Side(reach=7.3, leaves=None, unevenness=0.0, field=np.zeros((2, 2), np.float32))


def _paint(alpha: np.ndarray, drawn: Bands, is_marked: np.ndarray | None = None) -> np.ndarray:
    marked = np.ones(alpha.shape, np.bool_) if is_marked is None else is_marked
    parts = (torch.from_numpy(part)[None] for part in (alpha, marked))
    return bands.paint(*parts, [drawn])[0].numpy()


def _drawn(count: int, size: int, **mix: float) -> Iterator[Bands]:
    rng = np.random.default_rng(0)
    return (bands.draw(size, rng, **(MIX | mix)) for _ in range(count))


def _disc() -> np.ndarray:
    rows, columns = np.mgrid[:96, :96]
    return np.clip((30 - np.hypot(rows - 40, columns - 55)) / 8 + 0.5, 0, 1).astype(np.float32)


def test_known_pixels_of_a_drawn_trimap_are_right() -> None:
    alpha = _disc()
    for drawn in _drawn(30, 96):
        tri = _paint(alpha, drawn)
        assert set(np.unique(tri)) <= {0, 128, 255}
        assert alpha[tri == trimap.FOREGROUND].min(initial=1) > 0.95
        assert alpha[tri == trimap.BACKGROUND].max(initial=0) < 0.05


def test_an_even_band_is_a_dilation() -> None:
    alpha = _disc()
    tri = _paint(alpha, Bands(0.5 / 255, EVEN, replace(EVEN, reach=12.0), ()))
    np.testing.assert_array_equal(tri, trimap.from_alpha(alpha, inner_px=7.3, outer_px=12))


def test_an_uneven_band_is_held_back_by_its_field() -> None:
    alpha = _disc()
    field = np.array([[0.0, 0.0], [1.0, 1.0]], np.float32)  # grows from the upper to the lower edge
    tri = _paint(alpha, Bands(0.5 / 255, None, Side(20.0, None, 1.0, field), ()))
    depth = ndimage.distance_transform_edt(alpha == 0)
    expected = np.clip(
        1
        - torch.nn.functional.interpolate(
            torch.from_numpy(field)[None, None], size=96, mode="bicubic", align_corners=True
        )[0, 0].numpy(),
        0,
        1,
    )
    np.testing.assert_array_equal(tri == trimap.BACKGROUND, depth > 20 * expected)
    assert not (tri == trimap.FOREGROUND).any()


def test_a_band_swallows_at_most_the_share_it_may() -> None:
    alpha = np.zeros((96, 96), np.float32)
    alpha[:, 40:50] = 1
    for share, columns in ((0.15, 8), (0.5, 4), (0.9, 0)):  # depths are 1, 2, 3, 4, 5, 5, 4, 3, 2, 1
        tri = _paint(alpha, Bands(0.5 / 255, replace(EVEN, reach=24.0, leaves=share), None, ()))
        assert (tri[5] == trimap.FOREGROUND).sum() == columns
    assert all(
        (_paint(alpha, drawn) == trimap.FOREGROUND).any()
        for drawn in _drawn(50, 96, one_sided_trimap=0, something_stays_known=1)
    )


def test_unknown_bands_reach_as_wide_as_the_mix_says() -> None:
    alpha = np.zeros((128, 128), np.float32)
    alpha[:, 64:] = 1
    drawn = _drawn(200, 128, widest_band=0.3, one_sided_trimap=0, something_stays_known=0)
    widths = [(_paint(alpha, each)[5] == trimap.UNKNOWN).sum() for each in drawn]
    assert min(widths) <= 6
    assert 45 <= max(widths) <= 2 * 0.3 * 128 + 2 + 38  # two bands and, at times, a blob


def test_no_band_is_narrower_than_the_mix_says() -> None:
    for widest, most in ((0.25, 24), (0.01, 5)):  # the narrowest wins where the widest is narrower
        drawn = list(_drawn(50, 96, narrowest_band=5, widest_band=widest, one_sided_trimap=0))
        reaches = [side.reach for each in drawn for side in (each.foreground, each.background) if side]
        assert len(reaches) == 100
        assert 4.999 < min(reaches) <= max(reaches) < most + 0.001
        assert min(reaches) < 5.5


def test_foreground_is_known_only_where_it_may_be_marked() -> None:
    alpha = np.zeros((96, 96), np.float32)
    alpha[:, 20:70] = 1
    is_marked = np.zeros((96, 96), np.bool_)
    is_marked[:, :45] = True
    for drawn in _drawn(30, 96):
        assert not (_paint(alpha, drawn, is_marked)[:, 45:70] == trimap.FOREGROUND).any()


def test_blobs_are_discs() -> None:
    tri = _paint(np.zeros((96, 96), np.float32), Bands(0.5 / 255, EVEN, EVEN, ((30.0, 50.0, 9.5),)))
    rows, columns = np.mgrid[:96, :96]
    np.testing.assert_array_equal(tri == trimap.UNKNOWN, np.hypot(rows - 30, columns - 50) < 9.5)
