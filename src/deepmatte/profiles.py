"""Colour profiles: whether a file has one, which fits, and how colours come from one to another."""

from typing import Any, BinaryIO

import numpy as np
import pyvips

from deepmatte import codec, jpeg
from deepmatte.errors import BadInput
from deepmatte.pixels import AnyArray


def is_announced(kind: str, file: BinaryIO) -> bool:
    """Return whether a PNG or JPEG file has a place for a colour profile before its pixels.

    libvips does not hand on what is broken there.
    """
    if kind == "jpeg":
        return jpeg.announces_profile(file)
    if kind != "png":
        return False
    at = 8
    while True:
        file.seek(at)
        length, name = file.read(4), file.read(4)
        if len(name) < 4 or name == b"IDAT":
            return False
        if name == b"iCCP":
            return True
        at += 12 + int.from_bytes(length, "big")


def cmyk_to_srgb(pixels: AnyArray, icc: bytes | None) -> AnyArray:
    """Convert (H, W, 4 or 5) by the file's own CMYK profile, else by libvips' general one."""
    # Alpha stays outside: libvips 8.18 makes a 16 bit one opaque on this way.
    image = codec.to_vips(pixels[..., :4]).copy(interpretation="cmyk")
    if fitting(icc, 4):
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    converted = image.icc_transform(
        "srgb",
        embedded=True,
        input_profile="cmyk",
        intent="relative",
        black_point_compensation=True,
        depth=pixels.dtype.itemsize * 8,
    ).numpy()
    return converted if pixels.shape[2] == 4 else np.dstack([converted, pixels[..., 4]])


def convert(pixels: AnyArray, icc: bytes | None, wanted: bytes | None) -> AnyArray:
    """Return colours as another RGB profile has them; profiles of None are sRGB.

    pixels: (H, W, 3), uint8 or uint16. Returned as they are where the profiles are the same, else as uint16,
    relative to white. Raises BadInput for a profile that is not usable.
    """
    if icc == wanted:
        return pixels
    if not all(profile is None or is_usable(profile) for profile in (icc, wanted)):
        raise BadInput("a colour profile cannot be used: save the picture with another one")
    codec.claim_threads()
    image = codec.to_vips(pixels).copy(interpretation="srgb" if pixels.dtype == np.uint8 else "rgb16")
    if icc:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    seen = image.icc_import(embedded=icc is not None, input_profile="srgb", pcs="xyz", intent="relative")
    return np.asarray(_export(seen, wanted).numpy())


def is_usable(icc: bytes) -> bool:
    """Return whether colours can be brought to an RGB profile.

    From a broken one, libvips brings them as if they were sRGB, and says nothing.
    """
    codec.claim_threads()
    dot = codec.to_vips(np.full((1, 1, 3), 128, np.uint8)).copy(interpretation="srgb")
    try:
        _export(dot.icc_import(input_profile="srgb", pcs="xyz"), icc).numpy()
    except codec.ERRORS:
        codec.forget_errors()
        return False
    return True


def _export(seen: Any, wanted: bytes | None) -> Any:
    """Return an image in CIE XYZ as 16 bit values of a profile, of sRGB if none is given."""
    if wanted is None:
        return seen.icc_export(output_profile="srgb", depth=16, intent="relative")
    tagged = seen.copy()
    tagged.set_type(pyvips.GValue.blob_type, "icc-profile-data", wanted)
    return tagged.icc_export(depth=16, intent="relative")


def fitting(icc: bytes | None, channels: int) -> bytes | None:
    """Return the profile if it is whole and made for that many colour channels, else None.

    What follows a profile is cut off. One whose size is no multiple of four, as PNG files want it, grows to
    the next.
    """
    space = {1: b"GRAY", 3: b"RGB ", 4: b"CMYK"}[channels]
    size = 0 if icc is None else int.from_bytes(icc[:4], "big")
    if icc is None or not 128 < size <= len(icc) or icc[36:40] != b"acsp" or icc[16:20] != space:
        return None
    if size % 4 == 0:
        return icc[:size]
    filled = icc[:size] + bytes(-size % 4)
    # Its checksum, bytes 84 to 99, is of the size as well; zeros say that there is none.
    return len(filled).to_bytes(4, "big") + filled[4:84] + bytes(16) + filled[100:]
