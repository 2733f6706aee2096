"""Loading: batches in order, drawn ahead of the steps that learn from them.

A network without guides is fed by the GPU itself, where there is one: samples are drawn in its memory, by a
thread beside the one that trains. Guides are made by processors, so for a network that reads them other
processes draw scenes, and the GPU cuts its windows from those it has. For a processor, other processes draw
whole batches.
"""

import contextlib
import itertools
import queue
import signal
import sys
import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from deepmatte import threads
from deepmatte.errors import MatteError
from deepmatte.processes import ENDING
from deepmatte.training import deck, shelf
from deepmatte.training.batches import Batch, Batches, join
from deepmatte.training.deck import Deck
from deepmatte.training.phases import Phase
from deepmatte.training.scenes import Scene, Scenes
from deepmatte.training.shelf import Shelf

_AHEAD = 3  # batches or scenes that each process or thread draws before they are needed

Key = tuple[int, Phase]
Drawn = Generator[tuple[Phase, Batch], None, None]

# What a DataLoader's process says that was ended, and one that finds no room for its batches.
LACKS_MEMORY = (
    "the system has ended a process that draws samples, so the run stops; the last checkpoint is kept: if it"
    " lacked memory, use fewer workers; if shared memory, give it more (in a container, docker run --shm-size"
    " 2g)"
)


class Drawer(Protocol):
    """What draws the batch of a step in a phase, as Batches does."""

    def __getitem__(self, key: Key) -> tuple[Phase, Batch]:
        """Return the phase and the batch."""


def load(batches: Batches, budget: Iterable[Key], workers: int, device: torch.device) -> Drawn:
    """Return the batches of a budget's steps, or of other ones, in order.

    To be closed where not all are wanted, or the processes that draw them are waited for at the very end, for
    ever (they end when they are told to by this one alone).

    workers: processes that draw them, or their scenes, where a processor does, 0 for this one; device: what
    they are for.
    """
    if device.type == "cuda":
        if not batches.recipe.reads_guides:
            batches.shelf = Shelf.of(batches.library, device)
            return iter(Ahead(batches, budget, device))
        if Dealer.has_room(batches, device):
            return deal(Dealer(batches, workers, device), budget, device)
    return _draw_all(batches, budget, workers, batches.library.is_read)


def deal(dealer: "Dealer", budget: Iterable[Key], device: torch.device) -> Drawn:
    """Yield a dealer's batches, drawn ahead, and let its processes go with the last one."""
    with contextlib.closing(dealer):
        yield from Ahead(dealer, budget, device)


class Dealer:
    """Batches whose windows a device cuts itself, from scenes that other processes draw in their order.

    They are those that the processes would draw: a step waits for the scenes that its recipe lets it see.
    """

    def __init__(self, batches: Batches, workers: int, device: torch.device) -> None:
        phase = batches.recipe.phases[0]
        assert phase.scenes is not None
        count, draws = phase.scenes.count, len(batches.draws)
        self._batches = batches
        self._deck = Deck(count * draws, phase.scenes.side, device)
        self._dealt = 0
        # Scene by scene, each draw's in turn.
        keys = [(phase, draw, number) for number in range(count) for draw in batches.draws]
        self._scenes = _draw_all(_Fetched(batches), keys, workers, batches.library.is_read)

    @staticmethod
    def has_room(batches: Batches, device: torch.device) -> bool:
        """Return whether all samples are windows of scenes, and half of a device's free memory holds them."""
        kinds = [phase.scenes for phase in batches.recipe.phases]
        if not all(kinds):
            return False
        assert kinds[0] is not None
        size = deck.bytes_of(kinds[0].side) * kinds[0].count * len(batches.draws)
        return shelf.has_room(size, device, f"scenes of {size / 1e9:.1f} GB stay")

    def __getitem__(self, key: Key) -> tuple[Phase, Batch]:
        """Cut this process's part of a step in a phase."""
        step, phase = key
        assert phase.scenes is not None
        parts, draws = [], self._batches.draws
        count, size = self._batches.windows(step, phase)
        for at, draw in enumerate(draws):
            rng = self._batches.generator(step, draw)
            places, cuts = [], []
            share = partial(self._share, phase.scenes, at)
            for number in phase.scenes.choose(step, count, rng, share):
                places.append(self._deal(number, at))
                cuts.append(self._deck.spots(places[-1]).cut(size, rng))
            parts.append(self._deck.windows(places, cuts))
        return phase, join(parts)

    def close(self) -> None:
        """Let go of the processes that draw scenes."""
        self._scenes.close()

    def _share(self, kind: Scenes, at: int, number: int) -> float:
        return kind.share(self._deck.spots(self._deal(number, at)))

    def _deal(self, number: int, at: int) -> int:
        """Return the place of a draw's scene on the device, and see to it that it is there."""
        place = number * len(self._batches.draws) + at
        for scene in itertools.islice(self._scenes, max(0, place + 1 - self._dealt)):
            self._deck.put(self._dealt, scene)
            self._dealt += 1
        return place


@dataclass(eq=False)
class _Fetched(Dataset[Scene]):
    """A recipe's scenes, by phase, draw and number."""

    batches: Batches

    def __getitem__(self, key: tuple[Phase, int, int]) -> Scene:
        return self.batches.fetch(*key)


def _draw_all(drawn: Any, keys: Iterable[Any], workers: int, is_read: bool) -> Generator[Any, None, None]:
    """Yield what is drawn for each key, in their order. Raises what drawing it raised.

    drawn: Batches or _Fetched; is_read: whether all pictures that it draws from are in memory.
    """
    loader = DataLoader(
        _Answers(drawn),
        sampler=keys,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=_AHEAD if workers else None,
        worker_init_fn=_begin_work,
        multiprocessing_context=_way_of_starting(is_read) if workers else None,
    )
    for answer in loader:
        if isinstance(answer, MatteError):
            raise answer
        yield answer


def _way_of_starting(is_read: bool) -> str | None:
    """Return how processes that draw are started; None for the platform's way."""
    if not is_read:
        return "spawn"  # who shares this one's memory must open no pictures: libvips does not survive a fork
    # Newer versions of Python would hand each of them a copy of all pictures.
    return "fork" if sys.platform == "linux" else None


@dataclass(eq=False)
class _Answers(Dataset[Any]):
    """What is drawn, or what is wrong: an error that is raised in another process would arrive with its
    traceback for a message.
    """

    drawn: Any

    def __getitem__(self, key: Any) -> Any:
        try:
            answer = self.drawn[key]
        except MatteError as error:
            return error
        if get_worker_info() is not None and isinstance(answer, tuple):
            # Here, and not in the thread that hands them over: where it fails, it tells nobody.
            try:
                _move_to_shared_memory(answer[1])
            except RuntimeError:
                return MatteError(LACKS_MEMORY)
        return answer


def _move_to_shared_memory(batch: Batch) -> None:
    """Move a batch to memory that other processes see. Raises RuntimeError where there is too little."""
    for field in fields(batch):
        part = getattr(batch, field.name)
        if part is not None:
            part.share_memory_()


class Ahead:
    """Batches that a thread draws on a device while the last ones are learnt from."""

    def __init__(self, batches: Drawer, keys: Iterable[Key], device: torch.device) -> None:
        self._batches = batches
        self._keys = keys
        # Drawing is many small calls, each of which would wait behind a step's large ones.
        self._stream = torch.cuda.Stream(device, priority=-1) if device.type == "cuda" else None

    def __iter__(self) -> Drawn:
        """Yield batches in order. Raises what drawing them raised."""
        drawn: queue.Queue[tuple[Phase, Batch] | Exception | None] = queue.Queue(_AHEAD)
        is_over = threading.Event()
        thread = threading.Thread(target=self._draw, args=(drawn, is_over), daemon=True)
        thread.start()
        try:
            while (item := drawn.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield self._hand_over(item)
        finally:
            is_over.set()
            while thread.is_alive():  # it may wait for room
                with contextlib.suppress(queue.Empty):
                    drawn.get(timeout=0.05)

    def _draw(
        self, drawn: "queue.Queue[tuple[Phase, Batch] | Exception | None]", is_over: threading.Event
    ) -> None:
        last: Exception | None = None
        try:
            with torch.cuda.stream(self._stream):  # nothing where there is no stream
                for key in self._keys:
                    item = self._batches[key]
                    if self._stream is not None:
                        self._stream.synchronize()  # a batch that is handed over is there
                    drawn.put(item)
                    if is_over.is_set():
                        break
        except Exception as error:  # noqa: BLE001 (raised where batches are read)
            last = error
        drawn.put(last)

    def _hand_over(self, item: tuple[Phase, Batch]) -> tuple[Phase, Batch]:
        """Keep a batch's memory from being used again before the reader's stream is done with it."""
        if self._stream is not None:
            for field in fields(item[1]):
                part = getattr(item[1], field.name)
                if part is not None:
                    part.record_stream(torch.cuda.current_stream(part.device))
        return item


def _begin_work(worker: int) -> None:
    """Settle a process that draws: one thread, and no end before that of the process it works for.

    A terminal or a service tells all of them to end; the other one then sees to it.
    """
    torch.set_num_threads(1)
    threads.limit(1)
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
