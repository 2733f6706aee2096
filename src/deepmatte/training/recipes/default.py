"""The default model: GuidedNet, trained for CPUs on a CPU.

    deepmatte train default --corpus CORPUS --output runs/default --minutes 100
    deepmatte export runs/default --output default.onnx

SMOKE is the same in small: a few steps on small samples, to see that everything turns.
"""

from dataclasses import replace

from deepmatte.training.composition import Mix
from deepmatte.training.phases import Phase, Recipe

_MIX = Mix(
    groups=(
        ("strands", 0.28), ("fringed_animals", 0.18), ("objects", 0.14), ("trees", 0.08), ("plants", 0.07),
        ("foliage", 0.09), ("treelines", 0.01), ("smoke", 0.02), ("clouds", 0.01), ("effects", 0.003),
        ("lace", 0.06), ("cycles", 0.06),
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
