"""What a cutout is laid on: one colour, or a picture scaled until it covers. Not: files.

Pictures are float32 (H, W, 3) in [0, 1], as in pixels.
"""

import re

import numpy as np

from deepmatte.errors import BadInput
from deepmatte.pixels import Floats, window

# The sixteen basic colour names of CSS.
COLOURS = {
    "aqua": "#00ffff",
    "black": "#000000",
    "blue": "#0000ff",
    "fuchsia": "#ff00ff",
    "gray": "#808080",
    "green": "#008000",
    "lime": "#00ff00",
    "maroon": "#800000",
    "navy": "#000080",
    "olive": "#808000",
    "purple": "#800080",
    "red": "#ff0000",
    "silver": "#c0c0c0",
    "teal": "#008080",
    "white": "#ffffff",
    "yellow": "#ffff00",
}
_HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.ASCII)


def is_colour(text: str) -> bool:
    """Say whether a text names a colour."""
    return bool(_HEX.fullmatch(_as_digits(text)))


def _as_digits(text: str) -> str:
    """Return the digits of a colour that is named, and whatever else a text says in small letters."""
    return COLOURS.get(text.lower(), text.lower())


def parse_colour(text: str) -> Floats:
    """Return the colour that "#rgb", "#rrggbb" or a basic CSS name means, as (3,).

    Raises BadInput for anything else.
    """
    digits = _as_digits(text)
    if not _HEX.fullmatch(digits):
        names = ", ".join(COLOURS)
        raise BadInput(f"{text!r} is not a colour; expected #rgb, #rrggbb or one of {names}")
    each = 1 if len(digits) == 4 else 2
    levels = [int(digits[at : at + each] * (3 - each), 16) for at in range(1, len(digits), each)]
    return np.array(levels, np.float32) / np.float32(255)


def cover(picture: Floats, height: int, width: int) -> Floats:
    """Return the middle of a picture, scaled just enough to cover (height, width, 3).

    Nothing is stretched: what sticks out on two sides is cropped equally.
    """
    have_height, have_width = picture.shape[:2]
    step = min(have_height / height, have_width / width)
    top, left = (have_height - height * step) / 2, (have_width - width * step) / 2
    return window(picture, height, width, top, left, step, step)
