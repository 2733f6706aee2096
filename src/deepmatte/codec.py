"""libvips, set up as the whole project uses it, and what it says put into one line. Not: what a picture is.

The codec keeps threads, which a fork does not copy: start worker processes by "spawn", or fork before the
first picture. A process forked later is told so instead of waiting for ever.
"""

import atexit
import functools
import os
from typing import Any

import numpy as np
import pyvips

from deepmatte.pixels import AnyArray

# libvips' warnings: what matters comes back as an error. pyvips would print them through logging, and trip
# over names in damaged files that are not UTF-8. GLib asks the latest handler first.
# Nothing written in Python may be the handler: libvips tells it of each picture that is done, and a Ctrl-C
# that came meanwhile would be raised in it, printed, and forgotten.
_nothing = functools.partial(Exception.__init__, Exception())  # takes anything, and returns None
_ignore_warning = pyvips.ffi.callback("void(*)(char *, int, char *, void *)", _nothing)
_IGNORE_ID = pyvips.glib_lib.g_log_set_handler(b"VIPS", 0xFF, _ignore_warning, pyvips.ffi.NULL)
atexit.register(pyvips.glib_lib.g_log_remove_handler, b"VIPS", _IGNORE_ID)
ERRORS = (pyvips.Error, UnicodeDecodeError)  # the latter where an error's own text is not UTF-8
# The cache would keep decoded pictures alive, and give them for files that have changed since.
pyvips.cache_set_max(0)


_process_with_threads: int | None = None


def claim_threads() -> None:
    """Remember which process the codec's threads live in; to be called before they are used."""
    global _process_with_threads
    if _process_with_threads not in (None, os.getpid()):
        raise RuntimeError("pictures were used before this process was forked: start it by spawn instead")
    _process_with_threads = os.getpid()


def forget_errors() -> None:
    """Clear libvips' own record of errors, or what it says of the next one would begin with these."""
    pyvips.vips_lib.vips_error_clear()


def explain(error: Exception) -> str:
    """Return why something failed, in one line that can be printed. Raises MemoryError if it is that."""
    forget_errors()  # a text that is not UTF-8 would spoil the next error as well
    said = [line.strip() for line in str(getattr(error, "detail", "")).splitlines() if line.strip()]
    cause = [line for line in said if line.startswith("system error: ")]  # such as a full disk
    if any("out of memory" in line for line in said):
        raise MemoryError from error
    text = (cause or said or ["no reason given"])[0].removeprefix("system error: ")
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:160]


def to_vips(pixels: AnyArray) -> Any:
    """Return an image of libvips that holds (H, W) or (H, W, C) pixels, uint8 or uint16."""
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    name = "uchar" if pixels.dtype == np.uint8 else "ushort"
    return pyvips.Image.new_from_memory(np.ascontiguousarray(pixels), width, height, channels, name)
