"""A corpus drawn in code: discs with soft edges over noise, a few pixels wide."""

from pathlib import Path

import numpy as np

from deepmatte import images


def write_corpus(folder: Path) -> Path:
    """Write two groups of two foregrounds and two backgrounds with their manifest; return the folder."""
    rng = np.random.default_rng(0)
    lines = ["file,group,licence"]
    for group, softness in (("soft", 20.0), ("sharp", 2.0)):
        (folder / "foreground" / group).mkdir(parents=True)
        for index, (height, width) in enumerate(((90, 110), (131, 77))):
            rows, columns = np.mgrid[:height, :width]
            distance = np.hypot(rows - height / 2, columns - width / 2)
            alpha = np.clip((min(height, width) / 3 - distance) / softness + 0.5, 0, 1)
            colours = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            name = f"foreground/{group}/{index}.png"
            images.write_image(folder / name, colours, alpha=np.rint(alpha * 255).astype(np.uint8))
            lines.append(f"{name},{group},CC0-1.0")
    (folder / "background").mkdir()
    for index in range(2):
        name = f"background/{index}.png"
        images.write_image(folder / name, rng.integers(0, 256, (150, 205, 3), dtype=np.uint8))
        lines.append(f"{name},noise,CC0-1.0")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder
