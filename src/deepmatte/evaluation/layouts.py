"""Published data sets, turned from the folders they come in into benchmark folders.

Photos are copied byte by byte. What is published as foregrounds is laid over backgrounds, which differ from
builder to builder in their rounding (`rounding`). docs/benchmarks.md shows the folders of each layout.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepmatte import images, trimap
from deepmatte.errors import BadInput
from deepmatte.evaluation.benchmarks import TOML, Case, Folders, find_cases, match_files
from deepmatte.evaluation.rounding import ROUNDINGS, Rounding, compose
from deepmatte.outputs import name_some, show, whole_folder, write_bytes
from deepmatte.pixels import AnyArray, Bytes, to_bytes, to_unit

GENERATED_PX = 10  # how far a generated trimap's unknown band reaches beyond the pixels that are mixed

# Called with the number of files written and their total.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Photos:
    """A data set of photos. All names are relative to one of the roots, the first that has them."""

    image: str
    alpha: str | None
    trimaps: dict[str, str]  # folder by the name of the set
    roots: tuple[str, ...] = (".",)


@dataclass(frozen=True)
class Foregrounds:
    """A data set of foregrounds and alphas, and lists that say which background goes with which.

    The k-th of n foregrounds in foreground_list goes over the k-th n-th part of background_list. trimaps: a
    folder that may be missing; it holds a .png for each composite, or else for each foreground.
    """

    foreground: str
    alpha: str
    background: str
    trimaps: str
    foreground_list: str
    background_list: str
    roots: tuple[str, ...]


def _alphamatting(kind: str, alpha: str | None, sets: int) -> Photos:
    trimaps = {f"trimap{number}": f"trimap_{kind}/Trimap{number}" for number in range(1, sets + 1)}
    return Photos(f"input_{kind}", alpha, trimaps)


def _p3m(name: str, image: str) -> Photos:
    roots = (".", name, f"validation/{name}", f"P3M-10k/validation/{name}")
    return Photos(image, "mask", {"trimap": "trimap"}, roots)


LAYOUTS: dict[str, Photos | Foregrounds] = {
    "alphamatting-training": _alphamatting("training_lowres", "gt_training_lowres", 2),
    "alphamatting-training-highres": _alphamatting("training_highres", "gt_training_highres", 2),
    "alphamatting-test": _alphamatting("lowres", None, 3),
    "aim-500": Photos("original", "mask", {"trimap": "trimap"}, (".", "AIM-500")),
    "p3m-500-p": _p3m("P3M-500-P", "blurred_image"),
    "p3m-500-np": _p3m("P3M-500-NP", "original_image"),
    "composition-1k": Foregrounds(
        "fg",
        "alpha",
        "bg",
        "trimaps",
        "test_fg_names.txt",
        "test_bg_names.txt",
        tuple(
            f"{above}{below}"
            for above in ("./", "Test_set/", "Combined_Dataset/Test_set/")
            for below in ("", "Adobe-licensed images")
        ),
    ),
    "distinctions-646": Foregrounds(
        "FG", "GT", "BG", "trimaps", "fg_test.txt", "bg_test.txt", (".", "Test", "Distinctions-646/Test")
    ),
}


@dataclass(frozen=True)
class _Subject:
    """One foreground and what is to be built of it. trimaps: one for each background, none if generated."""

    foreground: Path
    alpha: Path
    backgrounds: list[Path]
    trimaps: list[Path]

    def name(self, index: int) -> str:
        """Return what its composite with the background of that number is called, as published."""
        return f"{self.foreground.stem}_{index}"


def import_layout(
    layout: str,
    source: Path,
    output: Path,
    *,
    backgrounds: Path | None = None,
    per_foreground: int | None = None,
    rounding: str | None = None,
    progress: Progress | None = None,
) -> list[Case]:
    """Write a benchmark folder from a data set as it is published, and return its cases.

    layout: a name in LAYOUTS; backgrounds, per_foreground and rounding are for foregrounds only: the folder
    of backgrounds if it lies elsewhere, how many of the listed ones each foreground gets (all), and a name in
    ROUNDINGS ("official"). output must be free or an empty folder; it appears whole or not at all.
    Raises BadInput for options that do not fit, and for what is missing or extra in source, by name;
    BadOutput as `outputs.whole_folder` does.
    """
    if layout not in LAYOUTS:
        raise BadInput(f"{layout!r} is no known layout; expected one of {', '.join(LAYOUTS)}")
    if not source.is_dir():
        raise BadInput(f"{show(source)} is no folder; expected the one that holds {layout}")
    parts, tell = LAYOUTS[layout], progress or (lambda done, total: None)
    if isinstance(parts, Photos):
        if (backgrounds, per_foreground, rounding) != (None, None, None):
            raise BadInput(f"{layout} holds photos; backgrounds and rounding are for sets of foregrounds")
        cases = match_files(_photo_folders(layout, parts, source), needs_truth=parts.alpha is not None)
        with whole_folder(output) as folder:
            _copy_photos(cases, folder, tell)
            _describe(folder, layout)
    else:
        rounding = rounding or "official"
        if rounding not in ROUNDINGS:
            raise BadInput(f"{rounding!r} is no known rounding; expected one of {', '.join(ROUNDINGS)}")
        subjects = _subjects(layout, parts, source, backgrounds, per_foreground)
        origin = "as published" if subjects[0].trimaps else f"generated, {GENERATED_PX} px wide"
        with whole_folder(output) as folder:
            _build(subjects, folder, ROUNDINGS[rounding], tell)
            _describe(folder, f"{layout}, rounding {rounding}, trimaps {origin}")
    return find_cases(output, needs_truth=False)


def _find(source: Path, layout: str, names: tuple[str, ...], roots: tuple[str, ...]) -> dict[str, Path]:
    """Return where each name lies: in the first root that has it. Raises BadInput that lists what lacks."""
    found = {name: _first(source, roots, name) for name in names}
    if missing := [name for name, place in found.items() if place is None]:
        raise BadInput(
            f"{show(source)} lacks {name_some(missing)}; expected {', '.join(names)} there, as {layout} is"
            " published"
        )
    return {name: place for name, place in found.items() if place is not None}


def _first(source: Path, roots: tuple[str, ...], name: str) -> Path | None:
    return next((source / root / name for root in roots if (source / root / name).exists()), None)


def _photo_folders(layout: str, photos: Photos, source: Path) -> Folders:
    names = (photos.image, *([photos.alpha] if photos.alpha else []), *photos.trimaps.values())
    found = _find(source, layout, names, photos.roots)
    sets = {name: found[folder] for name, folder in photos.trimaps.items()}
    return Folders(found[photos.image], found[photos.alpha] if photos.alpha else None, sets)


def _copy_photos(cases: list[Case], folder: Path, progress: Progress) -> None:
    targets: dict[Path, Path] = {}  # the folder that each file is copied to
    for case in cases:
        targets[case.image_path] = folder / "image"
        targets[case.trimap_path] = folder / case.trimap_set
        if case.alpha_path is not None:
            targets[case.alpha_path] = folder / "alpha"
    for done, (path, target) in enumerate(targets.items(), start=1):
        target.mkdir(exist_ok=True)
        _copy(path, target / path.name)
        progress(done, len(targets))


def _copy(path: Path, target: Path) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{show(path)} cannot be read: {error.strerror}") from error
    write_bytes(target, content)


def _describe(folder: Path, description: str) -> None:
    write_bytes(folder / TOML, f"description = {json.dumps(description)}\n".encode())


def _subjects(
    layout: str, parts: Foregrounds, source: Path, backgrounds: Path | None, per_foreground: int | None
) -> list[_Subject]:
    """Return what is to be built, once every file that it takes is known to be there."""
    names = (parts.foreground, parts.alpha, parts.foreground_list, parts.background_list)
    found = _find(source, layout, names, parts.roots)
    backgrounds = backgrounds or _first(source, parts.roots, parts.background)
    if backgrounds is None:
        raise BadInput(
            f"{show(source)} has no {parts.background}/, for {layout} is published without backgrounds;"
            f" give backgrounds, the folder of the pictures that {parts.background_list} names"
        )
    if not backgrounds.is_dir():
        raise BadInput(f"{show(backgrounds)} is no folder; expected the one that holds the backgrounds")
    over, under = _listed(found[parts.foreground_list]), _listed(found[parts.background_list])
    share = len(under) // len(over)
    if share * len(over) != len(under) or share == 0:
        raise BadInput(
            f"{show(found[parts.background_list])} lists {len(under)} backgrounds for {len(over)}"
            " foregrounds; expected as many for each of them"
        )
    count = share if per_foreground is None else per_foreground
    if not 1 <= count <= share:
        raise BadInput(f"{count} backgrounds per foreground are asked for; expected 1 to {share}")
    trimaps = _first(source, parts.roots, parts.trimaps)
    subjects = [
        _Subject(
            found[parts.foreground] / name,
            found[parts.alpha] / name,
            [backgrounds / each for each in under[number * share : number * share + count]],
            _published_trimaps(trimaps, Path(name).stem, count) if trimaps else [],
        )
        for number, name in enumerate(over)
    ]
    _check_files(subjects)
    return subjects


def _listed(path: Path) -> list[str]:
    """Return the file names in a list, one a line; folders before them do not count."""
    try:
        names = [Path(line.strip()).name for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{show(path)} cannot be read: {error}") from error
    if not names:
        raise BadInput(f"{show(path)} is empty; expected the name of a picture in each line")
    return names


def _published_trimaps(folder: Path, stem: str, count: int) -> list[Path]:
    """Return the trimap of each composite or, where there is none of those, the foreground's for all."""
    of_foreground = folder / f"{stem}.png"
    of_composites = [folder / f"{stem}_{index}.png" for index in range(count)]
    has_one_for_all = of_foreground.is_file() and not any(path.is_file() for path in of_composites)
    return [of_foreground] * count if has_one_for_all else of_composites


def _check_files(subjects: list[_Subject]) -> None:
    """Raise BadInput for files that are not there, all at once, and for foregrounds that are listed twice."""
    needed = {
        path for each in subjects for path in (each.foreground, each.alpha, *each.backgrounds, *each.trimaps)
    }
    missing = sorted(path for path in needed if not path.is_file())
    if missing:
        lacks = [
            f"{show(folder)} lacks {name_some(path.name for path in missing if path.parent == folder)}"
            for folder in dict.fromkeys(path.parent for path in missing)
        ]
        raise BadInput(f"{'; '.join(lacks)}: expected every file that the lists name")
    stems = [each.foreground.stem for each in subjects]
    if doubles := {stem for stem in stems if stems.count(stem) > 1}:
        raise BadInput(f"the foreground {name_some(doubles)} is listed twice; expected each once")


def _build(subjects: list[_Subject], folder: Path, rounding: Rounding, progress: Progress) -> None:
    trimaps = folder / ("trimap" if subjects[0].trimaps else "trimap-generated")
    for part in (folder / "image", folder / "alpha", trimaps):
        part.mkdir()
    done, total = 0, sum(len(subject.backgrounds) for subject in subjects)
    for subject in subjects:
        foreground = _to_bytes(images.read_photo(subject.foreground).pixels)
        alpha = _to_bytes(images.read_map(subject.alpha))
        generated = None if subject.trimaps else trimap.from_alpha(alpha, GENERATED_PX, GENERATED_PX)
        for index, path in enumerate(subject.backgrounds):
            name, background = subject.name(index), _to_bytes(images.read_photo(path).pixels)
            try:
                composite = compose(foreground, background, alpha, rounding)
            except BadInput as error:
                raise BadInput(f"{show(subject.foreground)}: {error}") from None
            images.write_image(folder / "image" / f"{name}.png", composite)
            _copy(subject.alpha, folder / "alpha" / f"{name}{subject.alpha.suffix}")
            if generated is None:
                _copy(subject.trimaps[index], trimaps / f"{name}.png")
            else:
                images.write_image(trimaps / f"{name}.png", generated)
            done += 1
            progress(done, total)


def _to_bytes(pixels: AnyArray) -> Bytes:
    return pixels if pixels.dtype == np.uint8 else to_bytes(to_unit(pixels))
