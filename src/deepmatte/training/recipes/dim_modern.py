"""The network of Deep Image Matting, trained as matting networks are today.

    deepmatte train dim_modern --corpus CORPUS --output runs/dim_modern --minutes 600

Batch norm and He's initial values instead of ImageNet weights, so fc6 is the light one; composites with
real-world augmentation; AdamW with warm-up and a cosine; L1 and Laplacian-pyramid losses beside the
compositional one. Such recipes took the same networks from SAD 50 to 34 on Composition-1k (documented by
mmagic for GCA, IndexNet and a plain ResNet-34).

Cost: planned for 25 minutes on one large GPU. Score: none yet. What each part is worth at half of its
channels, with the paper's losses, is in docs/results.md (benchmarks/phases.py).
"""

from dataclasses import replace

from deepmatte.training.phases import Phase, Recipe
from deepmatte.training.recipes import default

_REFINED = {"absolute": 1.0, "laplacian": 1.0}

RECIPE = Recipe(
    name="dim_modern",
    network="dim",
    settings={"fc6": "light", "batch_norm": True},
    phases=(
        Phase("encoder-decoder", size=320, batch=16, share=0.75, skipped=("refinement",)),
        Phase(
            "refinement", size=320, batch=16, share=0.05, frozen=("encoder", "decoder"), loss=_REFINED
        ),
        Phase("together", size=320, batch=16, share=0.2, loss=_REFINED),
    ),
    steps=30_000,
    learning_rate=5e-4,
    loss={"absolute": 1.0, "compositional": 0.5, "laplacian": 1.0},
    mix=default.RECIPE.mix,
)  # fmt: skip

SMOKE = replace(
    RECIPE,
    name="dim_modern_smoke",
    phases=tuple(
        replace(phase, size=64, batch=2, share=share)
        for phase, share in zip(RECIPE.phases, (0.4, 0.2, 0.4), strict=True)
    ),
    steps=5,
    warm_up=2,
)
