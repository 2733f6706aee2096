"""How unlike the known colours a colour is: what the trimap's foreground and background say of cells it does
not mark.

Each unknown cell is compared with a sample of the known foreground and of the known background, by colour and
by place, as methods that sample colours do (Wang and Cohen 2007; Aksoy, Aydın, Pollefeys 2017). Photographs
show far more of their background than of what lies in the unknown band, so a colour that is nowhere in the
known background is taken for foreground, even where the known foreground lacks it too: a flag in a toy's hand
that nobody marked.

Grids are (..., H, W) as in grids; an image is (..., 3, H, W). Leading axes are independent pictures.
"""

import numpy as np

from deepmatte.pixels import Floats

# Known cells of each kind that unknown ones are compared with, taken evenly from all. More bring nothing
# (docs/experiments.md).
SAMPLES = 512
# A quarter of the logarithm of a colour, and 0.3 times the place in units of the longer side, span the space
# in which distance is measured; the floor keeps noise in the dark from counting.
_COLOUR, _FLOOR, _PLACE = 0.25, 0.03, 0.3
# A known foreground farther than this is as good as this far: beyond it, novelty alone decides.
NOVEL = 0.08
_NOISE = 1e-4
_CHUNK = 8192

# The largest distance that is told apart.
FARTHEST = 0.5


def measure_distances(image: Floats, is_foreground: Floats, is_background: Floats) -> Floats:
    """Return the distances of every unknown cell to the nearest known foreground and background.

    image: (..., 3, H, W) in [0, 1]; is_foreground, is_background: (..., H, W), 1 where known, else 0.
    Returns (..., 2, H, W) in [0, FARTHEST]: 0 to its own kind and FARTHEST to the other where a cell is
    known; FARTHEST where no cell of a kind is known.
    """
    height, width = image.shape[-2:]
    pictures = image.reshape(-1, 3, height, width)
    kinds = [part.reshape(len(pictures), -1) > 0 for part in (is_foreground, is_background)]
    out = np.full((len(pictures), 2, height * width), FARTHEST, np.float32)
    for index, picture in enumerate(pictures):
        places = _locate(picture)
        unknown = np.flatnonzero(~(kinds[0][index] | kinds[1][index]))
        for kind in range(2):
            known = np.flatnonzero(kinds[kind][index])
            out[index, kind, known] = 0
            if len(known) and len(unknown):
                chosen = known[np.linspace(0, len(known) - 1, min(SAMPLES, len(known))).astype(np.int64)]
                out[index, kind, unknown] = _nearest(places[unknown], places[chosen])
    return out.reshape(*image.shape[:-3], 2, height, width)


def judge(distances: Floats) -> tuple[Floats, Floats]:
    """Return what the distances say of alpha, and how sure they are of it: (..., H, W) each in [0, 1].

    distances: (..., 2, H, W) as measure_distances returns. Without any known foreground or background there
    is nothing to compare, so nothing is sure.
    """
    foreground, background = distances[..., 0, :, :] ** 2, distances[..., 1, :, :] ** 2
    to_foreground = np.minimum(foreground, np.float32(NOVEL**2))
    both = to_foreground + background
    alpha = (background + np.float32(_NOISE)) / (both + np.float32(2 * _NOISE))
    sureness = np.abs(to_foreground - background) / (both + np.float32(_NOISE))
    is_nothing = (distances == FARTHEST).all(axis=(-2, -1)).any(axis=-1)
    return alpha, np.where(is_nothing[..., None, None], np.float32(0), sureness)


def _locate(picture: Floats) -> Floats:
    """Return each cell's point in the space of colour and place: (H · W, 5)."""
    height, width = picture.shape[-2:]
    y, x = np.mgrid[:height, :width].astype(np.float32) * np.float32(_PLACE / max(height, width))
    colours = np.float32(_COLOUR) * np.log(picture + np.float32(_FLOOR))
    places: Floats = np.stack([*colours, y, x], axis=-1).reshape(-1, 5)
    return places


def _nearest(points: Floats, known: Floats) -> Floats:
    """Return the distance of each point (N, 5) to the nearest of the known ones (M, 5)."""
    # |p − k|² = |p|² + (|k|² − 2 p·k): one product of matrices.
    right = np.concatenate([-2 * known, (known**2).sum(axis=1, keepdims=True)], axis=1).T
    left = np.concatenate([points, np.ones((len(points), 1), np.float32)], axis=1)
    least = [(left[i : i + _CHUNK] @ right).min(axis=1) for i in range(0, len(left), _CHUNK)]
    square = np.maximum(np.concatenate(least) + (points**2).sum(axis=1), 0)
    return np.asarray(np.minimum(np.sqrt(square), FARTHEST), dtype=np.float32)
