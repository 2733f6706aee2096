from pathlib import Path

import pytest
import torch
from torch import nn

from deepmatte.errors import BadInput
from deepmatte.training.networks import dim

SMALL = ((4, 2), (4, 2), (6, 3), (8, 3), (8, 3))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same network with few channels: what is tested does not depend on their number."""
    monkeypatch.setattr(dim, "_STAGES", SMALL)
    monkeypatch.setattr(dim, "_DECODER", (8, 6, 4, 4, 4))
    monkeypatch.setattr(dim, "_FC6", {"full": (7, 10), "light": (3, 5)})


def _planes(height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    planes = torch.rand(2, 5, height, width, generator=generator)
    planes[:, 3:] = 0
    planes[:, 3, : height // 3] = 1
    planes[:, 4, -(height // 3) :] = 1
    return planes


def _counts(module: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(part, kind) for part in module.modules())


def test_the_layers_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        network = dim.DeepImageMatting()
    kernels = [module for module in network.encoder.modules() if isinstance(module, nn.Conv2d)]
    assert [k.out_channels for k in kernels] == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6 + [4096]
    assert {k.kernel_size for k in kernels[:-1]} == {(3, 3)}
    assert kernels[-1].kernel_size == (7, 7)
    kernels = [module for module in network.decoder.modules() if isinstance(module, nn.Conv2d)]
    assert [k.out_channels for k in kernels] == [512, 512, 256, 128, 64, 64, 1]
    assert [k.kernel_size[0] for k in kernels] == [1, 5, 5, 5, 5, 5, 5]
    kernels = [module for module in network.refinement.modules() if isinstance(module, nn.Conv2d)]
    assert [(k.in_channels, k.out_channels) for k in kernels] == [(4, 64), (64, 64), (64, 64), (64, 1)]


def test_the_encoder_and_decoder_have_as_many_weights_as_others_count() -> None:
    # 130.55 million in the reimplementation of Lu et al. 2019 (IndexNet), table of its README.
    with torch.device("meta"):
        network = dim.DeepImageMatting()
    parts = (network.encoder, network.decoder)
    assert sum(p.numel() for part in parts for p in part.parameters()) == pytest.approx(130.55e6, rel=1e-3)


@pytest.mark.parametrize("fc6", ["full", "light"])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(("height", "width"), [(32, 96), (96, 64)])
@pytest.mark.usefixtures("narrow")
def test_alpha_has_the_size_of_the_planes(fc6: str, batch_norm: bool, height: int, width: int) -> None:
    network = dim.DeepImageMatting(fc6, batch_norm)
    alpha = network(_planes(height, width))
    assert alpha.shape == (2, 1, height, width)
    alpha.mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.usefixtures("narrow")
def test_the_trimap_channel_begins_without_weight() -> None:
    network = dim.DeepImageMatting("light")
    planes = _planes(32, 64)
    marked = planes.clone()
    marked[:, 3:] = 0
    torch.testing.assert_close(network(planes), network(marked))


def test_values_go_back_to_where_their_pooling_took_them_from(narrow: None) -> None:
    decoder = dim.Decoder((5, 512, 512, 256, 128, 64, 64), False)
    places = []
    decoder.stages[0].register_forward_pre_hook(lambda _, inputs: places.append(inputs[0]))
    features, switches = dim.Encoder(3, 5, False)(torch.rand(1, 3, 64, 96), torch.zeros(1, 1, 64, 96))
    decoder(features, switches)
    unpooled = places[0]
    assert unpooled.shape[-2:] == (4, 6)
    for channel in range(SMALL[-1][0]):
        at = set(unpooled[0, channel].flatten().nonzero().flatten().tolist())
        assert at <= set(switches[-1][0, channel].flatten().tolist())


def test_refinement_adds_a_correction_of_both_at_0_to_255() -> None:
    refinement = dim.Refinement()
    seen = []
    refinement.layers[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image, raw = torch.rand(1, 3, 21, 34), torch.rand(1, 1, 21, 34)
    last = refinement.layers[-1]
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, 51)
    torch.testing.assert_close(refinement(image, raw), raw + 0.2)
    torch.testing.assert_close(seen[0], torch.cat([image, raw], dim=1) * 255)


def test_alpha_is_not_rounded_where_the_rest_computes_in_bfloat16() -> None:
    decoder, refinement = dim.Decoder([4, 4, 4], batch_norm=False), dim.Refinement()
    for last in (decoder.alpha, refinement.layers[-1]):
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, 0.7)
    _, switches = nn.functional.max_pool2d(torch.rand(1, 4, 10, 14), 2, return_indices=True)
    with torch.autocast("cpu", torch.bfloat16):
        raw = decoder(torch.rand(1, 4, 5, 7), [switches])
        refined = refinement(torch.rand(1, 3, 10, 14), raw)
    torch.testing.assert_close(raw, torch.full((1, 1, 10, 14), 0.7))
    torch.testing.assert_close(refined, torch.full((1, 1, 10, 14), 0.7 + 0.7 / 255))


@pytest.mark.usefixtures("narrow")
def test_without_refinement_the_raw_alpha_comes_out() -> None:
    network = dim.DeepImageMatting("light")
    network.skipped = {"refinement"}
    planes = _planes(32, 64)
    raw = network.decoder(*network.encoder(planes[:, :3], 0.5 + 0.5 * (planes[:, 3:4] - planes[:, 4:])))
    torch.testing.assert_close(network(planes), raw)


def _vgg16() -> dict[str, torch.Tensor]:
    """A checkpoint with torchvision's names, of the narrow widths."""
    names = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
    widths = [3] + [width for width, count in SMALL for _ in range(count)]
    stored = {}
    for name, inputs, outputs in zip(names, widths, widths[1:], strict=False):
        stored[f"features.{name}.weight"] = torch.randn(outputs, inputs, 3, 3)
        stored[f"features.{name}.bias"] = torch.randn(outputs)
    stored["classifier.0.weight"] = torch.randn(10, 8 * 7 * 7)
    stored["classifier.0.bias"] = torch.randn(10)
    return stored


@pytest.mark.usefixtures("narrow")
def test_vgg16_weights_land_where_they_belong(tmp_path: Path) -> None:
    stored = _vgg16()
    torch.save(stored, tmp_path / "vgg.pth")
    network = dim.DeepImageMatting("full")
    dim.load_vgg16(network, tmp_path / "vgg.pth")
    kernels = [module for module in network.encoder.modules() if isinstance(module, nn.Conv2d)]
    torch.testing.assert_close(kernels[0].weight[:, :3], stored["features.0.weight"])
    assert not kernels[0].weight[:, 3].any()
    torch.testing.assert_close(kernels[12].weight, stored["features.28.weight"])
    torch.testing.assert_close(kernels[12].bias, stored["features.28.bias"])
    # A linear layer on 7 × 7 features is a 7 × 7 convolution at their centre.
    features = torch.rand(1, 8, 7, 7)
    linear = stored["classifier.0.weight"] @ features.flatten() + stored["classifier.0.bias"]
    torch.testing.assert_close(kernels[13](features)[0, :, 3, 3], linear)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda stored: stored.pop("features.12.bias"), "no features.12.bias"),
        (
            lambda stored: stored.update({"features.5.weight": torch.zeros(4, 9, 3, 3)}),
            r"features.5 is \(4, 9",
        ),
        (lambda stored: stored.update({"classifier.0.weight": torch.zeros(10, 9)}), "classifier.0 is"),
    ],
)
def test_other_checkpoints_are_refused(tmp_path: Path, change: object, said: str) -> None:
    stored = _vgg16()
    change(stored)  # type: ignore[operator]
    torch.save(stored, tmp_path / "vgg.pth")
    with pytest.raises(BadInput, match=said):
        dim.load_vgg16(dim.DeepImageMatting("full"), tmp_path / "vgg.pth")


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), b"PK\x03\x04" + bytes(50)]
)
def test_a_damaged_checkpoint_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "vgg.pth").write_bytes(content)
    with pytest.raises(BadInput, match="is damaged: expected a VGG-16 checkpoint") as caught:
        dim.load_vgg16(dim.DeepImageMatting("full"), tmp_path / "vgg.pth")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("narrow")
def test_a_missing_checkpoint_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(BadInput, match=r"checkpoints.*vgg16-397923af\.pth is no file"):
        dim.load_vgg16(dim.DeepImageMatting("light"))


def test_a_quarter_of_the_channels_is_a_sixteenth_of_the_weights() -> None:
    whole, quarter = (
        sum(weights.numel() for weights in dim.DeepImageMatting("light", width=width).parameters())
        for width in (1, 0.25)
    )
    assert whole / quarter == pytest.approx(16, rel=0.02)
    planes = torch.rand(1, 5, 64, 96)
    assert dim.DeepImageMatting("light", width=0.25)(planes).shape == (1, 1, 64, 96)
