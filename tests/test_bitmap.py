import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deepmatte import bitmap
from deepmatte.errors import BadInput
from deepmatte.pixels import AnyArray, Bytes

HEIGHT, WIDTH = 7, 13
GENERATOR = np.random.default_rng(0)
RGB = GENERATOR.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def bmp(
    body: bytes,
    bits: int,
    *,
    compression: int = 0,
    size: tuple[int, int] = (HEIGHT, WIDTH),
    palette: bytes = b"",
    header_bytes: int = 40,
    extra: bytes = b"",
    colours: int = 0,
) -> bytes:
    """Build a file; extra stands between the information header's first 40 bytes and the palette."""
    pixels_at = 14 + 40 + len(extra) + len(palette)
    info = struct.pack(
        "<IiiHHIIiiII", header_bytes, size[1], size[0], 1, bits, compression, len(body), 0, 0, colours, 0
    )
    return (
        struct.pack("<2sIHHI", b"BM", pixels_at + len(body), 0, 0, pixels_at) + info + extra + palette + body
    )


def padded(rows: AnyArray) -> bytes:
    """Rows (H, bytes) from the bottom up, each padded to a multiple of four bytes."""
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))[::-1].tobytes()


def decode(data: bytes) -> bitmap.Bitmap:
    return bitmap.decode(bitmap.read_header(data[: bitmap.HEAD_BYTES]), data)


def pack(indices: Bytes, bits: int) -> Bytes:
    """Pack indices (H, W) into bytes, leftmost pixel highest."""
    each = 8 // bits
    spread = np.pad(indices, ((0, 0), (0, -indices.shape[1] % each))).reshape(indices.shape[0], -1, each)
    shifts = np.arange(8 - bits, -1, -bits)
    packed: Bytes = np.sum(spread.astype(int) << shifts, axis=2).astype(np.uint8)
    return packed


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_what_pillow_writes_is_read_as_pillow_reads_it(mode: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(RGB).convert(mode).save(buffer, "BMP")
    np.testing.assert_array_equal(
        decode(buffer.getvalue()).pixels, np.asarray(Image.open(buffer).convert("RGB"))
    )


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("colours", [0, 2])
def test_palettes_of_every_depth_are_resolved(bits: int, colours: int) -> None:
    count = colours or 1 << bits
    entries = GENERATOR.integers(0, 256, (count, 4), dtype=np.uint8)
    indices = GENERATOR.integers(0, count, (HEIGHT, WIDTH), dtype=np.uint8)
    data = bmp(padded(pack(indices, bits)), bits, palette=entries.tobytes(), colours=colours)
    np.testing.assert_array_equal(decode(data).pixels, entries[indices][..., 2::-1])


def test_an_index_past_the_palette_is_black() -> None:
    data = bmp(padded(np.full((HEIGHT, WIDTH), 9, np.uint8)), 8, palette=b"\xff" * 8, colours=2)
    assert not decode(data).pixels.any()


def test_rows_may_run_from_the_top() -> None:
    rows = np.pad(RGB[..., ::-1].reshape(HEIGHT, -1), ((0, 0), (0, 1)))
    data = bmp(rows.tobytes(), 24, size=(-HEIGHT, WIDTH))
    np.testing.assert_array_equal(decode(data).pixels, RGB)


def test_the_oldest_header_is_read() -> None:
    body = padded(RGB[..., ::-1].reshape(HEIGHT, -1))
    data = struct.pack("<2sIHHI", b"BM", 26 + len(body), 0, 0, 26)
    data += struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24) + body
    np.testing.assert_array_equal(decode(data).pixels, RGB)


def test_sixteen_bits_are_five_each_without_masks() -> None:
    words = np.zeros((HEIGHT, WIDTH), "<u2")
    words[0, :4] = [0x7C00, 0x03E0, 0x001F, 0x4210]
    first = decode(bmp(padded(words.view(np.uint8)), 16)).pixels[0, :4]
    np.testing.assert_array_equal(first, [[255, 0, 0], [0, 255, 0], [0, 0, 255], [132, 132, 132]])


def test_sixteen_bits_follow_their_masks() -> None:
    words = np.zeros((HEIGHT, WIDTH), "<u2")
    words[0, :2] = [0x07E0, 32 << 5]
    data = bmp(
        padded(words.view(np.uint8)), 16, compression=3, extra=struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    )
    np.testing.assert_array_equal(decode(data).pixels[0, :2], [[0, 255, 0], [0, 130, 0]])


def with_alpha_masks(alpha: Bytes) -> bytes:
    planes = np.dstack([RGB, alpha])
    extra = struct.pack("<IIII", 0xFF, 0xFF00, 0xFF0000, 0xFF000000) + bytes(108 - 56)
    return bmp(padded(planes.reshape(HEIGHT, -1)), 32, compression=3, header_bytes=108, extra=extra)


def test_an_alpha_mask_is_read() -> None:
    alpha = GENERATOR.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    decoded = decode(with_alpha_masks(alpha))
    np.testing.assert_array_equal(decoded.pixels, RGB)
    assert decoded.alpha is not None
    np.testing.assert_array_equal(decoded.alpha, alpha)


def test_an_alpha_of_zeros_counts_as_none() -> None:
    assert decode(with_alpha_masks(np.zeros((HEIGHT, WIDTH), np.uint8))).alpha is None


def test_the_fourth_byte_without_masks_is_filler() -> None:
    planes = np.dstack([RGB[..., ::-1], RGB[..., :1]])
    decoded = decode(bmp(padded(planes.reshape(HEIGHT, -1)), 32))
    np.testing.assert_array_equal(decoded.pixels, RGB)
    assert decoded.alpha is None


def test_a_profile_in_the_header_is_found() -> None:
    profile = b"profile" * 9
    body = padded(RGB[..., ::-1].reshape(HEIGHT, -1))
    extra = bytearray(124 - 40)
    struct.pack_into("<I", extra, 56 - 40, 0x4D424544)
    struct.pack_into("<II", extra, 112 - 40, 124 + len(body), len(profile))
    data = bmp(body, 24, header_bytes=124, extra=bytes(extra)) + profile
    assert decode(data).icc == profile


GREYS = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1).tobytes()
# Four of 9; then 1, 2, 3 as stored and one byte of padding; end of row; two right and one up; six of 5; end.
RLE8 = bytes([4, 9, 0, 3, 1, 2, 3, 0, 0, 0, 0, 2, 2, 1, 6, 5, 0, 1])


def test_runs_of_bytes_are_decoded() -> None:
    expected = np.zeros((4, 9), np.uint8)
    expected[3, :7] = [9, 9, 9, 9, 1, 2, 3]
    expected[1, 2:8] = 5
    data = bmp(RLE8, 8, compression=1, size=(4, 9), palette=GREYS)
    np.testing.assert_array_equal(decode(data).pixels[..., 0], expected)


def test_runs_of_half_bytes_are_decoded() -> None:
    # Five pixels of 1 and 2 in turn; then 3, 4, 5 as stored; end.
    body = bytes([5, 0x12, 0, 3, 0x34, 0x50, 0, 1])
    data = bmp(body, 4, compression=2, size=(2, 9), palette=GREYS[: 16 * 4])
    np.testing.assert_array_equal(decode(data).pixels[..., 0], [[0] * 9, [1, 2, 1, 2, 1, 3, 4, 5, 0]])


def test_runs_past_the_end_of_a_row_are_cut() -> None:
    data = bmp(bytes([200, 7, 0, 0, 200, 8, 0, 1]), 8, compression=1, size=(2, 9), palette=GREYS)
    np.testing.assert_array_equal(decode(data).pixels[..., 0], [[8] * 9, [7] * 9])


PLAIN = bmp(padded(RGB[..., ::-1].reshape(HEIGHT, -1)), 24)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (PLAIN[:20], "header is cut short"),
        (PLAIN[:-1], "cut short"),
        (bmp(b"", 8), "palette"),
        (bmp(RLE8[:-4], 8, compression=1, size=(4, 9), palette=GREYS), "ends inside"),
        (bmp(RLE8[:6], 8, compression=1, size=(4, 9), palette=GREYS), "ends inside"),
        (bmp(b"", 24, compression=4), "compression 4"),
        (bmp(b"", 5), "5 bits"),
        (bmp(b"", 24, size=(0, 9)), "9 × 0"),
        (bmp(b"", 24, size=(9, -9)), "-9 × 9"),
        (bmp(b"", 8, compression=1, size=(-4, 9)), "from the top"),
        (bmp(b"", 16, compression=3, extra=struct.pack("<III", 5, 2, 8)), "0x5"),
        (bmp(b"", 24, header_bytes=39), "39 bytes"),
    ],
)
def test_damage_is_refused_in_one_line(data: bytes, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        decode(data)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


SEEDS = [
    PLAIN,
    with_alpha_masks(RGB[..., 0]),
    bmp(RLE8, 8, compression=1, size=(4, 9), palette=GREYS),
    bmp(padded(pack(RGB[..., 0] // 16, 4)), 4, palette=GREYS[:64]),
]


@settings(deadline=None, max_examples=400)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
    st.integers(0, 2000),
)
def test_any_damage_gives_a_picture_or_a_one_line_error(
    seed: bytes, changes: list[tuple[int, int]], length: int
) -> None:
    data = bytearray(seed)
    for at, value in changes:
        data[at % len(data)] = value
    refusal = ""
    try:
        header = bitmap.read_header(bytes(data[:length]))
        if header.width * header.height <= 10_000:
            decoded = bitmap.decode(header, bytes(data[:length]))
            assert decoded.pixels.shape == (header.height, header.width, 3)
    except BadInput as error:
        refusal = str(error)
    assert "\n" not in refusal
