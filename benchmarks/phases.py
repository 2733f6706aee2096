"""What the parts of Deep Image Matting are worth: the paper's table in kind, at equal steps and seeds.

    python benchmarks/phases.py --corpus CORPUS --benchmark BENCHMARK --output RUNS --width 0.25 --steps 800

Trains the encoder–decoder with the alpha-prediction loss alone and with the compositional loss beside it;
then, from the second, the refinement and all together, a quarter of the steps each. Arms are trained
beside each other, each on its own threads. RUNS/ARM.json has the four measures after each phase.
"""

import argparse
import json
import multiprocessing
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from deepmatte.training import batches, checkpoint, learning, loading, optimisers, recipes
from deepmatte.training.corpus import library
from deepmatte.training.corpus.library import Library
from deepmatte.training.measurements import Measurements
from deepmatte.training.phases import Recipe
from deepmatte.training.ranks import Alone
from deepmatte.training.recipes import dim_modern

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
    parser.add_argument("--optimiser", choices=optimisers.NAMES, default=dim_modern.RECIPE.optimiser)
    parser.add_argument("--threads", type=int, default=1, help="of each arm")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    pictures = library.read(*arguments.corpus)
    arms = {arm: make_recipe(arm, arguments) for arm in arguments.arms.split(",")}
    for at in range(max(len(recipe.phases) for recipe in arms.values())):
        left = {arguments.output / arm: each for arm, each in arms.items() if at < len(each.phases)}
        threads = arguments.threads * len(arms) // len(left)
        # Forks read one copy of the pictures; what opens pictures itself does not survive a fork.
        beside("fork", train, [(each, at, folder, pictures, threads) for folder, each in left.items()])
        beside("spawn", measure, [(each, at, folder, arguments.benchmark) for folder, each in left.items()])


def beside(way: str, work: Callable[..., None], calls: Sequence[tuple[Any, ...]]) -> None:
    """Do work in processes beside each other, started in that way; ends this one where one of them fails."""
    processes = [multiprocessing.get_context(way).Process(target=work, args=call) for call in calls]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        sys.exit(1)


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
        optimiser=arguments.optimiser,
        warm_up=min(modern.warm_up, arguments.steps // 8),
        average=max(0.0, 1 - 12 / arguments.steps),  # over a third of the shortest phase
    )


def train(recipe: Recipe, at: int, folder: Path, pictures: Library, threads: int) -> None:
    """Train one of a recipe's phases, from where the one before it ended."""
    torch.set_num_threads(threads)
    phase = recipe.phases[at]
    first, end = (round(sum(each.share for each in recipe.phases[:to]) * recipe.steps) for to in (at, at + 1))
    training = learning.Training(recipe)
    if at:
        training.resume(folder)
    keys = [(step, phase) for step in range(first, end)]
    drawn = loading.load(batches.Batches(pictures, recipe), keys, 0, training.device)
    for (step, _), (_, batch) in zip(keys, drawn, strict=True):
        # The cosine runs over each phase anew, as each starts a task of its own.
        training.step(batch, (step - first) / (end - first), phase)
        if step % 50 == 49:
            print(folder.name, phase.name, step + 1, training.state.losses, flush=True)
    training.save(folder)


def measure(recipe: Recipe, at: int, folder: Path, benchmark: Path) -> None:
    """Measure what one of a recipe's phases ended with, and note it in the arm's file of figures."""
    recipes.RECIPES[recipe.name] = recipe  # measuring builds the network that the name stands for
    state, tensors = checkpoint.load(folder)
    Measurements(benchmark, 1, Alone().device).take(state, tensors["average"], 1.0)
    file = folder.with_suffix(".json")
    figures = json.loads(file.read_text()) if at else {}
    figures[recipe.phases[at].name] = {"samples": state.samples, **state.evaluations[-1]["sets"]}
    file.write_text(json.dumps(figures, indent=1) + "\n")
    print(folder.name, recipe.phases[at].name, figures[recipe.phases[at].name], flush=True)


if __name__ == "__main__":
    main()
