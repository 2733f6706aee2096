"""A benchmark is a folder of pictures, their trimaps and, where anything is to be measured, true alphas.

Either it holds image/, alpha/ and one or more folders whose name starts with trimap, or a benchmark.toml
names them (docs/benchmarks.md). Files belong together by their names without suffix. Only the files are
dealt with here; running methods on them is in `runs`.
"""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepmatte import images, trimap
from deepmatte.errors import BadInput
from deepmatte.outputs import is_folder_name, is_text, name_some, show
from deepmatte.pixels import Bytes, Floats, to_unit

TOML = "benchmark.toml"

_KEYS = {"description": str, "image": str, "alpha": str, "trimaps": dict}


@dataclass(frozen=True)
class Folders:
    """Where the files of a benchmark lie. trimaps: the folder of each set, by the set's name."""

    image: Path
    alpha: Path | None
    trimaps: dict[str, Path]


@dataclass(frozen=True)
class Case:
    """One picture of a benchmark with one of its trimaps. alpha_path: None where the truth is not known."""

    name: str
    trimap_set: str
    image_path: Path
    trimap_path: Path
    alpha_path: Path | None


def find_cases(directory: Path, needs_truth: bool = True) -> list[Case]:
    """List the cases of a benchmark folder, by trimap set, then by name.

    needs_truth: whether to insist on true alphas; without, a benchmark may do without alpha/.
    Raises BadInput for a folder that is no benchmark, a benchmark.toml that cannot be used, and files that
    are missing, too many or ambiguous, by their names.
    """
    return match_files(_folders(Path(directory)), needs_truth)


def match_files(folders: Folders, needs_truth: bool = True) -> list[Case]:
    """List the cases in these folders. Raises BadInput for files that do not fit, as `find_cases` does."""
    faults: list[str] = []
    pictures = _files(folders.image, faults)
    if not pictures:
        raise BadInput(f"{show(folders.image)} holds no pictures; expected one for each case")
    if not folders.trimaps:
        raise BadInput(
            f"{show(folders.image.parent)} has no trimaps; expected a folder whose name starts with trimap"
        )
    if folders.alpha is None and needs_truth:
        raise BadInput(
            f"{show(folders.image.parent)} has no alpha/, so there is no truth to measure against;"
            " expected one file in it for each in image/"
        )
    alphas = None if folders.alpha is None else find_partners(folders.alpha, pictures, faults)
    sets = {name: find_partners(folder, pictures, faults) for name, folder in sorted(folders.trimaps.items())}
    if faults:
        raise BadInput(
            f"{'; '.join(faults)}: expected one file for each in {show(folders.image)}, of the same name"
        )
    return [
        Case(name, trimap_set, pictures[name], maps[name], alphas[name] if alphas is not None else None)
        for trimap_set, maps in sets.items()
        for name in sorted(pictures)
    ]


def read_case(case: Case) -> tuple[Bytes, Bytes, Floats | None]:
    """Return image (H, W, 3), trimap (H, W) and true alpha (H, W), None where it is not known.

    The image is uint8 or uint16 as its file is. Raises BadInput that names the file for files that cannot be
    read, are no trimap or no alpha, or differ in size from the image.
    """
    photo = images.read_photo(case.image_path)
    levels = images.read_map(case.trimap_path)
    try:
        known = trimap.parse(levels)
        trimap.check_size(known.shape, photo.pixels.shape, photo.turned)
    except BadInput as error:
        raise BadInput(f"{show(case.trimap_path)}: {error}") from None
    if case.alpha_path is None:
        return photo.pixels, known, None
    levels = images.read_map(case.alpha_path)
    if levels.shape != known.shape:
        (height, width), (image_height, image_width) = levels.shape, known.shape
        raise BadInput(
            f"{show(case.alpha_path)} is {width} × {height} px but the image is {image_width} ×"
            f" {image_height} px; they must match"
        )
    try:
        return photo.pixels, known, to_unit(levels)
    except BadInput as error:
        raise BadInput(f"{show(case.alpha_path)}: {error}") from None


def _folders(directory: Path) -> Folders:
    """Return a benchmark's folders, by its benchmark.toml or by their usual names."""
    if not directory.is_dir():
        raise BadInput(f"{show(directory)} is no folder; expected a benchmark")
    named = _read_toml(directory / TOML)
    if not named and not (directory / "image").is_dir():
        raise BadInput(
            f"{show(directory)} has neither image/ nor {TOML}; expected a benchmark folder, with image/,"
            " alpha/ and trimap1/: `deepmatte benchmark import` makes one from a published data set"
        )
    alpha = directory / named.get("alpha", "alpha")
    found = {path.name: path for path in directory.glob("trimap*") if path.is_dir()}
    sets = {name: directory / folder for name, folder in named.get("trimaps", {}).items()} or found
    if odd := [name for name in sets if not is_text(name)]:
        raise BadInput(
            f"{show(directory)} has folders called {name_some(odd)}, which is no UTF-8; expected trimap1 or"
            f" the like, or sets named in {TOML}"
        )
    folders = Folders(directory / named.get("image", "image"), alpha, sets)
    for folder in (folders.image, *sets.values(), *([alpha] if "alpha" in named else [])):
        if not folder.is_dir():
            raise BadInput(f"{show(folder)} is no folder; expected it, or another one named in {TOML}")
    return folders if alpha.is_dir() else Folders(folders.image, None, sets)


def _read_toml(path: Path) -> dict[str, Any]:
    """Return what a benchmark.toml says, nothing where there is none."""
    if not path.exists():
        return {}
    try:
        named = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{show(path)} cannot be read: {error}") from error
    for key, value in named.items():
        if not isinstance(value, _KEYS.get(key, ())):
            raise BadInput(
                f"{show(path)} has {show(key)} = {value!r}; expected description, image and alpha as text"
                " and trimaps as a table of set = folder"
            )
    if odd := [name for name in named.get("trimaps", {}) if not is_folder_name(name)]:
        raise BadInput(
            f"{show(path)} has trimap sets called {name_some(odd)}; expected letters, digits, - and _, for"
            " results are kept in folders of these names"
        )
    if not all(isinstance(folder, str) for folder in named.get("trimaps", {}).values()):
        raise BadInput(f"{show(path)} has a trimap set that is no text; expected the name of a folder")
    return named


def _files(folder: Path, faults: list[str]) -> dict[str, Path]:
    """Return the picture files of a folder by name without suffix; two of one name are a fault."""
    paths = [
        path
        for path in sorted(folder.glob("*"))
        if path.suffix.lower() in images.SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]
    files = {path.stem: path for path in paths}
    if odd := [path.name for path in paths if not is_text(path.name)]:
        faults.append(f"{show(folder)} has {name_some(odd)}, which is no name in UTF-8: rename it")
    if doubles := [path.name for path in paths if path != files[path.stem]]:
        twins = {f"{name} and {files[Path(name).stem].name}" for name in doubles}
        faults.append(f"{show(folder)} has both {name_some(twins)}")
    return files


def find_partners(folder: Path, names: Collection[str], faults: list[str]) -> dict[str, Path]:
    """Return a folder's pictures by name without suffix.

    names: of the pictures there should be. Others, missing ones and two of one name are added to the faults.
    """
    files = _files(folder, faults)
    if missing := set(names) - set(files):
        faults.append(f"{show(folder)} lacks {name_some(missing)}")
    if extra := set(files) - set(names):
        faults.append(f"{show(folder)} has {name_some(extra)}, which no picture has")
    return files
