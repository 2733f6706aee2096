"""A benchmark of a few pixels, and methods whose errors on it can be worked out by hand.

The red of each picture is its true alpha, so a method that returns the red is never wrong.
"""

import os
import signal
from pathlib import Path

import numpy as np

from deepmatte import images
from deepmatte.evaluation.methods import Method
from deepmatte.pixels import AnyArray, Floats, to_unit

SIZES = {"a": (7, 9), "b": (11, 6)}  # height, width
UNKNOWN = {"trimap1": {"a": 2, "b": 3}, "trimap2": {"a": 4, "b": 5}}  # columns


def make_benchmark(folder: Path, sets: tuple[str, ...] = ("trimap1", "trimap2")) -> Path:
    """Write the benchmark and return its folder. True alpha is 1 in the left half, a ramp in one row."""
    for name, (height, width) in SIZES.items():
        alpha = np.zeros((height, width), np.uint8)
        alpha[:, : width // 2] = 255
        alpha[3] = np.linspace(255, 0, width).astype(np.uint8)
        image = np.dstack([alpha, np.full_like(alpha, 90), np.full_like(alpha, 30)])
        _write(folder / "image" / f"{name}.png", image)
        _write(folder / "alpha" / f"{name}.png", alpha)
        for each in sets:
            known = np.where(alpha > 127, 255, 0).astype(np.uint8)
            first = width // 2 - UNKNOWN[each][name] // 2
            known[:, first : first + UNKNOWN[each][name]] = 128
            known[3] = 128
            _write(folder / each / f"{name}.png", known)
    return folder


def _write(path: Path, pixels: AnyArray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    images.write_image(path, pixels, overwrite=True)


def read_red(image: AnyArray, trimap: AnyArray) -> Floats:
    """Return the truth."""
    return to_unit(image)[..., 0]


def read_half(image: AnyArray, trimap: AnyArray) -> Floats:
    """Return one half everywhere."""
    return np.full(trimap.shape, 0.5, np.float32)


def crash(image: AnyArray, trimap: AnyArray) -> Floats:
    """Raise an error, on the picture that is higher than wide only."""
    if trimap.shape[0] > trimap.shape[1]:
        raise ZeroDivisionError("no answer\nfor this one")
    return read_half(image, trimap)


def be_killed(image: AnyArray, trimap: AnyArray) -> Floats:
    """Take the process down, on the picture that is higher than wide only."""
    if trimap.shape[0] > trimap.shape[1]:
        os.kill(os.getpid(), signal.SIGKILL)
    return read_half(image, trimap)


TRUTH = Method("truth", read_red)
HALF = Method("half", read_half)
CRASHING = Method("crashing", crash)
KILLED = Method("killed", be_killed)
