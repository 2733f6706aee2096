import io
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import DTypeLike
from PIL import Image
from scipy import ndimage

from deepmatte import trimap
from deepmatte.errors import BadInput
from deepmatte.pixels import AnyArray

ROW = np.array([[0, 128, 255]], np.uint8)


@pytest.mark.parametrize(
    "array",
    [
        ROW,
        ROW.astype(np.int64),
        np.array([[0, 1, 2]], np.uint8),
        np.array([[0, 1, 2]], np.int64),
        np.array([[0, 30000, 65535]], np.uint16),
        np.array([[0, 0.5, 1]], np.float32),
        np.array([[0.09, 0.11, 0.91]], np.float64),
        np.array([[25, 26, 230]], np.uint8),
        np.array([[24, 229, 231]], np.uint8),
        np.repeat(ROW[..., None], 3, axis=2),
        np.dstack([ROW, ROW, ROW, np.full_like(ROW, 255)]),
        ROW[..., None],
    ],
)
def test_convention_trimap_of_every_type_means_the_same(array: AnyArray) -> None:
    parsed = trimap.parse(array)
    assert parsed.dtype == np.uint8
    np.testing.assert_array_equal(parsed, ROW)


def test_convention_trimap_levels_split_at_a_tenth_and_nine_tenths() -> None:
    levels = np.arange(256, dtype=np.uint8)[None]
    parsed = trimap.parse(levels)[0]
    assert [int(np.sum(parsed == value)) for value in (0, 128, 255)] == [26, 204, 26]
    assert parsed[25] == 0
    assert parsed[230] == 255


def test_convention_trimap_integers_up_to_two_are_labels() -> None:
    np.testing.assert_array_equal(trimap.parse(np.array([[0, 1]], np.uint8)), [[0, 128]])
    np.testing.assert_array_equal(trimap.parse(np.array([[0, 1, 3]], np.uint8)), [[0, 0, 0]])


def test_convention_trimap_booleans_are_known() -> None:
    np.testing.assert_array_equal(trimap.parse(np.array([[False, True]])), [[0, 255]])


@pytest.mark.parametrize("quality", [60, 90])
def test_a_jpeg_compressed_trimap_is_read_as_painted(quality: int) -> None:
    painted = np.zeros((48, 80), np.uint8)
    painted[8:40, 16:64] = 128
    painted[16:32, 24:56] = 255
    buffer = io.BytesIO()
    Image.fromarray(painted).convert("RGB").save(buffer, "JPEG", quality=quality)
    np.testing.assert_array_equal(trimap.parse(np.asarray(Image.open(buffer))), painted)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([[0.0, 255.0]]), "0 to 255"),
        (np.array([[0.0, 2.0]]), "labels"),
        (np.array([[np.nan, 0.5]]), "nan"),
        (np.array([[-1, 1]]), "-1"),
        (np.array([[0, 65535]], np.int32), "uint16"),
        (np.array([["grey"]]), "expected"),
        (np.array([[1j]]), "complex"),
        (np.zeros((0, 5)), "(0, 5)"),
        (np.zeros(5), "(5,)"),
        (np.zeros((2, 3, 2)), "(2, 3, 2)"),
        (np.zeros((2, 3, 3, 1)), "(2, 3, 3, 1)"),
        (np.array([[[255, 0, 0]]], np.uint8), "colours"),
        (np.array([[[255, 255, 255, 0]]], np.uint8), "transparent"),
    ],
)
def test_convention_trimap_refuses_what_it_cannot_mean(array: AnyArray, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        trimap.parse(array)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


ANY_TYPE = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(),
    hnp.unsigned_integer_dtypes(),
    hnp.floating_dtypes(sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(),
    hnp.unicode_string_dtypes(max_len=3),
    hnp.datetime64_dtypes(),
)


@settings(deadline=None, max_examples=300)
@given(hnp.arrays(ANY_TYPE, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)))
def test_any_array_gives_a_trimap_or_a_one_line_error(array: AnyArray) -> None:
    refusal = ""
    try:
        parsed = trimap.parse(array)
    except BadInput as error:
        refusal = str(error)
    if not refusal:
        assert parsed.shape == array.shape[:2]
        assert set(np.unique(parsed)) <= {0, 128, 255}
    assert "\n" not in refusal


@settings(deadline=None)
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=7)))
def test_parsing_twice_changes_nothing(array: AnyArray) -> None:
    once = trimap.parse(array)
    np.testing.assert_array_equal(trimap.parse(once), once)


def test_equal_sizes_pass_whatever_the_channels() -> None:
    trimap.check_size((31, 7), (31, 7, 3))


def test_convention_sizes_are_shown_as_width_by_height() -> None:
    with pytest.raises(
        BadInput, match=r"trimap is 640 × 480 px but the image is 641 × 480 px; they must match$"
    ):
        trimap.check_size((480, 640), (480, 641, 3))


@pytest.mark.parametrize(("rotated", "said"), [(True, "EXIF"), (False, "swapped")])
def test_a_size_error_explains_swapped_sides(rotated: bool, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        trimap.check_size((480, 640), (640, 480, 3), rotated_by_exif=rotated)


def test_exif_is_not_blamed_for_another_size() -> None:
    with pytest.raises(BadInput) as caught:
        trimap.check_size((48, 64), (640, 480, 3), rotated_by_exif=True)
    assert "EXIF" not in str(caught.value)


@pytest.mark.parametrize(("value", "name"), [(0, "background"), (255, "foreground")])
def test_a_trimap_of_one_known_colour_is_refused(value: int, name: str) -> None:
    with pytest.raises(BadInput, match=name):
        trimap.check_not_one_colour(np.full((3, 5), value, np.uint8))


def test_a_wholly_unknown_trimap_and_a_mixed_one_pass() -> None:
    trimap.check_not_one_colour(np.full((3, 5), 128, np.uint8))
    trimap.check_not_one_colour(np.array([[0, 255]], np.uint8))


def test_has_unknown_sees_one_pixel() -> None:
    assert trimap.has_unknown(np.array([[0, 128]], np.uint8))
    assert not trimap.has_unknown(np.array([[0, 255]], np.uint8))


def slow_dilate(mask: AnyArray, radius_px: float) -> AnyArray:
    grown = np.zeros_like(mask)
    rows, columns = np.nonzero(mask)
    for row in range(mask.shape[0]):
        for column in range(mask.shape[1]):
            grown[row, column] = np.any((rows - row) ** 2 + (columns - column) ** 2 <= radius_px**2)
    return grown


@pytest.mark.parametrize("radius_px", [0, 0.5, 1, 1.5, 2.3, 4, 9, 40])
@pytest.mark.parametrize(("height", "width"), [(17, 23), (1, 33), (31, 1)])
def test_dilate_equals_the_definition(height: int, width: int, radius_px: float) -> None:
    generator = np.random.default_rng(height)
    for share in (0, 0.02, 0.3):
        mask = generator.random((height, width)) < share
        np.testing.assert_array_equal(trimap.dilate(mask, radius_px), slow_dilate(mask, radius_px))


def test_dilate_by_hundreds_of_pixels_is_exact() -> None:
    mask = np.zeros((3, 700), bool)
    mask[1, 40] = True
    grown = trimap.dilate(mask, 300)
    assert [int(np.flatnonzero(row).max()) for row in grown] == [339, 340, 339]


@pytest.mark.parametrize("radius_px", [-1, float("nan"), float("inf")])
def test_dilate_refuses_a_radius_that_means_nothing(radius_px: float) -> None:
    with pytest.raises(BadInput, match="px"):
        trimap.dilate(np.zeros((3, 5), bool), radius_px)


def test_dilating_a_megapixel_is_fast() -> None:
    mask = np.random.default_rng(0).random((1000, 1048)) < 0.001
    start = time.perf_counter()
    trimap.dilate(mask, 20)
    assert time.perf_counter() - start < 2


def test_the_band_lies_on_both_sides_of_the_outline() -> None:
    mask = np.zeros((1, 12), bool)
    mask[0, 6:] = True
    made = trimap.from_mask(mask, inner_px=2, outer_px=3)
    np.testing.assert_array_equal(made[0], [0, 0, 0, 128, 128, 128, 128, 128, 255, 255, 255, 255])


def test_a_mask_that_touches_the_border_is_not_eroded_there() -> None:
    np.testing.assert_array_equal(trimap.from_mask(np.ones((4, 9), bool), 3, 3), np.full((4, 9), 255))


@pytest.mark.parametrize(("width", "core"), [(4, 2), (7, 3), (16, 8), (20, 10)])
def test_convention_mask_parts_thinner_than_the_band_keep_their_inner_half(width: int, core: int) -> None:
    mask = np.zeros((230, 90), bool)
    mask[:, 30 : 30 + width] = True  # through both borders, which are no outlines
    made = trimap.from_mask(mask)
    first = 30 + (width - core + 1) // 2
    expected = np.full(90, 128, np.uint8)
    expected[:20] = expected[30 + width + 10 :] = 0
    expected[first : first + core] = 255
    np.testing.assert_array_equal(made, np.broadcast_to(expected, made.shape))


@pytest.mark.parametrize("seed", range(6))
def test_cores_of_any_parts_are_their_inner_halves(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trimap, "_STRIP_ROWS", 17)
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(151, 203)), (9, 2 + seed))
    mask = noise > np.quantile(noise, 0.75)
    inner = 5
    made = trimap.from_mask(mask, inner, 3)
    depth = ndimage.distance_transform_edt(mask)
    parts, count = ndimage.label(mask, np.ones((3, 3)))
    for number in range(1, count + 1):
        part = parts == number
        core = part & (made == 255)
        if (depth[part] > inner).any():
            np.testing.assert_array_equal(core, part & (depth > inner))
        elif part.sum() > 100 and depth[part].max() >= 2:
            np.testing.assert_array_equal(core, part & (depth > depth[part].max() / 2))
        else:
            assert not core.any()


def test_a_band_beyond_all_measure_leaves_nothing_known() -> None:
    mask = np.zeros((40, 60), bool)
    mask[10:30, 20:40] = True
    assert (trimap.from_mask(mask, 1e200, 1e200) == 128).all()


def test_small_and_hairlike_parts_become_unknown_wholly() -> None:
    mask = np.zeros((500, 123), bool)
    mask[40:50, 40:60] = True  # 200 px
    mask[:, 90:92] = True
    assert (trimap.from_mask(mask)[mask] == 128).all()


def test_a_thin_part_of_something_thick_becomes_unknown() -> None:
    mask = np.zeros((130, 260), bool)
    mask[20:110, 20:110] = True
    mask[60:70, 110:240] = True
    made = trimap.from_mask(mask)
    assert made[65, 60] == 255
    assert (made[60:70, 110:240] == 128).all()


def test_a_trimap_made_of_a_mask_of_one_colour_is_refused_as_a_mask() -> None:
    dim = trimap.from_mask(np.array([[20, 60, 3]], np.uint8))
    with pytest.raises(BadInput, match=r"mask is all background \(black\); expected white \(above half\)"):
        trimap.check_not_one_colour(dim, of_mask=True)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float32, np.int64])
def test_convention_mask_of_every_type_means_the_same(dtype: DTypeLike) -> None:
    mask = np.zeros((9, 14), dtype)
    mask[3:7, 4:11] = 1
    expected = trimap.from_mask(mask.astype(bool), 1, 2)
    assert set(np.unique(expected)) == {0, 128, 255}
    np.testing.assert_array_equal(trimap.from_mask(mask, 1, 2), expected)


def test_convention_mask_is_split_at_half() -> None:
    np.testing.assert_array_equal(
        trimap.from_mask(np.array([[0, 127, 128, 255]], np.uint8), 0, 0), [[0, 0, 255, 255]]
    )


def test_a_mask_with_colours_is_refused_by_its_name() -> None:
    with pytest.raises(BadInput, match="mask has colours"):
        trimap.from_mask(np.array([[[255, 0, 0]]], np.uint8))


def test_from_alpha_marks_exactly_the_soft_pixels() -> None:
    alpha = np.array([[0, 1, 254, 255]], np.uint8)
    np.testing.assert_array_equal(trimap.from_alpha(alpha), [[0, 128, 128, 255]])


def test_from_alpha_grows_the_unknown_region_both_ways() -> None:
    alpha = np.array([[0, 0, 0, 0.5, 1, 1, 1]])
    np.testing.assert_array_equal(trimap.from_alpha(alpha, 1, 2), [[0, 128, 128, 128, 128, 255, 255]])


def test_what_an_alpha_is_sure_of_is_settled_but_for_its_edge() -> None:
    known = np.full((3, 11), trimap.UNKNOWN, np.uint8)
    known[:, 0], known[:, 10] = trimap.FOREGROUND, trimap.BACKGROUND
    alpha = np.array([1, 0.99, 0.98, 0.97, 0.5, 0.02, 0.01, 0, 0, 0, 0], np.float32)[None].repeat(3, axis=0)
    settled = trimap.settle(known, alpha)
    np.testing.assert_array_equal(settled, [[255, 255, 128, 128, 128, 128, 128, 128, 0, 0, 0]] * 3)


def test_known_pixels_stay_known_beside_unsure_ones() -> None:
    known = np.array([[255, 128, 0]], np.uint8)
    settled = trimap.settle(known, np.array([[1, 0.5, 0]], np.float32))
    np.testing.assert_array_equal(settled, known)


def test_convention_trimap_known_pixels_stay_exact() -> None:
    alpha = np.full((1, 3), 0.25, np.float32)
    kept = trimap.keep_known(alpha, ROW)
    assert kept.dtype == np.float32
    np.testing.assert_array_equal(kept, [[0, 0.25, 1]])


def test_a_trimap_of_an_alpha_takes_lists() -> None:
    np.testing.assert_array_equal(trimap.from_alpha([[0.0, 0.5, 1.0]]), [[0, 128, 255]])  # type: ignore[arg-type]
