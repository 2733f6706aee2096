"""The training loop: build → draw → step → keep. It knows recipes, not architectures."""

from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from deepmatte import outputs
from deepmatte.errors import BadInput
from deepmatte.training import batches, checkpoint, loading, recipes, scenes
from deepmatte.training.budget import Budget
from deepmatte.training.corpus import library, manifest
from deepmatte.training.corpus.store import Store
from deepmatte.training.learning import Training
from deepmatte.training.pace import Pace
from deepmatte.training.phases import Recipe
from deepmatte.training.ranks import join
from deepmatte.training.upkeep import Keeper, Upkeep

# Called after each step with the state and the share of the budget that is used.
Progress = Callable[[checkpoint.State, float], None]


def train(
    recipe_name: str,
    corpora: Path | Sequence[Path],
    output: Path,
    *,
    without: Collection[str] = (),
    minutes: float | None = None,
    steps: int | None = None,
    pause_minutes: float | None = None,
    seed: int | None = None,
    start: Path | None = None,
    draws: int = 1,
    workers: int = 2,
    progress: Progress | None = None,
    upkeep: Upkeep | None = None,
) -> checkpoint.State:
    """Train a recipe on corpora into a run folder; goes on where the folder's last checkpoint ends.

    corpora: folders or packed ones, drawn from as one; without: their groups to leave out;
    minutes: budget of wall time in all, earlier parts of the run counted in; steps: budget in steps, in place
    of the recipe's; pause_minutes: leave the run for later after so much time; seed: in place of the
    recipe's; draws: how many of the recipe's batches each process learns from in one step;
    start: a model file to begin with instead of random weights; ignored where the run goes on.
    Raises BadInput for an unknown recipe, an unreadable corpus, an unknown group, two budgets, a benchmark
    that is none, or a run of another recipe or seed; BadOutput where output cannot be made a folder;
    MatteError where a loss is no number.
    """
    recipe = _choose(recipe_name, minutes, steps, seed)
    ranks = join()
    if ranks.count > 1 and minutes is not None:
        raise BadInput("several processes count time each for itself; give them a budget in steps instead")
    training = Training(recipe, ranks)
    if checkpoint.exists(output):
        training.resume(output)
    elif start is not None:
        training.begin_with(start)
    folders = [corpora] if isinstance(corpora, Path) else corpora
    note_corpora(training.state, folders)
    budget = Budget(recipe, training.state, minutes, pause_minutes)
    mine = range(ranks.rank * draws, (ranks.rank + 1) * draws)
    kept = output / checkpoint.SCENES / scenes.name(training.state.corpora[-1], sorted(without))
    with closing(Keeper(training, budget, output, upkeep or Upkeep())) as keeper:
        outputs.make_folder(output)
        if ranks.count == 1:  # else another process may be writing there
            outputs.remove_parts(output, kept)
        read = library.read(*folders, without=without)
        drawn = batches.Batches(read, recipe, draws=mine, folder=kept)
        loaded = loading.load(drawn, budget, workers, training.device)
        pace = Pace(training.state, ranks)
        for phase, batch in pace.waiting(loaded):
            training.step(batch, budget.used, phase)
            pace.step(len(batch.alpha) * ranks.count)
            if progress is not None and not ranks.rank:
                progress(training.state, budget.used)
            if keeper.keep(batch):
                pace.rest()
            if budget.is_over:  # further batches may have been drawn already
                break
    training.close()
    return training.state


def _choose(name: str, minutes: float | None, steps: int | None, seed: int | None) -> Recipe:
    """Return a recipe by name, with other steps and another seed where they are given."""
    if minutes is not None and steps is not None:
        raise BadInput("both minutes and steps are given; expected one budget: leave one of them out")
    recipe = recipes.find(name)
    return replace(recipe, steps=steps or recipe.steps, seed=recipe.seed if seed is None else seed)


def note_corpora(state: checkpoint.State, corpora: Sequence[Path]) -> None:
    """Note what a run is trained on from here, unless it is what it was trained on before."""
    entries = [entry for corpus in corpora for entry in Store(corpus).entries()]
    found = manifest.fingerprint(entries)
    if state.corpora[-1:] != [found]:
        state.corpora.append(found)
