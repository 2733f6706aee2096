"""The training loop: build → step → save. It knows recipes, not architectures."""

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler

from deepmatte import framing
from deepmatte.errors import BadInput, MatteError
from deepmatte.training import checkpoint, composition, export, losses, recipes
from deepmatte.training.corpus import library
from deepmatte.training.networks import BUILDERS, build, dim
from deepmatte.training.phases import Phase, Recipe

# Called after each step with the state, the share of the budget that is used, and the samples of the step.
Progress = Callable[[checkpoint.State, float, float], None]

SAVE_SECONDS = 120.0


@dataclass(eq=False)
class _Batches(Dataset[tuple[Phase, composition.Batch]]):
    """Batches by (step, phase): the same step gives the same batch, whoever draws it."""

    library: library.Library
    recipe: Recipe

    def __getitem__(self, key: tuple[int, Phase]) -> tuple[Phase, composition.Batch]:
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


@dataclass(eq=False)
class _Budget(Sampler[tuple[int, Phase]]):
    """Steps until the budget is used up: minutes if given, else the recipe's steps."""

    recipe: Recipe
    state: checkpoint.State
    minutes: float | None

    @property
    def used(self) -> float:
        if self.minutes is not None:
            return self.state.seconds / (60 * self.minutes)
        return self.state.step / self.recipe.steps

    def __iter__(self) -> Iterator[tuple[int, Phase]]:
        step = self.state.step
        while self.used < 1 and (self.minutes is not None or step < self.recipe.steps):
            # By steps the phase follows the step itself, so that a resumed run draws what an unbroken one
            # would.
            share = self.used if self.minutes is not None else step / self.recipe.steps
            yield step, self.recipe.phase_at(share)
            step += 1


class Training:
    """A run in memory: network, running average, optimiser, state. On a GPU where torch finds one."""

    def __init__(self, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.halves = has_bfloat16(self.device)
        network = build(recipe.network, **recipe.settings)
        self.network = network.to(self.device, memory_format=torch.channels_last)
        self.average = deepcopy(self.network).eval()
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.state = checkpoint.State(recipe.name, seed=recipe.seed)
        self.phase: Phase | None = None

    def save(self, run: Path) -> None:
        """Write the run's folder."""
        modules = {"network": self.network, "average": self.average, "optimiser": self.optimiser}
        checkpoint.save(run, self.state, {name: part.state_dict() for name, part in modules.items()})

    def resume(self, run: Path) -> None:
        """Go on from a run's folder. Raises BadInput if it belongs to another recipe or seed."""
        state, tensors = checkpoint.load(run)
        if state.recipe != self.recipe.name:
            raise BadInput(
                f"{run} was trained by the recipe {state.recipe}, not {self.recipe.name}; use that one"
            )
        if state.seed != self.recipe.seed:
            raise BadInput(
                f"{run} was trained with the seed {state.seed}, not {self.recipe.seed}; use that one"
            )
        self.network.load_state_dict(tensors["network"])
        self.average.load_state_dict(tensors["average"])
        self.optimiser.load_state_dict(tensors["optimiser"])
        self.state = state

    def begin_with(self, start: Path) -> None:
        """Load initial weights: a model file of this network, or, for dim, a VGG-16 checkpoint (.pth).

        Raises BadInput or ModelUnavailable for other files.
        """
        for network in (self.network, self.average):
            if start.suffix == ".pth" and isinstance(network, dim.DeepImageMatting):
                dim.load_vgg16(network, start)
            else:
                export.load_weights(network, start)

    def enter(self, phase: Phase) -> None:
        """Set which of the network's parts learn, and which take part. Raises BadInput for unknown parts."""
        parts = dict(self.network.named_children())
        if unknown := {*phase.frozen, *phase.skipped} - set(parts):
            raise BadInput(
                f"phase {phase.name} names {', '.join(sorted(unknown))}; the network has {', '.join(parts)}"
            )
        for name, part in parts.items():
            is_learning = name not in phase.frozen and name not in phase.skipped
            part.requires_grad_(is_learning)
            part.train(is_learning)
        if phase.skipped or hasattr(self.network, "skipped"):
            self.network.skipped = self.average.skipped = phase.skipped  # type: ignore[assignment]
        self.phase = phase

    def _rate(self, used: float) -> float:
        """Return the learning rate of the next step. used: share of the budget."""
        rate = self.recipe.learning_rate * min(1.0, (self.state.step + 1) / self.recipe.warm_up)
        if self.recipe.schedule == "cosine":
            rate *= 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(used, 1.0)))
        return rate

    def step(self, batch: composition.Batch, used: float, phase: Phase | None = None) -> None:
        """Take one optimiser step. used: share of the budget; phase: the recipe's first if none is given.

        Raises MatteError where the loss is no number.
        """
        phase = phase or self.recipe.phases[0]
        if phase != self.phase:
            self.enter(phase)
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate(used)
        planes, fields = (
            part.to(self.device).contiguous(memory_format=torch.channels_last)
            for part in (batch.planes, batch.fields)
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.halves):
            pred_alpha = self.network(planes, fields)
        pred_alpha = pred_alpha.float()
        if self.recipe.cut_off:
            pred_alpha = losses.cut_off(pred_alpha, batch.alpha.to(self.device))
        truth = losses.Truth(
            *(
                part if part is None else part.to(self.device)
                for part in (batch.alpha, batch.is_unknown, batch.foreground, batch.background)
            )
        )
        terms = losses.total(phase.loss or self.recipe.loss, pred_alpha, truth)
        if not torch.isfinite(terms["total"]):
            raise MatteError(
                f"the loss is {terms['total'].item()} at step {self.state.step}; lower the learning rate"
            )
        self.optimiser.zero_grad(set_to_none=True)
        terms["total"].backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        self.optimiser.step()
        self._follow()
        self.state.step += 1
        self.state.samples += len(batch.alpha)
        for name, term in terms.items():
            before = self.state.losses.get(name, float(term.detach()))
            self.state.losses[name] = before + 0.01 * (float(term.detach()) - before)

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the running average towards the network; quicker while there is little to average."""
        decay = min(self.recipe.average, (1 + self.state.step) / (10 + self.state.step))
        for mean, value in zip(
            self.average.state_dict().values(), self.network.state_dict().values(), strict=True
        ):
            if mean.dtype.is_floating_point:
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device computes in bf16 itself. Elsewhere bf16 is ten times slower than f32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def train(
    recipe_name: str,
    corpora: Path | Sequence[Path],
    output: Path,
    *,
    without: Collection[str] = (),
    minutes: float | None = None,
    steps: int | None = None,
    seed: int | None = None,
    start: Path | None = None,
    workers: int = 2,
    progress: Progress | None = None,
    save_seconds: float = SAVE_SECONDS,
) -> checkpoint.State:
    """Train a recipe on corpora into a run folder; goes on where the folder's last checkpoint ends.

    corpora: folders or packed ones, drawn from as one; without: their groups to leave out;
    minutes: budget of wall time in all, earlier parts of the run counted in; steps: budget in steps, in place
    of the recipe's; seed: in place of the recipe's;
    start: a model file to begin with instead of random weights; ignored where the run goes on;
    save_seconds: how often a checkpoint is written.
    Raises BadInput for an unknown recipe, an unreadable corpus, an unknown group, two budgets, or a run
    of another recipe or seed.
    """
    if minutes is not None and steps is not None:
        raise BadInput("both minutes and steps are given; expected one budget: leave one of them out")
    recipe = recipes.find(recipe_name)
    recipe = replace(
        recipe,
        steps=recipe.steps if steps is None else steps,
        seed=recipe.seed if seed is None else seed,
    )
    training = Training(recipe)
    if (output / "last.pt").exists():
        training.resume(output)
    elif start is not None:
        training.begin_with(start)
    budget = _Budget(recipe, training.state, minutes)
    pictures = library.read(*([corpora] if isinstance(corpora, Path) else corpora), without=without)
    batches = DataLoader(
        _Batches(pictures, recipe),
        sampler=budget,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=3 if workers else None,
        worker_init_fn=_use_one_thread,
    )
    saved = clock = time.monotonic()
    before = training.state.seconds
    for phase, batch in batches:
        training.step(batch, budget.used, phase)
        now = time.monotonic()
        training.state.seconds = before + now - clock
        if progress is not None:
            progress(training.state, budget.used, len(batch.alpha))
        if now - saved > save_seconds:
            training.save(output)
            saved = now
    training.save(output)
    return training.state


def _use_one_thread(worker: int) -> None:
    torch.set_num_threads(1)
