"""One network trained by several processes, on as many GPUs and machines as torchrun starts them on.

The loop talks to Alone in a plain run, which costs nothing and needs no further package, and under torchrun
to Ranks, which is Lightning Fabric over torch's DDP (docs/decisions/many-gpus.md). Every process draws
samples of its own, keeps the scenes that it drew, and takes the same steps; the first one alone writes the
rest.
"""

import atexit
import gc
import os
import signal

import torch
from torch import nn

from deepmatte.errors import BadInput, MatteError


class Alone:
    """One process, on a GPU where torch finds one."""

    count, rank = 1, 0

    def __init__(self) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def adapt(self, network: nn.Module) -> nn.Module:
        """Return a network whose layers look at the samples of all processes where they must."""
        return network

    def share(self, network: nn.Module) -> nn.Module:
        """Return what is called in place of a network, so that all processes get the same gradients."""
        return network

    def backward(self, loss: torch.Tensor) -> None:
        """Compute the gradients of a loss."""
        loss.backward()

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Return the mean over all processes."""
        return values

    def agree(self, value: float) -> bool:
        """Return whether all processes give the same value."""
        return True

    def close(self) -> None:
        """Take leave of the others."""


class Ranks(Alone):
    """One of several processes, of which rank says which. All must make the same calls in the same order."""

    def __init__(self) -> None:
        try:
            from lightning_fabric import Fabric
            from lightning_fabric.utilities import distributed
        except ModuleNotFoundError as error:
            raise MatteError(
                f"torchrun started {os.environ['WORLD_SIZE']} processes, which needs {error.name}, which is"
                " not installed: pip install 'deepmatte[scale]', or start one process"
            ) from error
        count, here = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
        kind = "cuda" if torch.cuda.is_available() else "cpu"
        if kind == "cuda" and here > torch.cuda.device_count():
            raise BadInput(
                f"torchrun started {here} processes on a machine with {torch.cuda.device_count()} GPUs;"
                " expected one for each GPU at most: give it a smaller --nproc-per-node"
            )
        if count % here:
            raise BadInput(
                f"torchrun started {here} of {count} processes on this machine; expected as many on each"
            )
        self._fabric = Fabric(accelerator=kind, devices=here, num_nodes=count // here, strategy="ddp")
        # torchrun ends the others when one has failed: at once, as they may wait for it.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._fabric.launch()
        # At its end, a process that fails would wait here for those that wait for it; close() does it else.
        atexit.unregister(getattr(distributed, "_destroy_dist_connection", self.close))
        self.device = self._fabric.device
        self.count, self.rank = self._fabric.world_size, self._fabric.global_rank

    def adapt(self, network: nn.Module) -> nn.Module:
        """Let batch norm look at the samples of all processes; torch can do so on GPUs only."""
        if self.device.type == "cuda":
            return nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return network

    def share(self, network: nn.Module) -> nn.Module:
        """Wrap a network anew; to be done whenever other parts of it learn."""
        return self._fabric.setup_module(network)

    def backward(self, loss: torch.Tensor) -> None:
        """Compute the gradients, their means over all processes."""
        self._fabric.backward(loss)

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Return the mean over all processes, on this one's device."""
        return self._reduce(values, torch.distributed.ReduceOp.SUM) / self.count

    def agree(self, value: float) -> bool:
        """Return whether all processes give the same value: the same answer to each of them."""
        # The largest value and the smallest: means would be rounded.
        values = torch.tensor([value, -value], dtype=torch.float64, device=self.device)
        largest, smallest = self._reduce(values, torch.distributed.ReduceOp.MAX).tolist()
        return bool(largest == -smallest)

    def _reduce(self, values: torch.Tensor, how: torch.distributed.ReduceOp.RedOpType) -> torch.Tensor:
        # Not by Fabric, which has all processes wait for each other first.
        reduced = values.to(self.device, copy=True)
        torch.distributed.all_reduce(reduced, how)
        return reduced

    def close(self) -> None:
        """Take leave of the others, after whatever share returned has been let go."""
        gc.collect()  # what still held the group would wait for its threads, and they for Python's lock
        torch.distributed.destroy_process_group()


def join() -> Alone:
    """Return how this process stands to others: alone, or one of those that torchrun started."""
    is_one_of_several = torch.distributed.is_torchelastic_launched() and int(os.environ["WORLD_SIZE"]) > 1
    return Ranks() if is_one_of_several else Alone()
