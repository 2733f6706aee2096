"""How fast a run goes, and how much of its time is lost to waiting for batches."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import torch

from deepmatte.training.checkpoint import State
from deepmatte.training.ranks import Alone

Item = TypeVar("Item")

_MEMORY = 0.95  # how much of the last steps' figures each step keeps


class Pace:
    """Keeps the time of a run's state: of several processes, their mean.

    since: what time.monotonic said when the run began, if that was before; what came between is no step.
    """

    def __init__(self, state: State, ranks: Alone, since: float | None = None) -> None:
        self._state, self._ranks = state, ranks
        self._last = time.monotonic() if since is None else since
        self._waited = self._rested = 0.0
        self.rest()
        self._recent = [0.0, 0.0, 0.0]

    def waiting(self, batches: Iterable[Item]) -> Iterator[Item]:
        """Yield what there is, and count the time that it takes to come."""
        following = iter(batches)
        while True:
            started = time.monotonic()
            try:
                batch = next(following)
            except StopIteration:
                return
            self._waited += time.monotonic() - started
            yield batch

    def step(self, samples: int) -> None:
        """Count the time since the last call as a step of so many samples, by all processes together."""
        mine = torch.tensor([self._elapsed(), self._waited, self._rested], dtype=torch.float64)
        seconds, waited, rested = self._ranks.mean(mine).tolist()
        self._waited = self._rested = 0.0
        self._state.seconds += seconds + rested
        self._state.waited += waited
        news = (samples, seconds, waited)
        self._recent = [_MEMORY * old + new for old, new in zip(self._recent, news, strict=True)]
        if self._recent[1]:
            self._state.samples_per_second = self._recent[0] / self._recent[1]
            self._state.data_share = self._recent[2] / self._recent[1]

    def rest(self) -> None:
        """Count the time since the last call as anything but a step: it is added at the next one."""
        self._rested += self._elapsed()

    def _elapsed(self) -> float:
        now = time.monotonic()
        seconds, self._last = now - self._last, now
        return seconds
