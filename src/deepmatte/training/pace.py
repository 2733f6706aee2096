"""How fast a run goes, and how much of its time is lost to waiting for batches."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from deepmatte.training.checkpoint import State

Item = TypeVar("Item")

_MEMORY = 0.95  # how much of the last steps' figures each step keeps


class Pace:
    """Keeps the time of a run's state, from when it is made."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._last = time.monotonic()
        self._waited = 0.0
        self._recent = (0.0, 0.0, 0.0)

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
        """Count the time since the last call as a step of so many samples."""
        waited, self._waited = self._waited, 0.0
        seconds = self._count()
        self._state.waited += waited
        news = (samples, seconds, waited)
        self._recent = tuple(_MEMORY * old + new for old, new in zip(self._recent, news, strict=True))  # type: ignore[assignment]
        samples_so_far, seconds_so_far, waited_so_far = self._recent
        if seconds_so_far:
            self._state.samples_per_second = samples_so_far / seconds_so_far
            self._state.data_share = waited_so_far / seconds_so_far

    def rest(self) -> None:
        """Count the time since the last call as anything but steps: checkpoints, measurements."""
        self._count()

    def _count(self) -> float:
        now = time.monotonic()
        seconds, self._last = now - self._last, now
        self._state.seconds += seconds
        return seconds
