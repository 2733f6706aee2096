"""Deep Image Matting: the encoder–decoder and the refinement of Xu, Price, Cohen, Huang (CVPR 2017).

Encoder: VGG-16 (Simonyan, Zisserman 2015) with fc6 as a convolution: 14 convolutions and 5 max-poolings whose
switches the decoder keeps. Decoder: 6 convolutions and 5 unpoolings, then the layer that gives raw alpha.
Refinement: 4 convolutions at full resolution on the image and the raw alpha scaled to 0–255, whose output is
brought back from that scale and added to the raw alpha. The paper does not speak of bringing it back; without
that, initial weights would add hundreds to an alpha between 0 and 1.

Alpha is in f32 even where the rest computes in bf16, whose steps at 1 are 1/256: as large as the corrections
that the refinement is to make.

The paper starts from ImageNet weights; load_vgg16 reads them. Without them, kernels start from He's initial
values, and batch_norm adds normalisation that lets so deep a network train from there.
"""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from deepmatte import framing
from deepmatte.errors import BadInput
from deepmatte.training import stored

# Convolutions of each encoder stage: width and count (VGG-16, configuration D).
_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
# Decoder convolutions after each unpooling, from the deepest: output width; kernels are 5 × 5.
_DECODER = (512, 256, 128, 64, 64)
_REFINED = 64
# Mean and standard deviation that VGG-16 was trained with, for red, green, blue in [0, 1].
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# What fc6 becomes: (kernel, channels). "full" holds VGG's own weights, "light" a thirty-fifth of them.
_FC6 = {"full": (7, 4096), "light": (3, 512)}
_VGG16_FILE = "vgg16-397923af.pth"


class DeepImageMatting(nn.Module):
    """Planes (B, 5, H, W) → alpha (B, 1, H, W), not clipped. H and W are multiples of stride.

    The planes are red, green, blue, is_foreground and is_background; the last two become the paper's one
    trimap channel: 1, 0, and ½ where unknown. fc6: "full" (7 × 7 → 4096) or "light" (3 × 3 → 512). width:
    share of the published channels, for machines without a GPU; a quarter costs a sixteenth.
    skipped: parts left out of the forward pass; {"refinement"} gives the raw alpha.
    """

    reads_planes = framing.PICTURE_PLANES
    reads_fields = ()
    exportable = False
    stride = 32
    # How far an output pixel can see: 5 poolings, fc6 at 1/32 and the decoder's 5 × 5 kernels, rounded up.
    margin_px = 288

    def __init__(self, fc6: str = "full", batch_norm: bool = False, width: float = 1.0) -> None:
        super().__init__()
        kernel, deepest = _FC6[fc6]
        self.encoder = Encoder(
            kernel,
            _share(deepest, width),
            batch_norm,
            [(_share(each, width), count) for each, count in _STAGES],
        )
        self.decoder = Decoder(
            [_share(each, width) for each in (deepest, _STAGES[-1][0], *_DECODER)], batch_norm
        )
        self.refinement = Refinement(_share(_REFINED, width))
        self.skipped: Collection[str] = ()

    def forward(self, planes: Tensor, fields: Tensor | None = None) -> Tensor:
        """Return alpha: the refined one, or the raw one where refinement is skipped. fields: not read."""
        image = planes[:, :3]
        tri = 0.5 + 0.5 * (planes[:, 3:4] - planes[:, 4:5])
        raw = self.decoder(*self.encoder(image, tri))
        return raw if "refinement" in self.skipped else self.refinement(image, raw)


class Encoder(nn.Module):
    """Image (B, 3, H, W) in [0, 1] and trimap (B, 1, H, W) → (B, C, H/32, W/32) and switches."""

    def __init__(
        self, kernel: int, width: int, batch_norm: bool, stages: Sequence[tuple[int, int]] = _STAGES
    ) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(_MEAN).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION).reshape(1, 3, 1, 1), persistent=False)
        self.stages = nn.ModuleList()
        inputs = 4
        for outputs, count in stages:
            widths = [inputs] + [outputs] * count
            self.stages.append(nn.Sequential(*(_convolve(a, b, 3, batch_norm) for a, b in pairwise(widths))))
            inputs = outputs
        self.fc6 = _convolve(inputs, width, kernel, batch_norm)
        for convolution in _convolutions(self):
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        # The trimap's channel begins without weight, as the paper has it.
        nn.init.zeros_(_convolutions(self)[0].weight[:, 3:])

    def forward(self, image: Tensor, tri: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the deepest features and, for each pooling, which of its four cells was largest."""
        x = torch.cat([(image - self.mean) / self.deviation, tri], dim=1)
        switches = []
        for stage in self.stages:
            x, switch = F.max_pool2d(stage(x), 2, return_indices=True)
            switches.append(switch)
        return self.fc6(x), switches


class Decoder(nn.Module):
    """Deepest features and switches → raw alpha (B, 1, H, W)."""

    def __init__(self, channels: Sequence[int], batch_norm: bool) -> None:
        super().__init__()
        inputs, *widths = channels
        self.deepest = _convolve(inputs, widths[0], 1, batch_norm)
        self.stages = nn.ModuleList(_convolve(a, b, 5, batch_norm) for a, b in pairwise(widths))
        self.alpha = nn.Conv2d(widths[-1], 1, 5, 1, 2)
        _begin(self)

    def forward(self, x: Tensor, switches: list[Tensor]) -> Tensor:
        """Put each value back to where its pooling took it from, then convolve."""
        x = self.deepest(x)
        for stage, switch in zip(self.stages, reversed(switches), strict=True):
            x = stage(F.max_unpool2d(x, switch, [2, 2]))
        with _without_halves(x.device):
            alpha: Tensor = self.alpha(x.float())
        return alpha


class Refinement(nn.Module):
    """Image (B, 3, H, W) in [0, 1] and raw alpha (B, 1, H, W) → alpha."""

    def __init__(self, width: int = _REFINED) -> None:
        super().__init__()
        widths = (4, width, width, width, 1)
        self.layers = nn.Sequential()
        for a, b in pairwise(widths):
            self.layers.append(nn.Conv2d(a, b, 3, 1, 1))
            self.layers.append(nn.ReLU(inplace=True))
        del self.layers[-1]
        _begin(self)

    def forward(self, image: Tensor, raw: Tensor) -> Tensor:
        """Return the raw alpha plus a correction. The layers see both at 0–255."""
        with _without_halves(raw.device):
            seen = torch.cat([image, raw], dim=1).float() * 255
            alpha: Tensor = raw + self.layers(seen) / 255
        return alpha


def _begin(part: nn.Module) -> None:
    """Draw the weights of a part without ImageNet weights to start from."""
    for convolution in _convolutions(part):
        nn.init.xavier_uniform_(convolution.weight)
        assert convolution.bias is not None
        nn.init.zeros_(convolution.bias)


def _convolutions(part: nn.Module) -> list[nn.Conv2d]:
    return [module for module in part.modules() if isinstance(module, nn.Conv2d)]


def _without_halves(device: torch.device) -> AbstractContextManager[Any]:
    """Return a block in which nothing is computed in bf16, as far as the device knows such blocks."""
    knows = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if knows else nullcontext()


def load_vgg16(network: DeepImageMatting, path: Path | None = None) -> None:
    """Start the encoder from a VGG-16 trained on ImageNet, a checkpoint in torchvision's layout.

    path: the file; without one, torchvision's own in torch's cache of downloads. The trimap's channel gets no
    weight; fc6 is loaded where the network has VGG's own: a row of 25,088 becomes 512 × 7 × 7.
    Nothing is downloaded.
    Raises BadInput for a missing or damaged file, or one with other names or shapes.
    """
    path = path or Path(torch.hub.get_dir()) / "checkpoints" / _VGG16_FILE
    if not path.is_file():
        raise BadInput(f"{path} is no file; expected a VGG-16 checkpoint as torchvision publishes it")
    held = _read(path)
    places = dict(zip(_vgg16_places(), _convolutions(network.encoder.stages), strict=True))
    (fc6,) = _convolutions(network.encoder.fc6)
    if fc6.kernel_size == (7, 7):
        places["classifier.0"] = fc6
    with torch.no_grad():
        for name, kernel in places.items():
            assert kernel.bias is not None
            weight, bias = (_take(held, f"{name}.{part}", path) for part in ("weight", "bias"))
            if name == "classifier.0" and weight.numel() == kernel.weight.numel():
                weight = weight.reshape(kernel.weight.shape)
            if name == "features.0":
                weight = torch.cat([weight, weight.new_zeros(len(weight), 1, *weight.shape[2:])], dim=1)
            if weight.shape != kernel.weight.shape or bias.shape != kernel.bias.shape:
                raise BadInput(
                    f"{path}: {name} is {tuple(weight.shape)}; expected {tuple(kernel.weight.shape)}, VGG-16"
                )
            kernel.weight.copy_(weight)
            kernel.bias.copy_(bias)


def _vgg16_places() -> list[str]:
    """Return the names of the 13 convolutions in torchvision's sequence of layers, poolings counted."""
    names, index = [], 0
    for _, count in _STAGES:
        for _ in range(count):
            names.append(f"features.{index}")
            index += 2  # the convolution and its ReLU
        index += 1  # the pooling
    return names


def _read(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    return stored.read(content, path, "expected a VGG-16 checkpoint as torchvision publishes it")


def _take(held: dict[str, Any], name: str, path: Path) -> Tensor:
    if not isinstance(held.get(name), Tensor):
        raise BadInput(f"{path} has no {name}; expected a VGG-16 checkpoint without batch norm")
    tensor: Tensor = held[name]
    return tensor


def _share(channels: int, width: float) -> int:
    return max(round(channels * width), 1)


def _convolve(inputs: int, outputs: int, kernel: int, batch_norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2)]
    if batch_norm:
        layers.append(nn.BatchNorm2d(outputs))
    return nn.Sequential(*layers, nn.ReLU(inplace=True))
