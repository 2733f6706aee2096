"""Pictures as a lens makes them, for tests: foreground and background mixed as light."""

import numpy as np

from deepmatte.pixels import LIGHT, AnyArray, Floats, composite, to_unit


def mix(foreground: AnyArray, background: AnyArray, alpha: AnyArray) -> Floats:
    """Return the picture (H, W, 3) of a foreground over a background (H, W, 3) or (3,) in [0, 1]."""
    over, under = (
        np.asarray(to_unit(np.asarray(part)) ** LIGHT, np.float32) for part in (foreground, background)
    )
    return np.asarray(composite(over, under, to_unit(alpha)) ** (1 / LIGHT), np.float32)
