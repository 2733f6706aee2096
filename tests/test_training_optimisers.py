from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

from deepmatte.training import optimisers, recipes
from deepmatte.training.optimisers import Muon


def _network() -> nn.Sequential:
    torch.manual_seed(1)
    layers = nn.Sequential(nn.Conv2d(5, 12, 3), nn.BatchNorm2d(12), nn.Conv2d(12, 9, 1), nn.Conv2d(9, 4, 3))
    return layers.to(memory_format=torch.channels_last)


def _learn(network: nn.Module, optimiser: torch.optim.Optimizer, steps: int, seed: int = 3) -> None:
    torch.manual_seed(seed)
    for _ in range(steps):
        loss = (network(torch.randn(2, 5, 11, 9)) - 1).abs().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()


@pytest.mark.parametrize("halves", [False, True])
def test_a_kernel_steps_along_all_its_directions_alike(halves: bool) -> None:
    """The first step is the gradient with singular values near one, as long as AdamW's in the mean square."""
    network = _network()
    before = [layer.weight.detach().clone() for layer in (network[0], network[2])]
    _learn(network, Muon(network, 0.01, 0.0, halves), 1)
    for old, layer in zip(before, (network[0], network[2]), strict=True):
        step, gradient = (each.detach().flatten(1) for each in (old - layer.weight, layer.weight.grad))
        left, _, right = torch.linalg.svd(gradient, full_matrices=False)
        expected = left @ right * 0.2 * max(step.shape) ** 0.5 * 0.01
        assert torch.nn.functional.cosine_similarity(step.flatten(), expected.flatten(), dim=0) > 0.97
        values = torch.linalg.svdvals(step) / torch.linalg.svdvals(expected)
        assert ((values > 0.5) & (values < 1.5)).all()


def test_all_else_steps_as_by_adamw() -> None:
    """Where kernels stay as they are."""
    ours, theirs = _network(), _network()
    for network in (ours, theirs):
        for layer in (network[0], network[2]):
            layer.weight.requires_grad_(False)
    _learn(ours, Muon(ours, 0.01, 0.1, False), 3)
    _learn(theirs, optimisers.build("adamw", theirs, 0.01, 0.1, False), 3)
    for one, other in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_kernels_that_learn_nothing_stay_as_they_are() -> None:
    network = _network()
    optimiser = Muon(network, 0.01, 0.1, False)
    _learn(network, optimiser, 1)
    kernel = network[0].weight.requires_grad_(False).detach().clone()
    _learn(network, optimiser, 1)
    assert torch.equal(network[0].weight, kernel)
    assert not torch.equal(network[2].weight.grad, torch.zeros(9, 12, 1, 1))


def test_a_learning_rate_that_is_set_is_heeded() -> None:
    network = _network()
    before = deepcopy(network.state_dict())
    optimiser = Muon(network, 0.01, 0.1, False)
    for group in optimiser.param_groups:
        group["lr"] = 0.0
    _learn(network, optimiser, 2)
    assert all(torch.equal(before[name], value) for name, value in network.named_parameters())


def test_what_is_stored_goes_on_as_if_it_had_not_stopped() -> None:
    whole, broken = _network(), _network()
    unbroken, first = Muon(whole, 0.01, 0.1, False), Muon(broken, 0.01, 0.1, False)
    _learn(whole, unbroken, 2)
    _learn(broken, first, 2)
    second = Muon(broken, 0.5, 0.1, False)
    second.load_state_dict(deepcopy(first.state_dict()))
    for network, optimiser in ((whole, unbroken), (broken, second)):
        _learn(network, optimiser, 2, seed=4)
    for one, other in zip(whole.state_dict().values(), broken.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_another_optimisers_state_is_refused() -> None:
    network = _network()
    other = optimisers.build("adamw", network, 0.01, 0.1, False)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        Muon(network, 0.01, 0.1, False).load_state_dict(other.state_dict())


@pytest.mark.parametrize("shape", [(5, 9), (9, 5)])
def test_singular_values_are_evened_out(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    even = optimisers.even_out(matrix)
    values = torch.linalg.svdvals(even)
    assert even.shape == shape
    assert (values > 0.6).all()
    assert (values < 1.3).all()
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    directions = left.T @ even @ right.T
    torch.testing.assert_close(directions, torch.diag(directions.diag()), rtol=0, atol=1e-4)


def test_steps_are_those_of_torchs_muon() -> None:
    """Which takes matrices alone, and computes in bf16."""
    matrix = torch.randn(9, 20, generator=torch.Generator().manual_seed(0))
    ours = nn.Conv2d(20, 9, 1, bias=False)
    theirs = nn.Parameter(matrix.clone())
    with torch.no_grad():
        ours.weight.copy_(matrix[:, :, None, None])
    optimiser = Muon(ours, 0.01, 0.1, False)
    reference = torch.optim.Muon([theirs], 0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for seed in range(4):
        gradient = torch.randn(9, 20, generator=torch.Generator().manual_seed(seed))
        ours.weight.grad, theirs.grad = gradient[:, :, None, None].clone(), gradient.clone()
        optimiser.step()
        reference.step()
    torch.testing.assert_close(ours.weight[:, :, 0, 0], theirs, rtol=0, atol=1e-3)
    assert (theirs - matrix).abs().mean() > 6e-3


def test_a_recipe_names_an_optimiser_that_there_is() -> None:
    with pytest.raises(ValueError, match="optimiser is sgd; expected adamw or muon"):
        replace(recipes.find("smoke"), optimiser="sgd")
