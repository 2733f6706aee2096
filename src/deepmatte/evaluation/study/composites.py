"""A new study from folders of mattes: cutouts on black and on white, pairs of them, attention checks.

Foreground colours are estimated for each matte, as anyone who uses the matte would do, so that what is judged
is the matte and not the old background shining through.
"""

import hashlib
import itertools
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepmatte import images, outputs
from deepmatte.errors import BadInput
from deepmatte.evaluation.benchmarks import find_partners
from deepmatte.evaluation.study import plan
from deepmatte.evaluation.study.plan import BACKGROUNDS, PICTURE_FOLDER, PLAN_FILE, Pair, Photo, Study
from deepmatte.foreground import estimate_foreground
from deepmatte.images import Photo as Picture
from deepmatte.outputs import name_some, show
from deepmatte.pixels import AnyArray, Bytes, Floats, composite, to_bytes, to_unit

CHECKS = 5  # who clicks left or right at random passes all of them once in 32 times

# Called with the step's name and the share of it that is done.
Progress = Callable[[str, float], None]

_METHOD_NAME = re.compile(r"[\w+][\w .+-]{0,59}")
_DISCS, _DISC_RADIUS = 6, 0.08  # how a matte is broken; the radius is a share of √(height · width)
_VISIBLE_STEP, _VISIBLE_SHARE = 0.2, 0.01  # a break shows if so many pixels change by so much of the range


@dataclass(frozen=True)
class _Source:
    """One photo and every method's matte of it."""

    name: str
    image: Path
    mattes: dict[str, Path]


def new_study(
    directory: Path,
    methods: Sequence[str],
    output: Path,
    *,
    images_directory: Path | None = None,
    trimaps: str | None = None,
    seed: int = 0,
    checks: int = CHECKS,
    per_rater: int | None = None,
    progress: Progress | None = None,
) -> Study:
    """Make the folder `output`, which appears whole or not at all, and return its study.

    directory: holds a folder of mattes for each method, and image/ with the photos unless images_directory
    does; trimaps: which folder in each of them, if the mattes lie one deeper, as those of an evaluation do.
    File names are alike but for their suffix. checks: attention checks each rater gets. per_rater:
    pairs each rater gets besides, those with the fewest answers; None: all.

    Raises BadInput that lists all files that are missing, one too many or of another size than their photo,
    and for mattes that are no pictures, hold NaN or leave [0, 1]; BadOutput where the folder cannot be made.
    """
    tell = progress or (lambda step, share: None)
    _check_numbers(methods, checks, per_rater)
    folders = {method: directory / method / (trimaps or "") for method in methods}
    sources = _find_sources(folders, images_directory or directory / "image")
    with outputs.whole_folder(output) as folder:
        (folder / PICTURE_FOLDER).mkdir()
        _check_sizes(sources, tell)
        photos, pairs = _make_pictures(sources, methods, folder, tell)
        pairs += _make_checks(sources, folder, random.Random(f"checks/{seed}"), checks)
        study = Study(
            title=plan.TITLE,
            text=plan.TEXT,
            question=plan.QUESTION,
            seed=seed,
            per_rater=per_rater,
            methods=tuple(methods),
            photos=tuple(photos),
            pairs=tuple(pairs),
        )
        outputs.write_bytes(folder / PLAN_FILE, study.to_json().encode())
    return study


def _check_numbers(methods: Sequence[str], checks: int, per_rater: int | None) -> None:
    if len(methods) < 2:
        raise BadInput(
            f"{len(methods)} method is named; expected two or more, to be compared with each other"
        )
    for method in methods:
        if not _METHOD_NAME.fullmatch(method):
            raise BadInput(
                f"{method!r} is no name of a method; expected letters, digits, spaces and . _ + -, as the"
                " folder of its mattes is called"
            )
    if twice := sorted({method for method in methods if methods.count(method) > 1}):
        raise BadInput(f"{', '.join(twice)} is named twice; name each method once")
    if checks < 0:
        raise BadInput(f"{checks} attention checks were asked for; expected 0 or more")
    if per_rater is not None and per_rater < 1:
        raise BadInput(f"{per_rater} pairs a rater were asked for; expected 1 or more")


def _find_sources(folders: Mapping[str, Path], images_directory: Path) -> list[_Source]:
    """Return the photos with their mattes. folders: each method's."""
    for folder in (images_directory, *folders.values()):
        _check_folder(folder)
    for folder in folders.values():
        _check_depth(folder)
    faults: list[str] = []
    photos = find_partners(images_directory, (), [])  # whatever is there is wanted,
    find_partners(images_directory, photos, faults)  # but no name twice
    if not photos:
        raise BadInput(f"{show(images_directory)} holds no pictures; expected the photos the mattes are of")
    mattes = {method: find_partners(folder, photos, faults) for method, folder in folders.items()}
    if faults:
        raise BadInput(
            f"{'; '.join(faults)}: expected one matte for each photo in {show(images_directory)}, of the same"
            " name"
        )
    return [
        _Source(name, photos[name], {method: files[name] for method, files in mattes.items()})
        for name in sorted(photos)
    ]


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        found = [path.name for path in folder.parent.glob("*") if path.is_dir()]
        beside = f"; {show(folder.parent)} holds {name_some(found)}" if found else ""
        raise BadInput(f"{show(folder)} is no folder; expected one with pictures{beside}")


def _check_depth(folder: Path) -> None:
    """Raise BadInput where the mattes seem to lie one folder deeper."""
    within = list(folder.iterdir())
    if within and all(path.is_dir() for path in within):
        raise BadInput(
            f"{show(folder)} holds folders, {name_some([path.name for path in within])}; expected mattes: for"
            " those of an evaluation, name its trimap set (--trimaps)"
        )


def _check_sizes(sources: list[_Source], tell: Progress) -> None:
    """Read everything once, so that a wrong file is found before long work. Raises BadInput."""
    wrong = []
    for done, source in enumerate(sources):
        tell("reading", done / len(sources))
        height, width = _read_photo(source).pixels.shape[:2]
        for path in source.mattes.values():
            matte = _read_matte(path)
            if matte.shape != (height, width):
                wrong.append(
                    f"{show(path)} is {matte.shape[1]} × {matte.shape[0]} px"
                    f" but its photo {width} × {height} px"
                )
    if wrong:
        raise BadInput(f"{'; '.join(wrong)}: a matte must have the size of its photo")


def _read_photo(source: _Source) -> Picture:
    photo = images.read_photo(source.image)
    if photo.alpha is not None:
        raise BadInput(f"{show(source.image)} is transparent in places; expected an opaque photo")
    return photo


def _read_matte(path: Path) -> Floats:
    """Return alpha (H, W). Raises BadInput that names the file."""
    try:
        return to_unit(images.read_map(path))
    except BadInput as error:
        message = str(error)
        raise BadInput(message if show(path) in message else f"{show(path)}: {message}") from None


def _make_pictures(
    sources: list[_Source], methods: Sequence[str], folder: Path, tell: Progress
) -> tuple[list[Photo], list[Pair]]:
    photos, pairs = [], []
    for done, source in enumerate(sources):
        tell("compositing", done / len(sources))
        photo = _read_photo(source)
        height, width = photo.pixels.shape[:2]
        photos.append(Photo(source.name, _store(folder, ".jpg", photo.pixels, photo.icc), height, width))
        shown = {
            (method, background): _store(folder, ".png", pixels, photo.icc)
            for method in methods
            for background, pixels in _cutouts(photo, _read_matte(source.mattes[method]))
        }
        pairs += [
            Pair(source.name, background, one, other, shown[one, background], shown[other, background], False)
            for background in BACKGROUNDS
            for one, other in itertools.combinations(methods, 2)
        ]
    return photos, pairs


def _cutouts(photo: Picture, alpha: Floats) -> Iterator[tuple[str, Bytes]]:
    """Yield each background's name and the cutout on it, (H, W, 3)."""
    foreground = estimate_foreground(photo.pixels, alpha)
    for name, colour in BACKGROUNDS.items():
        yield name, to_bytes(composite(foreground, np.array(colour, np.uint8), alpha))


def _store(folder: Path, suffix: str, pixels: AnyArray, icc: bytes | None) -> str:
    """Write a picture under a name made of its content, and return the name."""
    new = folder / PICTURE_FOLDER / f"new{suffix}"
    images.write_image(new, pixels, icc=icc)
    name = hashlib.sha256(new.read_bytes()).hexdigest()[:20] + suffix
    new.replace(new.with_name(name))
    return name


def _make_checks(sources: list[_Source], folder: Path, chance: random.Random, count: int) -> list[Pair]:
    """Return pairs of a cutout and a visibly broken version of it, for methods and photos drawn by chance."""
    choices = [
        (source, method, background)
        for source in sources
        for method in source.mattes
        for background in BACKGROUNDS
    ]
    chance.shuffle(choices)
    pairs: list[Pair] = []
    for source, method, background in choices:
        if len(pairs) == count:
            break
        photo, alpha = _read_photo(source), _read_matte(source.mattes[method])
        whole = dict(_cutouts(photo, alpha))[background]
        broken = dict(_cutouts(photo, break_alpha(alpha, chance)))[background]
        if is_visible(whole, broken):
            right, wrong = (_store(folder, ".png", pixels, photo.icc) for pixels in (whole, broken))
            pairs.append(Pair(source.name, background, method, method, right, wrong, True))
    if len(pairs) < count:
        raise BadInput(
            f"{count} attention checks were asked for, but only {len(pairs)} can be made of these pictures;"
            " lower the number of checks"
        )
    return pairs


def break_alpha(alpha: Floats, chance: random.Random) -> Floats:
    """Return alpha (H, W) turned over (1 − α) inside a few discs along its edge.

    There parts of the foreground are missing, and parts of the old background are left.
    """
    inside = alpha > 0.5
    edge = np.zeros_like(inside)
    edge[:, 1:] |= inside[:, 1:] != inside[:, :-1]
    edge[1:] |= inside[1:] != inside[:-1]
    places = np.flatnonzero(edge if edge.any() else np.ones_like(edge))
    rows, columns = np.ogrid[: alpha.shape[0], : alpha.shape[1]]
    radius = _DISC_RADIUS * np.sqrt(alpha.size)
    turned = np.zeros_like(inside)
    for _ in range(_DISCS):
        row, column = divmod(int(places[chance.randrange(len(places))]), alpha.shape[1])
        turned |= (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    return np.where(turned, 1 - alpha, alpha)


def is_visible(whole: Bytes, broken: Bytes) -> bool:
    """Say whether anyone who looks must see the difference of two cutouts, (H, W, 3)."""
    change = np.abs(to_unit(whole) - to_unit(broken)).max(axis=2)
    return bool(np.mean(change > _VISIBLE_STEP) >= _VISIBLE_SHARE)
