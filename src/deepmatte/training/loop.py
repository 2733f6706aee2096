"""The training loop: build → draw → step → keep. It knows recipes, not architectures."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from deepmatte import outputs
from deepmatte.errors import BadInput, MatteError
from deepmatte.training import batches, checkpoint, loading, recipes, scenes
from deepmatte.training.budget import Budget
from deepmatte.training.corpus import library, manifest
from deepmatte.training.corpus.store import Store
from deepmatte.training.learning import Training
from deepmatte.training.pace import Pace
from deepmatte.training.phases import Recipe
from deepmatte.training.ranks import join
from deepmatte.training.upkeep import Keeper, Upkeep

_SEEDS = 2**63  # as many as torch knows
# Called after each step with the state and the share of the budget that is used.
Progress = Callable[[checkpoint.State, float], None]


@contextmanager
def _lacks_in_one_line() -> Iterator[None]:
    """Raise MatteError where torch says that a machine has too little of something."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MatteError(
            "the GPU has too little memory for a step of this recipe, so the run stops; the last checkpoint"
            " is kept: use a larger GPU, several of them, or fewer batches in one step"
        ) from error
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise MatteError(loading.LACKS_MEMORY) from error


@_lacks_in_one_line()
def train(
    recipe_name: str,
    corpora: Path | Sequence[Path],
    output: Path,
    *,
    without: Collection[str] | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    pause_minutes: float | None = None,
    seed: int | None = None,
    start: Path | None = None,
    draws: int | None = None,
    workers: int = 2,
    progress: Progress | None = None,
    upkeep: Upkeep | None = None,
) -> checkpoint.State:
    """Train a recipe on corpora into a run folder; goes on where the folder's last checkpoint ends.

    corpora: folders or packed ones, drawn from as one; without: their groups to leave out;
    minutes: budget of wall time in all, earlier parts of the run counted in; steps: budget in steps;
    pause_minutes: leave the run for later after so much time; seed: in place of the recipe's;
    draws: how many of the recipe's batches each process learns from in one step, 1 if not given;
    start: a model file to begin with instead of random weights; ignored where the run goes on.
    Where without, draws, seed or the budget is not given, a run that goes on keeps what it had.
    Raises BadInput for an unknown recipe, an unreadable corpus, an unknown group, two budgets, a benchmark
    that is none, or a run of another recipe or seed; BadOutput where output cannot be made a folder;
    MatteError where a loss is no number, or memory too small.
    """
    began = time.monotonic()
    if minutes is not None and steps is not None:
        raise BadInput("both minutes and steps are given; expected one budget: leave one of them out")
    training = Training(_choose(recipe_name, seed), join())
    _stand(training, output, start, seed, minutes, steps)
    ranks, state = training.ranks, training.state
    state.without = state.without if without is None else sorted(without)
    state.batches = state.batches if draws is None else draws
    folders = [corpora] if isinstance(corpora, Path) else corpora
    note_corpora(state, folders)
    budget = Budget(training.recipe, state, state.minutes, pause_minutes)
    mine = range(ranks.rank * state.batches, (ranks.rank + 1) * state.batches)
    kept = output / checkpoint.SCENES / scenes.name(state.corpora[-1], state.without)
    with closing(Keeper(training, budget, output, upkeep or Upkeep())) as keeper, ExitStack() as ending:
        outputs.make_folder(output)
        if ranks.count == 1:  # else another process may be writing there
            outputs.remove_parts(output, kept)
        read = library.read(*folders, without=state.without)
        drawn = batches.Batches(read, training.recipe, draws=mine, folder=kept)
        loaded = ending.enter_context(closing(loading.load(drawn, budget, workers, training.device)))
        pace = Pace(state, ranks, since=began)
        for phase, batch in pace.waiting(loaded):
            training.step(batch, budget.used, phase)
            pace.step(len(batch.alpha) * ranks.count)
            if progress is not None and not ranks.rank:
                progress(state, budget.used)
            if keeper.keep(batch):
                pace.rest()
            if budget.is_over:  # further batches may have been drawn already
                break
    training.close()
    return state


def _stand(
    training: Training,
    run: Path,
    start: Path | None,
    seed: int | None,
    minutes: float | None,
    steps: int | None,
) -> None:
    """Bring a run to where it begins or goes on, and to its budget: where none is given, what it had."""
    if checkpoint.exists(run):
        training.resume(run, seed)
    elif start is not None:
        training.begin_with(start)
    if not training.ranks.agree(training.state.step):
        raise BadInput(
            f"not all processes find the same checkpoint in {run}; expected one folder that all can read"
        )
    if minutes is None and steps is None:
        minutes, steps = training.state.minutes, training.state.steps
    if training.ranks.count > 1 and minutes is not None:
        raise BadInput("several processes count time each for itself; give them a budget in steps instead")
    training.plan(minutes, steps)


def _choose(name: str, seed: int | None) -> Recipe:
    """Return a recipe by name, with another seed where one is given."""
    if seed is not None and not 0 <= seed < _SEEDS:
        raise BadInput(f"the seed is {seed}; expected a whole number from 0 to {_SEEDS - 1}")
    recipe = recipes.find(name)
    return recipe if seed is None else replace(recipe, seed=seed)


def note_corpora(state: checkpoint.State, corpora: Sequence[Path]) -> None:
    """Note what a run is trained on from here, unless it is what it was trained on before."""
    entries = [entry for corpus in corpora for entry in Store(corpus).entries()]
    found = manifest.fingerprint(entries)
    if state.corpora[-1:] != [found]:
        state.corpora.append(found)
