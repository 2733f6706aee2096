"""Where foregrounds and backgrounds come from: folders of people's own, and data sets as they are published.

An origin is listed before anything of it is read. docs/corpus.md shows the folders of each layout.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deepmatte import images
from deepmatte.errors import BadInput
from deepmatte.outputs import show
from deepmatte.training.corpus import manifest

# What is done about colours: taken from a photo, where the background shines through; taken as they are; or
# whichever of the two the picture itself suggests. Copies are not touched.
Treatment = Literal["estimate", "keep", "detect", "copy"]


@dataclass(frozen=True)
class Item:
    """One thing to be imported.

    name: path below the origin, with forward slashes; kind: as in manifest.KINDS; stem: what to call it;
    image: the picture, with its alpha in alpha where that is another file; group, split and said: what the
    origin itself says, said being the cells of a manifest by column.
    """

    name: str
    kind: str
    stem: str
    image: Path
    alpha: Path | None = None
    treatment: Treatment = "copy"
    group: str = ""
    split: str = ""
    said: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Listing:
    """items: in order; failures: what has no partner, and why."""

    items: tuple[Item, ...]
    failures: tuple[str, ...] = ()


def list_items(layout: str, source: Path) -> Listing:
    """List what an origin holds. Raises BadInput for a layout that is not known, or not found in source."""
    if layout not in LAYOUTS:
        raise BadInput(f"{layout!r} is no known layout; expected one of {', '.join(LAYOUTS)}")
    if not source.is_dir():
        raise BadInput(f"{show(source)} is no folder; expected the one that holds {layout}")
    listing = LAYOUTS[layout](source)
    if not listing.items and not listing.failures:
        raise BadInput(f"{show(source)} holds no pictures; expected some")
    return listing


def _pictures(folder: Path) -> Iterator[Path]:
    """Yield the pictures in a folder and those below, but for hidden ones, by their paths."""
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder).parts
        if path.suffix.lower() in images.SUFFIXES and path.is_file() and not any(p[0] == "." for p in below):
            yield path


def _plain(source: Path, kind: str, treatment: Treatment) -> Listing:
    items = []
    for path in _pictures(source):
        name = path.relative_to(source)
        group, inner = _group(name, source)
        items.append(Item(name.as_posix(), kind, _stem(inner), path, treatment=treatment, group=group))
    return Listing(tuple(items))


def _group(name: Path, source: Path) -> tuple[str, Path]:
    """Return what the first folder of a path is, or the origin's own name, and the rest of the path."""
    if len(name.parts) > 1:
        return name.parts[0], name.relative_to(name.parts[0])
    return source.resolve().name, name


def _stem(name: Path) -> str:
    return "-".join(name.with_suffix("").parts)


def _rgba(source: Path) -> Listing:
    return _plain(source, "foreground", "detect")


def _photos(source: Path) -> Listing:
    return _plain(source, "background", "copy")


@dataclass(frozen=True)
class _Part:
    """A folder of pictures and one of their alphas, within a root."""

    image: str
    alpha: str
    group: str = ""
    split: str = ""


@dataclass(frozen=True)
class _Pairs:
    """A layout of pictures and alphas, matched by name without suffix. roots: where they may lie."""

    parts: tuple[_Part, ...]
    treatment: Treatment
    roots: tuple[str, ...] = (".",)

    def __call__(self, source: Path) -> Listing:
        """List the pairs of all parts that are there."""
        items: list[Item] = []
        failures: list[str] = []
        for root in self.roots:
            for part in self.parts:
                image, alpha = source / root / part.image, source / root / part.alpha
                if image.is_dir() and alpha.is_dir():
                    self._match(source, image, alpha, part, items, failures)
            if items or failures:
                return Listing(tuple(items), tuple(failures))
        expected = ", or ".join(f"{part.image}/ and {part.alpha}/" for part in self.parts)
        raise BadInput(f"{show(source)} has other folders; expected {expected}")

    def _match(
        self, source: Path, image: Path, alpha: Path, part: _Part, items: list[Item], failures: list[str]
    ) -> None:
        alphas: dict[Path, list[Path]] = {}
        for path in _pictures(alpha):
            alphas.setdefault(path.relative_to(alpha).with_suffix(""), []).append(path)
        group = part.group or source.resolve().name
        for path in _pictures(image):
            found = alphas.pop(path.relative_to(image).with_suffix(""), [])
            if len(found) == 1:
                name, stem = path.relative_to(source).as_posix(), _stem(path.relative_to(image))
                pair = (path, found[0])
                items.append(Item(name, "foreground", stem, *pair, self.treatment, group, part.split))
            else:
                failures.append(f"{show(path)} has {len(found) or 'no'} alphas of its name; expected one")
        failures += [
            f"{show(path)} has no picture of its name" for paths in alphas.values() for path in paths
        ]


def _corpus(source: Path) -> Listing:
    items = []
    for each in manifest.read(source, needs_licence=False):
        parts = Path(each.file).parts
        stem = _stem(Path(*(parts[1:] or parts)))
        said = tuple((column, getattr(each, column)) for column in manifest.COLUMNS) + each.extra
        path = source / each.file
        items.append(Item(each.file, each.kind, stem, path, None, "copy", each.group, each.split, said))
    return Listing(tuple(items))


_ADOBE_PARTS = tuple(
    _Part(f"{half}_set/{folder}fg", f"{half}_set/{folder}alpha", "adobe", split)
    for half, split in (("Training", "train"), ("Test", "test"))
    for folder in ("Adobe-licensed images/", "Other/", "")
)
_DISTINCTIONS_PARTS = tuple(
    _Part(f"{half}/FG", f"{half}/GT", "distinctions-646", split)
    for half, split in (("Train", "train"), ("Test", "test"))
)
LAYOUTS: dict[str, Callable[[Path], Listing]] = {
    "rgba": _rgba,
    "pairs": _Pairs((_Part("image", "alpha"),), "estimate"),
    "photos": _photos,
    "corpus": _corpus,
    "adobe": _Pairs(_ADOBE_PARTS, "detect", (".", "Combined_Dataset")),
    "distinctions-646": _Pairs(_DISTINCTIONS_PARTS, "detect", (".", "Distinctions-646")),
    "aim-500": _Pairs((_Part("original", "mask", "aim-500"),), "estimate", (".", "AIM-500")),
}
