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


def test_in_use_the_haze_at_both_ends_is_stretched_away() -> None:
    planes, fields = _inputs(48, 80)
    propagated = planes[:, [framing.PLANES.index("propagated")]]
    propagated[..., :3] = torch.tensor([HAZE, 0.5, 1 - HAZE])
    planes[:, [framing.PLANES.index("propagated")]] = propagated
    alpha = GuidedNet().eval()(planes, fields)
    torch.testing.assert_close(alpha[0, 0, 0, :3], torch.tensor([0.0, 0.5, 1.0]))


def test_the_network_sees_no_further_than_the_margin() -> None:
    network = GuidedNet().eval()
    torch.nn.init.ones_(network.head.weight)
    side = 512
    planes, fields = (part.requires_grad_() for part in _inputs(side, side + 32))
    row, column = side // 2, side // 2
    network(planes, fields)[0, 0, row : row + 16, column : column + 16].sum().backward()
    seen = planes.grad.abs().sum((0, 1)).nonzero()  # type: ignore[union-attr]
    seen_fields = 4 * fields.grad.abs().sum((0, 1)).nonzero()  # type: ignore[union-attr]
    for reach in (seen, seen_fields):
        assert int(reach.min()) >= row - framing.MARGIN_PX
        assert int(reach.max()) < row + 16 + framing.MARGIN_PX


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
