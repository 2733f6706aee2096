"""What TensorBoard shows of a run: losses, rates, errors and mattes, as event files in its folder."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from deepmatte.pixels import Bytes, to_bytes
from deepmatte.training.batches import Batch
from deepmatte.training.checkpoint import EVENTS, State

_SECONDS = 5.0  # between two entries: each takes milliseconds
_SIDE_PX = 256


class Board:
    """Writes event files below a run's folder. A run that goes on hides what was written past its step."""

    def __init__(self, run: Path, state: State) -> None:
        self._state = state
        self._writer = SummaryWriter(str(run / EVENTS), purge_step=state.step + 1 if state.step else None)
        self._told = -_SECONDS

    def tell(self, learning_rate: float) -> None:
        """Write where the run stands, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._told < _SECONDS:
            return
        self._told = now
        state = self._state
        figures = {f"loss/{name}": value for name, value in state.losses.items()}
        figures["pace/samples_per_second"] = state.samples_per_second
        figures["pace/data_share"] = state.data_share
        figures["learning_rate"] = learning_rate
        self._write(figures)

    def show(self, batch: Batch, pred_alpha: torch.Tensor) -> None:
        """Write pictures: image, trimap, alpha and true alpha side by side, one sample below the other.

        pred_alpha: (B, 1, H, W) in [0, 1] of the batch's first samples.
        """
        self._writer.add_image("examples", picture(batch, pred_alpha), self._state.step, dataformats="HWC")

    def measured(self, evaluation: dict[str, Any]) -> None:
        """Write the errors of an evaluation as the state holds it."""
        for trimap_set, errors in evaluation["sets"].items():
            self._write({f"{name}/{trimap_set}": value for name, value in errors.items()})

    def close(self) -> None:
        """Write what is still in memory."""
        self._writer.close()

    def _write(self, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, self._state.step)


def picture(batch: Batch, pred_alpha: torch.Tensor) -> Bytes:
    """Return image, trimap, alpha and true alpha side by side, (rows, columns, 3), for each sample a row."""
    count = len(pred_alpha)
    planes = batch.planes[:count].float().cpu()
    tri = 0.5 + 0.5 * (planes[:, 3:4] - planes[:, 4:5])
    parts = [planes[:, :3], tri, pred_alpha.float().cpu(), batch.alpha[:count].float().cpu()]
    step = -(-planes.shape[-1] // _SIDE_PX)
    row = torch.cat([part.expand(-1, 3, -1, -1)[..., ::step, ::step] for part in parts], dim=3)
    return to_bytes(np.concatenate(list(row.permute(0, 2, 3, 1).numpy()), axis=0))
