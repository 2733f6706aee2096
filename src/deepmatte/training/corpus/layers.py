"""One foreground: its colours and its alpha, read, judged and made smaller.

Colours are (H, W, 3) and alpha is (H, W), as in pixels: whole numbers as files hold them, or floats.
"""

from dataclasses import dataclass

import numpy as np

from deepmatte import images
from deepmatte.errors import BadInput
from deepmatte.guides import fill
from deepmatte.pixels import AnyArray, Floats, resize, to_unit
from deepmatte.sources import Source, shown
from deepmatte.trimap import Bools, dilate

# Colours of less alpha than this share weigh nothing against others when pixels are merged.
_FAINT = np.float32(1e-3)
# Fewer soft pixels than this share of the outline's make a matte of two values.
_SOFT_SHARE = 0.05
# Pixels this soft show an old background best: there is enough of both, and not only noise.
_SOFT = (0.1, 0.6)
_OPAQUE = 0.95
_FEW = 50  # pixels that tell nothing


def read_foreground(source: Source) -> tuple[AnyArray, AnyArray]:
    """Return a foreground's colours and alpha as they are stored, both uint8 or both uint16.

    Raises BadInput for a file that is no picture, has no alpha or an opaque one, or shows nothing.
    """
    return checked(images.read_photo(source), shown(source))


def checked(photo: images.Photo, name: str) -> tuple[AnyArray, AnyArray]:
    """Return the colours and alpha of a picture that has been read. Raises BadInput as `read_foreground`."""
    if photo.alpha is None:
        raise BadInput(
            f"{name} has no alpha channel, or it is opaque everywhere; a foreground needs one:"
            " move it to background/"
        )
    check_alpha(photo.alpha, name)
    return photo.pixels, photo.alpha


def check_alpha(alpha: AnyArray, name: str) -> None:
    """Raise BadInput for an alpha that is 0 everywhere, or opaque everywhere. name: of the file."""
    if not alpha.any():
        raise BadInput(f"{name} is transparent everywhere: its alpha is 0; expected a foreground")
    if bool(np.all(to_unit(alpha.min(keepdims=True)) == 1)):
        raise BadInput(f"{name} is opaque everywhere: its alpha is all white; expected a foreground")


def shrink(colours: AnyArray, alpha: AnyArray, longest_px: int) -> tuple[Floats, Floats]:
    """Return colours and alpha in [0, 1], no side longer than longest_px; never enlarged.

    Colours are weighed by alpha, so that thin strands keep their own.
    """
    weight = to_unit(alpha)[..., None]
    height, width = alpha.shape
    scale = longest_px / max(height, width)
    if scale >= 1:
        return to_unit(colours), weight[..., 0]
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    weight = weight + _FAINT
    planes = resize(np.concatenate([to_unit(colours) * weight, weight], axis=2), *size)
    return planes[..., :3] / planes[..., 3:], np.clip(planes[..., 3] - _FAINT, 0, 1)


def extend(colours: AnyArray, alpha: AnyArray) -> Floats:
    """Return colours in [0, 1] that go on smoothly from where alpha is above 0 to where it is 0."""
    return _spread(to_unit(colours), alpha > 0)


def is_two_valued(alpha: AnyArray) -> bool:
    """Whether an alpha's outline is hard: hardly a pixel between foreground and background."""
    unit = to_unit(alpha)
    inside = unit > 0.5
    outline = int((inside[1:] != inside[:-1]).sum() + (inside[:, 1:] != inside[:, :-1]).sum())
    return int(((unit > 0.02) & (unit < 0.98)).sum()) < _SOFT_SHARE * outline


def is_hazy(alpha: AnyArray) -> bool:
    """Whether a tenth of the picture is nearly but not quite transparent: a background cut out badly."""
    unit = to_unit(alpha)
    return bool(((unit > 0) & (unit < 0.02)).mean() > 0.1)


@dataclass(frozen=True)
class Fringe:
    """How much of an old background is in the soft pixels' colours, as a share of what a plain cutting out
    leaves there: 0 is none, 1 is all. dark: if it was black; light: if it was white.
    """

    dark: float
    light: float


def measure_fringe(colours: AnyArray, alpha: AnyArray) -> Fringe:
    """Measure how much black and how much white there is in the soft pixels' colours.

    0 where there are too few soft or opaque pixels to tell, or where they hardly differ from it.
    """
    pixels, share = to_unit(colours), to_unit(alpha)
    black, white = (np.full(3, level, np.float32) for level in (0, 1))
    return Fringe(_mixture(pixels, share, black), _mixture(pixels, share, white))


def measure_mixture(colours: AnyArray, alpha: AnyArray) -> float:
    """Return how much of the colours where alpha is 0 there is in those of soft pixels nearby.

    About 1 for a photo as it was taken, 0 for clean foreground colours, or where nothing can be told.
    """
    pixels, share = to_unit(colours), to_unit(alpha)
    is_background = share == 0
    if int(is_background.sum()) < _FEW:
        return 0.0
    return _mixture(pixels, share, _spread(pixels, is_background))


def _mixture(pixels: Floats, share: Floats, background: Floats) -> float:
    """Compare the colours of soft pixels with those of opaque ones nearby.

    background: (H, W, 3) or one colour (3,). A soft pixel I = αF + (1 − α)B differs from F by (1 − α)(B − F);
    the mixture is the least squares factor of that.
    """
    is_soft, is_opaque = (share > _SOFT[0]) & (share < _SOFT[1]), share > _OPAQUE
    if int(is_soft.sum()) < _FEW or int(is_opaque.sum()) < _FEW:
        return 0.0
    near = _spread(pixels, is_opaque)[is_soft]
    behind = np.broadcast_to(background, pixels.shape)[is_soft]
    expected = (1 - share[is_soft])[:, None] * (behind - near)
    power = float((expected * expected).sum())
    is_visible = power > 0.01 * expected.size
    return float(((pixels[is_soft] - near) * expected).sum()) / power if is_visible else 0.0


def _spread(pixels: Floats, where: Bools) -> Floats:
    """Return colours (H, W, 3) that are the pixels' there, and go on from them smoothly elsewhere."""
    planes = fill(np.ascontiguousarray(np.moveaxis(pixels, -1, 0)), where.astype(np.float32))
    return np.where(where[..., None], pixels, np.clip(np.moveaxis(planes, 0, -1), 0, 1))


def is_bare(colours: AnyArray, alpha: AnyArray) -> bool:
    """Whether one other colour, such as black, begins where alpha ends: resampling would bring it in."""
    visible = alpha > 0
    rim = dilate(visible, 1) & ~visible
    if int(rim.sum()) < _FEW:
        return False
    pixels = to_unit(colours)
    if float(pixels[rim].std(axis=0).max()) > 0.05:
        return False
    return bool(np.median(np.abs(pixels[rim] - extend(colours, alpha)[rim])) > 0.1)
