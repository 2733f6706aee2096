"""What is done beside the steps of a run: checkpoints, measurements, and what TensorBoard shows."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepmatte.training import checkpoint
from deepmatte.training.batches import Batch
from deepmatte.training.budget import Budget
from deepmatte.training.learning import Training
from deepmatte.training.measurements import Measurements


@dataclass(frozen=True)
class Upkeep:
    """How a run is kept.

    save_seconds: how often a checkpoint is written; benchmark: a folder to measure the averaged weights on;
    measurements: how often, evenly over the budget; board: whether TensorBoard gets to see the run;
    part_bytes: the most that one file of a checkpoint may hold.
    """

    save_seconds: float = 120.0
    benchmark: Path | None = None
    measurements: int = 10
    board: bool = False
    part_bytes: int | None = None


class Keeper:
    """Writes the run's folder as the run goes on: checkpoints, measurements, what TensorBoard shows."""

    def __init__(self, training: Training, budget: Budget, run: Path, upkeep: Upkeep) -> None:
        self._training, self._budget, self._run, self._upkeep = training, budget, run, upkeep
        self._saved = time.monotonic()
        self._board: Any = None
        self._measurements = (
            Measurements(upkeep.benchmark, upkeep.measurements, training.device) if upkeep.benchmark else None
        )

    def keep(self, batch: Batch) -> bool:
        """Do what is due after a step, and return whether that was more than a moment's work.

        Of several processes only the first one does anything.
        """
        training, used = self._training, self._budget.used
        if training.ranks.rank:
            return False
        self._tell()
        is_due = self._measurements is not None and self._measurements.is_due(training.state, used)
        if not (is_due or self._budget.is_over or time.monotonic() - self._saved > self._upkeep.save_seconds):
            return False
        pred_alpha = training.answer(batch)
        if self._board is not None:
            self._board.show(batch, pred_alpha)
        if is_due:
            # Measuring takes a while, and a machine may be gone by then.
            training.save(self._run, part_bytes=self._upkeep.part_bytes)
            self._measure(used)
        training.save(self._run, part_bytes=self._upkeep.part_bytes)
        self._saved = time.monotonic()
        return True

    def close(self) -> None:
        """Write what is still in memory."""
        if self._board is not None:
            self._board.close()

    def _tell(self) -> None:
        if not self._upkeep.board:
            return
        if self._board is None:  # not before: its threads must not be copied into the processes that draw
            from deepmatte.training.board import Board

            self._board = Board(self._run, self._training.state)
        self._board.tell(self._training.optimiser.param_groups[0]["lr"])

    def _measure(self, used: float) -> None:
        assert self._measurements is not None
        training = self._training
        if self._measurements.take(training.state, training.average.state_dict(), used):
            training.save(self._run, checkpoint.BEST, self._upkeep.part_bytes)
        if self._board is not None:
            self._board.measured(training.state.evaluations[-1])
