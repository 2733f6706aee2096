"""A run's folder: weights, optimiser and averages in one file beside a readable JSON; written whole or not at
all.
"""

import io
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from deepmatte import outputs
from deepmatte.errors import BadInput

LAYOUT = 1


@dataclass
class State:
    """Where a run stands. losses: running means by name, of the last steps."""

    recipe: str
    step: int = 0
    seconds: float = 0.0
    samples: int = 0
    seed: int = 0
    losses: dict[str, float] = field(default_factory=dict)


def save(run: Path, state: State, tensors: dict[str, Any]) -> None:
    """Write last.pt and state.json of a run.

    tensors: state dicts by name ("network", "average", "optimiser").
    Raises BadOutput where the system refuses.
    """
    run.mkdir(parents=True, exist_ok=True)
    weights = io.BytesIO()
    torch.save({"layout": LAYOUT, "state": asdict(state), **tensors}, weights)
    outputs.write_bytes(run / "last.pt", weights.getvalue(), overwrite=True)
    readable = json.dumps(asdict(state), indent=2) + "\n"
    outputs.write_bytes(run / "state.json", readable.encode(), overwrite=True)


def load(run: Path) -> tuple[State, dict[str, Any]]:
    """Read a run back. Raises BadInput if there is none, or it is of another layout."""
    path = run / "last.pt"
    if not path.is_file():
        raise BadInput(f"{run} holds no last.pt; expected the folder that deepmatte train wrote")
    stored = torch.load(path, map_location="cpu", weights_only=True)
    if stored.pop("layout", None) != LAYOUT:
        raise BadInput(f"{path} is of another layout than {LAYOUT}; train again with this version")
    return State(**stored.pop("state")), stored
