"""Recipes and their phases: frozen data, checked when built."""

from dataclasses import dataclass, field
from typing import Any

from deepmatte import framing
from deepmatte.training import losses, optimisers
from deepmatte.training.composition import Mix
from deepmatte.training.networks import BUILDERS
from deepmatte.training.published import PublishedMix
from deepmatte.training.scenes import Scenes


@dataclass(frozen=True)
class Phase:
    """One stretch of training. size: side of the samples in pixels, a multiple of 16; batch: samples a step;
    share: of the whole budget (steps or minutes).

    scenes: the whole pictures that samples are windows of; if none are given they are pictures of their own.
    wide: the share of steps whose windows are a quarter as many, of twice the side: as much to compute, but
    more around a pixel to learn from.
    frozen: the network's parts that stay as they are, normalisation statistics too; skipped: parts left out
    of the forward pass; loss, mix: in place of the recipe's.
    """

    name: str
    size: int
    batch: int
    share: float
    frozen: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    loss: dict[str, float] | None = None
    mix: Mix | PublishedMix | None = None
    scenes: Scenes | None = None
    wide: float = 0.0

    def __post_init__(self) -> None:
        if self.size % 16 or self.size < 64:
            raise ValueError(
                f"phase {self.name}: size is {self.size}; expected a multiple of 16, at least 64"
            )
        if self.wide and (self.scenes is None or self.batch % 4 or not 0 < self.wide <= 1):
            raise ValueError(
                f"phase {self.name}: wide is {self.wide} with batches of {self.batch}; expected a share in"
                " [0, 1], and for wide windows scenes and a batch that is a multiple of 4"
            )
        largest = 2 * self.size if self.wide else self.size
        if self.scenes is not None and self.scenes.side < largest:
            raise ValueError(
                f"phase {self.name}: scenes of {self.scenes.side} px hold no windows of {largest} px"
            )
        if self.batch < 1 or not 0 < self.share <= 1:
            raise ValueError(f"phase {self.name}: expected batch >= 1 and 0 < share <= 1")


@dataclass(frozen=True)
class Recipe:
    """A whole training run.

    steps: the budget where no minutes are given; learning_rate: its peak, after warm_up steps, then a cosine
    to nearly zero at the end of the budget, or no change where schedule is "constant"; optimiser: one of
    optimisers.NAMES; average: decay per step of the running mean of weights that is kept; loss: weights by
    name in losses.TERMS; cut_off: what lies beyond the truth at 0 and 1 costs nothing (losses.cut_off).
    """

    name: str
    network: str
    phases: tuple[Phase, ...]
    steps: int
    learning_rate: float
    loss: dict[str, float]
    settings: dict[str, Any] = field(default_factory=dict)
    mix: Mix | PublishedMix = field(default_factory=Mix)
    schedule: str = "cosine"
    optimiser: str = optimisers.ADAMW
    cut_off: bool = True
    weight_decay: float = 1e-2
    warm_up: int = 300
    average: float = 0.999
    clip: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.network not in BUILDERS:
            raise ValueError(f"network is {self.network}; expected one of {', '.join(BUILDERS)}")
        if self.schedule not in ("cosine", "constant"):
            raise ValueError(f"schedule is {self.schedule}; expected cosine or constant")
        if self.optimiser not in optimisers.NAMES:
            raise ValueError(f"optimiser is {self.optimiser}; expected {' or '.join(optimisers.NAMES)}")
        if unknown := {name for weights in self._losses() for name in weights} - set(losses.TERMS):
            raise ValueError(
                f"loss names {', '.join(sorted(unknown))}; expected some of {', '.join(losses.TERMS)}"
            )
        for phase in self.phases:
            if phase.scenes is not None and not self._reads_scenes(phase):
                raise ValueError(
                    f"phase {phase.name} has scenes, which hold guides and no colours: the network must read"
                    " guides, the loss no colours, and foregrounds be drawn by a Mix"
                )
        # Each step meets a new scene: a phase that begins with others late would meet all of its at once.
        kinds = {(phase.scenes, phase.mix) for phase in self.phases if phase.scenes}
        if len(kinds) > 1 or (kinds and self.phases[0].scenes is None):
            raise ValueError("phases with scenes must have the same ones and mix, the first phase among them")
        if abs(sum(phase.share for phase in self.phases) - 1) > 1e-6:
            raise ValueError("the shares of the phases must add up to 1")

    def _losses(self) -> list[dict[str, float]]:
        return [self.loss, *(phase.loss or {} for phase in self.phases)]

    @property
    def reads_guides(self) -> bool:
        """Whether the network reads guides."""
        return BUILDERS[self.network].reads_planes == framing.PLANES

    def asks_colours(self, phase: Phase) -> bool:
        """Return whether a phase's loss asks for the colours of foreground and background."""
        return bool(set(phase.loss or self.loss) & set(losses.COLOUR_TERMS))

    def _reads_scenes(self, phase: Phase) -> bool:
        is_drawn_by_mix = isinstance(phase.mix or self.mix, Mix)
        return self.reads_guides and not self.asks_colours(phase) and is_drawn_by_mix

    def phase_at(self, progress: float) -> Phase:
        """Return the phase at a share of the budget in [0, 1]."""
        end = 0.0
        for phase in self.phases:
            end += phase.share
            if progress < end - 1e-9:  # shares that are added up are not exact
                return phase
        return self.phases[-1]
