"""What a JPEG file does to pictures: its colours, blocks and tables; many pictures at once on any device.

Follows ITU-T T.81 (1992): YCbCr as in JFIF, the tables of annex K.1 scaled by quality as the Independent JPEG
Group's software scales them, chroma at half the size in both directions or not at all reduced. Entropy coding
loses nothing, so it is left out.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

Rng = np.random.Generator

_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55), (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62), (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99), (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99), *((99,) * 8 for _ in range(4)),
)  # fmt: skip
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))
_BLOCK = 16  # the side of what is coded together where chroma is halved


@dataclass(frozen=True)
class File:
    """quality: 1 to 100; halved: whether chroma is halved (4:2:0) or whole (4:4:4); top, left: where the
    grid of blocks starts, 0 to 15 px before the picture, as if it were cut from a larger one.
    """

    quality: int
    halved: bool
    top: int = 0
    left: int = 0


def draw(rng: Rng) -> File:
    """Draw a file: quality 40 to 95, chroma halved in half of them."""
    top, left = rng.integers(0, _BLOCK, 2).tolist()
    return File(int(rng.integers(40, 96)), bool(rng.random() < 0.5), top, left)


def tables(quality: int) -> np.ndarray[tuple[int, int, int], np.dtype[np.float32]]:
    """Return the steps that coefficients are rounded to, (3, 8, 8): of luma and twice of chroma."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    steps = [
        np.clip((np.array(table) * int(scale) + 50) // 100, 1, 255) for table in (_LUMA, _CHROMA, _CHROMA)
    ]
    return np.stack(steps).astype(np.float32)


def compress(pictures: Tensor, files: Sequence[File]) -> Tensor:
    """Return pictures (B, 3, H, W) in [0, 1] as they come out of their files, on 8-bit levels."""
    height, width = pictures.shape[2:]
    device = pictures.device
    rows, columns = (
        torch.tensor([getattr(file, side) for file in files], device=device)[:, None]
        for side in ("top", "left")
    )
    tall, wide = (_BLOCK * (math.ceil(side / _BLOCK) + 1) for side in (height, width))
    picture = torch.arange(len(files), device=device)[:, None, None]
    from_rows = (torch.arange(tall, device=device) - rows).clamp_(0, height - 1)[:, :, None]
    from_columns = (torch.arange(wide, device=device) - columns).clamp_(0, width - 1)[:, None, :]
    levels = (pictures.movedim(1, -1)[picture, from_rows, from_columns] * 255).round_().movedim(-1, 1)
    out = torch.empty_like(levels)
    for halved in (False, True):
        chosen = [number for number, file in enumerate(files) if file.halved == halved]
        if chosen:
            steps = np.stack([tables(files[number].quality) for number in chosen])
            out[chosen] = _compress(levels[chosen], torch.from_numpy(steps).to(device), halved)
    to_rows = (torch.arange(height, device=device) + rows)[:, :, None]
    to_columns = (torch.arange(width, device=device) + columns)[:, None, :]
    return out.movedim(1, -1)[picture, to_rows, to_columns].movedim(-1, 1) / 255


def _compress(levels: Tensor, steps: Tensor, halved: bool) -> Tensor:
    """levels: (N, 3, H, W) in 0 … 255, sides multiples of 16; steps: (N, 3, 8, 8)."""
    planes = _mix(levels, TO_YCC).round_()
    planes[:, 0] -= 128
    luma, chroma = planes[:, :1], planes[:, 1:]
    if halved:
        chroma = F.avg_pool2d(chroma, 2).round_()
    luma, chroma = _quantise(luma, steps[:, :1]), _quantise(chroma, steps[:, 1:])
    if halved:
        # Linear between centres a quarter of a pixel away on either side, as decoders do.
        chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear").round_()
    return _mix(torch.cat([luma + 128, chroma], dim=1), _TO_RGB).round_().clamp_(0, 255)


def _quantise(planes: Tensor, steps: Tensor) -> Tensor:
    """Round the cosine coefficients of each block of 8 × 8; samples are whole numbers, −128 … 127.

    planes: (N, C, H, W); steps: (N, C, 8, 8).
    """
    count, channels, height, width = planes.shape
    cosines = _cosines(planes.device)
    blocks = planes.view(count, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    steps = steps[:, :, None, None]
    rounded = (cosines @ blocks @ cosines.T).div_(steps).round_().mul_(steps)
    blocks = (cosines.T @ rounded @ cosines).round_().clamp_(-128, 127)
    return blocks.transpose(3, 4).reshape(count, channels, height, width)


@functools.lru_cache(2)
def _cosines(device: torch.device) -> Tensor:
    """Return the orthonormal cosine transform of eight values, (8, 8)."""
    k, n = np.mgrid[:8, :8]
    rows = np.cos(np.pi * k * (2 * n + 1) / 16) / 2
    rows[0] /= math.sqrt(2)
    return torch.from_numpy(rows.astype(np.float32)).to(device)


def _mix(planes: Tensor, matrix: Sequence[Sequence[float]]) -> Tensor:
    """Return three planes as weighted sums of three others."""
    return torch.stack(
        [sum((w * planes[:, i] for i, w in enumerate(row)), planes.new_zeros(())) for row in matrix], dim=1
    )
