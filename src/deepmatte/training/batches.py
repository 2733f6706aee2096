"""Batches by step: which samples each step of a run learns from, drawn ahead of it.

A network without guides is fed by the GPU itself, where there is one: samples are drawn in its memory, by a
thread beside the one that trains. Guides are made by processors, and so are batches for a processor: other
processes draw them.
"""

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from deepmatte import guides, trimap
from deepmatte.errors import MatteError
from deepmatte.training import composition, scenes
from deepmatte.training.budget import Budget
from deepmatte.training.composition import Mix, Rng
from deepmatte.training.corpus.library import Library
from deepmatte.training.phases import Phase, Recipe
from deepmatte.training.published import PublishedMix
from deepmatte.training.scenes import Scene, Scenes
from deepmatte.training.shelf import Shelf

_SCENES = 1  # sets their generators apart from those of steps
_AHEAD = 3  # batches that each process or thread draws before they are needed


@dataclass(frozen=True, eq=False)
class Batch:
    """What a training step reads: planes (B, 7, S, S), fields (B, 13, S/4, S/4), alpha and is_unknown (B, 1,
    S, S); foreground and background (B, 3, S, S) where the loss asks for them.

    Without guides: planes (B, 5, S, S), fields (B, 0, 1, 1).
    """

    planes: Tensor
    fields: Tensor
    alpha: Tensor
    is_unknown: Tensor
    foreground: Tensor | None = None
    background: Tensor | None = None


def draw_batch(
    library: Library,
    mix: Mix | PublishedMix,
    count: int,
    size: int,
    rng: Rng,
    *,
    with_guides: bool = True,
    with_colours: bool = False,
    shelf: Shelf | None = None,
) -> Batch:
    """Draw count samples of size × size pixels (a multiple of 16), with their guides and colours if asked.

    shelf: where the library's pictures lie, and so where the batch is made; the CPU if none is given. The
    same state of the generator gives the same batch on one device, on another the same up to rounding.
    """
    shelf = shelf or Shelf(torch.device("cpu"))
    rngs = rng.spawn(count)
    together = composition.ON_A_CPU if shelf.device.type == "cpu" else count
    samples = composition.Samples.join(
        [
            composition.draw_samples(library, mix, size, rngs[first : first + together], shelf)
            for first in range(0, count, together)
        ]
    )
    tri = samples.trimap
    known = torch.stack([tri == trimap.FOREGROUND, tri == trimap.BACKGROUND], dim=1).float()
    planes, fields = [samples.image, known], samples.image.new_zeros((count, 0, 1, 1))
    if with_guides:
        image = samples.image.cpu().numpy()
        surveyed = guides.survey(image, tri.cpu().numpy())
        planes.append(torch.from_numpy(surveyed.planes(image)).to(shelf.device))
        fields = torch.from_numpy(surveyed.fields).to(shelf.device)
    colours = (samples.foreground, samples.background) if with_colours else ()
    is_unknown = (tri == trimap.UNKNOWN)[:, None].float()
    return Batch(torch.cat(planes, dim=1), fields, samples.alpha, is_unknown, *colours)


@dataclass(eq=False)
class Batches(Dataset[tuple[Phase, Batch]]):
    """Batches by (step, phase): the same step gives the same samples, however many processes share them.

    shelf: where they are drawn; the CPU if none is given. draws: which of the step's draws are in the batch;
    a draw is as many samples as the phase's batch, and depends on its number, the step and the seed only.
    folder: where scenes are kept; if none is given they are drawn whenever they are seen.
    """

    library: Library
    recipe: Recipe
    shelf: Shelf | None = None
    draws: range = range(1)
    folder: Path | None = None

    def __getitem__(self, key: tuple[int, Phase]) -> tuple[Phase, Batch]:
        """Draw this process's part of a step in a phase."""
        step, phase = key
        return phase, _join([self._draw(step, phase, number) for number in self.draws])

    def _draw(self, step: int, phase: Phase, number: int) -> Batch:
        mix = phase.mix or self.recipe.mix
        rng = np.random.default_rng([self.recipe.seed, step, number])
        if phase.scenes is not None:
            chosen = phase.scenes.choose(step, phase.batch, rng)
            windows = (self._fetch(phase.scenes, mix, number, one).window(phase.size, rng) for one in chosen)
            return Batch(*(torch.stack(parts) for parts in zip(*windows, strict=True)))
        return draw_batch(
            self.library,
            mix,
            phase.batch,
            phase.size,
            rng,
            with_guides=self.recipe.reads_guides,
            with_colours=self.recipe.asks_colours(phase),
            shelf=self.shelf,
        )

    def _fetch(self, kind: Scenes, mix: Mix | PublishedMix, draw: int, number: int) -> Scene:
        """Return a scene by its number; each draw has its own."""
        assert isinstance(mix, Mix)  # recipes see to it
        path = self.folder and self.folder / f"{kind.key(mix, self.recipe.seed)}-{draw}-{number:06d}.npz"
        rng = np.random.default_rng([self.recipe.seed, number, draw, _SCENES])
        return scenes.fetch(path, self.library, mix, kind, rng, self.shelf)


def _join(batches: list[Batch]) -> Batch:
    """Return several batches as one."""
    if len(batches) == 1:
        return batches[0]
    parts = zip(*([getattr(each, part.name) for part in fields(Batch)] for each in batches), strict=True)
    return Batch(*(None if column[0] is None else torch.cat(column) for column in parts))


def load(
    batches: Batches, budget: Budget, workers: int, device: torch.device
) -> Iterable[tuple[Phase, Batch]]:
    """Return the budget's batches in order.

    workers: processes that draw them where a processor does, 0 for this one; device: what they are for.
    """
    if device.type == "cuda" and not batches.recipe.reads_guides:
        batches.shelf = Shelf.of(batches.library, device)
        return Ahead(batches, budget, device)
    loader = DataLoader(
        _Answers(batches),
        sampler=budget,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=_AHEAD if workers else None,
        worker_init_fn=_use_one_thread,
        # A process that shares this one's memory must open no pictures: libvips does not survive a fork.
        multiprocessing_context="spawn" if workers and not batches.library.is_read else None,
    )
    return _heed(loader)


@dataclass(eq=False)
class _Answers(Dataset[tuple[Phase, Batch] | MatteError]):
    """Batches, or what is wrong: an error that is raised in another process would arrive with its traceback
    for a message.
    """

    batches: Batches

    def __getitem__(self, key: tuple[int, Phase]) -> tuple[Phase, Batch] | MatteError:
        try:
            return self.batches[key]
        except MatteError as error:
            return error


def _heed(answers: Iterable[tuple[Phase, Batch] | MatteError]) -> Iterator[tuple[Phase, Batch]]:
    for answer in answers:
        if isinstance(answer, MatteError):
            raise answer
        yield answer


class Ahead:
    """Batches that a thread draws on a device while the last ones are learnt from."""

    def __init__(self, batches: Batches, keys: Iterable[tuple[int, Phase]], device: torch.device) -> None:
        self._batches = batches
        self._keys = keys
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def __iter__(self) -> Iterator[tuple[Phase, Batch]]:
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

    def _draw(self, drawn: queue.Queue, is_over: threading.Event) -> None:
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


def _use_one_thread(worker: int) -> None:
    torch.set_num_threads(1)
