"""The pipeline with models that follow a rule, so that every alpha can be worked out by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from constant_model import constant_model, red_model, rule_model

from deepmatte import framing, matting
from deepmatte.errors import BadInput, ModelUnavailable
from deepmatte.exposure import expose
from deepmatte.matting import MatteWarning, MattingOptions, estimate_alpha
from deepmatte.models import Model
from deepmatte.pixels import AnyArray, Bytes, Floats, to_bytes, to_words


def picture(height: int, width: int) -> Floats:
    return np.random.default_rng(0).random((height, width, 3), dtype=np.float32)


def stripes(height: int, width: int) -> Bytes:
    """A trimap: foreground left, unknown in the middle, background right."""
    trimap = np.full((height, width), 128, np.uint8)
    trimap[:, : width // 3] = 255
    trimap[:, -(width // 3) :] = 0
    return trimap


def test_the_model_answers_where_the_trimap_is_unknown() -> None:
    trimap = stripes(41, 67)
    alpha = estimate_alpha(picture(41, 67), trimap, model=constant_model(0.25))
    assert alpha.dtype == np.float32
    np.testing.assert_array_equal(alpha, np.choose(trimap // 127, [0, np.float32(0.25), 1]))


def test_answers_beyond_the_unit_range_are_cut_off() -> None:
    trimap = np.full((9, 14), 128, np.uint8)
    assert estimate_alpha(picture(9, 14), trimap, model=constant_model(1.5)).min() == 1
    assert estimate_alpha(picture(9, 14), trimap, model=constant_model(-0.5)).max() == 0


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 33), (31, 7), (65, 97), (130, 205)])
@pytest.mark.parametrize("tile_px", [64, 1536])
def test_every_pixel_comes_from_its_own_place(height: int, width: int, tile_px: int) -> None:
    image = picture(height, width)
    everywhere = np.full((height, width), 128, np.uint8)
    alpha = estimate_alpha(image, everywhere, MattingOptions(tile_px=tile_px), model=red_model())
    np.testing.assert_array_equal(alpha, expose(image)[..., 0])


def test_types_agree() -> None:
    image, trimap = picture(21, 34), stripes(21, 34)
    floats = estimate_alpha(image, trimap, model=red_model())
    np.testing.assert_allclose(estimate_alpha(to_words(image), trimap, model=red_model()), floats, atol=1e-5)
    np.testing.assert_allclose(estimate_alpha(to_bytes(image), trimap, model=red_model()), floats, atol=2e-3)
    doubles = image.astype(np.float64)
    np.testing.assert_array_equal(estimate_alpha(doubles, trimap / 255, model=red_model()), floats)


def test_inputs_are_left_as_they_were() -> None:
    image, trimap = picture(21, 34), stripes(21, 34)
    before = image.copy(), trimap.copy()
    estimate_alpha(image, trimap, model=red_model())
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(trimap, before[1])


def test_without_unknown_pixels_the_alpha_is_the_trimap_and_no_model_is_loaded() -> None:
    trimap = np.where(stripes(20, 33) == 128, 0, stripes(20, 33)).astype(np.uint8)
    with pytest.warns(MatteWarning, match="no unknown pixels"):
        alpha = estimate_alpha(picture(20, 33), trimap, MattingOptions(model="no such model"))
    np.testing.assert_array_equal(alpha, trimap / 255)


@pytest.mark.parametrize("missing", [0, 255])
def test_a_trimap_without_known_foreground_or_background_works(missing: int) -> None:
    trimap = np.where(stripes(20, 33) == missing, 128, stripes(20, 33)).astype(np.uint8)
    alpha = estimate_alpha(picture(20, 33), trimap, model=constant_model())
    np.testing.assert_array_equal(alpha[trimap == 128], 0.5)
    np.testing.assert_array_equal(alpha[trimap != 128], (255 - missing) / 255)


@pytest.mark.parametrize("tile_px", [64.0, float("nan"), "100", 63, True, None])
def test_a_tile_that_is_no_whole_number_of_pixels_is_refused(tile_px: Any) -> None:
    with pytest.raises(BadInput, match="expected a whole number, 64 or more"):
        MattingOptions(tile_px=tile_px)
    MattingOptions(tile_px=np.int64(64))  # type: ignore[arg-type]


def test_progress_counts_tiles_up_to_their_total() -> None:
    told: list[tuple[int, int]] = []
    trimap = np.full((200, 330), 128, np.uint8)
    estimate_alpha(
        picture(200, 330),
        trimap,
        MattingOptions(tile_px=64),
        model=constant_model(),
        progress=lambda done, total: told.append((done, total)),
    )
    assert len(told) > 1
    assert told == [(done, len(told)) for done in range(1, len(told) + 1)]


def _first_then(first: Floats, then: float, seen: list[AnyArray]) -> Model:
    """Return a model whose answer to a whole picture is an alpha, and a value to every later one."""

    def answer(planes: Floats) -> Floats:
        seen.append(planes[3:5].copy())
        out = np.full(planes.shape[1:], then, np.float32)
        if len(seen) == 1:
            out[: first.shape[0], : first.shape[1]] = first
        return out

    return rule_model(answer)


TWICE = MattingOptions(second_look=True)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every picture count as a large one, which no second look enlarges."""
    monkeypatch.setattr(matting, "_LARGE_PX", 0)


@pytest.mark.usefixtures("large")
def test_a_second_look_knows_what_the_first_was_sure_of_and_counts_twice_for_the_rest() -> None:
    first = np.full((24, 40), 0.5, np.float32)
    first[:, :10], first[:, 10:14], first[:, 30:] = 0.99, 0.97, 0.0
    seen: list[AnyArray] = []
    everywhere = np.full((24, 40), 128, np.uint8)
    alpha = estimate_alpha(picture(24, 40), everywhere, TWICE, model=_first_then(first, 0.1, seen))
    is_known = np.zeros((24, 40), bool)
    # Foreground with an unsure pixel beside it is not sure, nor is background with one up to 3 px away.
    is_known[:, :9] = is_known[:, 33:] = True
    np.testing.assert_allclose(alpha, np.where(is_known, first, (first + np.float32(0.2)) / 3), atol=1e-7)
    assert not seen[0].any()
    np.testing.assert_array_equal(seen[1][0, :24, 39::-1], is_known & (first > 0.5))
    np.testing.assert_array_equal(seen[1][1, :24, 39::-1], is_known & (first < 0.5))


@pytest.mark.usefixtures("large")
def test_a_second_look_is_in_a_mirror() -> None:
    ramp = np.linspace(0.1, 0.9, 37, dtype=np.float32)  # by where a pixel lies in what the model is given

    def answer(planes: Floats) -> Floats:
        return np.pad(ramp, (0, planes.shape[2] - 37))[None].repeat(planes.shape[1], axis=0)

    everywhere = np.full((21, 37), 128, np.uint8)
    alpha = estimate_alpha(picture(21, 37), everywhere, TWICE, model=rule_model(answer))
    np.testing.assert_allclose(alpha, np.broadcast_to((ramp + 2 * ramp[::-1]) / 3, (21, 37)), atol=1e-7)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("tile_px", [64, 1536])
def test_in_a_second_look_too_every_pixel_comes_from_its_own_place(tile_px: int) -> None:
    image, options = picture(65, 97), replace(TWICE, tile_px=tile_px)
    alpha = estimate_alpha(image, np.full((65, 97), 128, np.uint8), options, model=red_model())
    np.testing.assert_array_equal(alpha, image[..., 0])


def smooth(height: int, width: int) -> Floats:
    """A picture of long waves, which a cubic follows. Blue is the widest: no red is sure to be 0 or 1."""
    y, x = np.mgrid[:height, :width].astype(np.float32) / 20
    red = 0.5 + 0.4 * np.sin(x + 0.3 * y)
    return np.stack([red, 1 - red, 1.25 * red - 0.125], axis=2)


@pytest.mark.parametrize("tile_px", [64, 1536])
def test_a_second_look_enlarges_a_picture_that_is_not_large(tile_px: int) -> None:
    image, options = smooth(65, 97), replace(TWICE, tile_px=tile_px)
    model = red_model()
    alpha = estimate_alpha(image, np.full((65, 97), 128, np.uint8), options, model=model)
    red = expose(image)[..., 0]
    np.testing.assert_allclose(alpha[4:-4, 4:-4], red[4:-4, 4:-4], atol=1e-3)
    np.testing.assert_allclose(alpha, red, atol=0.01)


@pytest.mark.parametrize(("most", "times"), [(24 * 45, 2), (24 * 45 - 1, 1)])
def test_a_second_look_sees_a_picture_twice_as_large_up_to_so_many_pixels(
    monkeypatch: pytest.MonkeyPatch, most: int, times: int
) -> None:
    monkeypatch.setattr(matting, "_LARGE_PX", most)
    known, seen = np.full((24, 45), 128, np.uint8), list[AnyArray]()
    known[:, 15:19], known[:, 24:29] = 255, 0
    first = np.full((24, 45), 0.5, np.float32)
    estimate_alpha(picture(24, 45), known, TWICE, model=_first_then(first, 0.1, seen))
    shown = np.kron(known[:, ::-1], np.ones((times, times), np.uint8))
    inside = (slice(24 * times), slice(45 * times))
    np.testing.assert_array_equal(seen[1][0][inside], shown == 255)
    np.testing.assert_array_equal(seen[1][1][inside], shown == 0)


def test_what_the_trimap_knows_stays_in_an_enlarged_look_too() -> None:
    known = stripes(24, 45)
    model = _first_then(np.full((24, 45), 0.5, np.float32), 0.1, [])
    alpha = estimate_alpha(picture(24, 45), known, TWICE, model=model)
    np.testing.assert_array_equal(alpha[known != 128], known[known != 128] / 255)
    np.testing.assert_allclose(alpha[:, 18:27], 0.7 / 3, atol=1e-6)


@pytest.mark.usefixtures("large")
def test_a_second_look_leaves_what_the_trimap_knows() -> None:
    trimap = stripes(24, 45)
    model = _first_then(np.full((24, 45), 0.5, np.float32), 0.1, [])
    alpha = estimate_alpha(picture(24, 45), trimap, TWICE, model=model)
    np.testing.assert_allclose(alpha, np.choose(trimap // 127, [0, 0.7 / 3, 1]), atol=1e-7)


def test_where_the_first_look_is_sure_of_all_there_is_no_second() -> None:
    seen: list[AnyArray] = []
    first = np.full((24, 40), 0.995, np.float32)
    told: list[tuple[int, int]] = []
    model = _first_then(first, 0.1, seen)
    everywhere = np.full((24, 40), 128, np.uint8)
    alpha = estimate_alpha(
        picture(24, 40), everywhere, TWICE, model=model, progress=lambda *step: told.append(step)
    )
    np.testing.assert_array_equal(alpha, first)
    assert len(seen) == 1
    assert told[-1] == (2, 2)


@pytest.mark.parametrize("large_px", [0, 4_000_000])
def test_progress_of_two_looks_never_goes_back_and_ends_at_all(
    monkeypatch: pytest.MonkeyPatch, large_px: int
) -> None:
    monkeypatch.setattr(matting, "_LARGE_PX", large_px)
    told: list[tuple[int, int]] = []
    estimate_alpha(
        picture(200, 330),
        np.full((200, 330), 128, np.uint8),
        MattingOptions(tile_px=64, second_look=True),
        model=constant_model(),
        progress=lambda *step: told.append(step),
    )
    shares = [done / total for done, total in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert shares.count(0.5) == 1
    if not large_px:  # else the second look has more tiles than the first
        assert len(told) == told[0][1]


def test_sizes_are_multiples_of_the_stride() -> None:
    model = rule_model(lambda planes: planes[0].copy(), stride=32)
    estimate_alpha(picture(45, 77), np.full((45, 77), 128, np.uint8), model=model)
    sizes = vars(model.session)["sizes"]
    assert sizes == [(len(framing.PLANES), 64, 96), (len(framing.FIELDS), 16, 24)]


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((8, 9), np.uint8), "expected (height, width, 3)"),
        (np.zeros((8, 9, 4), np.uint8), "leave out the fourth channel"),
        (np.zeros((0, 9, 3), np.uint8), "at least one pixel"),
        (np.zeros((8, 9, 3), np.int64), "image is int64; expected uint8, uint16, bool or floats"),
        (np.zeros((8, 9, 3), np.complex64), "image is complex64"),
        (np.full((8, 9, 3), 255.0), "expected [0, 1]"),
        (np.full((8, 9, 3), np.nan), "expected [0, 1]"),
    ],
)
def test_images_that_cannot_be_used_are_refused(image: AnyArray, said: str) -> None:
    trimap = np.full(image.shape[:2] if image.size else (8, 9), 128, np.uint8)
    with pytest.raises(BadInput) as caught:
        estimate_alpha(image, trimap, model=constant_model())
    assert said in str(caught.value)


def test_pictures_are_checked_where_nothing_is_unknown_too() -> None:
    known = np.full((8, 9), 255, np.uint8)
    for level in (-9.0, np.nan, 255.0):
        with pytest.raises(BadInput, match=r"expected \[0, 1\]"):
            estimate_alpha(np.full((8, 9, 3), level), known)


def test_booleans_other_byte_orders_and_lists_are_taken() -> None:
    image = picture(9, 8) > 0.5
    trimap = np.full((9, 8), 128, np.uint8)
    trimap[0] = 255
    expected = estimate_alpha(image.astype(np.float32), trimap, model=constant_model())
    known: Any = trimap.tolist()
    takes: list[Any] = [image, (65535 * image.astype(np.uint16)).astype(">u2"), image.astype(float).tolist()]
    for taken in takes:
        np.testing.assert_array_equal(estimate_alpha(taken, known, model=constant_model()), expected)


def test_a_trimap_of_another_size_is_refused_with_both_sizes() -> None:
    with pytest.raises(BadInput, match="9 × 8 px but the image is 8 × 9 px"):
        estimate_alpha(picture(9, 8), np.full((8, 9), 128, np.uint8), model=constant_model())


def test_a_model_for_other_planes_is_refused() -> None:
    model = constant_model()
    other = Model(type(model.spec)(**{**vars(model.spec), "planes": ("red", "depth")}), model.session)
    with pytest.raises(ModelUnavailable, match="reads depth, which"):
        estimate_alpha(picture(9, 8), np.full((9, 8), 128, np.uint8), model=other)


def test_a_model_is_given_only_what_it_reads_in_its_order() -> None:
    model = rule_model(lambda planes: planes[1].copy())
    spec = replace(model.spec, planes=("propagated", "green"), fields=("background_red",))
    image = picture(21, 34)
    alpha = estimate_alpha(image, np.full((21, 34), 128, np.uint8), model=Model(spec, model.session))
    np.testing.assert_array_equal(alpha, image[..., 1])
    assert vars(model.session)["sizes"] == [(2, 24, 40), (1, 6, 10)]


@pytest.mark.parametrize(
    "wrong", [{"precision": "f16"}, {"runtime": "tensorrt"}, {"tile_px": 63}, {"model": ""}]
)
def test_options_that_cannot_be_used_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="expected"):
        MattingOptions(**wrong)  # type: ignore[arg-type]


def test_arguments_have_the_names_the_docs_use() -> None:
    alpha = estimate_alpha(image=picture(9, 8), trimap=stripes(9, 8), model=constant_model(0.25))
    assert alpha.shape == (9, 8)
