"""A run in memory, and one step of it. It knows recipes, not architectures."""

import itertools
import math
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from deepmatte.errors import BadInput, MatteError
from deepmatte.training import batches, checkpoint, export, losses, optimisers, stored
from deepmatte.training.budget import learning_rate
from deepmatte.training.networks import build, dim
from deepmatte.training.phases import Phase, Recipe
from deepmatte.training.ranks import Alone

_SHOWN = 4  # samples that are looked at when a checkpoint is written


class Training:
    """A run in memory: network, running average, optimiser, state.

    ranks: the processes that share it; without them it is this one's, on a GPU where torch finds one.
    """

    def __init__(self, recipe: Recipe, ranks: Alone | None = None) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.ranks = ranks or Alone()
        self.device = self.ranks.device
        self.halves = has_bfloat16(self.device)
        network = build(recipe.network, **recipe.settings)
        network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # is not in its types
        self.average = deepcopy(network).eval()
        self.network = self._shared = self.ranks.adapt(network)
        self.optimiser = optimisers.build(
            recipe.optimiser, self.network, recipe.learning_rate, recipe.weight_decay, self.halves
        )
        self.state = checkpoint.State(recipe.name, seed=recipe.seed)
        self.phase: Phase | None = None

    def save(self, run: Path, which: str = checkpoint.LAST, part_bytes: int | None = None) -> None:
        """Write a checkpoint into the run's folder: the last one, or the averaged weights as the best one.

        part_bytes: in files of at most this size.
        """
        modules = {"average": self.average, "network": self.network, "optimiser": self.optimiser}
        if which == checkpoint.BEST:
            modules = {"average": self.average}
        tensors = {name: part.state_dict() for name, part in modules.items()}
        checkpoint.save(run, self.state, tensors, which, part_bytes)

    def resume(self, run: Path, seed: int | None = None) -> None:
        """Go on from a run's folder, with the seed that it had.

        Raises BadInput if it belongs to another recipe, to a recipe of that name with other layers, or to
        another seed where one is given.
        """
        state, tensors = checkpoint.load(run)
        if state.recipe != self.recipe.name:
            raise BadInput(
                f"{run} was trained by the recipe {state.recipe}, not {self.recipe.name}; use that one"
            )
        if seed is not None and state.seed != seed:
            raise BadInput(f"{run} was trained with the seed {state.seed}, not {seed}; use that one")
        for name in ("network", "average", "optimiser"):
            stored.restore(getattr(self, name), tensors, name, state.recipe)
        self.state = state
        self.recipe = replace(self.recipe, seed=state.seed)

    def begin_with(self, start: Path) -> None:
        """Load initial weights: a model file of this network, or, for dim, a VGG-16 checkpoint (.pth).

        Raises BadInput or ModelUnavailable for other files.
        """
        for network in (self.network, self.average):
            if start.suffix == ".pth" and isinstance(network, dim.DeepImageMatting):
                dim.load_vgg16(network, start)
            else:
                export.load_weights(network, start)

    def plan(self, minutes: float | None, steps: int | None) -> None:
        """Note the budget: minutes or steps, or the recipe's steps."""
        if steps is not None:
            self.recipe = replace(self.recipe, steps=steps)
        self.state.minutes = minutes
        self.state.steps = self.recipe.steps if minutes is None else None

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
        self._shared = self.ranks.share(self.network)
        self.phase = phase
        if phase.name != self.state.phase:
            self.state.losses = {}  # another phase's are of other terms
        self.state.phase = phase.name

    def step(self, batch: batches.Batch, used: float, phase: Phase | None = None) -> None:
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
        self.ranks.backward(terms["total"])
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        # Fetched at once, for each fetching makes the CPU wait for a GPU.
        told = self.ranks.mean(torch.stack([*terms.values(), norm]).detach()).tolist()
        if not all(map(math.isfinite, told)):
            raise MatteError(
                f"the loss is {told[len(terms) - 1]} and its gradient {told[-1]} at step {self.state.step},"
                " so the run stops; the checkpoint before is kept: lower the learning rate, or look for a"
                " damaged picture in the corpus"
            )
        self.optimiser.step()
        self._follow()
        self.state.step += 1
        self.state.samples += len(batch.alpha) * self.ranks.count
        for name, value in zip(terms, told, strict=False):
            before = self.state.losses.get(name, value)
            self.state.losses[name] = before + 0.01 * (value - before)

    def _forward(self, batch: batches.Batch, phase: Phase) -> dict[str, torch.Tensor]:
        """Return the terms of the loss by name, their weighted sum the last of them, "total"."""
        planes, fields = (
            part.to(self.device).contiguous(memory_format=torch.channels_last)
            for part in (batch.planes, batch.fields)
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.halves):
            pred_alpha = self._shared(planes, fields)
        pred_alpha = pred_alpha.float()
        alpha, is_unknown = (part.to(self.device) for part in (batch.alpha, batch.is_unknown))
        colours = (
            part if part is None else part.to(self.device) for part in (batch.foreground, batch.background)
        )
        truth = losses.Truth(alpha, is_unknown, *colours)
        if self.recipe.cut_off:
            pred_alpha = losses.cut_off(pred_alpha, truth.alpha)
        scale = None
        if self.ranks.count > 1:
            counts = losses.counts(truth)
            scale = counts / self.ranks.mean(counts)
        return losses.total(phase.loss or self.recipe.loss, pred_alpha, truth, scale)

    @torch.inference_mode()
    def answer(self, batch: batches.Batch) -> torch.Tensor:
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

    def close(self) -> None:
        """Take leave of the other processes."""
        self._shared = self.network
        self.ranks.close()

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the running average towards the network; quicker while there is little to average."""
        decay = min(self.recipe.average, (1 + self.state.step) / (10 + self.state.step))
        means, values = (list(each.state_dict().values()) for each in (self.average, self.network))
        moves = [mean.dtype.is_floating_point for mean in means]
        # All in a few calls, for a GPU takes as long for each as for a hundred.
        torch._foreach_lerp_(
            list(itertools.compress(means, moves)), list(itertools.compress(values, moves)), 1 - decay
        )
        for mean, value, has_moved in zip(means, values, moves, strict=True):
            if not has_moved:
                mean.copy_(value)


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device computes in bf16 itself. Elsewhere bf16 is ten times slower than f32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
