"""Batches by step: which samples each step of a run learns from, drawn ahead of it by other processes."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from deepmatte import framing
from deepmatte.training import composition, losses
from deepmatte.training.budget import Budget
from deepmatte.training.composition import Batch
from deepmatte.training.corpus.library import Library
from deepmatte.training.networks import BUILDERS
from deepmatte.training.phases import Phase, Recipe

_AHEAD = 3  # batches that each process draws before they are needed


@dataclass(eq=False)
class Batches(Dataset[tuple[Phase, Batch]]):
    """Batches by (step, phase): the same step gives the same batch, whoever draws it."""

    library: Library
    recipe: Recipe

    def __getitem__(self, key: tuple[int, Phase]) -> tuple[Phase, Batch]:
        """Draw the batch of a step in a phase."""
        step, phase = key
        network = BUILDERS[self.recipe.network]
        batch = composition.draw_batch(
            self.library,
            phase.mix or self.recipe.mix,
            phase.batch,
            phase.size,
            np.random.default_rng([self.recipe.seed, step]),
            with_guides=network.reads_planes == framing.PLANES,
            with_colours=bool(set(phase.loss or self.recipe.loss) & set(losses.COLOUR_TERMS)),
        )
        return phase, batch


def load(batches: Batches, budget: Budget, workers: int) -> DataLoader[tuple[Phase, Batch]]:
    """Return the budget's batches in order. workers: processes that draw them; 0 for this one."""
    return DataLoader(
        batches,
        sampler=budget,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=_AHEAD if workers else None,
        worker_init_fn=_use_one_thread,
    )


def _use_one_thread(worker: int) -> None:
    torch.set_num_threads(1)
