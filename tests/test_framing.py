"""Framing: every pixel out where it came in, nothing depends on how the picture was cut."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from deepmatte import framing, guides
from deepmatte.errors import BadInput
from deepmatte.framing import Tile, Window
from deepmatte.pixels import Bytes, Floats, to_unit
from deepmatte.trimap import BACKGROUND, FOREGROUND, UNKNOWN


@dataclass
class Places:
    """Guides that say where they are: plane and field 0 hold the row, 1 the column, of picture or grid."""

    asked: list[tuple[int, int]]

    def planes(self, image: Floats, top: int, left: int) -> Floats:
        self.asked.append((top, left))
        height, width = image.shape[1:]
        rows, columns = np.mgrid[top : top + height, left : left + width]
        return np.stack([rows, columns]).astype(np.float32)

    def fields_window(self, top: int, left: int, height: int, width: int) -> Floats:
        rows, columns = np.mgrid[top // 4 : -(-(top + height) // 4), left // 4 : -(-(left + width) // 4)]
        return np.stack([rows, columns]).astype(np.float32)


def unknown_at(height: int, width: int, *boxes: Window) -> Bytes:
    trimap = np.zeros((height, width), np.uint8)
    for box in boxes:
        trimap[box.slices] = UNKNOWN
    return trimap


def picture_of(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def box_sum(planes: Floats, radius: int) -> Floats:
    """A network with a known reach: sums over (2r + 1)² places of all planes, zeros outside; exact."""
    total = np.rint(planes.astype(np.float64) * 255).sum(0)
    height, width = total.shape
    spread = np.pad(total, radius)
    windows = np.lib.stride_tricks.sliding_window_view(spread, (2 * radius + 1, 2 * radius + 1))
    assert windows.shape[:2] == (height, width)
    sums: Floats = windows.sum((2, 3)).astype(np.float32)
    return sums


def run_all(trimap: Bytes, cut: list[Tile], radius: int) -> Floats:
    image = picture_of(*trimap.shape)
    alpha = np.zeros(trimap.shape, np.float32)
    for tile in cut:
        framing.keep_core(
            alpha, tile, box_sum(framing.planes(image, trimap, Places([]), tile.padded), radius)
        )
    return alpha


def test_planes_are_colour_then_trimap_then_guides() -> None:
    image = np.full((4, 8, 3), (255, 51, 0), np.uint8)
    trimap = np.array([[FOREGROUND, BACKGROUND, UNKNOWN, UNKNOWN] * 2] * 4, np.uint8)
    stack = framing.planes(image, trimap, Places([]), Window(0, 4, 4, 4))
    assert stack.dtype == np.float32
    assert stack.shape == (7, 4, 4)
    np.testing.assert_array_equal(stack[:, 2, 0], np.array([1, 51 / 255, 0, 1, 0, 2, 4], np.float32))
    np.testing.assert_array_equal(stack[3:5, 0], [[1, 0, 0, 0], [0, 1, 0, 0]])


def test_beyond_the_edge_the_last_pixels_repeat() -> None:
    stack = framing.planes(picture_of(5, 6), unknown_at(5, 6), Places([]), Window(0, 0, 8, 8))
    assert stack[5, :, 0].tolist() == [0, 1, 2, 3, 4, 4, 4, 4]
    assert stack[6, 0].tolist() == [0, 1, 2, 3, 4, 5, 5, 5]
    np.testing.assert_array_equal(stack[:, 5:, 6:], np.broadcast_to(stack[:, 4:5, 5:6], (7, 3, 2)))


def test_fields_cover_the_window_and_repeat_beyond_the_edge() -> None:
    stack = framing.fields(Places([]), (33, 70), Window(16, 32, 32, 48))
    assert stack.dtype == np.float32
    assert stack[0, :, 0].tolist() == [4, 5, 6, 7, 8, 8, 8, 8]
    assert stack[1, 0].tolist() == [8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 17, 17]


def test_names_are_those_of_the_guides() -> None:
    assert framing.PLANES[:5] == ("red", "green", "blue", "is_foreground", "is_background")
    assert framing.PLANES[5:] == guides.PLANES
    assert framing.FIELDS == guides.FIELDS


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 33), (70, 93)])
def test_real_guides_do_not_depend_on_the_cut(height: int, width: int) -> None:
    image = picture_of(height, width)
    trimap = np.random.default_rng(2).choice(np.array([0, 128, 255], np.uint8), (height, width))
    survey = guides.survey(np.moveaxis(to_unit(image), 2, 0), trimap)
    whole = np.zeros((len(framing.PLANES), height, width), np.float32)
    grid = np.zeros((len(framing.FIELDS), -(-height // 4), -(-width // 4)), np.float32)
    for tile in framing.tiles(np.full_like(trimap, UNKNOWN), 16, core_px=32, margin_px=16):
        rows, columns = tile.padded.slices
        stack = framing.planes(image, trimap, survey, tile.padded)
        whole[:, rows, columns] = stack[:, : whole[:, rows].shape[1], : whole[:, :, columns].shape[2]]
        cells = (slice(rows.start // 4, rows.stop // 4), slice(columns.start // 4, columns.stop // 4))
        small = framing.fields(survey, trimap.shape, tile.padded)
        grid[:, cells[0], cells[1]] = small[:, : grid[:, cells[0]].shape[1], : grid[:, :, cells[1]].shape[2]]
    everything = framing.planes(image, trimap, survey, Window(0, 0, height, width))
    np.testing.assert_allclose(whole, everything, atol=1e-6)
    np.testing.assert_array_equal(grid, survey.fields)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 33), (31, 7), (65, 40), (200, 317), (16, 48)])
@pytest.mark.parametrize("stride", [4, 6, 16])
def test_every_pixel_comes_back_to_its_place(height: int, width: int, stride: int) -> None:
    trimap = np.full((height, width), UNKNOWN, np.uint8)
    rows, columns = np.full((2, height, width), -1, np.float32)
    source = Places([])
    for tile in framing.tiles(trimap, stride, core_px=48, margin_px=10):
        assert tile.padded.height % stride == 0
        assert tile.padded.width % stride == 0
        stack = framing.planes(picture_of(height, width), trimap, source, tile.padded)
        framing.keep_core(rows, tile, stack[5])
        framing.keep_core(columns, tile, stack[6])
    np.testing.assert_array_equal(rows, np.mgrid[:height, :width][0])
    np.testing.assert_array_equal(columns, np.mgrid[:height, :width][1])
    assert all(top % stride == 0 == top % 4 and left % stride == 0 == left % 4 for top, left in source.asked)


def test_a_small_picture_is_one_tile() -> None:
    assert framing.tiles(unknown_at(50, 70, Window(0, 0, 50, 70)), 16) == [
        Tile(Window(0, 0, 50, 70), Window(0, 0, 64, 80))
    ]


def test_only_the_unknown_part_is_computed() -> None:
    cut = framing.tiles(unknown_at(700, 900, Window(320, 400, 17, 5)), 16, margin_px=60)
    assert cut == [Tile(Window(320, 400, 32, 16), Window(256, 336, 160, 144))]


def test_no_unknown_pixel_is_no_work() -> None:
    assert framing.tiles(unknown_at(70, 50), 16) == []


def test_a_large_known_middle_is_left_out() -> None:
    frame = unknown_at(3000, 4000, Window(100, 100, 2800, 3800))
    frame[200:2800, 200:3800] = FOREGROUND
    work = sum(tile.padded.area for tile in framing.tiles(frame, 16, margin_px=96))
    assert work < 0.6 * frame.size


def test_far_specks_are_separate_tiles() -> None:
    cut = framing.tiles(unknown_at(1400, 1000, Window(0, 0, 3, 3), Window(1390, 990, 3, 3)), 16)
    assert [tile.core for tile in cut] == [Window(0, 0, 16, 16), Window(1376, 976, 24, 24)]


def test_a_huge_stride_ends() -> None:
    cut = framing.tiles(np.full((1500, 700), UNKNOWN, np.uint8), 512, core_px=512, margin_px=0)
    assert [tile.padded for tile in cut] == [
        Window(top, left, 512, 512) for top in (0, 512, 1024) for left in (0, 512)
    ]


def test_tiles_stay_bounded() -> None:
    cut = framing.tiles(np.full((4003, 6005), UNKNOWN, np.uint8), 16)
    limit = framing.CORE_PX + 2 * framing.MARGIN_PX
    assert max(max(tile.padded.height, tile.padded.width) for tile in cut) <= limit
    assert sum(tile.core.area for tile in cut) == 4003 * 6005


def test_large_pictures_are_cut_evenly() -> None:
    cut = framing.tiles(np.full((4000, 6000), UNKNOWN, np.uint8), 16, core_px=1536, margin_px=64)
    assert len(cut) == 12
    assert {tile.core.height for tile in cut} <= {1328, 1344}
    assert {tile.core.width for tile in cut} <= {1488, 1504}


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 150), st.integers(1, 150), st.integers(0, 10_000), st.sampled_from([4, 8, 16]))
def test_each_unknown_pixel_is_in_exactly_one_core(height: int, width: int, seed: int, stride: int) -> None:
    generator = np.random.default_rng(seed)
    trimap = generator.choice(
        np.array([BACKGROUND, UNKNOWN, FOREGROUND], np.uint8), (height, width), p=[0.5, 0.01, 0.49]
    )
    times = np.zeros(trimap.shape, int)
    for tile in framing.tiles(trimap, stride, core_px=32, margin_px=8):
        times[tile.core.slices] += 1
    assert times.max() <= 1
    assert np.all(times[trimap == UNKNOWN] == 1)


@pytest.mark.parametrize(("height", "width"), [(130, 75), (33, 201), (9, 150)])
def test_the_result_does_not_depend_on_the_cut(
    height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(framing, "_TILE_COST_PX", 0)
    monkeypatch.setattr(framing, "_SMALLEST_CORE_PX", 8)
    is_unknown = np.random.default_rng(1).random((height, width)) < 0.005
    trimap = np.where(is_unknown, UNKNOWN, FOREGROUND).astype(np.uint8)
    sides = (-(-height // 8) * 8, -(-width // 8) * 8)
    whole = run_all(trimap, [Tile(Window(0, 0, height, width), Window(0, 0, *sides))], radius=7)
    cut = framing.tiles(trimap, 8, core_px=24, margin_px=7)
    assert len(cut) > 1
    np.testing.assert_array_equal(run_all(trimap, cut, radius=7)[is_unknown], whole[is_unknown])


def test_a_core_smaller_than_the_stride_is_refused() -> None:
    with pytest.raises(BadInput, match="at least 16 px"):
        framing.tiles(unknown_at(5, 7), 16, core_px=15)
    with pytest.raises(BadInput, match="margin of -1 px"):
        framing.tiles(unknown_at(5, 7), 16, margin_px=-1)
