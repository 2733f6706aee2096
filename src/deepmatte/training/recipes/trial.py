"""Small runs at equal budgets, to compare corpora and mixes: the default network, trained on a little.

    deepmatte train trial --corpus CORPUS --corpus RENDERS --output runs/trial --start default --seed 0

Cost: 2,400 samples, about eight CPU-minutes. From random weights so few samples teach nothing that the guides
do not know, so it goes on from a trained model. Samples are pictures of their own, of all kinds: a short run
has no time to draw scenes, and must tell kinds apart. Two runs that differ in their seeds alone differ as
docs/experiments.md says; smaller differences between corpora mean nothing. SMOKE is the same in small.
"""

from dataclasses import replace

from deepmatte.training.composition import Mix
from deepmatte.training.phases import Phase
from deepmatte.training.recipes import default

_MIX = Mix(
    groups=(
        ("strands", 0.30), ("fringed_animals", 0.20), ("objects", 0.12), ("trees", 0.04), ("plants", 0.06),
        ("foliage", 0.08), ("treelines", 0.01), ("smoke", 0.015), ("clouds", 0.01), ("effects", 0.003),
        ("lace", 0.13), ("cycles", 0.08),
        # What `deepmatte corpus render` draws besides strands and foliage.
        ("textiles", 0.10), ("vapour", 0.04), ("glass", 0.04), ("shapes", 0.10), ("meshes", 0.03),
        ("blender", 0.08),
    )
)  # fmt: skip

RECIPE = replace(
    default.RECIPE,
    name="trial",
    phases=(Phase("small", size=256, batch=8, share=1.0),),
    steps=300,
    learning_rate=8e-4,
    mix=_MIX,
    warm_up=30,
    average=0.99,
)

SMOKE = replace(default.SMOKE, name="trial_smoke")
