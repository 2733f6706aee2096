"""A study made from folders of mattes."""

import random
from pathlib import Path

import numpy as np
import pytest
from small_study import HEIGHT, METHODS, WIDTH, make_study, write_mattes

from deepmatte import images
from deepmatte.errors import BadInput, BadOutput
from deepmatte.evaluation.study import composites
from deepmatte.evaluation.study.plan import Study, read_study


def make(mattes: Path, output: Path, *methods: str, **options: object) -> Study:
    return composites.new_study(mattes, methods or METHODS, output, **options)  # type: ignore[arg-type]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_two_methods_meet_on_every_photo_and_background(tmp_path: Path) -> None:
    study = read_study(make_study(tmp_path, checks=0))
    met = {(each.photo, each.background, frozenset((each.first, each.second))) for each in study.pairs}
    assert met == {
        (photo, background, frozenset(methods))
        for photo in ("cat", "dog")
        for background in ("black", "white")
        for methods in (METHODS[:2], METHODS[1:], (METHODS[0], METHODS[2]))
    }
    assert len(study.pairs) == len(met)


def test_pictures_are_the_cutouts_on_black_and_on_white(tmp_path: Path) -> None:
    """A photo of half a colour over another: alpha and foreground are known, so is the cutout."""
    folder = tmp_path / "mattes"
    for name in ("image", "sharp", "soft"):
        (folder / name).mkdir(parents=True)
    pixels = np.full((HEIGHT, WIDTH, 3), (200, 100, 50), np.uint8)
    images.write_image(folder / "image" / "a.png", pixels)
    images.write_image(folder / "sharp" / "a.png", np.full((HEIGHT, WIDTH), 255, np.uint8))
    images.write_image(folder / "soft" / "a.png", np.full((HEIGHT, WIDTH), 51, np.uint8))
    study = make(folder, tmp_path / "study", "sharp", "soft", checks=0)
    for each in study.pairs:
        shown = images.read_photo(tmp_path / "study" / "pictures" / each.first_picture).pixels
        np.testing.assert_array_equal(shown, pixels)
        shown = images.read_photo(tmp_path / "study" / "pictures" / each.second_picture).pixels
        # One colour everywhere is the foreground's; a fifth of it over black or white.
        under = 0 if each.background == "black" else 255
        expected = np.rint(pixels * 0.2 + under * 0.8)
        assert np.abs(shown - expected).max() <= 1
    original = images.read_photo(tmp_path / "study" / "pictures" / study.photos[0].picture).pixels
    assert np.abs(original.astype(int) - pixels).max() <= 2  # a JPEG
    assert (study.photos[0].height, study.photos[0].width) == (HEIGHT, WIDTH)


def test_the_same_seed_makes_the_same_study(tmp_path: Path) -> None:
    mattes = write_mattes(tmp_path / "mattes")
    first, second, other = (
        make(mattes, tmp_path / name, seed=seed) for name, seed in (("1", 4), ("2", 4), ("3", 5))
    )
    assert files(tmp_path / "1") == files(tmp_path / "2")
    assert first == second
    assert first.id != other.id  # other checks


def test_names_of_files_tell_nothing(tmp_path: Path) -> None:
    folder = make_study(tmp_path)
    names = [path.name for path in (folder / "pictures").iterdir()]
    assert len(names) == 2 + 2 * 2 * 3 + 2  # photos, cutouts, broken ones
    assert not [name for name in names if any(method in name for method in METHODS)]


def test_the_photos_profile_goes_along(tmp_path: Path) -> None:
    from PIL import Image, ImageCms

    mattes = write_mattes(tmp_path / "mattes")
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with Image.open(mattes / "image" / "cat.png") as photo:
        photo.save(mattes / "image" / "cat.png", icc_profile=icc)
    study = make(mattes, tmp_path / "study", checks=0)
    shown = next(each for each in study.pairs if each.photo == "cat").first_picture
    assert images.read_photo(tmp_path / "study" / "pictures" / shown).icc == icc


def test_a_check_shows_a_break_that_cannot_be_missed(tmp_path: Path) -> None:
    folder = make_study(tmp_path, checks=8)
    checks = [each for each in read_study(folder).pairs if each.is_check]
    assert len({each.key for each in checks}) == 8
    for each in checks:
        whole, broken = (
            images.read_photo(folder / "pictures" / name).pixels
            for name in (each.first_picture, each.second_picture)
        )
        assert composites.is_visible(whole, broken)
        assert each.first == each.second


def test_a_broken_alpha_is_turned_over_inside_discs_along_its_edge() -> None:
    alpha = np.zeros((90, 110), np.float32)
    alpha[:, 40:] = 1
    broken = composites.break_alpha(alpha, random.Random(0))
    turned = broken != alpha
    np.testing.assert_array_equal(broken[turned], 1 - alpha[turned])
    radius = 0.08 * np.sqrt(90 * 110)
    columns = np.flatnonzero(turned.any(axis=0))
    assert 40 - radius <= columns.min() < 40 <= columns.max() <= 40 + radius
    assert turned.sum() > 0.9 * np.pi * radius**2 / 2


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_an_alpha_without_edge_breaks_anywhere(value: float) -> None:
    alpha = np.full((31, 47), value, np.float32)
    assert (composites.break_alpha(alpha, random.Random(0)) != alpha).any()


def test_visible_is_a_hundredth_of_the_pixels_by_a_fifth_of_the_range() -> None:
    black = np.zeros((10, 90, 3), np.uint8)
    few, faint, enough = black.copy(), black.copy(), black.copy()
    few[0, :8, 1] = 255
    faint[:] = 51
    enough[0, :9, 2] = 52
    assert [composites.is_visible(black, other) for other in (few, faint, enough)] == [False, False, True]


def test_checks_that_nobody_could_see_are_not_made(tmp_path: Path) -> None:
    folder = tmp_path / "mattes"
    for name in ("image", "a", "b"):
        (folder / name).mkdir(parents=True)
    images.write_image(folder / "image" / "night.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    for name in "ab":
        images.write_image(folder / name / "night.png", np.full((HEIGHT, WIDTH), 255, np.uint8))
    # A black photo on white can be broken visibly, on black never: one check for each method.
    with pytest.raises(BadInput, match="only 2 can be made"):
        make(folder, tmp_path / "study", "a", "b", checks=3)
    assert [path.name for path in tmp_path.iterdir()] == ["mattes"]
    assert make(folder, tmp_path / "study", "a", "b", checks=2)


def test_photos_may_lie_elsewhere_in_another_format(tmp_path: Path) -> None:
    mattes = write_mattes(tmp_path / "mattes")
    (mattes / "image").rename(tmp_path / "photos")
    (mattes / "xenops" / "notes.txt").write_text("not a picture")
    for path in list((tmp_path / "photos").iterdir()):
        pixels = images.read_photo(path).pixels.astype(np.uint16) * 257
        path.unlink()
        images.write_image(path.with_suffix(".tif"), pixels)
    study = make(mattes, tmp_path / "study", images_directory=tmp_path / "photos")
    assert len(study.photos) == 2


@pytest.mark.parametrize(
    ("methods", "options", "said"),
    [
        (["zebrafinch"], {}, "1 method is named; expected two or more"),
        (["zebrafinch", "zebrafinch"], {}, "zebrafinch is named twice"),
        (["zebrafinch", "../mattes/xenops"], {}, "no name of a method"),
        (["zebrafinch", ""], {}, "no name of a method"),
        (["zebrafinch", ".."], {}, "no name of a method"),
        (["zebrafinch", "dodo"], {}, "holds image, xenops, yellowhammer, zebrafinch"),
        (list(METHODS), {"checks": -1}, "expected 0 or more"),
        (list(METHODS), {"per_rater": 0}, "expected 1 or more"),
    ],
)
def test_methods_and_numbers_are_checked(
    tmp_path: Path, methods: list[str], options: dict[str, int], said: str
) -> None:
    mattes = write_mattes(tmp_path / "mattes")
    with pytest.raises(BadInput, match=said):
        composites.new_study(mattes, methods, tmp_path / "study", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "study").exists()


def test_all_missing_and_extra_files_are_named_at_once(tmp_path: Path) -> None:
    mattes = write_mattes(tmp_path / "mattes")
    (mattes / "zebrafinch" / "cat.png").unlink()
    (mattes / "xenops" / "dog.png").rename(mattes / "xenops" / "horse.png")
    with pytest.raises(BadInput) as error:
        make(mattes, tmp_path / "study")
    message = str(error.value)
    assert "zebrafinch lacks cat" in message
    assert "xenops lacks dog" in message
    assert "xenops has horse" in message
    assert "yellowhammer" not in message


def test_mattes_of_an_evaluation_lie_one_folder_deeper(tmp_path: Path) -> None:
    plain = make(write_mattes(tmp_path / "plain"), tmp_path / "first")
    deeper = write_mattes(tmp_path / "mattes")
    for method in METHODS:
        (deeper / method).rename(tmp_path / "moved")
        (deeper / method).mkdir()
        (tmp_path / "moved").rename(deeper / method / "trimap1")
    with pytest.raises(BadInput, match=r"holds folders, trimap1; expected mattes: .*--trimaps"):
        make(deeper, tmp_path / "study")
    with pytest.raises(BadInput, match="trimap2 is no folder"):
        make(deeper, tmp_path / "study", trimaps="trimap2")
    assert make(deeper, tmp_path / "study", trimaps="trimap1") == plain


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    mattes = write_mattes(tmp_path / "mattes")
    images.write_image(mattes / "image" / "cat.jpg", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    with pytest.raises(BadInput, match=r"both cat\.jpg and cat\.png"):
        make(mattes, tmp_path / "study")


def test_wrong_sizes_are_all_named(tmp_path: Path) -> None:
    mattes = write_mattes(tmp_path / "mattes")
    for method in ("zebrafinch", "xenops"):
        images.write_image(mattes / method / "dog.png", np.zeros((WIDTH, HEIGHT), np.uint8), overwrite=True)
    with pytest.raises(BadInput, match=r"45 × 61 px but its photo 61 × 45 px") as error:
        make(mattes, tmp_path / "study")
    assert "zebrafinch" in str(error.value)
    assert "xenops" in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["mattes"]


@pytest.mark.parametrize(("value", "said"), [(np.nan, "nan"), (1.5, "1.5")])
def test_mattes_outside_of_their_range_are_refused_by_name(tmp_path: Path, value: float, said: str) -> None:
    import pyvips

    mattes = write_mattes(tmp_path / "mattes")
    alpha = np.full((HEIGHT, WIDTH), value, np.float32)
    (mattes / "xenops" / "dog.png").unlink()
    pyvips.Image.new_from_array(alpha).write_to_file(str(mattes / "xenops" / "dog.tif"))
    with pytest.raises(BadInput, match=said) as error:
        make(mattes, tmp_path / "study")
    assert str(error.value).count("dog.tif") == 1


def test_a_photo_that_is_transparent_is_refused(tmp_path: Path) -> None:
    mattes = write_mattes(tmp_path / "mattes")
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    images.write_image(mattes / "image" / "cat.png", pixels, alpha=pixels[..., 0], overwrite=True)
    with pytest.raises(BadInput, match=r"cat\.png is transparent in places"):
        make(mattes, tmp_path / "study")


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    mattes = write_mattes(tmp_path / "mattes")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="holds no pictures"):
        make(mattes, tmp_path / "study", images_directory=tmp_path / "empty")
    with pytest.raises(BadInput, match="is no folder"):
        make(mattes, tmp_path / "study", images_directory=tmp_path / "nowhere")


def test_a_study_that_exists_is_never_touched(tmp_path: Path) -> None:
    folder = make_study(tmp_path)
    before = files(folder)
    with pytest.raises(BadOutput, match="exists already"):
        make(tmp_path / "mattes", folder)
    assert files(folder) == before


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    mattes = write_mattes(tmp_path / "mattes")

    def interrupt(step: str, share: float) -> None:
        if step == "compositing" and share > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(mattes, tmp_path / "study", progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["mattes"]
