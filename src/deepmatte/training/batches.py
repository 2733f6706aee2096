"""Batches by step: which samples each step of a run learns from."""

from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from deepmatte import guides, trimap
from deepmatte.training import composition, scenes
from deepmatte.training.composition import Mix, Rng
from deepmatte.training.corpus.library import Library
from deepmatte.training.phases import Phase, Recipe
from deepmatte.training.published import PublishedMix
from deepmatte.training.scenes import Scene
from deepmatte.training.shelf import Shelf

_SCENES, _WIDE = 1, 2  # set their generators apart from those of steps, and from each other


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
    _shares: dict[tuple[int, int], float] = field(default_factory=dict, init=False)  # by draw and number

    def __getitem__(self, key: tuple[int, Phase]) -> tuple[Phase, Batch]:
        """Draw this process's part of a step in a phase."""
        step, phase = key
        return phase, join([self._draw(step, phase, number) for number in self.draws])

    def _draw(self, step: int, phase: Phase, number: int) -> Batch:
        mix = phase.mix or self.recipe.mix
        rng = self.generator(step, number)
        if phase.scenes is not None:
            count, size = self.windows(step, phase)
            chosen = phase.scenes.choose(step, count, rng, partial(self._share, phase, number))
            drawn = (self.fetch(phase, number, one) for one in chosen)
            windows = (scene.window(scene.cut(size, rng)) for scene in drawn)
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

    def generator(self, step: int, number: int) -> Rng:
        """Return what decides on one draw of a step."""
        return np.random.default_rng([self.recipe.seed, step, number])

    def windows(self, step: int, phase: Phase) -> tuple[int, int]:
        """Return how many windows each draw of a step has, and their side: the same for all its draws."""
        rng = np.random.default_rng([self.recipe.seed, step, 0, _WIDE])
        if rng.random() < phase.wide:
            return phase.batch // 4, 2 * phase.size
        return phase.batch, phase.size

    def _share(self, phase: Phase, draw: int, number: int) -> float:
        if (draw, number) not in self._shares:
            self.fetch(phase, draw, number)
        return self._shares[draw, number]

    def fetch(self, phase: Phase, draw: int, number: int) -> Scene:
        """Return one of a phase's scenes by its number; each draw has its own."""
        mix, kind = phase.mix or self.recipe.mix, phase.scenes
        assert isinstance(mix, Mix)  # recipes see to it
        assert kind is not None
        path = self.folder and self.folder / f"{kind.key(mix, self.recipe.seed)}-{draw}-{number:06d}.npz"
        rng = np.random.default_rng([self.recipe.seed, number, draw, _SCENES])
        scene = scenes.fetch(path, self.library, mix, kind, rng, self.shelf)
        self._shares[draw, number] = kind.share(scene)
        return scene


def join(batches: list[Batch]) -> Batch:
    """Return several batches as one."""
    if len(batches) == 1:
        return batches[0]
    parts = zip(*([getattr(each, part.name) for part in fields(Batch)] for each in batches), strict=True)
    joined: list[Any] = [None if column[0] is None else torch.cat(column) for column in parts]
    return Batch(*joined)
