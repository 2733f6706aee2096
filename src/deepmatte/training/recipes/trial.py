"""Small runs at equal budgets, to compare corpora and mixes: the default network on small samples.

    deepmatte train trial --corpus CORPUS --corpus RENDERS --output runs/trial --seed 0

Cost: 3,200 samples, about seven CPU-minutes. Two runs that differ in their seeds alone differ as
docs/experiments.md says; smaller differences between corpora mean nothing. SMOKE is the same in small.
"""

from dataclasses import replace

from deepmatte.training.phases import Phase
from deepmatte.training.recipes import default

RECIPE = replace(
    default.RECIPE,
    name="trial",
    phases=(Phase("small", size=192, batch=8, share=1.0),),
    steps=400,
    learning_rate=1.5e-3,
    warm_up=40,
    average=0.99,
)

SMOKE = replace(default.SMOKE, name="trial_smoke")
