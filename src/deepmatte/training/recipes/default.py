"""The default model: GuidedNet, trained for CPUs on a CPU.

    deepmatte corpus render all --count 1560 --output RENDERS
    deepmatte train default --corpus CORPUS --corpus RENDERS --output runs/default
    deepmatte export runs/default --output guided-18.onnx

Cost: 100,000 samples, two hours on two cores with bfloat16 of their own, drawing 5,000 scenes beside it at
less than one second each (30 GB). guided-18 had 1,604,564 samples: some 300,000 of earlier states of the mix
below, the others of scenes much as they are drawn now, but for bands of up to 8 % of the side before the last
1,075,000; some 150,000 had the trimap that an earlier model's answer left (trimap.settle). The last 453,000
alone had Muon and channels in any order, on 24,000 new scenes, more than half of them of hair or fur alone;
the last 552,000 wide windows and grey pictures; the last 109,000 this network, whose weights grew from a
smaller one's, pictures mixed by value, and scenes of the finest hair up to six times as often as others of
hair; the recipe meets the finest of all up to five times as often (coarse).
Score (SAD e3 / MSE e-3 on 13 alphamatting.com photographs): 3.10 / 7.7 with trimap1, 3.47 / 6.7 with
trimap2; the guides alone, 4 % of haze taken off, 4.70 / 14.5 and 5.68 / 12.8.
SMOKE is the same in small: a few steps on small samples, to see that everything turns.
"""

from dataclasses import replace

from deepmatte.training.composition import Mix
from deepmatte.training.phases import Phase, Recipe
from deepmatte.training.scenes import Scenes

_MIX = Mix(
    groups=(
        ("strands", 0.80), ("fringed_animals", 0.15), ("objects", 0.12), ("trees", 0.03), ("plants", 0.05),
        ("foliage", 0.07), ("smoke", 0.005), ("clouds", 0.003), ("lace", 0.05), ("cycles", 0.04),
        # What `deepmatte corpus render` draws besides strands and foliage.
        ("textiles", 0.08), ("vapour", 0.02), ("glass", 0.02), ("shapes", 0.04), ("meshes", 0.02),
    ),
    second_foreground=0.15,
    unmarked_second=0.3,
    borrowed_colours=0.1,
    translucent=0.03,
    by_value=0.05,
    grey=0.05,
    degraded=0.5,
    collage=0.2,
    clutter=0.2,
    # Of whole pictures: most of a foreground is seen, and its band is as wide as people draw it.
    scale=(0.45, 1.3),
    widest_band=0.12,
)  # fmt: skip

_SCENES = Scenes(
    count=5000, hardest=0.2, one_sided=0.04, unmarked=0.3, meshed=0.2, unclear=0.3, coarse=0.2, settled=0.2,
    every=2,
)  # fmt: skip

RECIPE = Recipe(
    name="default",
    network="guided",
    phases=(Phase("windows", size=256, batch=16, share=1.0, scenes=_SCENES, wide=0.5),),
    steps=10_000,
    learning_rate=1e-3,
    optimiser="muon",
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
