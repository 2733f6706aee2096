"""The default model: GuidedNet, trained for CPUs on a CPU.

    deepmatte train default --corpus CORPUS --output runs/default --minutes 80
    deepmatte export runs/default --output guided-1.onnx

Cost: 80 minutes, 47,664 samples on two busy cores. Score (SAD e3 / MSE e-3 on 13 alphamatting.com
photographs): 6.08 / 23.0 with trimap1, 7.87 / 29.5 with trimap2, from a run during which the mix below was
settled.
SMOKE is the same in small: a few steps on small samples, to see that everything turns.
"""

from dataclasses import replace

from deepmatte.training.composition import Mix
from deepmatte.training.phases import Phase, Recipe

_MIX = Mix(
    groups=(
        ("strands", 0.30), ("fringed_animals", 0.20), ("objects", 0.15), ("trees", 0.04), ("plants", 0.06),
        ("foliage", 0.06), ("treelines", 0.01), ("smoke", 0.015), ("clouds", 0.01), ("effects", 0.003),
        ("lace", 0.05), ("cycles", 0.08),
    )
)  # fmt: skip

RECIPE = Recipe(
    name="default",
    network="guided",
    phases=(Phase("near", size=256, batch=8, share=0.45), Phase("wide", size=384, batch=6, share=0.55)),
    steps=10_000,
    learning_rate=1.5e-3,
    loss={"absolute": 1.0, "squared": 2.0, "laplacian": 1.0},
    mix=_MIX,
)

SMOKE = replace(
    RECIPE,
    name="smoke",
    settings={"widths": (8, 8, 8, 8), "encoder": (0, 1, 1, 1), "decoder": (1, 1, 1)},
    phases=(Phase("small", size=64, batch=2, share=1.0),),
    steps=4,
    warm_up=2,
)
