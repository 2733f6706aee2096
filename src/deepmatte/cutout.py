"""The whole job from files to files: a photo and its trimap or mask in, a cutout with clean colours out."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepmatte import background as backgrounds
from deepmatte import images, matting, profiles, trimap
from deepmatte.errors import BadInput, BadOutput
from deepmatte.foreground import estimate_foreground
from deepmatte.images import Output, Photo
from deepmatte.matting import MattingOptions
from deepmatte.models import Model
from deepmatte.outputs import show
from deepmatte.pixels import AnyArray, Bytes, Floats, lay_over, to_bytes, to_unit, to_words
from deepmatte.sources import open_source

AnyPath = str | os.PathLike[str]
Progress = Callable[[str, float], None]

_NO_BAND = "no pixel lies as near to the mask's outline, so alpha is the mask itself; make band_px larger"
_STRIP_ROWS = 256  # composites are made a strip at a time, so no float copy of the whole picture is needed


@dataclass(frozen=True)
class CutReport:
    """What `cut` did. Sizes in pixels; paths of outputs that were not asked for are None."""

    image: str
    output: str
    alpha_output: str | None
    foreground_output: str | None
    height: int
    width: int
    unknown_share: float  # of the picture's pixels, 0 to 1
    model: str | None  # its name; None if nothing was unknown, so that none was needed
    seconds: float
    notes: tuple[str, ...]  # what the user should know about this result


@dataclass(frozen=True)
class _Job:
    """What to read and where results go. Exactly one of trimap and mask is set."""

    image: Path
    trimap: Path | None
    mask: Path | None
    band_px: float | None  # how far a mask's outline may be off
    background: Path | str | None  # a picture, or the text of a colour
    output: Path
    alpha: Path | None
    foreground: Path | None

    def __post_init__(self) -> None:
        if (self.trimap is None) == (self.mask is None):
            given = "neither" if self.trimap is None else "both"
            raise BadInput(f"a trimap or a mask is needed; {given} was given: choose one")
        if self.band_px is not None and self.mask is None:
            raise BadInput(
                "band_px is given without a mask, but a trimap says itself what is unknown: leave it out"
            )
        if isinstance(self.background, str):
            backgrounds.parse_colour(self.background)
        taken = {
            place: "is also read: results never replace what they are made from"
            for path in (self.image, self.trimap, self.mask, self.background)
            if isinstance(path, Path)
            for place in _places(path)
        }
        for path in self.targets():
            places = _places(path)
            for place in places & taken.keys():
                raise BadOutput(f"{show(path)} {taken[place]}; choose another name")
            taken |= dict.fromkeys(places, "is asked for twice")

    def targets(self) -> list[Path]:
        """Return the files to write."""
        return [path for path in (self.output, self.alpha, self.foreground) if path]

    def check_targets(self, overwrite: bool, size: tuple[int, ...] | None = None) -> None:
        """Raise BadOutput or BadInput unless every result can be written. size: the photo's, once known."""
        for path in self.targets():
            transparent = path == self.output and self.background is None
            images.check_output(path, overwrite, needs_alpha=transparent, size=size)


def cut(
    image_path: AnyPath,
    trimap_path: AnyPath | None = None,
    output_path: AnyPath | None = None,
    *,
    mask_path: AnyPath | None = None,
    band_px: float | None = None,
    alpha_path: AnyPath | None = None,
    foreground_path: AnyPath | None = None,
    background: AnyPath | None = None,
    options: MattingOptions | None = None,
    model: Model | None = None,
    overwrite: bool = False,
    max_pixels: int = images.MAX_PIXELS,
    progress: Progress | None = None,
) -> CutReport:
    """Cut the foreground out of a photo and write it with transparency, or on a new background.

    Either a trimap or a mask (an outline without soft edges, from which a trimap is made) is needed. band_px:
    how far a mask's outline may be off, in pixels to either side (10 unless given).
    output_path: `<photo>-cutout.png` beside the photo unless given. alpha_path and foreground_path, where
    given, get the alpha as a grey picture and the foreground's opaque colours. background: "#rrggbb",
    "#rgb", a basic CSS colour name, or a picture, which is scaled to cover and cropped to the photo's size.
    Bit depth and colour profile are the photo's; the background looks in it as it did in its own. A photo
    that is transparent in places stays so there: the alpha is multiplied by its own. progress is called with
    the step's name and the share of it that is done.

    Raises BadInput, BadOutput or ModelUnavailable; then no new file is left, and none was replaced unless
    the system refused another at the very end.
    """
    image = Path(image_path)
    job = _Job(
        image=image,
        trimap=_path(trimap_path),
        mask=_path(mask_path),
        band_px=band_px,
        background=_background(background),
        output=_path(output_path) or image.parent / f"{image.stem}-cutout.png",
        alpha=_path(alpha_path),
        foreground=_path(foreground_path),
    )
    open_source(image).close()  # a wrong name is said before its folder is taken for the results'
    job.check_targets(overwrite)
    work = _Work(
        options or MattingOptions(), model, max_pixels, overwrite, progress or (lambda step, share: None)
    )
    return work.run(job)


def _path(path: AnyPath | None) -> Path | None:
    return None if path is None else Path(path)


def _places(path: Path) -> set[object]:
    """Return what tells a file from others: where its path leads, and which file of the disk is there now.

    One file has several paths where a folder is mounted twice, and where capitals make no difference. A path
    that cannot be used has itself alone; whoever opens it says so.
    """
    try:
        place = os.path.realpath(path)
    except (OSError, ValueError):  # the working folder is gone, or no file has a name like that
        return {os.fspath(path)}
    try:
        found = os.stat(place)
    except OSError:
        return {place}
    return {place, (found.st_dev, found.st_ino)}


def _background(background: AnyPath | None) -> Path | str | None:
    """Return the text of a colour or the path of a picture: whatever is no colour and a file.

    A bare word that is no file is a colour, and so is what begins as one.
    """
    if background is None or not isinstance(background, str):
        return _path(background)
    path = Path(background)
    if backgrounds.is_colour(background):
        return background
    is_word = not path.suffix and path.name == background
    return background if (is_word or background.startswith("#")) and not os.path.isfile(path) else path


@dataclass(frozen=True)
class _Work:
    """How to do a job."""

    options: MattingOptions
    model: Model | None
    max_pixels: int
    overwrite: bool
    tell: Progress

    def run(self, job: _Job) -> CutReport:
        """Read, find alpha, clean colours, write."""
        started = time.perf_counter()
        self.tell("reading", 0)
        photo = images.read_photo(job.image, self.max_pixels)
        job.check_targets(self.overwrite, photo.pixels.shape)
        known = self.read_trimap(job, photo)
        notes = _notes(photo, known, "mask" if job.mask else "trimap")
        backdrop, lost = self.read_background(job, photo)
        needs_model = trimap.has_unknown(known)
        model = (self.model or matting.open_model(self.options)) if needs_model else None
        alpha = matting.solve(photo.pixels, known, self.options, model, self.tell_tiles)
        self.tell("cleaning colours", 0)
        foreground = _like(photo, estimate_foreground(photo.pixels, alpha))
        if photo.alpha is not None:
            alpha = alpha * to_unit(photo.alpha)
        self.tell("writing", 0)
        images.write_images(_results(job, photo, foreground, alpha, backdrop), self.overwrite)
        self.tell("writing", 1)
        return CutReport(
            image=str(job.image),
            output=str(job.output),
            alpha_output=str(job.alpha) if job.alpha else None,
            foreground_output=str(job.foreground) if job.foreground else None,
            height=alpha.shape[0],
            width=alpha.shape[1],
            unknown_share=float(np.mean(known == trimap.UNKNOWN)),
            model=model.spec.name if model else None,
            seconds=time.perf_counter() - started,
            notes=notes + lost,
        )

    def tell_tiles(self, done: int, total: int) -> None:
        """Pass the pipeline's progress on."""
        self.tell("finding alpha", done / total)

    def read_trimap(self, job: _Job, photo: Photo) -> Bytes:
        """Return the trimap (H, W), read or made from the mask, after checking that it fits the photo."""
        if job.trimap:
            known = trimap.parse(images.read_map(job.trimap, self.max_pixels))
            trimap.check_size(known.shape, photo.pixels.shape, photo.turned)
            trimap.check_not_one_colour(known)
            return known
        mask = images.read_map(job.mask or "", self.max_pixels)
        trimap.check_size(mask.shape, photo.pixels.shape, photo.turned, "mask")
        band_px = trimap.BAND_PX if job.band_px is None else job.band_px
        known = trimap.from_mask(mask, band_px, band_px)
        trimap.check_not_one_colour(known, of_mask=True)
        return known

    def read_background(self, job: _Job, photo: Photo) -> tuple[Floats | None, tuple[str, ...]]:
        """Return a colour (3,) or a picture of the photo's size (H, W, 3), white where it is see-through, in
        the photo's profile; and what is odd about it.
        """
        if job.background is None:
            return None, ()
        if isinstance(job.background, str):
            colour = to_words(backgrounds.parse_colour(job.background))
            return to_unit(self.convert(colour[None, None], None, job, photo)).reshape(3), ()
        picture = images.read_photo(job.background, self.max_pixels)
        pixels = to_unit(self.convert(picture.pixels, picture.icc, job, photo))
        if picture.alpha is not None:
            pixels = lay_over(pixels, np.ones(3, np.float32), to_unit(picture.alpha))
        return backgrounds.cover(pixels, *photo.pixels.shape[:2]), _lost(picture, "background")

    def convert(self, pixels: AnyArray, icc: bytes | None, job: _Job, photo: Photo) -> AnyArray:
        """Return the background's colours in the photo's profile. Raises BadInput for a broken profile."""
        for profile, source in ((icc, job.background), (photo.icc, job.image)):
            if icc != photo.icc and profile is not None and not profiles.is_usable(profile):
                raise BadInput(f"{show(source or '')} has a broken colour profile; save it with another one")
        return profiles.convert(pixels, icc, photo.icc)


def _results(
    job: _Job, photo: Photo, foreground: AnyArray, alpha: Floats, backdrop: Floats | None
) -> list[Output]:
    """Return what to write, in the photo's type. foreground: (H, W, 3) in that type; alpha: (H, W)."""
    matte = _like(photo, alpha)
    if backdrop is None:
        results = [Output(job.output, foreground, matte, photo.icc)]
    else:
        results = [Output(job.output, _on(backdrop, foreground, alpha), None, photo.icc)]
    if job.alpha:
        results.append(Output(job.alpha, matte))
    if job.foreground:
        results.append(Output(job.foreground, foreground, None, photo.icc))
    return results


def _like(photo: Photo, unit: Floats) -> AnyArray:
    """Return [0, 1] floats in the photo's own type."""
    return to_bytes(unit) if photo.pixels.dtype == np.uint8 else to_words(unit)


def _on(backdrop: Floats, foreground: AnyArray, alpha: Floats) -> AnyArray:
    """Return the foreground laid over a colour (3,) or a picture (H, W, 3), in the foreground's type."""
    result = np.empty_like(foreground)
    to_type = to_bytes if foreground.dtype == np.uint8 else to_words
    for top in range(0, len(alpha), _STRIP_ROWS):
        rows = slice(top, top + _STRIP_ROWS)
        behind = backdrop[rows] if backdrop.ndim == 3 else backdrop
        result[rows] = to_type(lay_over(to_unit(foreground[rows]), behind, alpha[rows]))
    return result


def _notes(photo: Photo, known: Bytes, name: str) -> tuple[str, ...]:
    """Return what is odd about the inputs, though they could be used. name: where `known` comes from."""
    notes = []
    if not trimap.has_unknown(known):
        notes.append(_NO_BAND if name == "mask" else matting.NOTHING_UNKNOWN)
    has_foreground, has_background = (
        bool(np.any(known == value)) for value in (trimap.FOREGROUND, trimap.BACKGROUND)
    )
    advice = "make band_px smaller" if name == "mask" else "paint what is certain"
    if not (has_foreground or has_background):
        notes.append(f"{name} is unknown everywhere: the result is a guess; {advice}")
    elif not has_foreground:
        notes.append(f"{name} says of no pixel that it is foreground: alpha may be too low; {advice}")
    elif not has_background:
        notes.append(f"{name} says of no pixel that it is background: alpha may be too high; {advice}")
    notes += _lost(photo, "photo")
    if photo.alpha is not None:
        notes.append("photo is transparent in places: the alpha was multiplied by its own")
    return tuple(notes)


def _lost(picture: Photo, name: str) -> tuple[str, ...]:
    """Return a note of each part of a picture that could not be used."""
    parts = (
        (picture.lost_profile, "colour profile that is broken or of another kind of colours"),
        (picture.lost_channel, "channel beside its colours that is not its opacity"),
    )
    return tuple(f"{name} has a {part}: it was left out" for is_lost, part in parts if is_lost)
