"""How long a run goes on: its steps, their phases, and the learning rate along the way."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from torch.utils.data import Sampler

from deepmatte.training.checkpoint import State
from deepmatte.training.phases import Phase, Recipe


@dataclass(eq=False)
class Budget(Sampler[tuple[int, Phase]]):
    """Steps until the budget is used up: minutes of wall time if given, else the recipe's steps.

    pause_minutes: after so much time from now the run is to be left for later.
    """

    recipe: Recipe
    state: State
    minutes: float | None = None
    pause_minutes: float | None = None

    def __post_init__(self) -> None:
        self._before = self.state.seconds

    @property
    def used(self) -> float:
        """The share of the budget that is used, from 0; 1 and more is the end."""
        if self.minutes is not None:
            return self.state.seconds / (60 * self.minutes)
        return self.state.step / self.recipe.steps

    @property
    def is_over(self) -> bool:
        """Whether the run ends here, for good or for now."""
        pause_s = math.inf if self.pause_minutes is None else 60 * self.pause_minutes
        return self.used >= 1 or self.state.seconds - self._before >= pause_s

    def __iter__(self) -> Iterator[tuple[int, Phase]]:
        """Yield the number and the phase of each step; loaders ask for them some steps ahead."""
        step = self.state.step
        while self.used < 1 and (self.minutes is not None or step < self.recipe.steps):
            # By steps the phase follows the step itself, so that a resumed run draws what an unbroken one
            # would.
            share = self.used if self.minutes is not None else step / self.recipe.steps
            yield step, self.recipe.phase_at(share)
            step += 1


def learning_rate(recipe: Recipe, step: int, used: float) -> float:
    """Return the learning rate of a step, counted from 0, at a share of the budget.

    It rises evenly over the first warm_up steps; a cosine then takes it to a hundredth at the end of the
    budget, unless the recipe's schedule is constant.
    """
    rate = recipe.learning_rate * min(1.0, (step + 1) / recipe.warm_up)
    if recipe.schedule == "cosine":
        rate *= 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(used, 1.0)))
    return rate
