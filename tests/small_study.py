"""Folders of mattes, a study made of them, a few pixels wide, and its server in a thread."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from deepmatte import images
from deepmatte.evaluation.study import composites
from deepmatte.evaluation.study.plan import Pair
from deepmatte.evaluation.study.server import StudyServer

METHODS = ("zebrafinch", "yellowhammer", "xenops")  # names that nothing else on a page is called
PHOTOS = ("cat", "dog")
HEIGHT, WIDTH = 45, 61


def write_mattes(folder: Path, methods: Sequence[str] = METHODS, photos: Sequence[str] = PHOTOS) -> Path:
    """Write image/ and a folder of mattes for each method: a disc, its edge ever softer."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    (folder / "image").mkdir(parents=True)
    for number, photo in enumerate(photos):
        distance = np.hypot(rows - 22, columns - 30 + 5 * number)
        pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        pixels[:] = (40, 90 + 60 * number, 220)
        pixels[distance < 15] = (250, 180, 60 * number)
        pixels[::7, ::5] //= 2
        images.write_image(folder / "image" / f"{photo}.png", pixels)
        for softness, method in enumerate(methods, start=1):
            alpha = np.clip((15 - distance) / softness + 0.5, 0, 1)
            (folder / method).mkdir(exist_ok=True)
            images.write_image(folder / method / f"{photo}.png", np.rint(alpha * 255).astype(np.uint8))
    return folder


def make_study(
    folder: Path,
    *,
    methods: Sequence[str] = METHODS,
    photos: Sequence[str] = PHOTOS,
    checks: int = 2,
    per_rater: int | None = None,
) -> Path:
    """Return the folder of a new study: two photos, three methods, two backgrounds, unless told otherwise."""
    mattes = write_mattes(folder / "mattes", methods, photos)
    composites.new_study(mattes, methods, folder / "study", checks=checks, per_rater=per_rater)
    return folder / "study"


@contextlib.contextmanager
def serving(folder: Path, host: str = "127.0.0.1") -> Iterator[StudyServer]:
    """Serve a study on any free port while the block lasts."""
    server = StudyServer(folder, host)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.close()


def picture(name: str) -> str:
    """Return a name as pictures of a study have it: its letters' codes, then noughts."""
    return f"{name.encode().hex():0<20.20}.png"


def pair(photo: str, first: str, second: str, background: str = "black") -> Pair:
    """Return a pair without files, an attention check where both methods are the same."""
    return Pair(photo, background, first, second, picture(first), picture(f"2{second}"), first == second)
