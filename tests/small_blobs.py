"""A corpus drawn in code whose pictures are not related: soft blobs, and backgrounds of coloured patches."""

from pathlib import Path

import numpy as np

from deepmatte import images
from deepmatte.pixels import resize, to_bytes
from deepmatte.training.corpus import manifest
from deepmatte.training.corpus.manifest import Entry


def write_blobs(folder: Path, foregrounds: int = 6, backgrounds: int = 6) -> Path:
    """Write foregrounds of 37 × 53 px, backgrounds of 70 × 90 px and their manifest; return the folder."""
    entries = []
    for kind, count in (("foreground", foregrounds), ("background", backgrounds)):
        (folder / kind).mkdir(parents=True)
        for number in range(count):
            rng = np.random.default_rng([number, count])
            name = f"{kind}/{number}.png"
            patches = resize(
                rng.random((5, 6, 4), np.float32), *((37, 53) if kind == "foreground" else (70, 90))
            )
            alpha = to_bytes(patches[..., 3] * 3 - 1) if kind == "foreground" else None
            images.write_image(folder / name, to_bytes(patches[..., :3]), alpha)
            entries.append(Entry(name, kind, "blobs", "CC0-1.0"))
    manifest.write(folder, entries)
    return folder
