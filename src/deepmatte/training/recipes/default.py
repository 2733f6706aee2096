"""The default model: GuidedNet, trained for CPUs on a CPU.

    deepmatte train default --corpus CORPUS --corpus RENDERS --output runs/default --start guided-2.onnx
    deepmatte export runs/default --output guided-4.onnx

guided-2 is the model before this one (84 minutes on two cores on samples of all kinds, from guided-1), in the
project's history too. Cost: 2,000 samples (the first 250 steps of a longer schedule), seven minutes on one
core, beside the drawing of 371 scenes at two seconds each, by an earlier state of the mix below; later
weights of that run were no better.
Score (SAD e3 / MSE e-3 on 13 alphamatting.com photographs): 4.95 / 15.7 with trimap1, 5.70 / 13.0 with
trimap2; guided-2 5.25 / 16.6 and 6.11 / 13.7, the guides alone 5.01 / 15.8 and 5.96 / 13.5.
SMOKE is the same in small: a few steps on small samples, to see that everything turns.
"""

from dataclasses import replace

from deepmatte.training.composition import Mix
from deepmatte.training.phases import Phase, Recipe
from deepmatte.training.scenes import Scenes

_MIX = Mix(
    groups=(
        ("strands", 0.42), ("fringed_animals", 0.15), ("objects", 0.12), ("trees", 0.03), ("plants", 0.05),
        ("foliage", 0.07), ("smoke", 0.005), ("clouds", 0.003), ("lace", 0.03), ("cycles", 0.04),
        # What `deepmatte corpus render` draws besides strands and foliage.
        ("textiles", 0.04), ("vapour", 0.02), ("glass", 0.02), ("shapes", 0.04),
    ),
    second_foreground=0.12,
    unmarked_second=0.3,
    borrowed_colours=0.1,
    translucent=0.03,
    collage=0.2,
    clutter=0.2,
    # Of whole pictures: most of a foreground is seen, and its band is as wide as people draw it.
    scale=(0.45, 1.3),
    widest_band=0.08,
)  # fmt: skip

RECIPE = Recipe(
    name="default",
    network="guided",
    phases=(Phase("windows", size=256, batch=8, share=1.0, scenes=Scenes(count=850)),),
    steps=3_500,
    learning_rate=4e-4,
    loss={"absolute": 1.0, "squared": 1.0, "laplacian": 1.0},
    mix=_MIX,
)

SMOKE = replace(
    RECIPE,
    name="smoke",
    settings={"widths": (8, 8, 8, 8), "encoder": (0, 1, 1, 1), "decoder": (1, 1, 1)},
    phases=(Phase("small", size=64, batch=2, share=1.0, scenes=Scenes(side=96, count=3)),),
    steps=4,
    warm_up=2,
)
