"""Reducing and enlarging regular grids: the pyramids that the guides are made on.

Grids are float32 arrays (..., H, W): any number of leading axes, all treated alike. Cells are areas, not
points: cell i of a reduced grid covers cells 2i and 2i + 1 of the finer one. A side of odd length is extended
by repeating its last cell.
"""

import numpy as np

from deepmatte.pixels import AnyArray, Floats


def pad_even(grid: AnyArray, factor: int = 2) -> AnyArray:
    """Repeat the last row and column until both sides are multiples of factor."""
    height, width = grid.shape[-2:]
    bottom, right = -height % factor, -width % factor
    if not bottom and not right:
        return grid
    return np.pad(grid, [(0, 0)] * (grid.ndim - 2) + [(0, bottom), (0, right)], mode="edge")


def halve(grid: Floats) -> Floats:
    """Return the mean of each 2 × 2 cells: (..., H, W) → (..., ceil(H / 2), ceil(W / 2))."""
    grid = pad_even(grid)
    rows = grid[..., 0::2, :] + grid[..., 1::2, :]
    return (rows[..., 0::2] + rows[..., 1::2]) * np.float32(0.25)


def reduce_by(grid: AnyArray, factor: int) -> Floats:
    """Return the mean of each factor × factor cells; sides are rounded up. grid: of any floats."""
    grid = pad_even(grid, factor)
    rows = sum((grid[..., start::factor, :] for start in range(1, factor)), grid[..., 0::factor, :])
    total = sum((rows[..., start::factor] for start in range(1, factor)), rows[..., 0::factor])
    return np.asarray(total * np.float32(1 / factor**2), dtype=np.float32)


def enlarge(grid: Floats, factor: int, height: int, width: int) -> Floats:
    """Enlarge bilinearly by an even factor and cut to (..., height, width)."""
    # Rows last: theirs is the larger part, and they lie in one piece.
    wide = _enlarge_rows(grid.swapaxes(-1, -2), factor, width).swapaxes(-1, -2)
    return _enlarge_rows(np.ascontiguousarray(wide), factor, height)


def _enlarge_rows(grid: Floats, factor: int, size: int) -> Floats:
    """Enlarge the last axis but one. The centre of fine row k lies at (k + ½) / factor − ½ coarse rows."""
    count = grid.shape[-2]
    edged = np.concatenate([grid[..., :1, :], grid, grid[..., -1:, :]], axis=-2)
    step = np.diff(edged, axis=-2)
    out = np.empty((*grid.shape[:-2], count * factor, grid.shape[-1]), np.float32)
    for phase in range(factor):
        offset = (phase + 0.5) / factor - 0.5
        left = 0 if offset < 0 else 1
        rows = out[..., phase::factor, :]
        np.multiply(step[..., left : left + count, :], np.float32(offset - np.floor(offset)), out=rows)
        rows += edged[..., left : left + count, :]
    return out[..., :size, :]


def box3(grid: Floats) -> Floats:
    """Return the mean over each cell's 3 × 3 neighbourhood, edges repeated. grid: of any floats."""
    wide = np.pad(grid, [(0, 0)] * (grid.ndim - 2) + [(1, 1), (1, 1)], mode="edge")
    rows = wide[..., :-2, :] + wide[..., 1:-1, :] + wide[..., 2:, :]
    total: Floats = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    return total * total.dtype.type(1 / 9)
