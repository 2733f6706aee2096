"""A benchmark is a folder: image/, alpha/ and one or more folders whose name starts with trimap, file names
alike.

Only the files; running methods on them is in `runs`.
"""

from dataclasses import dataclass
from pathlib import Path

from deepmatte import images, trimap
from deepmatte.errors import BadInput
from deepmatte.pixels import Bytes, Floats, to_unit

_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")


@dataclass(frozen=True)
class Case:
    """One picture of a benchmark with one of its trimaps."""

    name: str
    trimap_set: str
    image_path: Path
    trimap_path: Path
    alpha_path: Path


def find_cases(directory: Path) -> list[Case]:
    """List the cases of a benchmark folder. Raises BadInput that names what is missing."""
    pictures = {path.stem: path for path in _pictures(directory / "image")}
    trimap_folders = sorted(path for path in directory.glob("trimap*") if path.is_dir())
    if not pictures or not trimap_folders:
        raise BadInput(f"{directory} has no image/ with pictures or no trimap*/; expected a benchmark folder")
    alphas = {path.stem: path for path in _pictures(directory / "alpha")}
    cases = []
    for folder in trimap_folders:
        maps = {path.stem: path for path in _pictures(folder)}
        for what, found in ((folder.name, maps), ("alpha", alphas)):
            if missing := sorted(set(pictures) - set(found)):
                raise BadInput(
                    f"{directory / what} lacks {', '.join(missing)}; expected one file for each in image/"
                )
        cases += [
            Case(name, folder.name, pictures[name], maps[name], alphas[name]) for name in sorted(pictures)
        ]
    return cases


def _pictures(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES]


def read_case(case: Case) -> tuple[Bytes, Bytes, Floats]:
    """Return image (H, W, 3), trimap (H, W) and true alpha (H, W). Raises BadInput if sizes differ."""
    image = images.read_photo(case.image_path).pixels
    known = trimap.parse(images.read_map(case.trimap_path))
    true_alpha = to_unit(trimap.one_channel(images.read_map(case.alpha_path), "alpha"))
    trimap.check_size(known.shape, image.shape)
    if true_alpha.shape != known.shape:
        raise BadInput(
            f"{case.alpha_path} is {true_alpha.shape} but the image is {known.shape}; they must match"
        )
    return image, known, true_alpha
