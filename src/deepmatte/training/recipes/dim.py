"""Deep Image Matting as published: Xu, Price, Cohen, Huang, CVPR 2017.

    deepmatte train dim --corpus CORPUS --output runs/dim --start vgg16-397923af.pth

Three phases: the encoder–decoder alone until it converges, on the mean of the alpha-prediction and the
compositional loss; then the refinement alone, the rest frozen; then all together. Adam at a constant 1e-5 in
all three: weight_decay is 0, and AdamW without it is Adam, to the bit (tests/test_training_loop.py).
The paper starts from ImageNet weights, which --start reads; without them 1e-5 is too low a rate to get
anywhere, and dim_modern is the recipe to use.

The paper does not give its batch or number of steps; shares, batch and steps are ours. Cost: about 11 GPU
hours for 100,000 steps, not run. Score: none yet.
SMOKE is the same in small: a few steps through all three phases.
"""

from dataclasses import replace

from deepmatte.training.phases import Phase, Recipe
from deepmatte.training.published import PublishedMix

_ALPHA = {"alpha_prediction": 1.0}

RECIPE = Recipe(
    name="dim",
    network="dim",
    phases=(
        Phase("encoder-decoder", size=320, batch=16, share=0.6, skipped=("refinement",)),
        Phase(
            "refinement", size=320, batch=16, share=0.2, frozen=("encoder", "decoder"), loss=_ALPHA,
            mix=PublishedMix(redraw=False),
        ),
        Phase("together", size=320, batch=16, share=0.2, loss=_ALPHA, mix=PublishedMix(redraw=False)),
    ),
    steps=100_000,
    learning_rate=1e-5,
    schedule="constant",
    warm_up=1,
    weight_decay=0.0,
    average=0.0,
    clip=float("inf"),
    loss={"alpha_prediction": 0.5, "compositional": 0.5},
    cut_off=False,
    mix=PublishedMix(),
)  # fmt: skip

SMOKE = replace(
    RECIPE,
    name="dim_smoke",
    settings={"fc6": "light"},
    phases=tuple(
        replace(phase, size=64, batch=2, share=share)
        for phase, share in zip(RECIPE.phases, (0.4, 0.2, 0.4), strict=True)
    ),
    steps=5,
)
