"""The default model: GuidedNet, trained for CPUs on a CPU.

    deepmatte train default --corpus CORPUS --output runs/default --minutes 84 --start guided-1.onnx
    deepmatte export runs/default --output guided-2.onnx

guided-1 is the model before this one (80 minutes by an earlier state of this recipe, from random weights); it
lies in the project's history. Cost: 84 minutes, 38,874 samples on two busy cores; the share of lace was
raised from 0.05 to its value below after 9,000 samples.
Score (SAD e3 / MSE e-3 on 13 alphamatting.com photographs): 5.25 / 16.6 with trimap1, 6.11 / 13.7 with
trimap2, on guides with links between unknown pixels; 5.68 / 19.9, 6.91 / 20.2 on those it was trained with.
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
