from typing import Any

import pytest
import torch

from deepmatte import framing
from deepmatte.training import recipes
from deepmatte.training.networks import build
from deepmatte.training.networks.guided import HAZE, GuidedNet


def _inputs(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    planes = torch.rand(1, len(framing.PLANES), height, width, generator=generator)
    return planes, torch.rand(1, len(framing.FIELDS), height // 4, width // 4, generator=generator)


def test_an_untrained_network_returns_the_propagated_alpha() -> None:
    planes, fields = _inputs(48, 80)
    alpha = GuidedNet()(planes, fields)
    propagated = framing.PLANES.index("propagated")
    torch.testing.assert_close(alpha, planes[:, propagated : propagated + 1])


def _in_use(*propagated: float) -> torch.Tensor:
    """Return what an untrained network makes of propagated alphas where it is not being trained."""
    planes, fields = _inputs(48, 80)
    planes[0, framing.PLANES.index("propagated"), 0, : len(propagated)] = torch.tensor(propagated)
    alpha: torch.Tensor = GuidedNet().eval()(planes, fields)[0, 0, 0, : len(propagated)]
    return alpha


def test_in_use_haze_is_stretched_away() -> None:
    quarter = HAZE + 0.25 * (1 - 2 * HAZE)
    alpha = _in_use(HAZE, quarter, 0.5, 1 - quarter, 1 - HAZE)
    torch.testing.assert_close(alpha, torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]))


@pytest.mark.parametrize(
    ("settings", "margin"),
    [({}, framing.MARGIN_PX), ({"encoder": (0, 1, 2, 3), "widths": (4, 4, 4, 4)}, 192)],
)
def test_the_network_sees_no_further_than_the_margin(settings: dict[str, Any], margin: int) -> None:
    network = GuidedNet(**settings).eval()
    assert network.margin_px == margin
    torch.nn.init.ones_(network.head.weight)
    side = 512
    planes, fields = (part.requires_grad_() for part in _inputs(side, side + 32))
    row, column = side // 2, side // 2
    network(planes, fields)[0, 0, row : row + 16, column : column + 16].sum().backward()
    seen = planes.grad.abs().sum((0, 1)).nonzero()  # type: ignore[union-attr]
    seen_fields = 4 * fields.grad.abs().sum((0, 1)).nonzero()  # type: ignore[union-attr]
    for reach in (seen, seen_fields):
        assert int(reach.min()) >= row - margin
        assert int(reach.max()) < row + 16 + margin


SMALL = {"widths": (4, 6, 8, 8), "encoder": (0, 1, 1, 1), "decoder": (1, 1, 0)}
LARGE = {"widths": (6, 6, 10, 12), "encoder": (1, 1, 2, 3), "decoder": (1, 2, 1)}


def _trained(**settings: Any) -> GuidedNet:
    """Return a network no weight of which is as it began."""
    network = GuidedNet(**settings)
    generator = torch.Generator().manual_seed(1)
    weights = {
        name: value + (torch.rand(value.shape, generator=generator) - 0.5).to(value.dtype) * 0.1
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(weights)
    return network.eval()


def test_a_larger_network_grows_from_a_smaller_one_and_learns() -> None:
    small, large = _trained(**SMALL), _trained(**LARGE)
    large.load_state_dict(large.grow(small.state_dict()))
    planes, fields = _inputs(48, 80)
    torch.testing.assert_close(large(planes, fields), small(planes, fields))
    optimiser = torch.optim.SGD(large.parameters(), 0.1)
    for _ in range(3):
        optimiser.zero_grad()
        (large.train()(planes, fields) - torch.rand(1, 1, 48, 80)).abs().mean().backward()
        optimiser.step()
    deaf = [name for name, value in large.named_parameters() if value.grad is None or not value.grad.any()]
    assert deaf == []


def test_what_has_more_of_anything_does_not_fit() -> None:
    small, large = GuidedNet(**SMALL), GuidedNet(**LARGE)
    for weights in (large.state_dict(), GuidedNet(**{**SMALL, "encoder": (0, 1, 1, 2)}).state_dict()):
        with pytest.raises(KeyError):
            small.grow(weights)
    weights = small.state_dict()
    del weights["encoder.1.0.first.0.weight"]
    with pytest.raises(KeyError, match="encoder"):
        large.grow(weights)
    weights = small.state_dict()
    del weights["head.bias"]
    with pytest.raises(KeyError, match="head"):
        large.grow(weights)


def test_the_default_fits_its_limits() -> None:
    network = build(recipes.find("default").network, **recipes.find("default").settings)
    assert 2 * sum(p.numel() for p in network.parameters()) <= 12e6


@pytest.mark.parametrize("name", list(recipes.RECIPES))
def test_every_recipe_builds_and_keeps_the_size(name: str) -> None:
    recipe = recipes.find(name)
    with torch.device("meta"):  # shapes without numbers
        network = build(recipe.network, **recipe.settings).eval()
        height, width = network.stride, 3 * network.stride
        planes = torch.rand(1, len(network.reads_planes), height, width)
        fields = torch.rand(1, len(network.reads_fields), height // 4, width // 4)
        assert network(planes, fields).shape == (1, 1, height, width)
