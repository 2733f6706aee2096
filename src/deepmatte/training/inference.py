"""A trained run as a model for matting, computed by torch: for checkpoints that are not exported.

Xu et al. 2017 give the whole image to the network in one pass, and where the GPU's memory is too small the
CPU does it. MattingOptions(tile_px=…) of at least the picture's longer side is one pass; smaller tiles give
the same alpha in less memory.
"""

import logging
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from deepmatte.models import Model
from deepmatte.models.catalogue import DEFAULT, find, load_bytes
from deepmatte.pixels import Floats
from deepmatte.training import checkpoint, export
from deepmatte.training.networks import build

_log = logging.getLogger("deepmatte")


class TorchSession:
    """Runs a network on a device, and on the CPU what does not fit into the device's memory."""

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self._on_cpu = network.eval()
        self._on_device = deepcopy(network).to(device) if device.type != "cpu" else network
        self._device = device

    def run(self, planes: Floats, fields: Floats) -> Floats:
        """planes: (C, H, W), fields: (G, H / 4, W / 4), H and W multiples of the stride. Returns (H, W)."""
        try:
            return self._compute(self._on_device, self._device, planes, fields)
        except torch.OutOfMemoryError:
            height, width = planes.shape[1:]
            _log.warning(
                "%s has too little memory for %d × %d px; the CPU computes them", self._device, width, height
            )
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        return self._compute(self._on_cpu, torch.device("cpu"), planes, fields)

    @staticmethod
    def _compute(network: nn.Module, device: torch.device, planes: Floats, fields: Floats) -> Floats:
        inputs = (torch.from_numpy(np.ascontiguousarray(part))[None].to(device) for part in (planes, fields))
        # In full precision: of a GPU's own 19 bits, which convolutions get else, no figure would tell.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return np.asarray(network(*inputs)[0, 0].float().cpu().numpy(), dtype=np.float32)


def open_run(run: Path | str, device: str | None = None, which: str = checkpoint.LAST) -> Model:
    """Return the model of a run's checkpoint, its averaged weights.

    device: as torch names them; a GPU where torch finds one if none is given; which: "last" or "best".
    Raises BadInput for a folder that is no run.
    """
    state, tensors = checkpoint.load(Path(run), which)
    chosen = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return as_model(state, tensors, Path(run).name, chosen)


def open_shipped() -> Model:
    """Return the default model, computed by torch on the CPU in full precision: no runtime is needed.

    Raises ModelUnavailable where its file is missing or damaged.
    """
    _, spec = load_bytes(DEFAULT)
    network = build("guided")
    export.load_weights(network, find(DEFAULT))
    return Model(spec, TorchSession(network, torch.device("cpu")))


def as_model(state: checkpoint.State, tensors: dict[str, Any], name: str, device: torch.device) -> Model:
    """Return the model of a run that stands so, with the averaged weights of a checkpoint."""
    network, spec = export.rebuild(state, tensors, name)
    return Model(spec, TorchSession(network, device))
