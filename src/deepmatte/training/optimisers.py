"""How weights take their steps: all by AdamW, or kernels by Muon."""

import torch
from torch import Tensor, nn

ADAMW, MUON = "adamw", "muon"
NAMES = (ADAMW, MUON)
_MOMENTUM = 0.95
# Jordan's polynomial: five times applied, it brings singular values from 0 to 1 near 1, between 0.7 and 1.2
# for all but the smallest.
_POWERS = (3.4445, -4.7750, 2.0315)
_ROUNDS = 5
# A layer of fewer outputs, as the last one is, has no directions to even out.
_LEAST_OUTPUTS = 8


class Muon(torch.optim.AdamW):
    """Muon for the kernels of convolutions, AdamW for all other weights, both at one learning rate.

    Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) takes a kernel for a matrix of
    outputs by inputs and makes the singular values of its step alike. Steps are as long as AdamW's in the
    mean square (Liu et al. 2025, arXiv 2502.16982), so that one learning rate serves both. torch.optim.Muon
    computes in bf16 alone, which takes ten times as long as f32 on a processor without it.

    halves: whether to compute in bf16.
    """

    def __init__(self, network: nn.Module, learning_rate: float, weight_decay: float, halves: bool) -> None:
        kernels: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for weight in network.parameters():
            (kernels if weight.dim() == 4 and len(weight) >= _LEAST_OUTPUTS else others).append(weight)
        self._dtype = torch.bfloat16 if halves else torch.float32
        super().__init__([{"params": kernels}, {"params": others}], learning_rate, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # a run has no closure
        """Move all weights that have a gradient."""
        group = self.param_groups[0]
        kernels = [kernel for kernel in group["params"] if kernel.grad is not None]
        gradients = [kernel.grad for kernel in kernels]
        for kernel, gradient in zip(kernels, gradients, strict=True):
            kernel.mul_(1 - group["lr"] * group["weight_decay"])
            kernel.sub_(self._even_step(kernel, gradient), alpha=group["lr"])
            kernel.grad = None  # AdamW passes over what has none
        super().step(closure)
        for kernel, gradient in zip(kernels, gradients, strict=True):
            kernel.grad = gradient

    def _even_step(self, kernel: Tensor, gradient: Tensor) -> Tensor:
        """Return a kernel's step at a learning rate of 1, Nesterov's momentum taken in."""
        state = self.state[kernel]
        if not state:
            # AdamW looks for a step in what has been stored.
            state.update(step=torch.zeros(()), momentum=torch.zeros_like(gradient))
        mean = state["momentum"].lerp_(gradient, 1 - _MOMENTUM)
        matrix = gradient.lerp(mean, _MOMENTUM).flatten(1)
        even = even_out(matrix.to(self._dtype)).to(kernel.dtype)
        return even.mul_(0.2 * max(matrix.shape) ** 0.5).view(kernel.shape)


def even_out(matrix: Tensor) -> Tensor:
    """Return a matrix (N, M) with its singular values brought near 1, its directions as they were."""
    is_tall = len(matrix) > matrix.shape[1]
    even = matrix.T if is_tall else matrix
    even = even / (even.norm() + 1e-7)
    one, three, five = _POWERS
    for _ in range(_ROUNDS):
        square = even @ even.T
        square = torch.addmm(square, square, square, beta=three, alpha=five)
        even = torch.addmm(even, square, even, beta=one)
    return even.T.contiguous() if is_tall else even


def build(
    name: str, network: nn.Module, learning_rate: float, weight_decay: float, halves: bool
) -> torch.optim.AdamW:
    """Return the optimiser of that name. halves: whether Muon is to compute in bf16."""
    if name == MUON:
        return Muon(network, learning_rate, weight_decay, halves)
    return torch.optim.AdamW(network.parameters(), learning_rate, weight_decay=weight_decay)
