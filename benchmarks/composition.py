"""How fast samples are drawn, and how much of a training run's time is lost to waiting for them.

    python benchmarks/composition.py --corpus CORPUS --output benchmarks/composition.json
    python benchmarks/composition.py --corpus CORPUS --train dim_modern --steps 200 --output FILE  # on a GPU

Uses a GPU where torch finds one, else one thread of a CPU. Seconds are wall-clock time, CPU-seconds are this
process's; both are medians over rounds of one batch. Operations are what torch is asked to compute for a
batch that is drawn as one, as on a GPU, where they bound the time from below: some microseconds each.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import machine
import numpy as np
import torch
from torch.profiler import profile

from deepmatte.training import batches, composition, loading, recipes
from deepmatte.training.budget import Budget
from deepmatte.training.composition import Mix
from deepmatte.training.corpus import library
from deepmatte.training.corpus.library import Library
from deepmatte.training.learning import Training
from deepmatte.training.pace import Pace
from deepmatte.training.published import PublishedMix
from deepmatte.training.shelf import Shelf

# What computes nothing.
VIEWS = (
    *("detach_", "empty", "expand", "lift_fresh", "movedim", "narrow", "permute", "reshape", "select"),
    *("slice", "split", "to", "transpose", "unbind", "unsqueeze", "view"),
)
SIZES = ((256, 8), (320, 16))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True, action="append")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="batches of each kind")
    parser.add_argument("--train", metavar="RECIPE", help="measure a training run as well")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2, help="processes that draw, where a CPU does")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON too")
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.set_num_threads(1)
    pictures = library.read(*arguments.corpus)
    shelf = Shelf.of(pictures, device)
    where = f"{torch.cuda.get_device_name()}, " if device.type == "cuda" else ""
    figures: dict[str, Any] = {
        "machine": f"{where}{machine.describe()}",
        "pictures": len(list(pictures.pictures)),
        "drawn": [
            row
            for mix in (recipes.find("default").mix, PublishedMix())
            for size, count in SIZES
            for row in measure_drawing(pictures, shelf, mix, size, count, arguments.rounds)
        ],
    }
    del shelf  # a GPU's memory holds the corpus once
    if device.type == "cuda":
        torch.cuda.empty_cache()  # what torch keeps for later does not count as free
    if arguments.train:
        figures["trained"] = measure_training(
            pictures, arguments.train, arguments.steps, arguments.workers, device
        )
    if arguments.output:
        arguments.output.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


def measure_drawing(
    pictures: Library, shelf: Shelf, mix: Mix | PublishedMix, size: int, count: int, rounds: int
) -> list[dict[str, Any]]:
    """Return the figures of batches without guides and with them, which only CPUs make."""
    rows = []
    for with_guides in (False, True):
        if with_guides and (isinstance(mix, PublishedMix) or shelf.device.type == "cuda"):
            continue

        def draw(seed: int, with_guides: bool = with_guides) -> batches.Batch:
            rng = np.random.default_rng(seed)
            return batches.draw_batch(pictures, mix, count, size, rng, with_guides=with_guides, shelf=shelf)

        seconds, cpu_seconds = timed(draw, rounds)
        row = {
            "mix": type(mix).__name__,
            "size": size,
            "batch": count,
            "guides": with_guides,
            "samples_per_second": round(count / seconds, 1),
            "cpu_ms_per_sample": round(1000 * cpu_seconds / count, 1),
            "operations": count_operations(pictures, mix, size, count, shelf, with_guides),
        }
        print(json.dumps(row), flush=True)
        rows.append(row)
    return rows


def timed(draw: Callable[[int], batches.Batch], rounds: int) -> tuple[float, float]:
    """Return the median seconds and CPU-seconds that a batch takes."""
    taken = []
    for seed in range(rounds + 1):
        wait()
        before = (time.perf_counter(), time.process_time())
        draw(seed)
        wait()
        taken.append((time.perf_counter() - before[0], time.process_time() - before[1]))
    # The first fills caches.
    return statistics.median(wall for wall, _ in taken[1:]), statistics.median(cpu for _, cpu in taken[1:])


def wait() -> None:
    """Let a GPU end what it was asked for."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def count_operations(
    pictures: Library, mix: Mix | PublishedMix, size: int, count: int, shelf: Shelf, with_guides: bool
) -> int | None:
    """Return how many operations draw a batch as one, as a GPU would. With guides: NumPy's, not counted."""
    if with_guides:
        return None
    with profile() as record:
        composition.draw_samples(pictures, mix, size, np.random.default_rng(0).spawn(count), shelf)
    calls = [event for event in record.events() if event.name.startswith("aten::")]
    return sum(1 for event in calls if event.cpu_parent is None and event.name[6:] not in VIEWS)


def measure_training(
    pictures: Library, recipe_name: str, steps: int, workers: int, device: torch.device
) -> dict[str, Any]:
    """Return samples a second and the share of time lost to waiting, over a run's last steps."""
    recipe = replace(recipes.find(recipe_name), steps=steps)
    training = Training(recipe)
    budget = Budget(recipe, training.state)
    drawn = loading.load(batches.Batches(pictures, recipe), budget, workers, device)
    pace = Pace(training.state, training.ranks)
    for phase, batch in pace.waiting(drawn):
        training.step(batch, budget.used, phase)
        pace.step(len(batch.alpha))
    figures = {
        "recipe": recipe.name,
        "steps": steps,
        "samples_per_second": round(training.state.samples_per_second, 2),
        "share_of_time_waited": round(training.state.data_share, 4),
    }
    print(json.dumps(figures), flush=True)
    return figures


if __name__ == "__main__":
    main()
