"""GuidedNet: a small U-Net that corrects the propagated alpha, made for CPUs.

Two 6 × 6 convolutions of stride 2 bring the picture to half and to a quarter of its resolution, where the
guide fields, made at that scale, join it. Plain convolutions only: on a CPU they run many times closer to its
peak than depthwise ones. The output is a correction added to the propagated alpha, so the network starts at
the quality of classical propagation.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from deepmatte import framing, guides

_PROPAGATED = len(framing.PICTURE_PLANES) + guides.PLANES.index("propagated")

# Squared errors make a network answer a little above 0 where it is nearly sure of background, and a little
# below 1 for foreground. In use this much is stretched away at both ends: what suits the default model's
# weights on photographs; held-out scenes hardly tell 1 from 2 %.
HAZE = 0.01

# How far it sees without residual blocks: the first two convolutions, those that halve, the head.
_REACH_PX = 28


def _convolve(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two 3 × 3 convolutions with a skip around them: (B, C, H, W) → the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolve(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(x + f(x))."""
        return F.relu(x + self.second(self.first(x)))


def _margin(encoder: Sequence[int], decoder: Sequence[int]) -> int:
    """Return how far a network sees, in pixels, rounded up to its stride."""
    blocks = sum(2 * count * 2**level for side in (encoder, decoder) for level, count in enumerate(side, 1))
    return -(-(blocks + _REACH_PX) // GuidedNet.stride) * GuidedNet.stride


class GuidedNet(nn.Module):
    """Planes (B, 7, H, W), fields (B, 13, H / 4, W / 4) → alpha (B, 1, H, W), not clipped.

    H and W are multiples of stride. widths: channels at 1/2, 1/4, 1/8, 1/16; encoder, decoder: residual
    blocks at each of these levels.
    """

    reads_planes = framing.PLANES
    reads_fields = guides.FIELDS
    exportable = True
    stride = 16

    def __init__(
        self,
        widths: Sequence[int] = (32, 64, 128, 256),
        encoder: Sequence[int] = (1, 1, 2, 2),
        decoder: Sequence[int] = (1, 1, 1),
    ) -> None:
        super().__init__()
        self.margin_px = _margin(encoder, decoder)
        self.stem = _convolve(len(self.reads_planes), widths[0], 6, 2)
        self.quarter = nn.Conv2d(widths[0], widths[1], 6, 2, 2, bias=False)
        self.fields = nn.Conv2d(len(self.reads_fields), widths[1], 3, 1, 1, bias=False)
        self.join = nn.Sequential(nn.BatchNorm2d(widths[1]), nn.ReLU(inplace=True))
        self.encoder = nn.ModuleList(
            nn.Sequential(*(Residual(width) for _ in range(count)))
            for width, count in zip(widths, encoder, strict=True)
        )
        self.down = nn.ModuleList(_convolve(a, b, 3, 2) for a, b in pairwise(widths[1:]))
        self.up = nn.ModuleList(_convolve(b, a, 1) for a, b in pairwise(widths))
        self.decoder = nn.ModuleList(
            nn.Sequential(*(Residual(width) for _ in range(count)))
            for width, count in zip(widths, decoder, strict=False)
        )
        self.head = nn.Conv2d(widths[0], 4, 3, 1, 1)
        nn.init.zeros_(self.head.weight)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)

    def forward(self, planes: Tensor, fields: Tensor) -> Tensor:
        """Return alpha: the propagated plane plus the correction; in use, haze taken off."""
        x = self.encoder[0](self.stem(planes))
        skips = [x]
        x = self.join(self.quarter(x) + self.fields(fields))
        for level, blocks in enumerate(list(self.encoder)[1:]):
            x = blocks(x)
            if level < len(self.down):
                skips.append(x)
                x = self.down[level](x)
        for level in reversed(range(len(skips))):
            x = F.interpolate(self.up[level](x), scale_factor=2.0, mode="nearest")
            x = self.decoder[level](x + skips[level])
        correction = F.pixel_shuffle(self.head(x), 2)
        alpha = planes[:, _PROPAGATED : _PROPAGATED + 1] + correction
        if self.training:
            return alpha
        return (alpha - HAZE) / (1 - 2 * HAZE)

    def grow(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return weights with which this network answers as one does that has these: of the same sizes, or
        of fewer channels or blocks.

        New blocks add nothing at first, and nothing that is old hears of new channels, which learn all the
        same. Raises KeyError for weights of a network that has more of anything.
        """
        own = {name: value.clone() for name, value in self.state_dict().items()}
        if more := {name for name in weights if name.startswith(("encoder.", "decoder."))} - set(own):
            raise KeyError(", ".join(sorted(more)))
        blocks = [f"{name}." for name, part in self.named_modules() if isinstance(part, Residual)]
        new = tuple(block for block in blocks if not any(name.startswith(block) for name in weights))
        for name, value in own.items():
            if name.startswith(new):
                if name.endswith(("second.1.weight", "second.1.bias")):
                    value.zero_()
                continue
            if name.endswith("num_batches_tracked"):  # decides on nothing, and model files lack it
                continue
            given = weights[name]
            if given.dim() != value.dim() or any(
                a > b for a, b in zip(given.shape, value.shape, strict=True)
            ):
                raise KeyError(name)
            if value.dim() > 1:
                value[: len(given), given.shape[1] :] = 0
            value[tuple(slice(side) for side in given.shape)] = given
        return own
