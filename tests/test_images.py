import io
import os
import signal
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms, ImageOps

from deepmatte import images, outputs
from deepmatte.errors import BadInput, BadOutput, MatteError
from deepmatte.pixels import AnyArray
from deepmatte.sources import Encoded

HEIGHT, WIDTH = 23, 37
GENERATOR = np.random.default_rng(0)
RGB = GENERATOR.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
ALPHA = GENERATOR.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
DEEP = GENERATOR.integers(0, 65536, (HEIGHT, WIDTH, 3), dtype=np.uint16)
DEEP_ALPHA = GENERATOR.integers(0, 65536, (HEIGHT, WIDTH), dtype=np.uint16)
SMOOTH = (np.linspace(0, 200, HEIGHT)[:, None, None] + np.arange(WIDTH)[:, None] + [0, 9, 18]).astype(
    np.uint8
)
RGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY_PROFILE = RGB_PROFILE[:16] + b"GRAY" + RGB_PROFILE[20:]


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    def put(data: bytes, name: str = "file.png") -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return put


# Reading: kinds of pictures


@pytest.mark.parametrize(
    ("kind", "modes"),
    [
        ("PNG", ["1", "L", "LA", "P", "RGB", "RGBA"]),
        ("TIFF", ["1", "L", "LA", "P", "RGB", "RGBA"]),
        ("GIF", ["1", "L", "P"]),
        ("BMP", ["1", "L", "P", "RGB"]),
    ],
)
def test_lossless_kinds_are_read_as_pillow_reads_them(kind: str, modes: list[str], put: Put) -> None:
    for mode in modes:
        data = encoded(Image.fromarray(np.dstack([RGB, ALPHA])).convert(mode), kind)
        expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
        photo = images.read_photo(put(data))
        assert photo.pixels.dtype == np.uint8
        assert photo.pixels.flags.c_contiguous
        np.testing.assert_array_equal(photo.pixels, expected[..., :3])
        assert (photo.alpha is not None) == bool(np.any(expected[..., 3] < 255))
        if photo.alpha is not None:
            np.testing.assert_array_equal(photo.alpha, expected[..., 3])


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "RGB"), ("JPEG", "L"), ("WEBP", "RGB")])
def test_lossy_kinds_are_read_as_pillow_reads_them(kind: str, mode: str, put: Put) -> None:
    data = encoded(Image.fromarray(SMOOTH).convert(mode), kind, quality=95)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert np.abs(images.read_photo(put(data)).pixels - expected).max() <= 2


def test_lossless_webp_keeps_alpha(put: Put) -> None:
    data = encoded(Image.fromarray(np.dstack([RGB, ALPHA])), "WEBP", lossless=True, exact=True)
    photo = images.read_photo(put(data))
    np.testing.assert_array_equal(photo.pixels, RGB)
    np.testing.assert_array_equal(photo.alpha, ALPHA)


def test_convention_files_only_the_first_frame_is_read(put: Put) -> None:
    first = Image.fromarray(RGB).convert("P")
    later = Image.new("P", (WIDTH, HEIGHT), 3)
    photo = images.read_photo(put(encoded(first, "GIF", save_all=True, append_images=[later, later])))
    np.testing.assert_array_equal(photo.pixels, np.asarray(first.convert("RGB")))


def test_a_palette_with_a_transparent_colour_has_alpha(put: Put) -> None:
    indices = (RGB[..., 0] % 4).astype(np.uint8)
    picture = Image.fromarray(indices, "L").convert("P")
    photo = images.read_photo(put(encoded(picture, "PNG", transparency=2)))
    np.testing.assert_array_equal(photo.alpha, np.where(np.asarray(picture) == 2, 0, 255))


def test_convention_alpha_that_is_opaque_counts_as_none(put: Put) -> None:
    opaque = np.dstack([RGB, np.full_like(ALPHA, 255)])
    assert images.read_photo(put(encoded(Image.fromarray(opaque), "PNG"))).alpha is None


def naive_rgb(cmyk: AnyArray) -> AnyArray:
    return 255 * (1 - cmyk[..., :3] / 255) * (1 - cmyk[..., 3:] / 255)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_convention_files_cmyk_becomes_srgb(kind: str, put: Put) -> None:
    cmyk = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    cmyk[:, 12:24] = [0, 255, 255, 0]
    cmyk[:, 24:] = [0, 0, 0, 255]
    photo = images.read_photo(put(encoded(Image.fromarray(cmyk, "CMYK"), kind)))
    assert photo.icc is None
    paper, red, ink = (photo.pixels[HEIGHT // 2, column].astype(int) for column in (5, 18, 31))
    assert paper.min() > 240
    assert red[0] > 180
    assert red[1:].max() < 80
    assert ink.max() < 60


def unspecified(data: bytes) -> bytes:
    """A TIFF file whose channel beside the colours is opacity, made to say that it is not."""
    entry = struct.pack("<HHI", 338, 3, 1)
    changed = data.replace(entry + b"\2\0", entry + b"\0\0")
    assert changed != data
    return changed


@pytest.mark.parametrize("packing", ["raw", "tiff_lzw"])
def test_convention_files_a_channel_of_tiff_that_is_not_opacity_is_left_out(packing: str, put: Put) -> None:
    data = encoded(Image.fromarray(np.dstack([RGB, ALPHA])), "TIFF", compression=packing)
    photo = images.read_photo(put(data))
    assert not photo.lost_channel
    np.testing.assert_array_equal(photo.alpha, ALPHA)
    photo = images.read_photo(put(unspecified(data)))
    assert photo.lost_channel
    assert photo.alpha is None
    np.testing.assert_array_equal(photo.pixels, RGB)


def test_a_map_with_a_channel_that_is_not_opacity_is_read(put: Put) -> None:
    data = encoded(Image.fromarray(np.dstack([ALPHA, ALPHA.T.reshape(ALPHA.shape)]), "LA"), "TIFF")
    with pytest.raises(BadInput, match="transparent"):
        images.read_map(put(data))
    np.testing.assert_array_equal(images.read_map(put(unspecified(data))), ALPHA)


def test_cmyk_keeps_its_depth_and_its_alpha(tmp_path: Path) -> None:
    planes = np.dstack([DEEP, DEEP[..., 0], DEEP_ALPHA])
    stored = pyvips.Image.new_from_array(planes).copy(interpretation="cmyk")
    stored.tiffsave(str(tmp_path / "file.tif"))
    photo = images.read_photo(tmp_path / "file.tif")
    assert photo.pixels.dtype == np.uint16
    np.testing.assert_array_equal(photo.alpha, DEEP_ALPHA)
    content = (tmp_path / "file.tif").read_bytes()
    (tmp_path / "file.tif").write_bytes(unspecified(content))
    plain = images.read_photo(tmp_path / "file.tif")
    assert plain.alpha is None
    np.testing.assert_array_equal(plain.pixels, photo.pixels)


@pytest.mark.parametrize(
    "stored",
    [
        pyvips.Image.new_from_array(RGB).colourspace("labs"),
        pyvips.Image.new_from_array(np.dstack([RGB, RGB])),
        pyvips.Image.new_from_array(np.dstack([RGB, ALPHA]).astype(np.float32)).copy(interpretation="cmyk"),
    ],
)
def test_colours_of_other_kinds_are_refused(stored: Any, tmp_path: Path) -> None:
    stored.tiffsave(str(tmp_path / "file.tif"))
    with pytest.raises(BadInput, match="expected grey, RGB or CMYK"):
        images.read_photo(tmp_path / "file.tif")


def test_a_photo_of_floats_is_refused_and_a_map_of_floats_is_kept(put: Put) -> None:
    levels = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    path = put(encoded(Image.fromarray(levels), "TIFF"), "file.tif")
    with pytest.raises(BadInput, match="float32 pixels"):
        images.read_photo(path)
    np.testing.assert_array_equal(images.read_map(path), levels)


# Reading: maps


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF"])
def test_a_palette_map_is_resolved_to_its_levels(kind: str, put: Put) -> None:
    picture = Image.fromarray(RGB[..., 0] % 3, "P")
    picture.putpalette([0, 0, 0, 128, 128, 128, 255, 255, 255])
    expected = np.array([0, 128, 255], np.uint8)[RGB[..., 0] % 3]
    np.testing.assert_array_equal(images.read_map(put(encoded(picture, kind))), expected)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_convention_files_one_bit_maps_are_black_and_white(kind: str, put: Put) -> None:
    picture = Image.fromarray(RGB[..., 0] > 99)
    expected = np.where(RGB[..., 0] > 99, 255, 0)
    np.testing.assert_array_equal(images.read_map(put(encoded(picture, kind))), expected)


def test_a_map_keeps_16_bits(put: Put) -> None:
    data = encoded(Image.fromarray(DEEP_ALPHA), "PNG")
    np.testing.assert_array_equal(images.read_map(put(data)), DEEP_ALPHA)


def test_a_map_is_turned_upright_too(put: Put) -> None:
    data = encoded(Image.fromarray(SMOOTH[..., 0]), "PNG", exif=exif(6))
    np.testing.assert_array_equal(images.read_map(put(data)), np.rot90(SMOOTH[..., 0], -1))


def test_an_opaque_grey_and_alpha_map_is_read_and_a_transparent_one_is_refused(put: Put) -> None:
    grey = Image.fromarray(ALPHA)
    opaque, seen_through = grey.convert("LA"), grey.convert("LA")
    seen_through.putalpha(7)
    np.testing.assert_array_equal(images.read_map(put(encoded(opaque, "PNG"))), ALPHA)
    with pytest.raises(BadInput, match=r"file\.png has transparent pixels"):
        images.read_map(put(encoded(seen_through, "PNG")))


def test_a_coloured_map_is_refused(put: Put) -> None:
    with pytest.raises(BadInput, match=r"file\.png has colours"):
        images.read_map(put(encoded(Image.fromarray(RGB), "PNG")))


# Reading: orientation and profiles


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_convention_files_are_turned_upright(kind: str, orientation: int, put: Put) -> None:
    options: dict[str, Any] = (
        {"tiffinfo": {0x0112: orientation}} if kind == "TIFF" else {"exif": exif(orientation)}
    )
    options |= {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    data = encoded(Image.fromarray(SMOOTH), kind, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))).astype(int)
    photo = images.read_photo(put(data))
    assert photo.pixels.shape == expected.shape
    assert np.abs(photo.pixels - expected).max() <= (2 if kind == "JPEG" else 0)
    assert photo.turned == (orientation >= 5)


def test_an_orientation_that_does_not_exist_is_ignored(put: Put) -> None:
    photo = images.read_photo(put(encoded(Image.fromarray(RGB), "PNG", exif=exif(9))))
    np.testing.assert_array_equal(photo.pixels, RGB)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_rgb_profile_is_read(kind: str, put: Put) -> None:
    data = encoded(Image.fromarray(RGB), kind, icc_profile=RGB_PROFILE)
    assert images.read_photo(put(data)).icc == RGB_PROFILE


def test_convention_files_grey_profiles_are_dropped(put: Put) -> None:
    data = encoded(Image.fromarray(ALPHA), "PNG", icc_profile=GREY_PROFILE)
    photo = images.read_photo(put(data))
    assert photo.icc is None
    np.testing.assert_array_equal(photo.pixels, np.dstack([ALPHA] * 3))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_damaged_profile_is_dropped_and_said_to_be(kind: str, put: Put) -> None:
    for icc, is_lost in ((RGB_PROFILE[:-5], True), (None, False)):
        photo = images.read_photo(put(encoded(Image.fromarray(RGB), kind, icc_profile=icc)))
        assert photo.icc is None
        assert photo.lost_profile is is_lost


def test_a_profile_in_a_jpeg_that_lacks_its_first_part_is_said_to_be_lost(put: Put) -> None:
    data = encoded(Image.fromarray(RGB), "JPEG", icc_profile=RGB_PROFILE)
    odd = data.replace(b"ICC_PROFILE\0\1\1", b"ICC_PROFILE\0\2\2")
    assert odd != data
    photo = images.read_photo(put(odd))
    assert photo.icc is None
    assert photo.lost_profile


@pytest.mark.parametrize(
    ("icc", "is_told"),
    # What else than its header is broken in a profile, libvips does not say.
    [
        (RGB_PROFILE, True),
        (RGB_PROFILE[:16] + b"CMYK" + RGB_PROFILE[20:], False),
        (b"nonsense" * 40, True),
    ],
)
def test_cmyk_with_a_profile_of_no_use_is_read_without_it(icc: bytes, is_told: bool, put: Put) -> None:
    picture = Image.fromarray(np.dstack([SMOOTH, SMOOTH[..., 0]]), "CMYK")
    with_profile = images.read_photo(put(encoded(picture, "TIFF", icc_profile=icc)))
    without = images.read_photo(put(encoded(picture, "TIFF")))
    np.testing.assert_array_equal(with_profile.pixels, without.pixels)
    assert with_profile.icc is None
    assert with_profile.lost_profile is is_told
    assert not without.lost_profile


# Reading: what cannot be read


def png_header(width: int, height: int) -> bytes:
    """A PNG that announces a size and holds one row of nothing."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return start + chunk(b"IDAT", zlib.compress(bytes(1 + 3 * width))) + chunk(b"IEND", b"")


def gif_header(width: int, height: int) -> bytes:
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\x00;"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + frame


def bmp_header(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54, 0, 0, 54) + info


@pytest.mark.parametrize("make", [png_header, gif_header, bmp_header])
def test_convention_files_too_large_are_refused_by_their_header(
    make: Callable[[int, int], bytes], put: Put
) -> None:
    with pytest.raises(BadInput, match="30000 × 30000 px; at most 300,000,000 px are read"):
        images.read_photo(put(make(30_000, 30_000)))


def test_the_limit_can_be_moved(put: Put) -> None:
    path = put(encoded(Image.fromarray(RGB), "PNG"))
    with pytest.raises(BadInput, match=f"{WIDTH} × {HEIGHT} px"):
        images.read_photo(path, max_pixels=WIDTH * HEIGHT - 1)
    assert images.read_photo(path, max_pixels=WIDTH * HEIGHT).pixels.shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(BadInput, match="cut short"):  # let through, it turns out to be hollow
        images.read_map(put(png_header(3000, 20_000)), max_pixels=10**9)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_cut_file_is_an_error_and_not_grey_pixels(kind: str, share: float, put: Put) -> None:
    data = encoded(Image.fromarray(RGB), kind)
    with pytest.raises(BadInput, match="cut short") as caught:
        images.read_photo(put(data[: int(share * len(data))]))
    assert "\n" not in str(caught.value)


def with_noise(data: bytes, count: int = 400) -> bytes:
    """The file with random bytes in its middle."""
    noise = np.random.default_rng(0).integers(0, 256, count, np.uint8).tobytes()
    middle = len(data) // 2
    return data[:middle] + noise + data[middle + count :]


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_convention_files_a_jpeg_damaged_in_its_middle_is_an_error(options: dict[str, Any], put: Put) -> None:
    data = encoded(Image.fromarray(np.tile(RGB, (3, 3, 1))), "JPEG", quality=95, **options)
    with pytest.raises(BadInput, match="is damaged, cut short") as caught:
        images.read_photo(put(with_noise(data)))
    assert "\n" not in str(caught.value)


def odd_headers(data: bytes) -> dict[str, bytes]:
    """The file as some cameras and programs write it."""
    scan, revision, table = data.rindex(b"\xff\xda"), data.index(b"JFIF") + 5, data.index(b"\xff\xdb")
    end = scan + 2 + struct.unpack(">H", data[scan + 2 : scan + 4])[0]
    return {
        "scan": data[: end - 3] + bytes(3) + data[end:],
        "revision": data[:revision] + b"\x03" + data[revision + 1 :],
        "strays": data[:table] + b"\0\0" + data[table:],
        "no end": data.removesuffix(b"\xff\xd9"),
        "more": data + b"more",
    }


@pytest.mark.parametrize("name", ["scan", "revision", "strays", "no end", "more"])
def test_a_jpeg_with_an_odd_header_is_read_as_without_unless_it_is_damaged(name: str, put: Put) -> None:
    picture = Image.fromarray(np.tile(RGB, (3, 3, 1)))
    data = encoded(picture, "JPEG", quality=95)
    odd = odd_headers(data)[name]
    assert odd != data
    np.testing.assert_array_equal(images.read_photo(put(odd)).pixels, images.read_photo(put(data)).pixels)
    for broken in (with_noise(odd), odd[: int(0.7 * len(odd))]):
        with pytest.raises(BadInput, match=r"damaged, cut short .*(Corrupt|premature)"):
            images.read_photo(put(broken))
    with pytest.raises(BadInput) as caught:  # nothing of it is left to be said of another file
        images.read_photo(put(encoded(picture, "PNG")[:900]))
    assert "Jpeg" not in str(caught.value)


def test_a_tiff_with_tags_nobody_knows_is_read(put: Put) -> None:
    tags = {65000: "hello", 42112: "<x/>"}
    read = images.read_photo(put(encoded(Image.fromarray(RGB), "TIFF", tiffinfo=tags)))
    np.testing.assert_array_equal(read.pixels, RGB)


@pytest.mark.parametrize("packing", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_with_an_odd_header_is_read_unless_it_is_cut(packing: str, big: bool, put: Put) -> None:
    data = encoded(
        Image.fromarray(SMOOTH), "TIFF", compression=packing, tiffinfo={305: "somebody"}, big_tiff=big
    )
    odd = data.replace(b"somebody\0", b"somebody!")  # a text that does not end
    assert odd != data
    np.testing.assert_array_equal(images.read_photo(put(odd)).pixels, SMOOTH)
    for end in (8, 100, len(odd) // 2, len(odd) - 40):
        with pytest.raises(BadInput, match=r"damaged, cut short"):
            images.read_photo(put(odd[:end]))


def test_a_tiff_of_jpeg_data_that_is_damaged_is_an_error(put: Put) -> None:
    """Its decoder only warns of that, as it does of odd headers."""
    data = encoded(Image.fromarray(np.tile(RGB, (3, 3, 1))), "TIFF", compression="jpeg", quality=95)
    assert images.read_photo(put(data)).pixels.shape == (3 * HEIGHT, 3 * WIDTH, 3)
    with pytest.raises(BadInput, match="is damaged, cut short"):
        images.read_photo(put(with_noise(data)))


def test_a_progressive_jpeg_that_ends_between_its_scans_is_an_error(put: Put) -> None:
    data = encoded(Image.fromarray(np.tile(SMOOTH, (5, 5, 1))), "JPEG", progressive=True)
    scans = [at for at in range(len(data)) if data.startswith((b"\xff\xda", b"\xff\xc4"), at)]
    assert len(scans) > 8
    for at in scans:
        with pytest.raises(BadInput, match="is damaged, cut short"):
            images.read_photo(put(data[:at]))


def test_what_is_no_picture_is_refused_in_one_line(put: Put, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path / "missing.png", "does not exist"),
        (tmp_path, "is a folder"),
        (tmp_path / "pipe", "no regular file"),
        (put(b"", "empty.png"), "is empty"),
        (put(b"just a text\nof two lines\n", "text.png"), "is no picture"),
        (put(b"1,2,3\n4,5,6\n", "table.csv"), "is no picture"),
        (put(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing.svg"), "is no picture"),
        (put(b"\x89PNG\r\n\x1a\n" + b"\n" * 99, "hollow.png"), "cut short"),
        (tmp_path / "nul\0.png", "cannot be opened"),
        (tmp_path / "two\nlines.png", r"two\nlines"),
    ):
        for read in (images.read_photo, images.read_map):
            with pytest.raises(BadInput) as caught:
                read(path)
            assert said in str(caught.value)
            assert "\n" not in str(caught.value)


def test_a_file_that_may_not_be_read_is_said_so(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = put(encoded(Image.fromarray(RGB), "PNG"))
    monkeypatch.setattr(Path, "open", refuse)  # chmod does not hold back the superuser
    with pytest.raises(BadInput, match="may not be read"):
        images.read_photo(path)


def test_names_with_brackets_and_odd_letters_are_names(tmp_path: Path) -> None:
    for name in ("photo[1].png", "a.png[shrink=2].png", "ü [n=-1].png", os.fsdecode(b"\xff.png")):
        images.write_image(tmp_path / name, RGB)
        np.testing.assert_array_equal(images.read_photo(tmp_path / name).pixels, RGB)


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    images.write_image(path, RGB)
    images.read_photo(path)
    images.write_image(path, 255 - RGB, overwrite=True)
    np.testing.assert_array_equal(images.read_photo(path).pixels, 255 - RGB)


def test_damage_whose_description_is_not_utf_8_is_a_plain_error(
    put: Put, capfd: pytest.CaptureFixture[str]
) -> None:
    tile = b"\x00" * 3
    chunk = struct.pack(">I", len(tile)) + b"\xa1\xa2\xa3\xa4" + tile + struct.pack(">I", 0)
    whole = encoded(Image.fromarray(RGB), "PNG")
    for data in (whole[:33] + chunk + whole[33:], whole[:33] + chunk):
        for _ in range(2):
            with pytest.raises(BadInput, match="damaged"):
                images.read_photo(put(data))
    assert capfd.readouterr().err == ""


def fuzz_seeds() -> list[bytes]:
    picture = Image.fromarray(np.dstack([SMOOTH, SMOOTH[..., 0]]))
    rgb = picture.convert("RGB")
    return [
        encoded(rgb, "JPEG", exif=exif(6), icc_profile=RGB_PROFILE),
        encoded(rgb, "JPEG", progressive=True),
        encoded(Image.fromarray(np.asarray(picture), "CMYK"), "JPEG"),
        encoded(picture, "PNG", icc_profile=RGB_PROFILE),
        encoded(rgb.convert("P"), "PNG"),
        encoded(picture, "WEBP"),
        encoded(rgb, "WEBP", lossless=True),
        encoded(picture, "TIFF"),
        encoded(rgb, "TIFF", compression="tiff_lzw"),
        encoded(Image.fromarray(np.asarray(picture), "CMYK"), "TIFF", icc_profile=RGB_PROFILE),
        encoded(rgb, "TIFF", compression="jpeg"),
        encoded(rgb.convert("P"), "GIF"),
        encoded(rgb, "BMP"),
        encoded(rgb.convert("P"), "BMP"),
    ]


@pytest.mark.parametrize("seed", range(14))
def test_any_damage_gives_a_picture_or_a_one_line_error(
    seed: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = fuzz_seeds()[seed]
    generator = np.random.default_rng(seed)
    path = tmp_path / "file"
    for turn in range(60):
        data = bytearray(whole)
        for at in generator.integers(0, min(len(data), 200 if turn % 2 else len(data)), turn % 5):
            data[at] = generator.integers(0, 256)
        path.write_bytes(data[: generator.integers(0, len(data)) if turn % 3 == 0 else len(data)])
        for read in (images.read_photo, images.read_map):
            refusal = ""
            try:
                read(path, max_pixels=1_000_000)
            except BadInput as error:
                refusal = str(error)
            assert "\n" not in refusal
    assert capfd.readouterr().err == ""


# Writing


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF"])
@pytest.mark.parametrize(("pixels", "alpha"), [(RGB, ALPHA), (DEEP, DEEP_ALPHA), (RGB, None), (DEEP, None)])
def test_convention_files_png_and_tiff_keep_everything(
    suffix: str, pixels: AnyArray, alpha: AnyArray | None, tmp_path: Path
) -> None:
    path = tmp_path / f"out{suffix}"
    images.write_image(path, pixels, alpha, RGB_PROFILE)
    photo = images.read_photo(path)
    assert photo.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(photo.pixels, pixels)
    assert (photo.alpha is None) == (alpha is None)
    if alpha is not None:
        np.testing.assert_array_equal(photo.alpha, alpha)
    assert photo.icc == RGB_PROFILE


def test_convention_files_webp_keeps_alpha_and_profile_in_8_bits(tmp_path: Path) -> None:
    path = tmp_path / "out.webp"
    images.write_image(path, SMOOTH.astype(np.uint16) * 257, DEEP_ALPHA, RGB_PROFILE)
    photo = images.read_photo(path)
    np.testing.assert_array_equal(photo.alpha, np.rint(DEEP_ALPHA / 257).astype(np.uint8))
    visible = photo.alpha > 0 if photo.alpha is not None else None
    assert np.abs(photo.pixels[visible].astype(int) - SMOOTH[visible]).max() < 16
    assert photo.icc == RGB_PROFILE


def test_convention_files_jpeg_keeps_the_profile_in_8_bits(tmp_path: Path) -> None:
    path = tmp_path / "out.jpg"
    images.write_image(path, SMOOTH.astype(np.uint16) * 257, icc=RGB_PROFILE)
    photo = images.read_photo(path)
    assert photo.pixels.dtype == np.uint8
    assert np.abs(photo.pixels.astype(int) - SMOOTH).max() < 6
    assert photo.icc == RGB_PROFILE


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("levels", [ALPHA, DEEP_ALPHA])
def test_a_grey_picture_stays_grey(suffix: str, levels: AnyArray, tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    images.write_image(path, levels, icc=RGB_PROFILE)
    np.testing.assert_array_equal(images.read_map(path), levels)
    with Image.open(path) as picture:
        assert picture.mode in ("L", "I;16")
        assert "icc_profile" not in picture.info


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_pillow_reads_what_is_written(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    alpha = None if suffix == ".jpg" else ALPHA
    images.write_image(path, SMOOTH, alpha)
    with Image.open(path) as picture:
        assert picture.size == (WIDTH, HEIGHT)
        assert picture.mode == ("RGB" if alpha is None else "RGBA")
        if alpha is not None:
            np.testing.assert_array_equal(np.asarray(picture)[..., 3], alpha)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("type_", [np.uint8, np.uint16])
def test_files_are_packed_better_than_their_values_alone_can_be(
    suffix: str, type_: type[np.generic], tmp_path: Path
) -> None:
    # A gradient with grain, as skies are: neighbours tell much of a value.
    gradient = np.linspace(0.1, 0.8, 321)[:, None] + np.linspace(0, 0.1, 203)[:, None, None]
    grained = gradient + GENERATOR.normal(0, 0.003, (203, 321, 3))
    pixels = np.ascontiguousarray((grained * np.iinfo(type_).max).astype(type_))
    path = tmp_path / f"out{suffix}"
    images.write_image(path, pixels)
    assert path.stat().st_size < 0.9 * len(zlib.compress(pixels.tobytes(), 9))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_convention_files_lose_all_metadata_but_the_profile(suffix: str, put: Put, tmp_path: Path) -> None:
    photo = images.read_photo(
        put(encoded(Image.fromarray(SMOOTH), "JPEG", exif=exif(6), comment=b"secret place"))
    )
    images.write_image(tmp_path / f"out{suffix}", photo.pixels, icc=photo.icc)
    with Image.open(tmp_path / f"out{suffix}") as picture:
        assert picture.size == (HEIGHT, WIDTH)
        assert picture.getexif().get(0x0112, 1) == 1
    assert b"secret" not in (tmp_path / f"out{suffix}").read_bytes()


def test_a_grey_profile_is_never_put_on_an_rgb_file(tmp_path: Path) -> None:
    images.write_image(tmp_path / "out.png", RGB, icc=GREY_PROFILE)
    with Image.open(tmp_path / "out.png") as picture:
        assert "icc_profile" not in picture.info


def test_convention_files_jpeg_needs_a_background(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="give a background"):
        images.write_image(tmp_path / "out.jpg", RGB, ALPHA)
    with pytest.raises(BadInput, match="give a background"):
        images.check_output(tmp_path / "out.JPEG", needs_alpha=True)
    images.check_output(tmp_path / "out.jpg")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "said"), [("out.xyz", r"the suffix \.xyz"), ("out", "no suffix"), ("out.gif", "gif")]
)
def test_an_unknown_suffix_lists_the_known_ones(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(
        BadOutput, match=rf"{said}; expected one of \.png, \.tif, \.tiff, \.webp, \.jpg, \.jpeg$"
    ):
        images.check_output(tmp_path / name)


def test_outputs_that_cannot_be_are_found_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "is.png").write_bytes(b"old")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "leads-nowhere.png").symlink_to(tmp_path / "none" / "out.png")
    for name, said in (
        ("none/out.png", "does not exist"),
        ("folder.png", "is a folder"),
        ("is.png", "exists already"),
        ("is.png/out.png", "does not exist"),
        ("leads-nowhere.png", "leads to the folder"),
    ):
        with pytest.raises(BadOutput, match=said):
            images.check_output(tmp_path / name)
    images.check_output(tmp_path / "is.png", overwrite=True)
    assert (tmp_path / "is.png").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("pixels", "alpha"),
    [
        (RGB.astype(np.float32), None),
        (RGB[:0], None),
        (np.dstack([RGB, ALPHA]), None),
        (RGB, ALPHA[1:]),
        (RGB, DEEP_ALPHA),
    ],
)
def test_arrays_that_are_no_picture_are_refused(
    pixels: AnyArray, alpha: AnyArray | None, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="expected"):
        images.write_image(tmp_path / "out.png", pixels, alpha)
    assert not list(tmp_path.iterdir())


def test_a_side_too_long_for_the_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOutput, match="16384 × 3 px; this format ends at 16383"):
        images.write_image(tmp_path / "out.webp", np.zeros((3, 16384, 3), np.uint8))


@pytest.mark.parametrize(("side", "fits"), [(65500, True), (65501, False)])
def test_a_jpeg_ends_where_its_encoder_does(side: int, fits: bool) -> None:
    pixels = np.zeros((1, side, 3), np.uint8)
    if fits:
        assert len(images.encode_image(pixels, ".jpg")) > 0
        return
    with pytest.raises(BadOutput, match="this format ends at 65500 px a side"):
        images.encode_image(pixels, ".jpg")


def test_a_size_can_be_checked_before_there_are_pixels(tmp_path: Path) -> None:
    images.check_output(tmp_path / "a.webp", size=(16383, 20))
    with pytest.raises(BadOutput, match="20 × 16384 px"):
        images.check_output(tmp_path / "a.webp", size=(16384, 20))


def test_arrays_of_any_layout_in_memory_are_written_as_they_read(tmp_path: Path) -> None:
    images.write_image(tmp_path / "out.png", RGB[::-1, ::2], ALPHA[::-1, ::2])
    photo = images.read_photo(tmp_path / "out.png")
    np.testing.assert_array_equal(photo.pixels, RGB[::-1, ::2])
    np.testing.assert_array_equal(photo.alpha, ALPHA[::-1, ::2])


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg", ".tif"])
def test_a_picture_in_memory_is_what_a_file_would_hold(suffix: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (9, 14, 3), dtype=np.uint8)
    images.write_image(tmp_path / f"a{suffix}", pixels)
    assert images.encode_image(pixels, suffix) == (tmp_path / f"a{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_a_picture_in_memory_is_read_as_a_file_is(suffix: str, tmp_path: Path) -> None:
    content = images.encode_image(RGB, suffix, alpha=ALPHA)
    (tmp_path / f"a{suffix}").write_bytes(content)
    from_file, from_memory = (
        images.read_photo(source) for source in (tmp_path / f"a{suffix}", Encoded("a", content))
    )
    np.testing.assert_array_equal(from_memory.pixels, from_file.pixels)
    np.testing.assert_array_equal(from_memory.alpha, ALPHA)
    with pytest.raises(BadInput, match=r"^a/b is damaged, cut short"):
        images.read_photo(Encoded("a/b", content[: len(content) // 2]))


def test_a_map_in_memory_is_read_as_a_file_is() -> None:
    bitmap = io.BytesIO()
    Image.fromarray(ALPHA).save(bitmap, "bmp")
    for content in (images.encode_image(ALPHA, ".png"), bitmap.getvalue()):
        np.testing.assert_array_equal(images.read_map(Encoded("a", content)), ALPHA)


def test_webp_keeps_hidden_colours_when_told_to() -> None:
    pixels = np.repeat(np.arange(0, 230, 5, dtype=np.uint8)[None, :, None], 33, axis=0).repeat(3, axis=2)
    alpha = np.zeros((33, 46), np.uint8)
    alpha[:5] = 255
    kept, lost = (
        images.read_photo(Encoded("a", images.encode_image(pixels, ".webp", alpha=alpha, keeps_hidden=keeps)))
        for keeps in (True, False)
    )
    np.testing.assert_allclose(kept.pixels, pixels, atol=5)
    assert np.abs(lost.pixels.astype(int) - pixels).max() > 5


def test_webp_keeps_every_colour_when_told_to() -> None:
    rng = np.random.default_rng(7)
    pixels, alpha = rng.integers(0, 256, (33, 46, 3), np.uint8), rng.integers(0, 2, (33, 46), np.uint8)
    content = images.encode_image(pixels, ".webp", alpha=alpha, is_lossless=True)
    photo = images.read_photo(Encoded("a", content))
    np.testing.assert_array_equal(photo.pixels, pixels)
    np.testing.assert_array_equal(photo.alpha, alpha)


def test_a_picture_in_memory_of_less_quality_is_smaller() -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (33, 46, 3), dtype=np.uint8)
    small, large = (images.encode_image(pixels, ".webp", quality=quality) for quality in (20, 95))
    assert len(small) < len(large)
    with Image.open(io.BytesIO(small)) as picture:
        assert picture.size == (46, 33)


@pytest.mark.parametrize(("suffix", "quality"), [(".png", 50), (".jpg", 0), (".webp", 101)])
def test_a_quality_that_cannot_be_is_refused(suffix: str, quality: int) -> None:
    with pytest.raises(BadOutput, match="expected 1 to 100"):
        images.encode_image(np.zeros((3, 5), np.uint8), suffix, quality)


def test_a_picture_in_memory_is_checked_as_a_file_is() -> None:
    with pytest.raises(BadOutput, match="expected one of"):
        images.encode_image(np.zeros((3, 5), np.uint8), ".gif")
    with pytest.raises(BadInput, match="cannot be transparent"):
        images.encode_image(RGB, ".jpg", alpha=ALPHA)
    with pytest.raises(BadInput, match="cannot be written"):
        images.encode_image(np.zeros((3, 5), np.float32), ".png")
    with pytest.raises(BadOutput, match="ends at 16383 px"):
        images.encode_image(np.zeros((1, 16384), np.uint8), ".webp")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
def test_an_interruption_leaves_no_file(
    kind: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise kind

    monkeypatch.setattr("pyvips.Operation.call", interrupt)
    with pytest.raises(kind):
        images.write_image(tmp_path / "out.png", RGB)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="signals interrupt programs as on Unix")
def test_an_interruption_while_a_picture_is_written_is_raised(tmp_path: Path) -> None:
    """libvips tells its log of each picture that is done: a handler in Python would swallow it there."""
    pixels = np.random.default_rng(0).integers(0, 256, (3000, 3000, 3), np.uint8)  # takes half a second
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored where tests run in the background
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            images.write_image(tmp_path / "out.png", pixels)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert not list(tmp_path.iterdir())


FULL_DISK = """
import resource, sys
import numpy as np
from deepmatte import images
from deepmatte.errors import BadOutput
pixels = np.random.default_rng(0).integers(0, 256, (230, 370, 3), dtype=np.uint8)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for suffix in (".png", ".tif", ".webp", ".jpg"):
    try:
        images.write_image(sys.argv[1] + "/out" + suffix, pixels)
    except BadOutput as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file sizes are set as on Unix")
def test_a_disk_that_fills_up_leaves_no_file(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.count("cannot be written: File too large") == 4
    assert ran.stdout.count("\n") == 4
    assert ran.stderr == ""
    assert not list(tmp_path.iterdir())


QUIET = """
import os, sys
from deepmatte import images
from deepmatte.errors import MatteError
for path in sys.argv[1:]:
    try:
        images.read_photo(path)
    except MatteError:
        pass
child = os.fork()
if child == 0:
    try:
        images.read_photo(sys.argv[1])
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_nothing_is_printed_and_a_forked_process_does_not_hang(put: Put) -> None:
    whole = encoded(Image.fromarray(RGB), "JPEG")
    damaged = whole[:200] + b"\xff\xd9\x00\x00" + whole[204:]
    odd_tag = encoded(Image.fromarray(RGB), "TIFF", tiffinfo={65000: "a tag nobody knows"})
    paths = [put(whole, "a.jpg"), put(damaged, "b.jpg"), put(odd_tag, "c.tif"), put(whole[:400], "d.jpg")]
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", QUIET, *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stderr == ""
    assert ran.stdout == "pictures were used before this process was forked: start it by spawn instead\n"


def test_every_error_here_is_a_matte_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(MatteError) as caught:
        images.read_photo(tmp_path / "two\nlines")
    assert str(caught.value).startswith(outputs.show(tmp_path / "two\nlines"))
