"""Make docs/images/renders.webp: some of what `deepmatte corpus render` draws, on colour fades.

python examples/renders.py
"""

from pathlib import Path

import numpy as np

from deepmatte import images, pixels
from deepmatte.outputs import make_folder
from deepmatte.training.corpus.render import KINDS

OUTPUT = Path(__file__).parent.parent / "docs" / "images" / "renders.webp"
SEED, SIZE_PX, SHOWN_PX = 2, 768, 256
# The numbers that are shown of each kind, row by row.
NUMBERS = {
    "hair": (2, 5, 7),
    "curls": (3, 2, 5),
    "flyaways": (3, 6, 2),
    "fur": (1, 4, 6),
    "whiskers": (3, 4, 6),
    "feathers": (3, 5, 2),
    "grass": (4, 5, 3),
}
ROWS = 3


def main() -> None:
    """Draw the renderings, lay each on a fade and put them into rows."""
    rows = []
    for row in range(ROWS):
        cells = [
            cell(kind, numbers[row], row * 100 + place)
            for place, (kind, numbers) in enumerate(NUMBERS.items())
        ]
        rows.append(np.concatenate(cells, axis=1))
    make_folder(OUTPUT.parent)
    images.write_image(OUTPUT, np.concatenate(rows), overwrite=True)


def cell(kind: str, number: int, place: int) -> pixels.Bytes:
    """Return one rendering on a fade: (SHOWN_PX, SHOWN_PX, 3)."""
    rendering = KINDS[kind].render(SEED, number, SIZE_PX)
    laid = pixels.composite(rendering.colours, fade(place), rendering.alpha)
    return pixels.to_bytes(np.clip(pixels.resize(laid, SHOWN_PX, SHOWN_PX), 0, 1))


def fade(place: int) -> pixels.Floats:
    """Return a quiet background of two colours, another one for each place: (SIZE_PX, SIZE_PX, 3)."""
    rng = np.random.default_rng(place)
    first, second = rng.uniform(0.25, 0.95, (2, 3))
    grey = np.array([first.mean(), second.mean()])[:, None]
    first, second = grey + 0.35 * (np.stack([first, second]) - grey)
    down = np.linspace(0, 1, SIZE_PX)[:, None, None]
    return np.broadcast_to(first + down * (second - first), (SIZE_PX, SIZE_PX, 3)).astype(np.float32)


if __name__ == "__main__":
    main()
