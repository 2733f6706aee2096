"""Picture files in and out: formats, EXIF orientation, depth, transparency, profiles.

Pixels are as stored in the file: uint8 or uint16, never converted between RGB profiles, the profile handed
on. What each format keeps is in docs/conventions.md.
"""

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyvips

from deepmatte import bitmap, codec, jpeg, outputs, profiles, tiff, trimap
from deepmatte.errors import BadInput, BadOutput
from deepmatte.outputs import show
from deepmatte.pixels import AnyArray, to_bytes, to_unit, turn_upright
from deepmatte.sources import Source, open_source, shown

MAX_PIXELS = 300_000_000
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif")  # of files that can be read

_KINDS: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("jpeg", lambda head: head.startswith(b"\xff\xd8\xff")),
    ("png", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")),
    ("webp", lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP"),
    ("tiff", lambda head: head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    ("gif", lambda head: head.startswith((b"GIF87a", b"GIF89a"))),
    ("bmp", lambda head: head.startswith(b"BM")),
)
_COLOURS = ("b-w", "grey16", "srgb", "rgb", "rgb16", "scrgb", "multiband", "cmyk")


@dataclass(frozen=True)
class _Format:
    saver: str
    keeps_alpha: bool
    keeps_16_bit: bool
    max_side_px: int
    options: dict[str, Any]


# Measured on 24 Mpx (docs/decisions/image-codec.md): more effort takes up to four times as long and saves a
# tenth of the size at most.
_PNG = _Format("pngsave_target", True, True, 100_000_000, {"compression": 3, "filter": "avg"})
_TIFF = _Format(
    "tiffsave_target",
    True,
    True,
    100_000_000,
    {"compression": "deflate", "predictor": "horizontal", "level": 3},
)
_WEBP = _Format("webpsave_target", True, False, 16383, {"Q": 90, "alpha_q": 100, "effort": 2})
_JPEG = _Format("jpegsave_target", False, False, 65500, {"Q": 95, "optimize_coding": True})
FORMATS = {".png": _PNG, ".tif": _TIFF, ".tiff": _TIFF, ".webp": _WEBP, ".jpg": _JPEG, ".jpeg": _JPEG}


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture as stored, turned upright.

    pixels: (H, W, 3), uint8 or uint16; alpha: (H, W) of the same type, None where all is opaque;
    icc: an RGB profile, None where the file has none or its profile is not for RGB;
    turned: the EXIF orientation swapped the sides; lost_profile: the file's profile was left out;
    lost_channel: so was a channel that is not its opacity.
    """

    pixels: AnyArray
    alpha: AnyArray | None
    icc: bytes | None
    turned: bool
    lost_profile: bool = False
    lost_channel: bool = False


@dataclass(frozen=True, eq=False)
class Output:
    """A picture file to write.

    pixels: (H, W) grey or (H, W, 3) RGB, uint8 or uint16; alpha: (H, W) of the same type; icc: a profile,
    left out unless it is made for these channels.
    """

    path: str | os.PathLike[str]
    pixels: AnyArray
    alpha: AnyArray | None = None
    icc: bytes | None = None


@dataclass(frozen=True, eq=False)
class _Decoded:
    pixels: AnyArray  # (H, W, C), C in 1 to 4: grey or RGB, then perhaps alpha
    icc: bytes | None  # empty where there was one that is broken
    orientation: int  # EXIF, 1 to 8
    lost_channel: bool = False


def read_photo(path: Source, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a photo of any supported format.

    Raises BadInput where there is no such file, it is no picture, it is damaged or cut short, it holds other
    than 8 or 16 bit numbers, or its header announces more than max_pixels (found before decoding).
    """
    decoded = _decode(path, max_pixels)
    if decoded.pixels.dtype not in (np.uint8, np.uint16):
        raise BadInput(
            f"{shown(path)} has {decoded.pixels.dtype} pixels; expected 8 or 16 bit whole numbers:"
            " save it as a 16 bit picture"
        )
    upright = turn_upright(decoded.pixels, decoded.orientation)
    channels = upright.shape[2]
    colours = upright[..., :1] if channels < 3 else upright[..., :3]
    alpha = np.ascontiguousarray(upright[..., -1]) if channels in (2, 4) else None
    if alpha is not None and bool(np.all(alpha == np.iinfo(alpha.dtype).max)):
        alpha = None
    pixels = np.repeat(colours, 3, axis=2) if channels < 3 else np.ascontiguousarray(colours)
    icc = profiles.fitting(decoded.icc, 3)
    is_lost = decoded.icc is not None and icc is None
    return Photo(pixels, alpha, icc, decoded.orientation >= 5, is_lost, decoded.lost_channel)


def read_map(path: Source, max_pixels: int = MAX_PIXELS) -> AnyArray:
    """Read a trimap or a mask as its grey levels (H, W), upright, in the file's own type.

    Palettes are resolved; 1 bit becomes 0 and 255; float TIFF stays float. Raises BadInput as `read_photo`
    does, and for pictures with colours or transparency.
    """
    decoded = _decode(path, max_pixels)
    pixels = decoded.pixels
    if pixels.shape[2] == 2:
        pixels = pixels[..., [0, 0, 0, 1]]
    return np.ascontiguousarray(turn_upright(trimap.one_channel(pixels, shown(path)), decoded.orientation))


def _decode(path: Source, max_pixels: int) -> _Decoded:
    name = shown(path)
    with open_source(path) as file:
        try:
            head = file.read(bitmap.HEAD_BYTES)
            if not head:
                raise BadInput(f"{name} is empty; expected a picture")
            kind = next((kind for kind, fits in _KINDS if fits(head)), None)
            if kind is None:
                raise BadInput(
                    f"{name} is no picture of a known kind; expected JPEG, PNG, WebP, TIFF, BMP or GIF"
                )
            if kind == "bmp":
                return _decode_bitmap(file, head, name, max_pixels)
            try:
                return _decode_with_vips(kind, file, name, max_pixels)
            except pyvips.Error:
                # It may have been no more than an odd header. libvips has moved the first one's place.
                codec.forget_errors()
                with open_source(path) as again:
                    if kind == "tiff" and tiff.is_exact(again):
                        return _decode_with_vips(kind, again, name, max_pixels, fail_on="error")
                    if kind == "jpeg":
                        tidied = io.BytesIO(jpeg.tidy(again.read()))
                        return _decode_with_vips(kind, tidied, name, max_pixels)
                raise
        except codec.ERRORS as error:
            raise BadInput(
                f"{name} is damaged, cut short or of a kind that is not read ({codec.explain(error)});"
                " expected a whole picture: export it again"
            ) from error
        except OSError as error:
            raise BadInput(f"{name} cannot be read: {error.strerror}") from error


def _check_pixels(width: int, height: int, max_pixels: int, shown: str) -> None:
    if width * height > max_pixels:
        raise BadInput(
            f"{shown} says it is {width} × {height} px; at most {max_pixels:,} px are read:"
            " raise max_pixels if you trust it"
        )


def _decode_bitmap(file: BinaryIO, head: bytes, shown: str, max_pixels: int) -> _Decoded:
    try:
        header = bitmap.read_header(head)
        _check_pixels(header.width, header.height, max_pixels, shown)
        picture = bitmap.decode(header, head + file.read())
    except BadInput as error:
        message = str(error)
        raise BadInput(message if message.startswith(shown) else f"{shown}: {message}") from None
    planes = picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])
    return _Decoded(planes, picture.icc, 1)


def _decode_with_vips(
    kind: str, file: BinaryIO, shown: str, max_pixels: int, fail_on: str = "warning"
) -> _Decoded:
    codec.claim_threads()
    is_announced = profiles.is_announced(kind, file)
    file.seek(0)
    if isinstance(file, io.BytesIO):
        source = pyvips.Source.new_from_memory(file.getvalue())
    else:
        source = pyvips.Source.new_from_descriptor(file.fileno())
    # The loader is chosen by the first bytes, not by libvips, which has loaders for text and raw data. Of
    # JPEG data that make no sense it only warns, and goes on with grey.
    image = pyvips.Operation.call(f"{kind}load_source", source, access="sequential", fail_on=fail_on)
    _check_pixels(image.width, image.height, max_pixels, shown)
    is_cmyk = image.interpretation == "cmyk"
    is_known = image.coding == "none" and image.interpretation in _COLOURS
    if not is_known or image.bands > 4 + is_cmyk or (is_cmyk and image.format not in ("uchar", "ushort")):
        raise BadInput(
            f"{shown} has {image.bands} channels of the kind {image.interpretation} ({image.format});"
            " expected grey, RGB or CMYK"
        )
    has_profile = image.get_typeof("icc-profile-data") != 0
    icc = bytes(image.get("icc-profile-data")) if has_profile else b"" if is_announced else None
    orientation = int(image.get("orientation")) if image.get_typeof("orientation") != 0 else 1
    pixels = image.numpy()  # here, and not before, the pixels are decoded
    pixels = pixels.reshape(image.height, image.width, image.bands)
    has_more = image.bands in (2, 4 + is_cmyk)
    is_plain = has_more and kind == "tiff" and tiff.has_plain_channel(file)
    if is_plain:
        pixels = pixels[..., :-1]
    if is_cmyk:
        is_lost = icc is not None and profiles.fitting(icc, 4) is None
        pixels, icc = profiles.cmyk_to_srgb(pixels, icc), b"" if is_lost else None
    return _Decoded(pixels, icc, orientation if 1 <= orientation <= 8 else 1, is_plain)


def check_output(
    path: str | os.PathLike[str],
    overwrite: bool = False,
    needs_alpha: bool = False,
    size: tuple[int, ...] | None = None,
) -> None:
    """Raise unless a picture can be written to the path: to be asked before long work.

    size: (height, width) of the picture, where it is known.
    Raises BadOutput for an unknown suffix, a missing or unwritable folder, a folder in the file's place, a
    side too long for the format and, without overwrite, an existing file; BadInput where transparency is
    asked of a format that has none.
    """
    kind = _format(path)
    if needs_alpha and not kind.keeps_alpha:
        raise BadInput(
            f"{show(path)} would be a JPEG, which cannot be transparent;"
            " give a background, or write PNG, TIFF or WebP"
        )
    if size is not None:
        _check_sides(size, kind, show(path))
    outputs.check_target(path, overwrite)


def _format(path: str | os.PathLike[str]) -> _Format:
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        found = f"the suffix {show(suffix)}" if suffix else "no suffix"
        raise BadOutput(f"{show(path)} has {found}; expected one of {', '.join(FORMATS)}")
    return FORMATS[suffix]


def write_image(
    path: str | os.PathLike[str],
    pixels: AnyArray,
    alpha: AnyArray | None = None,
    icc: bytes | None = None,
    overwrite: bool = False,
) -> None:
    """Write a picture in the format its suffix names, whole or not at all.

    pixels: (H, W) grey or (H, W, 3) RGB, uint8 or uint16; alpha: (H, W) of the same type; icc: a profile,
    left out unless it is made for these channels. WebP and JPEG get 8 bits, rounded.
    Raises BadOutput and BadInput as `check_output` does, and where the disk is full.
    """
    write_images([Output(path, pixels, alpha, icc)], overwrite)


def write_images(pictures: Sequence[Output], overwrite: bool = False) -> None:
    """Write several pictures as `write_image` does one. All appear once all are written, or none does (but
    see outputs.whole_files).
    """
    for each in pictures:
        _check_arrays(each.pixels, each.alpha)
        check_output(each.path, overwrite, each.alpha is not None, each.pixels.shape)
    codec.claim_threads()
    with outputs.whole_files([each.path for each in pictures], overwrite) as descriptors:
        for each, descriptor in zip(pictures, descriptors, strict=True):
            target = pyvips.Target.new_to_descriptor(descriptor)
            try:
                _save(each.pixels, each.alpha, each.icc, _format(each.path), target, {})
            except codec.ERRORS as error:
                raise BadOutput(f"{show(each.path)} cannot be written: {codec.explain(error)}") from error


def encode_image(
    pixels: AnyArray,
    suffix: str,
    quality: int | None = None,
    alpha: AnyArray | None = None,
    keeps_hidden: bool = False,
    is_lossless: bool = False,
) -> bytes:
    """Return the bytes of a picture file, as `write_image` would write it.

    pixels: (H, W) grey or (H, W, 3) RGB, uint8 or uint16; suffix: of the format, such as ".webp"; quality:
    1 to 100, for WebP and JPEG only, instead of the one files get; alpha: (H, W) of the same type;
    keeps_hidden: whether WebP is to keep the colours where alpha is 0, as other formats do; is_lossless: WebP
    keeps all colours exactly, those too.
    Raises BadInput for other arrays, BadOutput for other suffixes, a quality that cannot be, and sides that
    are too long.
    """
    kind = _format(f"picture{suffix}")
    if alpha is not None and not kind.keeps_alpha:
        raise BadInput(f"a {suffix} picture cannot be transparent; write PNG, TIFF or WebP")
    _check_arrays(pixels, alpha)
    _check_sides(pixels.shape, kind, f"a {suffix} picture")
    if quality is not None and ("Q" not in kind.options or not 1 <= quality <= 100):
        raise BadOutput(f"quality {quality} cannot be had in {suffix}; expected 1 to 100, for WebP or JPEG")
    codec.claim_threads()
    target = pyvips.Target.new_to_memory()
    options: dict[str, Any] = {"exact": True} if (keeps_hidden or is_lossless) and kind is _WEBP else {}
    options |= {"lossless": True} if is_lossless and kind is _WEBP else {}
    try:
        _save(pixels, alpha, None, kind, target, options if quality is None else options | {"Q": quality})
    except codec.ERRORS as error:
        raise BadOutput(f"a {suffix} picture cannot be written: {codec.explain(error)}") from error
    return bytes(target.get("blob"))


def _check_sides(size: tuple[int, ...], kind: _Format, shown: str) -> None:
    height, width = size[:2]
    if max(height, width) > kind.max_side_px:
        raise BadOutput(
            f"{shown} would be {width} × {height} px; this format ends at {kind.max_side_px} px a side:"
            " write PNG or TIFF"
        )


def _save(
    pixels: AnyArray,
    alpha: AnyArray | None,
    icc: bytes | None,
    kind: _Format,
    target: Any,
    options: dict[str, Any],
) -> None:
    options = kind.options | options
    if kind is _TIFF and 2 * pixels.nbytes > 2**32:
        options["bigtiff"] = True
    image = _joined(pixels, alpha, icc, kind)
    pyvips.Operation.call(kind.saver, image, target, keep="icc", **options)


def _check_arrays(pixels: AnyArray, alpha: AnyArray | None) -> None:
    is_picture = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if not is_picture or pixels.size == 0 or pixels.dtype not in (np.uint8, np.uint16):
        raise BadInput(
            f"a picture of shape {pixels.shape} and type {pixels.dtype} cannot be written;"
            " expected (H, W) or (H, W, 3), uint8 or uint16: pixels.to_bytes or to_words makes them of floats"
        )
    if alpha is not None and (alpha.shape != pixels.shape[:2] or alpha.dtype != pixels.dtype):
        raise BadInput(
            f"alpha is {alpha.dtype} of shape {alpha.shape};"
            f" expected {pixels.dtype} of shape {pixels.shape[:2]}"
        )


def _joined(pixels: AnyArray, alpha: AnyArray | None, icc: bytes | None, kind: _Format) -> Any:
    """Return the libvips image to save, with alpha and profile."""
    is_colour = pixels.ndim == 3
    is_deep = pixels.dtype == np.uint16 and kind.keeps_16_bit
    image = codec.to_vips(pixels if is_deep else _to_8_bit(pixels))
    if alpha is not None:
        image = image.bandjoin(codec.to_vips(alpha if is_deep else _to_8_bit(alpha)))
    names = ("rgb16", "srgb") if is_colour else ("grey16", "b-w")
    image = image.copy(interpretation=names[0] if is_deep else names[1])
    profile = profiles.fitting(icc, 3 if is_colour else 1)
    if profile:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image


def _to_8_bit(pixels: AnyArray) -> AnyArray:
    if pixels.dtype == np.uint8:
        return pixels
    return to_bytes(to_unit(np.arange(65536, dtype=np.uint16)))[pixels]
