"""Training samples made on the fly: a foreground over a background, its trimap, and what a camera does to it.

Every sample comes from one explicit random generator. Pictures here are float32 (H, W, C) in [0, 1]; the
batch at the end is channels first, as the network reads it. The compositing equation, the guides and the
order of planes are the light part's own, so training and use cannot differ.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional as F  # noqa: N812

from deepmatte import guides, pixels, trimap
from deepmatte.pixels import Bytes, Floats
from deepmatte.training import published
from deepmatte.training.corpus.library import Foreground, Library
from deepmatte.training.published import PublishedMix

Rng = np.random.Generator
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Mix:
    """How often what is drawn. Probabilities unless stated."""

    # Relative share of each group of foregrounds; groups that are not named count 1 per hundred files.
    groups: tuple[tuple[str, float], ...] = ()
    second_foreground: float = 0.3
    # Of these: wholly unknown to the trimap, as a flag in a toy's hand that nobody marked.
    unmarked_second: float = 0.35
    borrowed_colours: float = 0.2
    translucent: float = 0.05
    defocus: float = 0.2
    # Backgrounds of more than one colour: part of another photograph, and other foregrounds lying in it.
    collage: float = 0.3
    clutter: float = 0.25
    background_blur: float = 0.75
    similar_colours: float = 0.1
    degraded: float = 0.7
    # Pixels of the sample per pixel of the foreground's file, log-uniform.
    scale: tuple[float, float] = (0.7, 2.2)
    # Widest unknown band on each side as a share of the sample's side.
    widest_band: float = 0.25
    one_sided_trimap: float = 0.01
    # People mark what they are sure of: a band seldom swallows all of the foreground or background.
    something_stays_known: float = 0.97


@dataclass(frozen=True, eq=False)
class Sample:
    """One training sample: image (S, S, 3), alpha (S, S), trimap (S, S) of {0, 128, 255}; the foreground and
    background (S, S, 3) whose clean composite the image was before it was degraded.
    """

    image: Floats
    alpha: Floats
    trimap: Bytes
    foreground: Floats
    background: Floats


@dataclass(frozen=True, eq=False)
class Batch:
    """What a training step reads: planes (B, 7, S, S), fields (B, 13, S/4, S/4), alpha and is_unknown (B, 1,
    S, S); foreground and background (B, 3, S, S) where the loss asks for them.

    Without guides: planes (B, 5, S, S), fields (B, 0, 1, 1).
    """

    planes: torch.Tensor
    fields: torch.Tensor
    alpha: torch.Tensor
    is_unknown: torch.Tensor
    foreground: torch.Tensor | None = None
    background: torch.Tensor | None = None


def draw_batch(
    library: Library,
    mix: Mix | PublishedMix,
    count: int,
    size: int,
    rng: Rng,
    *,
    with_guides: bool = True,
    with_colours: bool = False,
) -> Batch:
    """Draw count samples of size × size pixels (a multiple of 16), with their guides and colours if asked."""
    samples = [draw_sample(library, mix, size, rng) for _ in range(count)]
    image = np.ascontiguousarray(np.stack([s.image for s in samples]).transpose(0, 3, 1, 2))
    tri = np.stack([s.trimap for s in samples])
    known = np.stack([tri == trimap.FOREGROUND, tri == trimap.BACKGROUND], axis=1).astype(np.float32)
    planes, fields = [image, known], np.zeros((count, 0, 1, 1), np.float32)
    if with_guides:
        surveyed = guides.survey(image, tri)
        planes, fields = [*planes, surveyed.planes(image)], surveyed.fields
    parts = [
        np.concatenate(planes, axis=1),
        fields,
        np.stack([s.alpha for s in samples])[:, None],
        (tri == trimap.UNKNOWN)[:, None].astype(np.float32),
    ]
    if with_colours:
        layers = ([s.foreground for s in samples], [s.background for s in samples])
        parts += [np.stack(layer).transpose(0, 3, 1, 2) for layer in layers]
    return Batch(*(torch.from_numpy(np.ascontiguousarray(part)) for part in parts))


def draw_sample(library: Library, mix: Mix | PublishedMix, size: int, rng: Rng) -> Sample:
    """Draw one sample; drawn again until its trimap has enough unknown pixels to learn from."""
    if isinstance(mix, PublishedMix):
        foreground, background, alpha, tri = published.draw_layers(library, mix, size, rng)
        image = pixels.composite(foreground, background, alpha)
        return Sample(pixels.to_unit(pixels.to_bytes(image)), alpha, tri, foreground, background)
    while True:
        foreground, alpha, is_marked = _draw_foreground(library, mix, size, rng)
        tri = draw_trimap(alpha, mix, rng, is_marked)
        if (tri == trimap.UNKNOWN).mean() > 0.005:
            break
    background = _draw_background(library, mix, size, rng)
    foreground, background = _recolour(foreground, rng), _recolour(background, rng)
    if rng.random() < mix.similar_colours:
        shift = foreground.mean((0, 1)) - background.mean((0, 1))
        background = np.clip(background + np.float32(rng.uniform(0.4, 1)) * shift, 0, 1)
    image = pixels.composite(foreground, background, alpha)
    if rng.random() < mix.degraded:
        image = _degrade(image, rng)
    return Sample(pixels.to_unit(pixels.to_bytes(image)), alpha, tri, foreground, background)


# Foregrounds and backgrounds


def _draw_foreground(library: Library, mix: Mix, size: int, rng: Rng) -> tuple[Floats, Floats, Bools]:
    """Return colours (S, S, 3), alpha (S, S), and where a person might mark foreground (S, S)."""
    colours, alpha = _view_foreground(_choose(library, mix, rng), mix, size, rng)
    is_marked = np.ones(alpha.shape, np.bool_)
    if rng.random() < mix.second_foreground:
        other, other_alpha = _view_foreground(_choose(library, mix, rng), mix, size, rng)
        both = 1 - (1 - alpha) * (1 - other_alpha)
        share = (alpha / np.maximum(both, 1e-4))[..., None]
        if (both < 0.5).mean() > 0.05:
            if rng.random() < mix.unmarked_second:
                is_marked = alpha > 0.5
            colours, alpha = share * colours + (1 - share) * other, both
    if rng.random() < mix.borrowed_colours:
        colours = _view_background(library, size, rng)
    if rng.random() < mix.translucent:
        alpha = alpha * np.clip(
            _smooth_noise(size, rng.uniform(0.2, 1) * size, rng) * 2 - rng.uniform(0, 0.7), 0.15, 1
        )
    if rng.random() < mix.defocus:
        sigma = math.exp(rng.uniform(math.log(0.5), math.log(5)))
        weight = alpha + np.float32(1e-3)
        soft = _blur(np.dstack([colours * weight[..., None], weight, alpha]), sigma)
        colours, alpha = soft[..., :3] / soft[..., 3:4], np.clip(soft[..., 4], 0, 1)
    # Resampling and blurring leave traces that no 8-bit truth would show: half a level and less.
    alpha = np.where(alpha < 0.5 / 255, 0, np.where(alpha > 1 - 0.5 / 255, 1, alpha))
    return np.clip(colours, 0, 1).astype(np.float32), alpha.astype(np.float32), is_marked


def _choose(library: Library, mix: Mix, rng: Rng) -> Foreground:
    shares = dict(mix.groups)
    names = list(library.foregrounds)
    weights = np.array([shares.get(name, len(library.foregrounds[name]) / 100) for name in names])
    members = library.foregrounds[names[rng.choice(len(names), p=weights / weights.sum())]]
    return members[rng.integers(len(members))]


def _view_foreground(foreground: Foreground, mix: Mix, size: int, rng: Rng) -> tuple[Floats, Floats]:
    """See a foreground through a random affine map centred near one of its soft pixels."""
    scale = math.exp(rng.uniform(*np.log(mix.scale)))
    centre = (
        foreground.centres[rng.integers(len(foreground.centres))] + rng.uniform(-0.25, 0.25, 2) * size / scale
    )
    angle = rng.uniform(-math.pi, math.pi) if rng.random() < 0.15 else rng.uniform(-0.5, 0.5)
    view = _sample(foreground.levels, centre, scale, angle, size, rng, reflect=foreground.open_edge)
    return view[..., :3], view[..., 3]


def _draw_background(library: Library, mix: Mix, size: int, rng: Rng) -> Floats:
    background = _view_background(library, size, rng)
    if rng.random() < mix.collage:
        share = np.clip(
            (_smooth_noise(size, rng.uniform(0.3, 1) * size, rng) - 0.5) * rng.uniform(20, 200), 0, 1
        )
        background = pixels.composite(
            _view_background(library, size, rng), background, share.astype(np.float32)
        )
    if rng.random() < mix.clutter:
        colours, alpha = _view_foreground(_choose(library, mix, rng), mix, size, rng)
        background = pixels.composite(colours, background, alpha)
    if rng.random() < mix.background_blur:
        sigma = math.exp(rng.uniform(math.log(0.5), math.log(8)))
        background = _blur(background, sigma)
    return background


def _view_background(library: Library, size: int, rng: Rng) -> Floats:
    levels = library.backgrounds[rng.integers(len(library.backgrounds))].levels
    scale = math.exp(rng.uniform(math.log(0.35), math.log(2)))
    centre = rng.random(2) * levels[0].shape[:2]
    return _sample(levels, centre, scale, rng.uniform(-0.3, 0.3), size, rng, reflect=True)


def _sample(
    levels: tuple[Bytes, ...],
    centre: NDArray[np.float64],
    scale: float,
    angle: float,
    size: int,
    rng: Rng,
    reflect: bool,
) -> Floats:
    """Cut a size × size view out of a picture of several levels.

    centre: (y, x) in pixels of level 0; scale: sample pixels per level-0 pixel; a random flip, stretch and
    resampling kernel are drawn. Beyond the frame the picture is reflected, or its colours repeat with alpha
    0.
    """
    level = min(max(int(math.log2(1 / scale) + 0.5), 0), len(levels) - 1)
    picture = levels[level]
    height, width = picture.shape[:2]
    stretch = math.exp(rng.uniform(-0.12, 0.12))
    step = np.array([stretch, 1 / stretch]) / (scale * 2**level)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    cos, sin = math.cos(angle), math.sin(angle)
    rows = np.array([[cos * step[0], sin * step[1] * flip], [-sin * step[0], cos * step[1] * flip]]) * size
    # The view's pixels as positions in the picture: an affine map, so extremes lie at corners.
    steps = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    middle = centre / 2**level
    places = [
        middle[axis] + rows[axis, 0] * steps[:, None] + rows[axis, 1] * steps[None, :] for axis in (0, 1)
    ]
    low = [int(place[:: size - 1, :: size - 1].min()) - 3 for place in places]
    high = [int(place[:: size - 1, :: size - 1].max()) + 4 for place in places]
    inside = min(low) >= 0 and high[0] <= height and high[1] <= width
    if inside or not reflect:
        # Only the part that is seen becomes floats.
        top, left = min(max(low[0], 0), height - 1), min(max(low[1], 0), width - 1)
        picture = picture[top : max(high[0], top + 1), left : max(high[1], left + 1)]
        places = [places[0] - top, places[1] - left]
        height, width = picture.shape[:2]
    # grid_sample wants (x, y), in units where −1 … 1 is the picture's width or height.
    grid = np.stack([places[1] * (2 / width) - 1, places[0] * (2 / height) - 1], axis=-1).astype(np.float32)
    source = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].float() / 255
    mode = "bicubic" if rng.random() < 0.4 else "bilinear"
    padding = "reflection" if reflect else "border"
    view = F.grid_sample(source, torch.from_numpy(grid)[None], mode, padding, align_corners=False)[0]
    if not reflect and not inside and picture.shape[2] == 4:
        view[3] *= torch.from_numpy((np.abs(grid) <= 1).all(-1))
    return np.ascontiguousarray(view.clamp(0, 1).numpy().transpose(1, 2, 0))


# Trimaps


def draw_trimap(alpha: Floats, mix: Mix, rng: Rng, is_marked: Bools | None = None) -> Bytes:
    """Draw a trimap as people do: unknown reaches a random, uneven way into what is surely known.

    alpha: (S, S); is_marked: where foreground may be known at all, everywhere unless given. Bands are
    log-uniform from 1 px to mix.widest_band · S on each side.
    """
    size = alpha.shape[0]
    tolerance = rng.choice([0.5, 2, 8]) / 255
    is_opaque = alpha >= 1 - tolerance
    if is_marked is not None:
        is_opaque &= is_marked
    tri = np.full(alpha.shape, trimap.UNKNOWN, np.uint8)
    for value, is_known in (
        (trimap.FOREGROUND, is_opaque),
        (trimap.BACKGROUND, alpha <= tolerance),
    ):
        if is_known.all():
            tri[:] = value
            continue
        if rng.random() < mix.one_sided_trimap:
            continue
        depth = ndimage.distance_transform_edt(is_known)
        reach = math.exp(rng.uniform(0, math.log(mix.widest_band * size)))
        if is_known.any() and rng.random() < mix.something_stays_known:
            reach = min(reach, float(np.quantile(depth[is_known], rng.uniform(0.2, 0.95))))
        unevenness = rng.uniform(0, 1)
        field = 1 - unevenness * _smooth_noise(size, rng.uniform(0.05, 0.5) * size, rng)
        tri[depth > reach * field] = value
    for _ in range(rng.integers(1, 4) if rng.random() < 0.15 else 0):
        y, x, radius = rng.random() * size, rng.random() * size, rng.uniform(0.02, 0.15) * size
        rows, columns = np.ogrid[:size, :size]
        tri[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] = trimap.UNKNOWN
    return tri


# Colours and cameras


def _recolour(picture: Floats, rng: Rng) -> Floats:
    """Change exposure, contrast, saturation and white balance of one layer."""
    if rng.random() < 0.2:
        return picture
    out = np.clip(picture, 1e-4, 1) ** np.float32(math.exp(rng.normal(0, 0.3)))
    grey = (out[..., :1] + out[..., 1:2] + out[..., 2:]) / np.float32(3)
    out = grey + (out - grey) * np.float32(0 if rng.random() < 0.03 else rng.uniform(0.4, 1.5))
    gain = rng.uniform(0.75, 1.2) * rng.uniform(0.9, 1.1, 3)
    out = out * gain.astype(np.float32) + np.float32(rng.uniform(-0.06, 0.06))
    return np.clip(out, 0, 1).astype(np.float32)


def _degrade(image: Floats, rng: Rng) -> Floats:
    """Apply one to three of: blur, sharpening, noise, coarser noise, contrast, reduced resolution."""
    for kind in rng.permutation(6)[: rng.integers(1, 4)]:
        if kind == 0:
            image = ndimage.gaussian_filter(image, (*([rng.uniform(0.3, 0.9)] * 2), 0))
        elif kind == 1:
            image = image + np.float32(rng.uniform(0.2, 1)) * (
                image - ndimage.gaussian_filter(image, (1, 1, 0))
            )
        elif kind == 2:
            image = image + np.float32(rng.uniform(0, 0.03)) * rng.standard_normal(image.shape, np.float32)
        elif kind == 3:
            noise = np.float32(rng.uniform(0, 0.06)) * rng.standard_normal(image.shape, np.float32)
            image = image + ndimage.gaussian_filter(noise, (0.8, 0.8, 0), truncate=2)
        elif kind == 4:
            image = np.float32(0.5) + (image - np.float32(0.5)) * np.float32(rng.uniform(0.7, 1.3))
        else:
            image = _lose_resolution(image, rng.uniform(0.5, 0.9))
        image = np.clip(image, 0, 1)
    return image


def _blur(picture: Floats, sigma: float) -> Floats:
    """Blur (S, S, C) by a Gaussian; a wide one at reduced size, where it costs less and looks the same."""
    factor = 4 if sigma > 5 else 2 if sigma > 2.5 else 1
    if factor == 1:
        return np.asarray(ndimage.gaussian_filter(picture, (sigma, sigma, 0), truncate=2.5))
    source = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
    small = F.avg_pool2d(source, factor)[0].numpy()
    soft = ndimage.gaussian_filter(small, (0, sigma / factor, sigma / factor), truncate=2.5)
    wide = F.interpolate(torch.from_numpy(soft)[None], scale_factor=factor, mode="bilinear")[0]
    return np.ascontiguousarray(wide.numpy().transpose(1, 2, 0))


def _lose_resolution(image: Floats, factor: float) -> Floats:
    size = image.shape[0]
    source = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]
    small = F.interpolate(source, size=int(size * factor), mode="bilinear", antialias=True)
    return np.ascontiguousarray(F.interpolate(small, size=size, mode="bicubic")[0].numpy().transpose(1, 2, 0))


def _smooth_noise(size: int, wavelength: float, rng: Rng) -> Floats:
    """Return smooth random values in [0, 1], (size, size), that vary over about wavelength pixels."""
    cells = max(2, round(size / wavelength) + 1)
    coarse = torch.from_numpy(rng.random((1, 1, cells, cells), np.float32))
    return F.interpolate(coarse, size=size, mode="bicubic", align_corners=True)[0, 0].clamp(0, 1).numpy()
