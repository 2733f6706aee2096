"""The training loop: build → step → save. It knows recipes, not architectures."""

import math
import time
from collections.abc import Callable, Collection, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from deepmatte.errors import BadInput, MatteError
from deepmatte.training import batches, checkpoint, composition, export, losses, recipes
from deepmatte.training.budget import Budget, learning_rate
from deepmatte.training.corpus import library, manifest
from deepmatte.training.corpus.store import Store
from deepmatte.training.networks import build, dim
from deepmatte.training.pace import Pace
from deepmatte.training.phases import Phase, Recipe

# Called after each step with the state and the share of the budget that is used.
Progress = Callable[[checkpoint.State, float], None]

SAVE_SECONDS = 120.0
_SHOWN = 4  # samples that are looked at when a checkpoint is written


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
        self.state.phase = phase.name

    def step(self, batch: composition.Batch, used: float, phase: Phase | None = None) -> None:
        """Take one optimiser step. used: share of the budget; phase: the recipe's first if none is given.

        Raises MatteError where the loss or its gradient is no number; the weights are then as they were.
        """
        phase = phase or self.recipe.phases[0]
        if phase != self.phase:
            self.enter(phase)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.recipe, self.state.step, used)
        terms = self._forward(batch, phase)
        self.optimiser.zero_grad(set_to_none=True)
        terms["total"].backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        # Fetched at once, for each fetching makes the CPU wait for a GPU.
        told = torch.stack([*terms.values(), norm]).detach().tolist()
        if not all(map(math.isfinite, told)):
            raise MatteError(
                f"the loss is {told[len(terms) - 1]} and its gradient {told[-1]} at step {self.state.step},"
                " so the run stops; the checkpoint before is kept: lower the learning rate, or look for a"
                " damaged picture in the corpus"
            )
        self.optimiser.step()
        self._follow()
        self.state.step += 1
        self.state.samples += len(batch.alpha)
        for name, value in zip(terms, told, strict=False):
            before = self.state.losses.get(name, value)
            self.state.losses[name] = before + 0.01 * (value - before)

    def _forward(self, batch: composition.Batch, phase: Phase) -> dict[str, torch.Tensor]:
        """Return the terms of the loss by name, their weighted sum the last of them, "total"."""
        planes, fields = (
            part.to(self.device).contiguous(memory_format=torch.channels_last)
            for part in (batch.planes, batch.fields)
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.halves):
            pred_alpha = self.network(planes, fields)
        pred_alpha = pred_alpha.float()
        truth = losses.Truth(
            *(
                part if part is None else part.to(self.device)
                for part in (batch.alpha, batch.is_unknown, batch.foreground, batch.background)
            )
        )
        if self.recipe.cut_off:
            pred_alpha = losses.cut_off(pred_alpha, truth.alpha)
        return losses.total(phase.loss or self.recipe.loss, pred_alpha, truth)

    @torch.inference_mode()
    def answer(self, batch: composition.Batch) -> torch.Tensor:
        """Return what the averaged network makes of a batch's first few samples, alpha (B, 1, H, W) clipped.

        Raises MatteError where it is no number: such weights are not to be saved.
        """
        planes, fields = (part[:_SHOWN].to(self.device) for part in (batch.planes, batch.fields))
        alpha: torch.Tensor = self.average(planes, fields)
        if not bool(torch.isfinite(alpha).all()):
            raise MatteError(
                f"the network answers with what is no number after step {self.state.step}, so the run stops;"
                " the checkpoint before is kept: lower the learning rate"
            )
        return alpha.clamp(0, 1)

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
    folders = [corpora] if isinstance(corpora, Path) else corpora
    note_corpora(training.state, folders)
    budget = Budget(training.recipe, training.state, minutes)
    pictures = library.read(*folders, without=without)
    drawn = batches.load(batches.Batches(pictures, recipe), budget, workers, training.device)
    pace = Pace(training.state)
    saved = time.monotonic()
    for phase, batch in pace.waiting(drawn):
        training.step(batch, budget.used, phase)
        pace.step(len(batch.alpha))
        if progress is not None:
            progress(training.state, budget.used)
        if budget.used >= 1 or time.monotonic() - saved > save_seconds:
            training.answer(batch)
            training.save(output)
            pace.rest()
            saved = time.monotonic()
        if budget.used >= 1:  # with minutes, further batches have been drawn already
            break
    return training.state


def note_corpora(state: checkpoint.State, corpora: Sequence[Path]) -> None:
    """Note what a run is trained on from here, unless it is what it was trained on before."""
    entries = [entry for corpus in corpora for entry in Store(corpus).entries()]
    found = manifest.fingerprint(entries)
    if state.corpora[-1:] != [found]:
        state.corpora.append(found)
