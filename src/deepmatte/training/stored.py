"""What torch has stored, read back with an error of one line for whatever is not as expected."""

import io
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deepmatte import outputs
from deepmatte.errors import BadInput


def read(content: bytes, path: Path, advice: str) -> dict[str, Any]:
    """Return the dict that a file holds, tensors on the CPU. path: what the file is called in messages.

    Raises BadInput, which ends in the advice, where the content is damaged or no dict.
    """
    try:
        held = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # whatever the reader stumbles over, and it is many things
        raise BadInput(f"{outputs.show(path)} cannot be read, it is damaged: {advice}") from error
    if not isinstance(held, dict):
        raise BadInput(f"{outputs.show(path)} holds a {type(held).__name__}; expected a dict: {advice}")
    return held


def restore(part: nn.Module | torch.optim.Optimizer, held: dict[str, Any], name: str, recipe: str) -> None:
    """Load a checkpoint's state dict of that name into a module or an optimiser that the recipe made.

    Raises BadInput where there is none, or it is of other layers or shapes.
    """
    try:
        part.load_state_dict(held[name])
    except torch.OutOfMemoryError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise BadInput(
            f"the checkpoint's {name} does not fit the recipe {recipe}, which has other layers here;"
            " use the version of deepmatte that wrote it, or train again"
        ) from error
