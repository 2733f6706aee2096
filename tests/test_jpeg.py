import io

import numpy as np
import pytest
from PIL import Image

from deepmatte import jpeg

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (23, 37, 3), dtype=np.uint8))


def _encoded(**options: object) -> bytes:
    buffer = io.BytesIO()
    PICTURE.save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("options", "end"),
    [
        ({}, b"\xff\xd9"),
        ({"comment": b"\xff\xff\0", "icc_profile": b"p" * 70_000}, b"\xff\xd9"),
        ({"progressive": True}, b""),  # nobody knows whether all of its scans are there
    ],
)
def test_a_tidy_file_gets_no_more_than_another_end(options: dict[str, object], end: bytes) -> None:
    content = _encoded(**options)
    revised = content.replace(b"JFIF\0\x01\x02", b"JFIF\0\x01\x01")
    assert jpeg.tidy(content) == revised + end


def test_a_file_whose_colours_lie_in_scans_of_their_own_gets_no_end() -> None:
    frame = b"\xff\xc0\0\x11\x08\0\x08\0\x08\x03" + bytes(9)
    first = b"\xff\xda\0\x08\x01" + bytes(2) + b"\x00\x3f\x00" + b"data"
    assert jpeg.tidy(b"\xff\xd8" + frame + first) == b"\xff\xd8" + frame + first


def test_oddities_go() -> None:
    content = jpeg.tidy(_encoded())
    table, scan = content.index(b"\xff\xdb"), content.index(b"\xff\xda")
    end = scan + 2 + int.from_bytes(content[scan + 2 : scan + 4], "big")
    for odd in (
        content[:table] + b"\0\xff\0\xff\xd3stray\xff" + content[table:],
        content[: end - 3] + b"\1\2\3" + content[end:],
        content.replace(b"JFIF\0\x01\x01", b"JFIF\0\x03\x09"),
    ):
        assert odd != content
        assert jpeg.tidy(odd) == content + b"\xff\xd9"


def test_scans_of_progressive_files_keep_their_parameters() -> None:
    content = _encoded(progressive=True)
    scan = content.index(b"\xff\xda")
    assert jpeg.tidy(content)[scan : scan + 20] == content[scan : scan + 20]


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe0\0\0\0", b"\xff" * 99]
)
def test_what_has_no_pixels_stays_as_it_is(content: bytes) -> None:
    assert jpeg.tidy(content) == content


def test_any_bytes_come_to_an_end() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        content = b"\xff\xd8" + rng.choice([0, 1, 0xC0, 0xDA, 0xE0, 0xFF], 60).astype(np.uint8).tobytes()
        assert len(jpeg.tidy(content)) <= len(content) + 2


def test_a_file_that_is_cut_off_within_its_scans_header_stays_so() -> None:
    content = _encoded()
    start = content.index(b"\xff\xda")
    for length in range(start, start + 14):
        assert content.startswith(jpeg.tidy(content[:length])[: length - 3])
