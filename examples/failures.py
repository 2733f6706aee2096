"""Make docs/images/failures.webp: what the default model gets wrong, on pictures drawn for it.

python examples/failures.py

One row a case: the picture, its trimap, the model's alpha, the true alpha. Prints each case's SAD and MSE.
"""

from pathlib import Path

import numpy as np
import torch

from deepmatte import estimate_alpha, images, pixels, trimap
from deepmatte.evaluation import metrics
from deepmatte.outputs import make_folder
from deepmatte.training.composition import mix_light
from deepmatte.training.corpus.render import KINDS

OUTPUT = Path(__file__).parent.parent / "docs" / "images" / "failures.webp"
SEED, SIZE_PX, SHOWN_PX = 2, 512, 256


def main() -> None:
    """Draw the cases, matte each, and put them into rows."""
    rows = []
    for name, (photo, tri, true_alpha) in cases().items():
        alpha = estimate_alpha(photo, tri)
        sad, mse = metrics.sad(alpha, true_alpha, tri), 1000 * metrics.mse(alpha, true_alpha, tri)
        print(f"{name}: SAD {sad:.2f}, MSE {mse:.1f}")
        cells = [photo, *(np.repeat(grid[..., None], 3, axis=2) for grid in (tri / 255, alpha, true_alpha))]
        rows.append(np.concatenate([shrink(np.float32(cell)) for cell in cells], axis=1))
    make_folder(OUTPUT.parent)
    images.write_image(OUTPUT, np.concatenate(rows), overwrite=True)


def cases() -> dict[str, tuple[pixels.Floats, pixels.Bytes, pixels.Floats]]:
    """Return image (H, W, 3), trimap (H, W) and true alpha (H, W) of each case."""
    leaves = thicket()
    hair, hair_alpha = draw("flyaways", 1)
    twig, twig_alpha = draw("twigs", 1)
    net, net_alpha = draw("net", 1)
    glass, glass_alpha = draw("bottles", 1)
    both = hair_alpha + (1 - hair_alpha) * twig_alpha
    return {
        "faint hair over leaves": (
            expose(hair, leaves, hair_alpha), trimap.from_alpha(hair_alpha, 8, 20), hair_alpha,
        ),
        "a part that nobody marked": (
            expose(hair, expose(twig, leaves, twig_alpha), hair_alpha),
            np.where(twig_alpha > 0, np.uint8(trimap.UNKNOWN), trimap.from_alpha(both, 8, 20)),
            both,
        ),
        "a fine mesh": (
            expose(net, leaves, net_alpha), trimap.from_alpha(net_alpha, 2, 12), net_alpha,
        ),
        "glass": (
            expose(glass, leaves, glass_alpha), trimap.from_alpha(glass_alpha, 2, 12), glass_alpha,
        ),
    }  # fmt: skip


def expose(front: pixels.Floats, behind: pixels.Floats, alpha: pixels.Floats) -> pixels.Floats:
    """Return what a camera would see, (H, W, 3)."""
    layers = (torch.from_numpy(layer) for layer in (front, behind, alpha[..., None]))
    return mix_light(*layers, torch.tensor(pixels.LIGHT)).numpy()


def draw(kind: str, number: int) -> tuple[pixels.Floats, pixels.Floats]:
    """Return a rendering's colours (H, W, 3) and alpha (H, W)."""
    rendering = KINDS[kind].render(SEED, number, SIZE_PX)
    return np.float32(rendering.colours), np.float32(rendering.alpha)


def thicket() -> pixels.Floats:
    """Return a background of leaves before leaves: (H, W, 3)."""
    scene = np.full((SIZE_PX, SIZE_PX, 3), (0.25, 0.3, 0.22), np.float32)
    for number in range(6):
        colours, alpha = draw("leaves", number)
        scene = expose(colours, scene, alpha)
    return scene


def shrink(picture: pixels.Floats) -> pixels.Bytes:
    """Return a picture as it is shown: (SHOWN_PX, SHOWN_PX, 3)."""
    return pixels.to_bytes(pixels.resize(picture, SHOWN_PX, SHOWN_PX))


if __name__ == "__main__":
    main()
