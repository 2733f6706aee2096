"""What the parts of Deep Image Matting are worth: the paper's table in kind, at equal steps and seeds.

    python benchmarks/phases.py --corpus CORPUS --benchmark BENCHMARK --output RUNS --width 0.25 --steps 800

Trains the encoder–decoder with the alpha-prediction loss alone and with the compositional loss beside it;
then, from the second, the refinement and all together, a quarter of the steps each. RUNS/ARM.json has the
four measures after each phase.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch

from deepmatte.training import batches, learning, recipes
from deepmatte.training.corpus import library
from deepmatte.training.corpus.library import Library
from deepmatte.training.measurements import Measurements
from deepmatte.training.phases import Recipe
from deepmatte.training.recipes import dim_modern
from deepmatte.training.shelf import Shelf

ARMS = {
    "alpha": {"alpha_prediction": 1.0},
    "alpha-compositional": {"alpha_prediction": 0.5, "compositional": 0.5},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--corpus", type=Path, action="append", required=True)
    parser.add_argument("--benchmark", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--width", type=float, default=0.25, help="share of the published channels")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument(
        "--steps",
        type=int,
        default=800,
        help="of the encoder–decoder; the two phases after it take a quarter each",
    )
    parser.add_argument("--learning-rate", type=float, default=dim_modern.RECIPE.learning_rate)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.output.mkdir(parents=True, exist_ok=True)
    pictures = library.read(*arguments.corpus)
    for arm in arguments.arms.split(","):
        run(arm, make_recipe(arm, arguments), pictures, arguments.benchmark, arguments.output)


def make_recipe(arm: str, arguments: argparse.Namespace) -> Recipe:
    """Return dim_modern at this width with an arm's loss; only the last arm is refined."""
    modern = dim_modern.RECIPE
    shares = (1.0,) if arm == "alpha" else (2 / 3, 1 / 6, 1 / 6)
    phases = [
        replace(
            phase, size=arguments.size, batch=arguments.batch, share=share, loss=phase.loss and ARMS["alpha"]
        )
        for phase, share in zip(modern.phases, shares, strict=False)
    ]
    return replace(
        modern,
        settings={**modern.settings, "width": arguments.width},
        phases=tuple(phases),
        loss=ARMS[arm],
        steps=round(arguments.steps / shares[0]),
        learning_rate=arguments.learning_rate,
        warm_up=min(modern.warm_up, arguments.steps // 8),
        average=max(0.0, 1 - 12 / arguments.steps),  # over a third of the shortest phase
    )


def run(arm: str, recipe: Recipe, pictures: Library, benchmark: Path, output: Path) -> None:
    """Train an arm and measure it after each phase; keeps the figures in a file."""
    recipes.RECIPES[recipe.name] = recipe  # measuring builds the network that the name stands for
    training = learning.Training(recipe)
    drawn = batches.Batches(pictures, recipe, Shelf.of(pictures, training.device))
    measurements = Measurements(benchmark, 1, training.device)
    figures = {}
    first, share = 0, 0.0
    for phase in recipe.phases:
        share += phase.share
        end = round(share * recipe.steps)
        for step in range(first, end):
            # The cosine runs over each phase anew, as each starts a task of its own.
            training.step(drawn[step, phase][1], (step - first) / (end - first), phase)
            if step % 50 == 49:
                print(arm, phase.name, step + 1, training.state.losses, flush=True)
        measurements.take(training.state, training.average.state_dict(), end / recipe.steps)
        figures[phase.name] = {"samples": training.state.samples, **training.state.evaluations[-1]["sets"]}
        training.save(output / arm)
        (output / f"{arm}.json").write_text(json.dumps(figures, indent=1) + "\n")
        print(arm, phase.name, figures[phase.name], flush=True)
        first = end


if __name__ == "__main__":
    main()
