"""What corpora are worth: equal steps and seeds on a corpus alone, with others, and with one left out.

    python benchmarks/corpora.py --corpus CORPUS --with strands=RENDERS/strands --with glass=RENDERS/glass \
        --start MODEL --benchmark BENCHMARK --output RUNS --seeds 0,1

Trains the recipe `trial` once for each set and seed, exports each network and measures it with `deepmatte
evaluate`. RUNS/SET-SEED.json has a run's figures; a run that is there is not done again. Corpora are
read once, and runs share the memory.
"""

import argparse
import json
import multiprocessing
import subprocess
from dataclasses import replace
from pathlib import Path

import torch

from deepmatte.training import batches, export, learning, recipes
from deepmatte.training.corpus import library
from deepmatte.training.corpus.library import Library
from deepmatte.training.phases import Recipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--corpus", type=Path, required=True, help="in every set")
    parser.add_argument("--with", dest="parts", action="append", default=[], metavar="NAME=CORPUS")
    parser.add_argument("--sets", default="alone,all,each", help="some of alone, all, each (one left out)")
    parser.add_argument("--benchmark", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=recipes.find("trial").steps)
    parser.add_argument("--start", type=Path, help="a model whose weights all runs begin with")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--at-once", type=int, default=1, help="runs side by side, of one thread each")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    parts = dict(part.split("=", 1) for part in arguments.parts)
    runs = [
        (name, chosen, int(seed))
        for seed in arguments.seeds.split(",")
        for name, chosen in chosen_parts(arguments.sets.split(","), list(parts)).items()
    ]
    waiting = [run for run in runs if not (arguments.output / f"{run[0]}-{run[2]}.json").exists()]
    print(f"{len(waiting)} of {len(runs)} runs to do", flush=True)
    read = {name: library.read_any(Path(corpus)) for name, corpus in {"": arguments.corpus, **parts}.items()}
    print(
        f"read {sum(len(members) for each in read.values() for members in each.foregrounds.values())}",
        flush=True,
    )
    # Children share what was read, and open no pictures: libvips does not survive a fork.
    context = multiprocessing.get_context("fork")
    children: list[multiprocessing.process.BaseProcess] = []
    for name, chosen, seed in waiting:
        while len([child for child in children if child.is_alive()]) >= arguments.at_once:
            for child in children:
                child.join(0.5)
        pictures = join([read[part] for part in ("", *chosen)])
        recipe = replace(recipes.find("trial"), steps=arguments.steps, seed=seed)
        job = (name, recipe, pictures, arguments.start, arguments.output, arguments.benchmark)
        children.append(context.Process(target=run, args=job))
        children[-1].start()
    for child in children:
        child.join()
    for path in sorted(arguments.output.glob("*.json")):
        print(path.stem, path.read_text().strip())


def chosen_parts(sets: list[str], parts: list[str]) -> dict[str, list[str]]:
    """Return which parts are added to the corpus, by the name of the set."""
    chosen = {"alone": [], "all": parts}
    named = {name: chosen[name] for name in sets if name in chosen}
    if "each" in sets:
        named |= {f"without-{part}": [other for other in parts if other != part] for part in parts}
    return named


def join(libraries: list[Library]) -> Library:
    """Return several libraries as one."""
    foregrounds: dict[str, list[library.Foreground | library.Unread]] = {}
    for each in libraries:
        for group, members in each.foregrounds.items():
            foregrounds.setdefault(group, []).extend(members)
    return Library(foregrounds, [background for each in libraries for background in each.backgrounds])


def run(
    name: str, recipe: Recipe, pictures: Library, start: Path | None, output: Path, benchmark: Path
) -> None:
    """Train, export and measure one network; keeps its figures in a file."""
    torch.set_num_threads(1)
    training, phase, steps, seed = learning.Training(recipe), recipe.phases[0], recipe.steps, recipe.seed
    if start is not None:
        training.begin_with(start)
    drawn = batches.Batches(pictures, recipe)
    for step in range(steps):
        training.step(drawn[step, phase][1], step / steps, phase)
    folder = output / f"{name}-{seed}"
    training.save(folder)
    export.export(folder, folder / "model.onnx", overwrite=True)
    command = ["deepmatte", "evaluate", str(benchmark), "--model", str(folder / "model.onnx"), "--json"]
    means = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["means"]
    figures = {trimaps: next(iter(methods.values())) for trimaps, methods in means.items()}
    for each in figures.values():
        each.pop("seconds_per_megapixel")
    rounded = {
        trimaps: {key: round(value, 3) for key, value in each.items()} for trimaps, each in figures.items()
    }
    folder.with_suffix(".json").write_text(
        json.dumps({"loss": training.state.losses["total"], **rounded}) + "\n"
    )


if __name__ == "__main__":
    main()
