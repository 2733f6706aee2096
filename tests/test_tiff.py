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


@pytest.mark.parametrize(("packing", "exact"), [(1, True), (5, True), (7, False)])
def test_numbers_of_either_order_are_read(packing: int, exact: bool) -> None:
    for mark, order in ((b"II", "little"), (b"MM", "big")):

        def number(value: int, size: int, order: str = order) -> bytes:
            return value.to_bytes(size, "little" if order == "little" else "big")

        entries = [
            number(tag, 2) + number(3, 2) + number(1, 4) + number(value, 2) + bytes(2)
            for tag, value in ((256, 9), (259, packing))
        ]
        directory = number(len(entries), 2) + b"".join(entries)
        assert tiff.is_exact(io.BytesIO(mark + number(42, 2) + number(8, 4) + directory)) is exact
        # Nothing is said of files that are not packed; a directory that is cut short says nothing at all.
        assert tiff.is_exact(io.BytesIO(mark + number(42, 2) + number(8, 4) + number(1, 2) + entries[0]))
        assert not tiff.is_exact(io.BytesIO(mark + number(42, 2) + number(8, 4) + directory[:9]))


@pytest.mark.parametrize("content", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0+" + b"\xff" * 12])
def test_what_has_no_directory_is_no_reason_to_fail(content: bytes) -> None:
    tiff.is_exact(io.BytesIO(content))
