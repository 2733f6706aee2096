import io

import numpy as np
import pytest
from PIL import Image

from deepmatte import tiff

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (23, 37, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("packing", "exact"),
    [("raw", True), ("tiff_lzw", True), ("tiff_adobe_deflate", True), ("packbits", True), ("jpeg", False)],
)
@pytest.mark.parametrize("big", [False, True])
def test_what_finds_its_damage_is_told_from_what_does_not(packing: str, exact: bool, big: bool) -> None:
    buffer = io.BytesIO()
    PICTURE.save(buffer, "TIFF", compression=packing, big_tiff=big)
    assert tiff.is_exact(buffer) is exact


# Tag → count, first value: a grey picture in one strip.
GREY = {
    256: (1, 9),
    257: (1, 5),
    258: (1, 8),
    259: (1, 1),
    262: (1, 1),
    273: (1, 99),
    277: (1, 1),
    279: (1, 45),
}


def _directory(fields: dict[int, tuple[int, int]], mark: bytes) -> io.BytesIO:
    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, "little" if mark == b"II" else "big")

    entries = (
        number(tag, 2) + number(3, 2) + number(count, 4) + number(value, 2) + bytes(2)
        for tag, (count, value) in fields.items()
    )
    return io.BytesIO(mark + number(42, 2) + number(8, 4) + number(len(fields), 2) + b"".join(entries))


@pytest.mark.parametrize("mark", [b"II", b"MM"])
@pytest.mark.parametrize(("packing", "exact"), [(1, True), (5, True), (7, False), (34925, False)])
def test_numbers_of_either_order_are_read(mark: bytes, packing: int, exact: bool) -> None:
    assert tiff.is_exact(_directory(GREY | {259: (1, packing)}, mark)) is exact


def test_a_header_that_does_not_say_how_a_picture_lies_is_not_trusted() -> None:
    assert tiff.is_exact(_directory(GREY, b"II"))
    for lost in GREY:
        assert not tiff.is_exact(_directory({tag: GREY[tag] for tag in GREY if tag != lost}, b"II"))
    for odd in ({273: (2, 99)}, {279: (0, 45)}, {277: (1, 3)}, {258: (3, 8)}, {273: (0, 99), 279: (0, 45)}):
        assert not tiff.is_exact(_directory(GREY | odd, b"II"))
    whole = _directory(GREY, b"II").getvalue()
    assert not any(tiff.is_exact(io.BytesIO(whole[:end])) for end in range(len(whole)))


@pytest.mark.parametrize("mark", [b"II", b"MM"])
@pytest.mark.parametrize(("beside", "is_plain"), [((1, 0), True), ((1, 1), False), ((1, 2), False)])
def test_a_channel_that_is_not_opacity_is_told(beside: tuple[int, int], is_plain: bool, mark: bytes) -> None:
    """0 is unspecified, 1 opacity that colours are multiplied by, 2 opacity: TIFF 6.0, ExtraSamples."""
    assert tiff.has_plain_channel(_directory(GREY | {338: beside}, mark)) is is_plain


def test_a_channel_that_nothing_is_said_of_may_be_opacity() -> None:
    assert not tiff.has_plain_channel(_directory(GREY, b"II"))
    assert not tiff.has_plain_channel(io.BytesIO(b"II*\0"))


@pytest.mark.parametrize("content", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0+" + b"\xff" * 12])
def test_what_has_no_directory_is_no_reason_to_fail(content: bytes) -> None:
    tiff.is_exact(io.BytesIO(content))
