"""Training samples made on the fly: a foreground over a background, its trimap, and what a camera does to it.

Every sample has a random generator of its own. What it decides, on the host, are a few numbers (what is seen
of which picture, how much of what is done to it); the pixels follow from these by the same batched
computation on any device. Pictures are float32 (B, C, S, S) in [0, 1]. The guides and the order of planes are
the light part's own, so training and use cannot differ there.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from deepmatte import trimap
from deepmatte.pixels import Bytes, Floats
from deepmatte.training import bands, camera, noise, published, views
from deepmatte.training.bands import Bands
from deepmatte.training.corpus.library import Foreground, Library
from deepmatte.training.losses import composite
from deepmatte.training.published import PublishedMix
from deepmatte.training.shelf import Shelf
from deepmatte.training.views import View

Rng = np.random.Generator
T = TypeVar("T")
Groups = tuple[tuple[str, float], ...]

# A sample has at least this share of unknown pixels to learn from.
_LEAST_UNKNOWN = 0.005
# Samples that a CPU makes at once: more do not fit in its caches (docs/decisions/composition.md).
ON_A_CPU = 2


@dataclass(frozen=True)
class Mix:
    """How often what is drawn. Probabilities unless stated."""

    # Relative share of each group of foregrounds; groups that are not named count 1 per hundred files.
    groups: Groups = ()
    second_foreground: float = 0.3
    # What second foregrounds are drawn from, as groups says; () for the same.
    second_groups: Groups = ()
    # Of these: wholly unknown to the trimap, as a flag in a toy's hand that nobody marked.
    unmarked_second: float = 0.35
    borrowed_colours: float = 0.2
    translucent: float = 0.05
    defocus: float = 0.2
    # Backgrounds of more than one colour: part of another photograph, and other foregrounds lying in it.
    collage: float = 0.3
    clutter: float = 0.25
    background_blur: float = 0.75
    # What values are raised to where foreground and background mix: a lens adds light up, not values.
    light: tuple[float, float] = (1.1, 1.9)
    # Mixed by value all the same: layers of an image editor.
    by_value: float = 0.0
    # How colourful foregrounds and backgrounds may become (camera.draw_colouring).
    vivid: tuple[float, float] = (1.0, 0.3)
    # Foregrounds of two colours: hair of another colour than the face, of the background's perhaps.
    motley: float = 0.5
    # Foregrounds lit from behind, whose rims are brighter than all that the trimap knows of them.
    rim: float = 0.5
    # Most that the outermost of a foreground takes of the light around it: strands let it through, and shine.
    wrap: float = 0.4
    similar_colours: float = 0.1
    # Pictures on black and white film.
    grey: float = 0.0
    degraded: float = 0.7
    # Of these: in the end a JPEG file.
    jpeg: float = 0.3
    # Pixels of the sample per pixel of the foreground's file, log-uniform.
    scale: tuple[float, float] = (0.7, 2.2)
    # Narrowest unknown band on each side in pixels, and widest as a share of the sample's side.
    narrowest_band: float = 1.0
    widest_band: float = 0.25
    one_sided_trimap: float = 0.01
    # People mark what they are sure of: a band seldom swallows all of the foreground or background.
    something_stays_known: float = 0.97


@dataclass(frozen=True, eq=False)
class Samples:
    """Training samples: image (B, 3, S, S), alpha (B, 1, S, S), trimap (B, S, S) uint8 of {0, 128, 255}; the
    foreground and background (B, 3, S, S) that the image was mixed of, for a Mix as light, before it was
    degraded.
    """

    image: Tensor
    alpha: Tensor
    trimap: Tensor
    foreground: Tensor
    background: Tensor

    @classmethod
    def join(cls, parts: "Sequence[Samples]") -> "Samples":
        """Return all samples of some in one."""
        names = ("image", "alpha", "trimap", "foreground", "background")
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


def draw_samples(
    library: Library,
    mix: Mix | PublishedMix,
    size: int,
    rngs: Sequence[Rng],
    shelf: Shelf,
    will_do: Callable[[Bytes], bool] | None = None,
) -> Samples:
    """Draw one sample with each generator; again until its trimap has enough unknown pixels to learn from.

    will_do: for a Mix, whether a trimap (S, S) will do otherwise. It is asked before a background is drawn.
    """
    if isinstance(mix, PublishedMix):
        foreground, background, alpha, tri = published.draw_layers(library, mix, size, rngs, shelf)
        return Samples(
            _to_levels(composite(foreground, background, alpha)), alpha, tri, foreground, background
        )
    foreground, alpha, tri = _draw_subjects(library, mix, size, rngs, shelf, will_do)
    backdrops = [_draw_backdrop(library, mix, size, rng) for rng in rngs]
    background = _show_backdrops(backdrops, size, shelf)
    background = camera.recolour(background, [camera.draw_colouring(rng, mix.vivid[1]) for rng in rngs])
    foreground = _colour_foregrounds(foreground, background, mix, rngs, shelf)
    foreground = _light_rims(foreground, alpha, mix, rngs)
    background = _bring_near(background, foreground, mix.similar_colours, rngs, shelf)
    wraps = [camera.draw_wrap(rng, mix.wrap) for rng in rngs]
    foreground = camera.wrap_light(foreground, background, alpha, wraps)
    exponents = _column([_draw_exponent(mix, rng) for rng in rngs], shelf)
    image = mix_light(foreground, background, alpha, exponents)
    image = camera.change(image, [_draw_changes(mix, rng) for rng in rngs])
    return Samples(_to_levels(image), alpha, tri, foreground, background)


def _draw_exponent(mix: Mix, rng: Rng) -> float:
    return 1.0 if rng.random() < mix.by_value else rng.uniform(*mix.light)


def _draw_changes(mix: Mix, rng: Rng) -> tuple[camera.Change, ...]:
    changes = camera.draw_changes(rng, mix.jpeg) if rng.random() < mix.degraded else ()
    if rng.random() < mix.grey:
        return camera.Change("film", film=camera.draw_film(rng)), *changes
    return changes


def _colour_foregrounds(
    foreground: Tensor, background: Tensor, mix: Mix, rngs: Sequence[Rng], shelf: Shelf
) -> Tensor:
    """Return foregrounds (B, 3, S, S) in other colours; some in two, the second where a field says, and now
    and then about as bright and tinted as the background.
    """
    first = camera.recolour(foreground, [camera.draw_colouring(rng, mix.vivid[0]) for rng in rngs])
    chosen = [number for number, rng in enumerate(rngs) if rng.random() < mix.motley]
    if not chosen:
        return first
    size, drawn = foreground.shape[-1], [rngs[number] for number in chosen]
    second = camera.recolour(foreground[chosen], [camera.draw_colouring(rng, mix.vivid[0]) for rng in drawn])
    second = _bring_near(second, background[chosen], 0.4, drawn, shelf)
    fields = [noise.draw_smooth(size, rng.uniform(0.2, 1) * size, rng) for rng in drawn]
    contrast = _column([noise.draw_log_uniform(4, 60, rng) for rng in drawn], shelf)
    share = noise.spread(fields, size, shelf.device)[:, None].sub_(0.5).mul_(contrast).add_(0.5).clamp_(0, 1)
    return camera.put(first, chosen, composite(second, first[chosen], share))


def _light_rims(foreground: Tensor, alpha: Tensor, mix: Mix, rngs: Sequence[Rng]) -> Tensor:
    """Return foregrounds (B, 3, S, S), some of them lit from behind."""
    chosen, rims = _given([camera.draw_rim(rng) if rng.random() < mix.rim else None for rng in rngs])
    if not chosen:
        return foreground
    return camera.put(foreground, chosen, camera.light_rims(foreground[chosen], alpha[chosen], rims))


def _bring_near(
    layers: Tensor, others: Tensor, probability: float, rngs: Sequence[Rng], shelf: Shelf
) -> Tensor:
    """Return layers (B, 3, S, S), the mean colour of some of them brought most of the way to the other's."""
    nearing = [rng.uniform(0.4, 1) if rng.random() < probability else 0.0 for rng in rngs]
    if not any(nearing):
        return layers
    shift = others.mean((2, 3), keepdim=True) - layers.mean((2, 3), keepdim=True)
    return (layers + _column(nearing, shelf) * shift).clamp_(0, 1)


def mix_light(foreground: Tensor, background: Tensor, alpha: Tensor, exponent: Tensor) -> Tensor:
    """Return what a camera sees of a foreground that covers alpha of each pixel: (B, 3, S, S).

    exponent: (B, 1, 1, 1), of light by value, 2.2 or so for sRGB and 1 for the plain compositing equation.
    Values mixed without it are wrong wherever the two differ in brightness: a half-covered pixel of white
    over black is light grey.
    """
    light = composite(foreground**exponent, background**exponent, alpha)
    return light.clamp_(min=0) ** (1 / exponent)


# Foregrounds


@dataclass(frozen=True, eq=False)
class _Subject:
    """What is drawn of a sample's foreground and trimap.

    second: another foreground behind it, is_unmarked: which the trimap does not tell from unknown; borrowed:
    a photograph that colours come from; veil: a field's coarse values and an offset, by which it is
    translucent; defocus: sigma in pixels, or 0.
    """

    first: View
    second: View | None
    is_unmarked: bool
    borrowed: View | None
    veil: tuple[Floats, float] | None
    defocus: float
    bands: Bands


def _draw_subject(library: Library, mix: Mix, size: int, rng: Rng) -> _Subject:
    first = _view_foreground(_choose(library, mix.groups, rng), mix, size, rng)
    second = None
    has_second = rng.random() < mix.second_foreground
    if has_second:
        second = _view_foreground(_choose(library, mix.second_groups or mix.groups, rng), mix, size, rng)
    is_unmarked = bool(has_second and rng.random() < mix.unmarked_second)
    borrowed = _view_background(library, rng) if rng.random() < mix.borrowed_colours else None
    veil = None
    if rng.random() < mix.translucent:
        veil = (noise.draw_smooth(size, rng.uniform(0.2, 1) * size, rng), rng.uniform(0, 0.7))
    defocus = noise.draw_log_uniform(0.5, 5, rng) if rng.random() < mix.defocus else 0.0
    band = bands.draw(
        size,
        rng,
        narrowest_band=mix.narrowest_band,
        widest_band=mix.widest_band,
        one_sided_trimap=mix.one_sided_trimap,
        something_stays_known=mix.something_stays_known,
    )
    return _Subject(first, second, is_unmarked, borrowed, veil, defocus, band)


def _draw_subjects(
    library: Library,
    mix: Mix,
    size: int,
    rngs: Sequence[Rng],
    shelf: Shelf,
    will_do: Callable[[Bytes], bool] | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return colours (B, 3, S, S), alphas (B, 1, S, S) and trimaps (B, S, S)."""
    shown: tuple[Tensor, ...] = ()
    todo = list(range(len(rngs)))
    while todo:
        drawn = _show_subjects([_draw_subject(library, mix, size, rngs[n]) for n in todo], size, shelf)
        for whole, part in zip(shown, drawn, strict=False):
            whole[todo] = part
        shown = shown or drawn
        unknown = (drawn[2] == trimap.UNKNOWN).float().mean((1, 2)).tolist()
        todo = [
            number
            for number, share, tri in zip(todo, unknown, drawn[2], strict=True)
            if (will_do and not will_do(tri.cpu().numpy())) or share <= _LEAST_UNKNOWN
        ]
    colours, alpha, tri = shown
    return colours, alpha, tri


def _show_subjects(subjects: Sequence[_Subject], size: int, shelf: Shelf) -> tuple[Tensor, Tensor, Tensor]:
    colours, alpha = views.see([each.first for each in subjects], size, shelf).split((3, 1), dim=1)
    is_marked = torch.ones_like(alpha, dtype=torch.bool)
    chosen, seconds = _given([each.second for each in subjects])
    if chosen:
        behind = views.see(seconds, size, shelf)
        unmarked = _column([float(subjects[number].is_unmarked) for number in chosen], shelf) > 0
        merged = _merge(colours[chosen], alpha[chosen], behind[:, :3], behind[:, 3:], unmarked)
        colours, alpha, is_marked = (
            camera.put(whole, chosen, part)
            for whole, part in zip((colours, alpha, is_marked), merged, strict=True)
        )
    chosen, borrowed = _given([each.borrowed for each in subjects])
    if chosen:
        colours = camera.put(colours, chosen, views.see(borrowed, size, shelf)[:, :3])
    chosen, veils = _given([each.veil for each in subjects])
    if chosen:
        field = noise.spread([coarse for coarse, _ in veils], size, shelf.device)[:, None]
        veil = (field * 2 - _column([offset for _, offset in veils], shelf)).clamp_(0.15, 1)
        alpha = camera.put(alpha, chosen, alpha[chosen] * veil)
    chosen, sigmas = _given([each.defocus for each in subjects])
    if chosen:
        weight = alpha[chosen] + 1e-3
        soft = camera.blur(torch.cat([colours[chosen] * weight, weight, alpha[chosen]], dim=1), sigmas)
        colours = camera.put(colours, chosen, soft[:, :3] / soft[:, 3:4])
        alpha = camera.put(alpha, chosen, soft[:, 4:].clamp(0, 1))
    # Resampling and blurring leave traces that no 8-bit truth would show: half a level and less.
    alpha = torch.where(alpha < 0.5 / 255, 0.0, torch.where(alpha > 1 - 0.5 / 255, 1.0, alpha))
    tri = bands.paint(alpha[:, 0], is_marked[:, 0], [each.bands for each in subjects])
    return colours.clamp(0, 1), alpha, tri


def _merge(
    colours: Tensor, alpha: Tensor, other: Tensor, other_alpha: Tensor, unmarked: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return foregrounds over others, colours and alpha, and what of them may be marked.

    Where the two together would fill the picture the first stays alone.
    """
    both = 1 - (1 - alpha) * (1 - other_alpha)
    share = alpha / both.clamp(min=1e-4)
    has_room = (both < 0.5).float().mean((1, 2, 3), keepdim=True) > 0.05
    return (
        torch.where(has_room, share * colours + (1 - share) * other, colours),
        torch.where(has_room, both, alpha),
        ~(has_room & unmarked) | (alpha > 0.5),
    )


def _choose(library: Library, groups: Groups, rng: Rng) -> Foreground:
    return library.draw_foreground(rng, dict(groups))


def _view_foreground(foreground: Foreground, mix: Mix, size: int, rng: Rng) -> View:
    """Draw a view of a foreground, centred near one of its soft pixels."""
    scale = noise.draw_log_uniform(*mix.scale, rng)
    near = foreground.centres[rng.integers(len(foreground.centres))]
    centre = near + rng.uniform(-0.25, 0.25, 2) * size / scale
    angle = rng.uniform(-math.pi, math.pi) if rng.random() < 0.15 else rng.uniform(-0.5, 0.5)
    return views.draw(foreground, centre, scale, angle, rng, reflect=foreground.open_edge)


# Backgrounds


@dataclass(frozen=True, eq=False)
class _Backdrop:
    """What is drawn of a sample's background.

    collage: another photograph, and the coarse values and contrast of the field that says where it is seen;
    clutter: a foreground that lies in it; blur: sigma in pixels, or 0.
    """

    first: View
    collage: tuple[View, Floats, float] | None
    clutter: View | None
    blur: float


def _draw_backdrop(library: Library, mix: Mix, size: int, rng: Rng) -> _Backdrop:
    first, collage, clutter = _view_background(library, rng), None, None
    if rng.random() < mix.collage:
        field = noise.draw_smooth(size, rng.uniform(0.3, 1) * size, rng)
        collage = (_view_background(library, rng), field, rng.uniform(20, 200))
    if rng.random() < mix.clutter:
        clutter = _view_foreground(_choose(library, mix.groups, rng), mix, size, rng)
    blur = noise.draw_log_uniform(0.5, 12, rng) if rng.random() < mix.background_blur else 0.0
    return _Backdrop(first, collage, clutter, blur)


def _show_backdrops(backdrops: Sequence[_Backdrop], size: int, shelf: Shelf) -> Tensor:
    """Return backgrounds (B, 3, S, S)."""
    out = views.see([each.first for each in backdrops], size, shelf)[:, :3]
    chosen, collages = _given([each.collage for each in backdrops])
    if chosen:
        field = noise.spread([coarse for _, coarse, _ in collages], size, shelf.device)[:, None]
        share = ((field - 0.5) * _column([contrast for _, _, contrast in collages], shelf)).clamp_(0, 1)
        other = views.see([view for view, _, _ in collages], size, shelf)[:, :3]
        out = camera.put(out, chosen, composite(other, out[chosen], share))
    chosen, clutter = _given([each.clutter for each in backdrops])
    if chosen:
        colours, alpha = views.see(clutter, size, shelf).split((3, 1), dim=1)
        out = camera.put(out, chosen, composite(colours, out[chosen], alpha))
    chosen, sigmas = _given([each.blur for each in backdrops])
    if chosen:
        out = camera.put(out, chosen, camera.blur(out[chosen], sigmas))
    return out


def _view_background(library: Library, rng: Rng) -> View:
    background = library.draw_background(rng)
    scale = noise.draw_log_uniform(0.35, 2, rng)
    centre = rng.random(2) * background.levels[0].shape[:2]
    return views.draw(background, centre, scale, rng.uniform(-0.3, 0.3), rng, reflect=True)


# Parts of batches


def _given(values: Sequence[T | None]) -> tuple[list[int], list[T]]:
    """Return the numbers of the samples that something is drawn for, and what: neither None nor 0."""
    some = [(number, value) for number, value in enumerate(values) if value]
    return [number for number, _ in some], [value for _, value in some]


def _column(values: Sequence[float], shelf: Shelf) -> Tensor:
    """Return one number for each sample, (B, 1, 1, 1)."""
    return torch.tensor(values, dtype=torch.float32).to(shelf.device)[:, None, None, None]


def _to_levels(pictures: Tensor) -> Tensor:
    """Return pictures as 8 bits hold them."""
    return (pictures.clamp(0, 1) * 255).round_() / 255
