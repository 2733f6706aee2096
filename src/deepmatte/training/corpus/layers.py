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
from deepmatte.trimap import dilate

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
    photo = images.read_photo(source)
    if photo.alpha is None:
        raise BadInput(
            f"{shown(source)} has no alpha channel, or it is opaque everywhere; a foreground needs one:"
            " move it to background/"
        )
    check_alpha(photo.alpha, shown(source))
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
    pixels, is_visible = to_unit(colours), alpha > 0
    planes = fill(np.ascontiguousarray(np.moveaxis(pixels, -1, 0)), is_visible.astype(np.float32))
    return np.where(is_visible[..., None], pixels, np.clip(np.moveaxis(planes, 0, -1), 0, 1))


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
    """Compare the colours of soft pixels with those of opaque ones nearby.

    A soft pixel I = αF + (1 − α)B differs from F by (1 − α)(B − F): the share is the least squares factor of
    that. 0 where there are too few soft or opaque pixels, or none that differ from B.
    """
    pixels, share = to_unit(colours), to_unit(alpha)
    is_soft, is_opaque = (share > _SOFT[0]) & (share < _SOFT[1]), share > _OPAQUE
    if int(is_soft.sum()) < _FEW or int(is_opaque.sum()) < _FEW:
        return Fringe(0, 0)
    planes = fill(np.ascontiguousarray(np.moveaxis(pixels, -1, 0)), is_opaque.astype(np.float32))
    near = np.moveaxis(planes, 0, -1)[is_soft]
    excess, gap = pixels[is_soft] - near, (1 - share[is_soft])[:, None]
    return Fringe(*(_factor(excess, gap * (background - near)) for background in (0, 1)))


def _factor(excess: Floats, expected: Floats) -> float:
    power = float((expected * expected).sum())
    is_visible = power > 0.01 * expected.size
    return float((excess * expected).sum()) / power if is_visible else 0.0


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
