import numpy as np
import pytest

from deepmatte import guides, propagation
from deepmatte.guides import FIELDS, PLANES
from deepmatte.pixels import LIGHT, to_light
from deepmatte.trimap import BACKGROUND, FOREGROUND, UNKNOWN

RED, BLUE = np.array([0.8, 0.1, 0.1], np.float32), np.array([0.1, 0.2, 0.9], np.float32)


def _halves(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Red foreground on the left, blue background on the right, an unknown band between."""
    image = np.empty((3, height, width), np.float32)
    image[:, :, : width // 2] = RED[:, None, None]
    image[:, :, width // 2 :] = BLUE[:, None, None]
    tri = np.full((height, width), UNKNOWN, np.uint8)
    tri[:, : width // 3] = FOREGROUND
    tri[:, -(width // 3) :] = BACKGROUND
    return image, tri


def _field(made: guides.Guides, name: str) -> np.ndarray:
    return made.fields[..., FIELDS.index(name), :, :]


def test_filled_colours_are_the_known_ones_everywhere() -> None:
    made = guides.survey(*_halves(45, 77))
    for channel, name in enumerate(("red", "green", "blue")):
        np.testing.assert_allclose(_field(made, f"foreground_{name}"), RED[channel], atol=1e-5)
        np.testing.assert_allclose(_field(made, f"background_{name}"), BLUE[channel], atol=1e-5)


def test_two_flat_colours_are_told_apart_by_every_plane() -> None:
    image, tri = _halves(45, 77)
    for plane in guides.survey(image, tri).planes(image):
        np.testing.assert_allclose(plane[:, :37], 1, atol=0.03)
        np.testing.assert_allclose(plane[:, 39:], 0, atol=0.03)
        # Beside the edge a line is blended with its neighbour's, which is flat on the other side.
        np.testing.assert_allclose(plane[:, 37:39], [[1, 0]] * 45, atol=0.1)


def test_what_mixes_as_light_is_propagated_as_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guides, "TRUST", 0)
    monkeypatch.setattr(propagation, "LINKS", 0)
    alpha = np.tile(np.clip((np.arange(77, dtype=np.float32) - 28) / 21, 0, 1), (45, 1))
    white, dark = (np.full((3, 45, 77), value, np.float32) for value in (0.9, 0.15))
    light = alpha * to_light(white) + (1 - alpha) * to_light(dark)
    tri = np.where(alpha == 1, FOREGROUND, np.where(alpha == 0, BACKGROUND, UNKNOWN)).astype(np.uint8)
    image = np.asarray(light ** (1 / LIGHT), np.float32)
    propagated = guides.survey(image, tri).planes(image)[PLANES.index("propagated")]
    np.testing.assert_allclose(propagated, alpha, atol=0.03)
    # The same alpha seen in values is a curve: half of it stands well above the middle of the two.
    assert image[0, 22, 38] - (0.9 + 0.15) / 2 > 0.05


def test_large_pictures_are_propagated_on_the_coarser_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    image, tri = _halves(45, 77)
    fine = guides.survey(image, tri)
    monkeypatch.setattr(guides, "COARSER", ((45 * 77 - 1, 4),))
    coarse = guides.survey(image, tri)
    assert (fine.scale, fine.propagation.shape) == (2, (4, 23, 39))
    assert (coarse.scale, coarse.propagation.shape) == (4, (4, 12, 20))
    assert coarse.planes(image).shape == fine.planes(image).shape
    np.testing.assert_allclose(coarse.planes(image)[0][:, 8:34], 1, atol=0.03)


@pytest.mark.parametrize(
    ("limits", "is_second", "scale"),
    [
        ((3465, 3465, 3465), False, 2),
        ((3464, 3465, 3465), False, 4),
        ((1000, 3464, 3465), False, 8),
        ((1000, 2000, 3464), False, 16),
        ((3465, 3465, 3465), True, 4),
        ((3464, 3465, 3465), True, 4),
        ((1000, 3464, 3465), True, 8),
    ],
)
def test_a_grid_is_coarser_in_pictures_of_more_pixels(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, ...], is_second: bool, scale: int
) -> None:
    image, tri = _halves(45, 77)  # 3,465 px
    monkeypatch.setattr(guides, "COARSER", tuple(zip(limits, (4, 8, 16), strict=True)))
    made = guides.survey(image, tri, tri if is_second else None)
    assert made.scale == scale
    assert made.fields.shape == (len(FIELDS), 12, 20)
    planes = made.planes(image)
    np.testing.assert_allclose(planes[0][:, 8:30], 1, atol=0.05)
    np.testing.assert_allclose(planes[0][:, 46:69], 0, atol=0.05)
    window = image[:, 12:41, 20:61]  # starts where no cell does
    np.testing.assert_array_equal(made.planes(window, 12, 20), planes[:, 12:41, 20:61])


@pytest.mark.parametrize("is_second", [False, True])
@pytest.mark.parametrize(("scale", "width"), [(4, 4), (8, 10), (16, 10)])
def test_scribbles_thinner_than_a_coarse_cell_are_not_lost(
    monkeypatch: pytest.MonkeyPatch, scale: int, width: int, is_second: bool
) -> None:
    image, tri = _halves(96, 160)
    tri[:] = UNKNOWN
    tri[10:80, 26 : 26 + width], tri[10:80, 122 : 122 + width] = FOREGROUND, BACKGROUND
    monkeypatch.setattr(guides, "COARSER", ((0, scale),))
    propagated = guides.survey(image, tri, tri if is_second else None).planes(image)[0]
    assert (propagated[:, 8:64] > 0.9).all()
    assert (propagated[:, 96:152] < 0.1).all()


@pytest.mark.parametrize("scale", [4, 8, 16])
def test_in_a_second_look_an_answer_counts_for_whole_cells_only(
    monkeypatch: pytest.MonkeyPatch, scale: int
) -> None:
    """Given is a line of foreground and a dot of background; an answer adds a pixel less than four cells."""
    given = np.full((48, 64), UNKNOWN, np.uint8)
    given[:, 2:4], given[34:36, 50:52] = FOREGROUND, BACKGROUND
    tri = given.copy()
    tri[0:32, 16:48], tri[0, 16] = BACKGROUND, UNKNOWN
    monkeypatch.setattr(guides, "COARSER", ((0, scale),))
    found, (foreground, background) = guides._choose_grid(tri, given)
    expected = np.zeros((2, 48 // scale, 64 // scale))
    expected[0, :, 2 // scale] = 1
    expected[1, : 32 // scale, 16 // scale : 48 // scale] = 1
    expected[1, 0, 16 // scale] = 0
    expected[1, 34 // scale, 50 // scale] = 1
    assert found == scale
    np.testing.assert_array_equal((foreground, background), expected)
    # Without it all of tri is as sure: the cell that lacks a pixel counts as well.
    expected[1, 0, 16 // scale] = 1
    np.testing.assert_array_equal(guides._choose_grid(tri, None)[1], expected)


def test_a_coarse_cell_of_both_kinds_is_of_none() -> None:
    tri = np.full((16, 32), UNKNOWN, np.uint8)
    tri[:4, :4], tri[4:8, 4:8], tri[8:12, 16:20], tri[4:8, 28:32] = (
        FOREGROUND,
        BACKGROUND,
        FOREGROUND,
        BACKGROUND,
    )
    known = guides._find_known(tri, guides.SCALE)
    foreground, background = guides._merge_known(known, 4)
    np.testing.assert_array_equal((foreground, background), [[[0, 0]], [[0, 0]]])
    foreground, background = guides._merge_known(known, 2)
    np.testing.assert_array_equal(foreground, [[0, 0, 0, 0], [0, 0, 1, 0]])
    np.testing.assert_array_equal(background, [[0, 0, 0, 1], [0, 0, 0, 0]])


def test_likelihood_is_high_for_known_foreground_colours_only() -> None:
    made = guides.survey(*_halves(45, 77))
    likelihood = _field(made, "likelihood")
    assert (likelihood[:, :9] > 0.99).all()
    assert (likelihood[:, -9:] < 0.01).all()


def test_what_nobody_marked_and_no_background_looks_like_is_taken_for_foreground() -> None:
    image, tri = _halves(61, 93)
    green = np.s_[:, 20:40, 40:58]  # a patch in the unknown band, of a colour that is marked nowhere
    image[green] = np.array([0.1, 0.9, 0.2], np.float32)[:, None, None]
    patch = guides.survey(image, tri).planes(image)[PLANES.index("propagated")][green[1:]]
    assert patch.mean() > 0.9


@pytest.mark.parametrize("value", [BACKGROUND, UNKNOWN, FOREGROUND])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (17, 2), (41, 30)])
def test_any_size_and_any_trimap_give_finite_guides(height: int, width: int, value: int) -> None:
    image = np.random.default_rng(0).random((3, height, width), np.float32)
    made = guides.survey(image, np.full((height, width), value, np.uint8))
    planes = made.planes(image)
    assert made.fields.shape == (len(FIELDS), -(-height // 4), -(-width // 4))
    assert planes.shape == (len(PLANES), height, width)
    assert np.isfinite(made.fields).all()
    assert np.isfinite(planes).all()


def test_a_window_sees_what_the_whole_picture_shows_there() -> None:
    rng = np.random.default_rng(3)
    image = rng.random((3, 53, 71), np.float32)
    tri = rng.choice([BACKGROUND, UNKNOWN, FOREGROUND], (53, 71)).astype(np.uint8)
    made = guides.survey(image, tri)
    window = image[:, 12:49, 20:61]
    np.testing.assert_array_equal(made.planes(window, 12, 20), made.planes(image)[:, 12:49, 20:61])
    np.testing.assert_array_equal(made.fields_window(12, 20, 37, 41), made.fields[:, 3:13, 5:16])


def test_a_batch_gives_what_its_pictures_give() -> None:
    pictures = [_halves(36, 52), _halves(36, 52)]
    pictures[1][0][:] = pictures[1][0][::-1]
    together = guides.survey(np.stack([p[0] for p in pictures]), np.stack([p[1] for p in pictures]))
    for index, (image, tri) in enumerate(pictures):
        alone = guides.survey(image, tri)
        np.testing.assert_allclose(together.fields[index], alone.fields, atol=1e-3)
