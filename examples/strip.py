"""Make the results beside this file: the alpha, the cutout, and the strip that the README shows.

python examples/strip.py
"""

from pathlib import Path

import numpy as np

import deepmatte
from deepmatte import images, pixels

HERE = Path(__file__).parent
GAP_PX = 8


def main() -> None:
    """Cut the cat out, lay it on a colour fade, and put the four pictures side by side."""
    outputs = {"alpha_path": HERE / "cat-alpha.png", "output_path": HERE / "cat-cutout.png"}
    deepmatte.cut(HERE / "cat.png", HERE / "cat-trimap.png", **outputs, overwrite=True)
    photo = images.read_photo(HERE / "cat.png").pixels
    trimap = images.read_map(HERE / "cat-trimap.png")
    alpha = images.read_map(HERE / "cat-alpha.png")
    cutout = images.read_photo(HERE / "cat-cutout.png").pixels
    laid = pixels.to_bytes(deepmatte.composite(cutout, fade(*alpha.shape), alpha))
    greys = [np.repeat(grey[..., None], 3, axis=2) for grey in (trimap, alpha)]
    gap = np.full((alpha.shape[0], GAP_PX, 3), 255, np.uint8)
    strip = np.concatenate([photo, gap, greys[0], gap, greys[1], gap, laid], axis=1)
    images.write_image(HERE / "cat-strip.jpg", strip, overwrite=True)


def fade(height: int, width: int) -> pixels.Floats:
    """Return a fade from teal to orange, (height, width, 3)."""
    across = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    share = 0.6 * across + 0.4 * down
    teal, orange = np.array([0.05, 0.45, 0.5], np.float32), np.array([0.95, 0.6, 0.2], np.float32)
    return np.asarray(teal + share * (orange - teal), dtype=np.float32)


if __name__ == "__main__":
    main()
