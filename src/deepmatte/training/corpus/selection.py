"""Which of an origin's pictures are taken into a corpus: what can be used, and is not there already."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deepmatte import images
from deepmatte.errors import BadInput, MatteError
from deepmatte.outputs import show
from deepmatte.pixels import AnyArray
from deepmatte.processes import do_all
from deepmatte.training.corpus import layers, manifest
from deepmatte.training.corpus.manifest import Entry
from deepmatte.training.corpus.origins import Item
from deepmatte.training.corpus.signatures import Gallery, Signature, sign
from deepmatte.training.corpus.store import Store

ORIGIN = "origin_sha256"  # the column that tells what a file was made of

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Choice:
    """chosen: number and digest of each item that is taken in; doubles: which are not, and why."""

    chosen: tuple[tuple[int, str], ...]
    doubles: tuple[str, ...]
    failures: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Look:
    """digest: SHA-256 of what a picture is made of; signature: None where it cannot be used."""

    signature: Signature | None
    digest: str = ""
    failure: str = ""


def choose(
    items: Sequence[Item], store: Store, known: Sequence[Entry], workers: int, tell: Progress
) -> Choice:
    """Look at all items, and at what is there already, and leave out what looks the same."""
    there = [Item(each.file, each.kind, "", store.path / each.file) for each in known]
    looks: dict[int, _Look] = {}
    for number, look in do_all([*there, *items], _look, _lost_look, workers):
        looks[number] = look
        tell("looking", len(looks) / (len(there) + len(items)))
    galleries = {kind: Gallery() for kind in manifest.KINDS}
    made_of = {dict(each.extra).get(ORIGIN) or each.sha256: each.file for each in known}
    for number, entry in enumerate(known):
        if (signature := looks.pop(number).signature) is not None:
            galleries[entry.kind].add(entry.file, signature)
    chosen, doubles, failures = [], [], []
    for number, item in enumerate(items):
        look = looks.pop(len(there) + number)
        if look.signature is None:
            failures.append(look.failure)
        elif look.digest in made_of:
            doubles.append(f"{item.name} is {made_of[look.digest]} already")
        elif same := galleries[item.kind].same(look.signature):
            doubles.append(f"{item.name} looks the same as {same[0]}")
        else:
            galleries[item.kind].add(item.name, look.signature)
            made_of[look.digest] = item.name
            chosen.append((number, look.digest))
    return Choice(tuple(chosen), tuple(doubles), tuple(failures))


def _look(item: Item) -> _Look:
    try:
        colours, alpha, _ = read(item)
        digests = [manifest.digest(path) for path in (item.image, item.alpha) if path is not None]
    except MatteError as error:
        return _Look(None, failure=str(error))
    digest = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    return _Look(sign(colours, alpha), digest)


def _lost_look(item: Item, reason: str) -> _Look:
    return _Look(None, failure=f"{show(item.image)} cannot be read: {reason}")


def read(item: Item) -> tuple[AnyArray, AnyArray | None, bytes | None]:
    """Return an item's colours, its alpha unless it is a background, and its profile.

    Raises BadInput for files that cannot be read, and an alpha of another size or that cannot be used.
    """
    photo = images.read_photo(item.image)
    if item.kind == "background":
        return photo.pixels, None, photo.icc
    if item.alpha is None:
        return *layers.checked(photo, show(item.image)), photo.icc
    alpha = images.read_map(item.alpha)
    if alpha.shape != photo.pixels.shape[:2]:
        (height, width), (image_height, image_width) = alpha.shape, photo.pixels.shape[:2]
        raise BadInput(
            f"{show(item.alpha)} is {width} × {height} px but its picture {image_width} × {image_height} px;"
            " they must match"
        )
    layers.check_alpha(alpha, show(item.alpha))
    return photo.pixels, alpha, photo.icc
