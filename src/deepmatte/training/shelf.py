"""Where pictures lie while samples are drawn from them: in the drawing device's memory, if they fit."""

import logging
import math

import torch

from deepmatte.training.corpus.library import Library, Picture, Unread, size_in_memory

_log = logging.getLogger("deepmatte")


def has_room(size: float, device: torch.device, what_stays: str) -> bool:
    """Return whether half of a GPU's free memory holds so many bytes, and tell what stays out if not."""
    free, _ = torch.cuda.mem_get_info(device)
    if size > free / 2:
        _log.warning("%s out of %s, which has %.1f GB free", what_stays, device, free / 1e9)
    return size <= free / 2


class Shelf:
    """Pictures as uint8 tensors on a device. What was not put here is brought from this process's memory,
    whenever it is looked at, and only the part that is seen.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        # By identity, which the reference to the picture keeps from being given to another.
        self._levels: dict[int, tuple[Picture, tuple[torch.Tensor, ...]]] = {}

    @classmethod
    def of(cls, library: Library, device: torch.device) -> "Shelf":
        """Return a shelf that holds a library's pictures, or none of them: where the device is the CPU, where
        they take more than half of the memory it has free, and where they were not read.
        """
        shelf = cls(device)
        pictures = [picture for picture in library.pictures if not isinstance(picture, Unread)]
        size = sum(map(size_in_memory, pictures))
        if device.type != "cuda" or not has_room(
            size if library.is_read else math.inf, device, "the corpus stays"
        ):
            return shelf
        for picture in pictures:
            shelf.put(picture)
        torch.cuda.synchronize(device)  # another stream may draw from here
        return shelf

    def put(self, picture: Picture) -> None:
        """Copy a picture, all levels, to the device."""
        levels = tuple(torch.from_numpy(level).to(self.device) for level in picture.levels)
        self._levels[id(picture)] = (picture, levels)

    def window(self, picture: Picture, level: int, rows: slice, columns: slice) -> torch.Tensor:
        """Return part of a picture's level on the device: (h, w, 4) uint8."""
        if id(picture) in self._levels:
            return self._levels[id(picture)][1][level][rows, columns]
        return torch.from_numpy(picture.levels[level][rows, columns]).to(self.device)
