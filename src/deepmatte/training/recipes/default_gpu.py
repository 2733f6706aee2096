"""The default model trained by a GPU: windows of 384 px, 64 in a step, of 6,000 scenes.

    deepmatte corpus render all --count 1560 --output RENDERS
    deepmatte train default_gpu --start default --corpus CORPUS --corpus RENDERS --workers 15 --output RUN

The GPU keeps the scenes in its memory and cuts the windows itself: 38 GB, which may be half of what is free
on a card of 80 GB; as much of the disk holds them below RUN. Processors draw them, which is what the first
minutes wait for: a core draws one in about a second, a step in two asks for a new one.
Cost: half an hour of one GPU of the H100's class beside 16 cores, as planned; with --minutes in less. It has
not been run on one, so it has no score yet; its small version runs wherever the tests do.
"""

from dataclasses import replace

from deepmatte.training.phases import Phase
from deepmatte.training.recipes import default

_WINDOWS = default.RECIPE.phases[0]
assert _WINDOWS.scenes is not None

RECIPE = replace(
    default.RECIPE,
    name="default_gpu",
    phases=(Phase("windows", size=384, batch=64, share=1.0, scenes=replace(_WINDOWS.scenes, count=6000)),),
    steps=20_000,
    learning_rate=2e-3,
)

SMOKE = replace(default.SMOKE, name="default_gpu_smoke", learning_rate=RECIPE.learning_rate)
