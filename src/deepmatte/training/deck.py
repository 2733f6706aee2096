"""The deck: scenes in the training device's memory, from which it cuts whole batches of windows itself.

A window's path is scenes.Scene.window's, a batch at once: what is a slice there is a gather here.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from deepmatte import guides, trimap
from deepmatte.training.batches import Batch
from deepmatte.training.scenes import Cut, Scene, Spots

_PICTURES = 5  # planes of bytes: red, green, blue, trimap, alpha


def bytes_of(side: int) -> int:
    """Return the memory that one scene takes: 6 MB at 768 px."""
    planes, fields = _PICTURES + 2 * len(guides.PLANES), 2 * len(guides.FIELDS)
    return side**2 * planes + (side // guides.SCALE) ** 2 * fields


class Deck:
    """Places for scenes of one side on a device."""

    def __init__(self, places: int, side: int, device: torch.device) -> None:
        def room(parts: int, side: int, dtype: torch.dtype) -> Tensor:
            return torch.empty((places, parts, side * side), dtype=dtype, device=device)

        self._spots: dict[int, Spots] = {}
        self.side = side
        self.device = device
        self._pictures = room(_PICTURES, side, torch.uint8)
        self._planes = room(len(guides.PLANES), side, torch.float16)
        self._fields = room(len(guides.FIELDS), side // guides.SCALE, torch.float16)

    def __len__(self) -> int:
        """Return how many scenes there is room for."""
        return len(self._pictures)

    def put(self, place: int, scene: Scene) -> None:
        """Copy a scene to a place, over what was there."""
        self._spots[place] = scene.spots
        pictures = np.concatenate([scene.image, scene.trimap[None], scene.alpha[None]])
        for room, part in (
            (self._pictures, pictures),
            (self._planes, scene.guide_planes),
            (self._fields, scene.guide_fields),
        ):
            room[place] = torch.from_numpy(part.reshape(len(part), -1))

    def spots(self, place: int) -> Spots:
        """Return what is left of the scene at a place for choosing windows."""
        return self._spots[place]

    def windows(self, places: Sequence[int], cuts: Sequence[Cut]) -> Batch:
        """Cut one window of each scene named; all cuts are of one size."""
        rows = torch.from_numpy(np.array(places)).to(self.device)[:, None, None, None]
        at, coarse = (self._pixels(cuts, scale) for scale in (1, guides.SCALE))
        pictures, planes, fields = (
            room[rows, torch.tensor(orders).to(self.device)[:, :, None, None], where]
            for room, orders, where in (
                (self._pictures, [[*cut.channels, 3, 4] for cut in cuts], at),
                (self._planes, [range(len(guides.PLANES))], at),
                (self._fields, [cut.fields_order for cut in cuts], coarse),
            )
        )
        image, known, alpha = pictures.split((3, 1, 1), dim=1)
        levels = [(known == level).float() for level in (trimap.FOREGROUND, trimap.BACKGROUND)]
        return Batch(
            torch.cat([image / 255, *levels, planes.float()], dim=1),
            fields.float(),
            alpha / 255,
            (known == trimap.UNKNOWN).float(),
        )

    def _pixels(self, cuts: Sequence[Cut], scale: int) -> Tensor:
        """Return where the windows' cells of scale × scale pixels lie in a flattened scene: (B, 1, h, w)."""
        size, across = cuts[0].size // scale, self.side // scale
        told = [
            # Where the window starts, and how far on the next cell is down the batch's rows and along them.
            (
                cut.top // scale * across + cut.left // scale,
                *((1, across) if cut.turned else (across, 1)),
                *cut.mirrored,
            )
            for cut in cuts
        ]
        start, down, right, is_upside_down, is_reversed = torch.tensor(told).to(self.device).unbind(1)
        steps = torch.arange(size, device=self.device)
        rows, columns = (
            torch.where(flip[:, None] > 0, steps.flip(0), steps) * stride[:, None]
            for flip, stride in ((is_upside_down, down), (is_reversed, right))
        )
        return (start[:, None, None] + rows[:, :, None] + columns[:, None, :])[:, None]
