"""Small runs at equal budgets, to compare corpora and mixes: the default network, trained on a little.

    deepmatte train trial --corpus CORPUS --corpus RENDERS --output runs/trial --start guided-2.onnx --seed 0

Cost: 2,400 samples, about eight CPU-minutes. From random weights so few samples teach nothing that the guides
do not know, so it goes on from a trained model. Two runs that differ in their seeds alone differ as
docs/experiments.md says; smaller differences between corpora mean nothing. SMOKE is the same in small.
"""

from dataclasses import replace

from deepmatte.training.phases import Phase
from deepmatte.training.recipes import default

RECIPE = replace(
    default.RECIPE,
    name="trial",
    phases=(Phase("small", size=256, batch=8, share=1.0),),
    steps=300,
    warm_up=30,
    average=0.99,
)

SMOKE = replace(default.SMOKE, name="trial_smoke")
