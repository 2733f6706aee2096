"""From files to files, with a model that gives one alpha everywhere it is asked."""

import json
import os
import struct
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from constant_model import constant_model
from lens import mix
from PIL import Image, ImageCms

from deepmatte import images
from deepmatte.cutout import CutReport, cut
from deepmatte.errors import BadInput, BadOutput, MatteError, ModelUnavailable
from deepmatte.matting import MattingOptions
from deepmatte.pixels import AnyArray, Floats, to_bytes, to_unit

HEIGHT, WIDTH = 44, 70
RED = np.array([204, 26, 51], np.uint8)
BLUE = np.array([26, 77, 204], np.uint8)


def true_alpha() -> Floats:
    """1 on the left, ½ in the middle, 0 on the right."""
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[:, :20], alpha[:, 20:50] = 1, 0.5
    return alpha


def photo_pixels(dtype: type[np.unsignedinteger[Any]] = np.uint8) -> AnyArray:
    """Red laid over blue with the true alpha."""
    top = 255 if dtype is np.uint8 else 65535
    red, blue = to_unit(RED), to_unit(BLUE)
    unit = mix(np.broadcast_to(red, (HEIGHT, WIDTH, 3)), blue, true_alpha())
    return np.rint(unit * top).astype(dtype)


def grey_trimap() -> AnyArray:
    trimap = np.zeros((HEIGHT, WIDTH), np.uint8)
    trimap[:, :20], trimap[:, 20:50] = 255, 128
    return trimap


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with photo.png and trimap.png."""
    images.write_image(tmp_path / "photo.png", photo_pixels())
    images.write_image(tmp_path / "trimap.png", grey_trimap())
    return tmp_path


def run(folder: Path, **changes: Any) -> CutReport:
    arguments: dict[str, Any] = {
        "image_path": folder / "photo.png",
        "trimap_path": folder / "trimap.png",
        "model": constant_model(),
    }
    return cut(**(arguments | changes))


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_cutout_has_clean_colours_and_the_alpha(folder: Path) -> None:
    report = run(folder)
    assert report.output == str(folder / "photo-cutout.png")
    cutout = images.read_photo(report.output)
    assert cutout.alpha is not None
    np.testing.assert_array_equal(cutout.alpha, to_bytes(true_alpha()))
    shown = cutout.alpha > 0
    assert np.abs(cutout.pixels[shown].astype(int) - RED).max() <= 1
    assert files(folder) == {"photo.png", "trimap.png", "photo-cutout.png"}


def test_the_report_says_what_was_done(folder: Path) -> None:
    report = run(folder, alpha_path=folder / "a.png")
    assert (report.height, report.width) == (HEIGHT, WIDTH)
    assert report.unknown_share == pytest.approx(30 / 70)
    assert report.alpha_output == str(folder / "a.png")
    assert report.foreground_output is None
    assert report.model == "rule"
    assert report.seconds > 0
    assert report.notes == ()
    assert json.loads(json.dumps(asdict(report)))["width"] == WIDTH


def test_alpha_and_foreground_are_written_where_asked(folder: Path) -> None:
    run(folder, output_path=folder / "o.webp", alpha_path=folder / "a.tif", foreground_path=folder / "f.jpg")
    np.testing.assert_array_equal(images.read_map(folder / "a.tif"), to_bytes(true_alpha()))
    foreground = images.read_photo(folder / "f.jpg").pixels
    assert np.abs(foreground[:, :45].astype(int) - RED).max() <= 6
    assert files(folder) == {"photo.png", "trimap.png", "o.webp", "a.tif", "f.jpg"}


@pytest.mark.parametrize(("colour", "levels"), [("white", (255, 255, 255)), ("#0f0", (0, 255, 0))])
def test_a_background_colour_fills_what_is_not_foreground(
    folder: Path, colour: str, levels: tuple[int, int, int]
) -> None:
    report = run(folder, background=colour)
    pixels = images.read_photo(report.output).pixels.astype(int)
    np.testing.assert_array_equal(pixels[:, 50:], np.broadcast_to(levels, (HEIGHT, 20, 3)))
    assert np.abs(pixels[:, 20:50] - (RED.astype(float) + levels) / 2).max() <= 1.5


def test_a_link_that_leads_to_itself_is_no_traceback(folder: Path) -> None:
    (folder / "loop.png").symlink_to("loop.png")
    with pytest.raises(BadInput, match=r"^[^\n]*loop.png cannot be opened[^\n]*$"):
        run(folder, image_path=folder / "loop.png")
    report = run(folder, output_path=folder / "loop.png", overwrite=True)
    assert images.read_photo(report.output).alpha is not None


@pytest.mark.parametrize("name", ["#1.png", "#fff.png", "gray.png"])
def test_a_background_picture_may_be_called_nearly_as_a_colour(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(BadInput, match=r"is not a colour|does not exist"):
        run(folder, background=name)
    images.write_image(name, np.full((9, 9, 3), 240, np.uint8))
    for background in (name, Path(name)):
        report = run(folder, background=background, output_path=folder / "o.png", overwrite=True)
        np.testing.assert_array_equal(images.read_photo(report.output).pixels[:, 50:], 240)


def test_a_background_picture_is_scaled_to_cover(folder: Path) -> None:
    sides = np.zeros((11, 61, 3), np.uint8)
    sides[:, :30], sides[:, 31:] = 40, 240
    images.write_image(folder / "behind.png", sides)
    report = run(folder, background=folder / "behind.png", output_path=folder / "o.jpg")
    pixels = images.read_photo(report.output).pixels.astype(int)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(pixels[:, 58:] - 240).max() <= 4


def test_16_bits_and_the_profile_are_kept(folder: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    images.write_image(folder / "deep.png", photo_pixels(np.uint16), icc=profile)
    report = run(folder, image_path=folder / "deep.png", foreground_path=folder / "f.tif")
    for path in (report.output, folder / "f.tif"):
        written = images.read_photo(path)
        assert written.pixels.dtype == np.uint16
        assert written.icc == profile
    np.testing.assert_array_equal(
        images.read_photo(report.output).pixels[:, :20], photo_pixels(np.uint16)[:, :20]
    )


@pytest.mark.parametrize(("more", "is_kept"), [(b"\0\0", True), (None, False)])
def test_a_profile_that_is_padded_is_kept_and_one_that_is_lost_is_told(
    folder: Path, more: bytes | None, is_kept: bool
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    stored = profile[:-1] if more is None else profile + more
    Image.fromarray(photo_pixels()).save(folder / "photo.jpg", icc_profile=stored)
    report = run(folder, image_path=folder / "photo.jpg")
    assert images.read_photo(report.output).icc == (profile if is_kept else None)
    assert any("colour profile that is broken" in note for note in report.notes) != is_kept


def test_a_channel_that_is_not_opacity_is_left_out_and_that_is_told(folder: Path) -> None:
    """Rows that the trimap knows to be foreground do not fade, whatever the channel holds."""
    with_selection = np.dstack([photo_pixels(), np.zeros((HEIGHT, WIDTH), np.uint8)])
    Image.fromarray(with_selection).save(folder / "photo.tif")
    content = (folder / "photo.tif").read_bytes()
    opacity = struct.pack("<HHI", 338, 3, 1)
    (folder / "photo.tif").write_bytes(content.replace(opacity + b"\2", opacity + b"\0"))
    report = run(folder, image_path=folder / "photo.tif")
    np.testing.assert_array_equal(images.read_photo(report.output).alpha, to_bytes(true_alpha()))
    (note,) = report.notes
    assert note == "photo has a channel beside its colours that is not its opacity: it was left out"


def test_a_working_folder_that_is_gone_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(MatteError, match="does not exist"):
        cut("photo.png", "trimap.png")


def test_a_profile_of_an_odd_size_is_written_to_png(folder: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    odd = (len(profile) + 3).to_bytes(4, "big") + profile[4:] + bytes(3)
    Image.fromarray(photo_pixels()).save(folder / "photo.jpg", icc_profile=odd)
    report = run(folder, image_path=folder / "photo.jpg")
    assert images.read_photo(report.output).icc is not None
    assert report.notes == ()


def test_a_photo_that_is_transparent_in_places_stays_so(folder: Path) -> None:
    own = np.full((HEIGHT, WIDTH), 255, np.uint8)
    own[:10] = 0
    images.write_image(folder / "holes.png", photo_pixels(), alpha=own)
    report = run(folder, image_path=folder / "holes.png")
    expected = to_bytes(true_alpha())
    expected[:10] = 0
    alpha = images.read_photo(report.output).alpha
    assert alpha is not None
    np.testing.assert_array_equal(alpha, expected)
    assert any("transparent in places" in note for note in report.notes)


def test_a_mask_becomes_a_trimap(folder: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:, :35] = 255
    images.write_image(folder / "mask.png", mask)
    report = run(folder, trimap_path=None, mask_path=folder / "mask.png")
    alpha = images.read_photo(report.output).alpha
    assert alpha is not None
    assert [int(alpha[20, column]) for column in (10, 34, 35, 60)] == [255, 128, 128, 0]


def test_the_band_of_a_mask_can_be_chosen(folder: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:, :35] = 255
    images.write_image(folder / "mask.png", mask)
    report = run(folder, trimap_path=None, mask_path=folder / "mask.png", band_px=3)
    assert report.unknown_share == pytest.approx(6 / WIDTH)
    with pytest.raises(BadInput, match="band_px is given without a mask"):
        run(folder, band_px=3, overwrite=True)


def test_a_mask_of_another_size_or_of_one_side_is_called_a_mask(folder: Path) -> None:
    mask = np.full((HEIGHT, WIDTH), 20, np.uint8)
    mask[:, :35] = 60
    for name, pixels, said in (
        ("dim", mask, "mask is all background"),
        ("small", mask[1:], "mask is 70 × 43"),
    ):
        images.write_image(folder / f"{name}.png", pixels)
        with pytest.raises(BadInput, match=said):
            run(folder, trimap_path=None, mask_path=folder / f"{name}.png")


@pytest.mark.parametrize(("kept", "said"), [(255, "that it is background"), (0, "that it is foreground")])
def test_where_one_side_is_not_known_a_note_says_so(folder: Path, kept: int, said: str) -> None:
    half = np.where(grey_trimap() == kept, kept, 128).astype(np.uint8)
    images.write_image(folder / "half.png", half)
    report = run(folder, trimap_path=folder / "half.png")
    assert any(said in note and "paint what is certain" in note for note in report.notes)


def test_a_trimap_that_is_unknown_everywhere_works(folder: Path) -> None:
    images.write_image(folder / "grey.png", np.full((HEIGHT, WIDTH), 128, np.uint8))
    report = run(folder, trimap_path=folder / "grey.png")
    assert report.unknown_share == 1
    assert any("unknown everywhere" in note for note in report.notes)


def test_a_trimap_without_unknown_pixels_is_the_alpha(folder: Path) -> None:
    hard = np.where(grey_trimap() == 128, 0, grey_trimap()).astype(np.uint8)
    images.write_image(folder / "hard.png", hard)
    report = run(folder, trimap_path=folder / "hard.png", model=None, options=MattingOptions(model="x"))
    assert any("no unknown pixels" in note for note in report.notes)
    alpha = images.read_photo(report.output).alpha
    assert alpha is not None
    np.testing.assert_array_equal(alpha, hard)


@pytest.mark.parametrize("level", [0, 255])
def test_a_trimap_or_mask_of_one_colour_is_refused(folder: Path, level: int) -> None:
    images.write_image(folder / "flat.png", np.full((HEIGHT, WIDTH), level, np.uint8))
    with pytest.raises(BadInput, match="trimap is all"):
        run(folder, trimap_path=folder / "flat.png")
    with pytest.raises(BadInput, match="mask is all"):
        run(folder, trimap_path=None, mask_path=folder / "flat.png")
    assert "photo-cutout.png" not in files(folder)


def test_a_trimap_of_another_size_is_refused_with_both_sizes(folder: Path) -> None:
    images.write_image(folder / "small.png", grey_trimap()[:-1])
    with pytest.raises(BadInput, match="70 × 43 px but the image is 70 × 44 px"):
        run(folder, trimap_path=folder / "small.png")


def test_a_photo_turned_by_exif_explains_the_sizes(folder: Path) -> None:
    from PIL import Image

    picture = Image.fromarray(photo_pixels())
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(folder / "turned.jpg", exif=exif)
    with pytest.raises(BadInput, match="EXIF"):
        run(folder, image_path=folder / "turned.jpg")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trimap_path": None}, "neither was given"),
        ({"mask_path": "m.png"}, "both was given"),
        ({"background": "blueish"}, "expected #rgb"),
        ({"background": "#12345"}, "expected #rgb"),
        ({"background": "missing.jpg"}, "missing.jpg"),
        ({"output_path": "o.jpg"}, "cannot be transparent"),
        ({"output_path": "o.xyz"}, "o.xyz"),
        ({"output_path": "nowhere/o.png"}, "nowhere"),
        ({"output_path": "photo.png", "overwrite": True}, "is also read"),
        ({"alpha_path": "photo-cutout.png"}, "asked for twice"),
        ({"image_path": "missing.png"}, "missing.png"),
        ({"image_path": "nofolder/p.png"}, "nofolder/p.png does not exist; expected a picture"),
        ({"image_path": "a\0b.png"}, "cannot be opened: embedded null"),
        ({"output_path": "a\0b.png"}, "cannot be written: embedded null"),
        ({"image_path": "."}, "folder"),
        ({"max_pixels": 100}, "70 × 44"),
    ],
)
def test_what_cannot_work_is_refused_and_leaves_no_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], said: str
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(MatteError) as caught:
        run(Path(), **changes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files(folder) == {"photo.png", "trimap.png"}


def test_outputs_are_checked_before_anything_is_read(folder: Path) -> None:
    (folder / "photo.png").write_text("no picture")
    with pytest.raises(BadOutput, match="folder"):
        run(folder, alpha_path=folder / "nowhere" / "a.png")


def test_an_existing_result_is_replaced_only_when_asked(folder: Path) -> None:
    target = folder / "photo-cutout.png"
    target.write_text("mine")
    with pytest.raises(BadOutput, match="overwrit"):
        run(folder)
    assert target.read_text() == "mine"
    run(folder, overwrite=True)
    assert images.read_photo(target).alpha is not None


def test_an_unknown_model_leaves_no_file(folder: Path) -> None:
    with pytest.raises(ModelUnavailable, match="nobody"):
        run(folder, model=None, options=MattingOptions(model="nobody"))
    assert files(folder) == {"photo.png", "trimap.png"}


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_if_one_result_fails_none_is_new_and_none_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    really_save, saved = images._save, []

    def save(*rest: Any) -> None:
        saved.append(1)
        if len(saved) == failing:
            raise BadOutput("disk is full")
        really_save(*rest)

    (folder / "photo-cutout.png").write_text("mine")
    (folder / "real.png").write_text("mine")
    (folder / "a.png").symlink_to(folder / "real.png")
    before = files(folder)
    monkeypatch.setattr(images, "_save", save)
    with pytest.raises(BadOutput, match="full"):
        run(folder, alpha_path=folder / "a.png", foreground_path=folder / "f.png", overwrite=True)
    assert files(folder) == before
    assert (folder / "photo-cutout.png").read_text() == (folder / "real.png").read_text() == "mine"


def test_a_photo_too_long_for_a_format_is_refused_before_the_work(folder: Path) -> None:
    images.write_image(folder / "long.png", np.zeros((1, 16384, 3), np.uint8))
    told = []
    with pytest.raises(BadOutput, match="ends at 16383 px"):
        run(
            folder, image_path=folder / "long.png", alpha_path=folder / "a.webp",
            progress=lambda step, share: told.append(step),
        )  # fmt: skip
    assert told == ["reading"]


def test_a_broken_profile_is_said_by_its_file(folder: Path) -> None:
    broken = bytearray(_profile("p3"))
    broken[128:] = bytes(len(broken) - 128)  # the header is whole, and nothing else
    images.write_image(folder / "broken.png", photo_pixels(), icc=bytes(broken))
    images.write_image(folder / "p3.png", photo_pixels(), icc=_profile("p3"))
    for photo, behind in (("broken.png", "p3.png"), ("p3.png", "broken.png"), ("broken.png", "photo.png")):
        with pytest.raises(BadInput, match=r"broken\.png has a broken colour profile"):
            run(folder, image_path=folder / photo, background=folder / behind)
    run(folder, image_path=folder / "broken.png")  # nothing needs it there


def _profile(name: str) -> bytes:
    """One of libvips' own: "p3" or "srgb"."""
    import pyvips

    dot = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb")
    return bytes(dot.icc_transform(name).get("icc-profile-data"))


def _show(path: Path | str) -> AnyArray:
    """Return a file's colours as Little CMS, by Pillow, shows them on an sRGB screen."""
    import io

    from PIL import Image, ImageCms

    picture = Image.open(path).convert("RGB")
    profile = picture.info.get("icc_profile")
    if not profile:
        return np.asarray(picture)
    screen = ImageCms.createProfile("sRGB")
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return np.asarray(ImageCms.profileToProfile(picture, source, screen, renderingIntent=intent))


@pytest.mark.parametrize("photo_profile", ["p3", "srgb", None])
@pytest.mark.parametrize("behind", ["colour", "p3", "srgb", None])
def test_convention_colours_of_a_background_look_the_same_on_a_photo_of_another_profile(
    folder: Path, photo_profile: str | None, behind: str | None
) -> None:
    profile = _profile(photo_profile) if photo_profile else None
    images.write_image(folder / "tagged.png", photo_pixels(), icc=profile)
    expected = np.array([40, 180, 90])
    background: Path | str = "#28b45a"
    if behind != "colour":
        background = folder / "behind.png"
        pixels = np.broadcast_to(expected.astype(np.uint8), (HEIGHT, WIDTH, 3))
        images.write_image(background, pixels, icc=_profile(behind) if behind else None)
        expected = _show(background)[0, 0].astype(int)
    report = run(folder, image_path=folder / "tagged.png", background=background)
    assert images.read_photo(report.output).icc == profile
    # A saturated green of P3 lies outside sRGB and is cut off there.
    shown = _show(report.output)[20, 60].astype(int)
    np.testing.assert_allclose(shown, expected, atol=2)


@pytest.mark.skipif(not Path("/dev/full").exists() or os.name != "posix", reason="needs /dev/full")
def test_a_device_is_no_place_for_a_result(folder: Path) -> None:
    with pytest.raises(MatteError):
        run(folder, output_path="/dev/full")


def test_progress_names_the_steps_in_order(folder: Path) -> None:
    told: list[tuple[str, float]] = []
    run(folder, progress=lambda step, share: told.append((step, share)))
    steps = list(dict.fromkeys(step for step, _ in told))
    assert steps == ["reading", "finding alpha", "cleaning colours", "writing"]
    assert all(0 <= share <= 1 for _, share in told)


@pytest.mark.parametrize("part", ["photo.png", "trimap.png"])
def test_a_file_that_is_read_is_never_replaced_by_another_of_its_paths(folder: Path, part: str) -> None:
    (folder / "other.png").hardlink_to(folder / part)
    before = (folder / part).read_bytes()
    with pytest.raises(BadOutput, match=r"other.png is also read"):
        run(folder, output_path=folder / "other.png", overwrite=True)
    assert (folder / part).read_bytes() == before


def test_a_mask_without_a_band_is_named_for_what_it_is(folder: Path) -> None:
    images.write_image(folder / "mask.png", np.where(grey_trimap() == 255, 255, 0).astype(np.uint8))
    report = run(folder, trimap_path=None, mask_path=folder / "mask.png", band_px=0.5)
    assert [note for note in report.notes if "mask" in note and "make band_px larger" in note]
    assert not any("trimap" in note for note in report.notes)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_broken_profile_is_noted_of_photo_and_background(folder: Path, kind: str) -> None:
    picture = folder / f"broken.{kind.lower()}"
    Image.fromarray(photo_pixels()).save(picture, kind, icc_profile=b"garbage" * 40)
    for changes, name in (({"image_path": picture}, "photo"), ({"background": picture}, "background")):
        report = run(folder, overwrite=True, **changes)
        assert [
            note for note in report.notes if note.startswith(f"{name} has a colour profile that is broken")
        ]


def test_a_background_of_a_name_that_no_file_can_have_is_a_plain_error(folder: Path) -> None:
    with pytest.raises(BadInput):
        run(folder, background="y" * 300)
