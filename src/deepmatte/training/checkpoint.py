"""A run's folder: weights, optimiser and averages in one file beside a readable JSON; written whole or not at
all.

No state of a random generator is kept: whatever is drawn follows from the seed and the step.
"""

import functools
import io
import json
import pickle
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from deepmatte import outputs
from deepmatte.errors import BadInput
from deepmatte.version import __version__

LAYOUT = 2
LAST = "last"
STATE = "state.json"


@dataclass
class State:
    """Where a run stands.

    phase: the name of the last step's; seconds: of wall time; waited: how many of them were lost to waiting
    for batches; losses: running means by name, of the last hundred steps or so; samples_per_second,
    data_share: of the last steps, the latter the share of time that is lost to waiting; code: version and
    revision of the program that ran last; corpora: fingerprints of what was trained on, the latest last.
    """

    recipe: str
    step: int = 0
    seconds: float = 0.0
    samples: int = 0
    seed: int = 0
    phase: str = ""
    losses: dict[str, float] = field(default_factory=dict)
    waited: float = 0.0
    samples_per_second: float = 0.0
    data_share: float = 0.0
    code: str = ""
    corpora: list[str] = field(default_factory=list)


def save(run: Path, state: State, tensors: dict[str, Any]) -> None:
    """Write last.pt and state.json of a run.

    tensors: state dicts by name ("network", "average", "optimiser").
    Raises BadOutput where the system refuses.
    """
    outputs.make_folder(run)
    state.code = revision()
    weights = io.BytesIO()
    torch.save({"layout": LAYOUT, "state": asdict(state), **tensors}, weights)
    outputs.write_bytes(run / f"{LAST}.pt", weights.getvalue(), overwrite=True)
    readable = json.dumps(asdict(state), indent=2) + "\n"
    outputs.write_bytes(run / STATE, readable.encode(), overwrite=True)


def load(run: Path) -> tuple[State, dict[str, Any]]:
    """Read a run back. Raises BadInput if there is none, it is damaged or of an unknown layout."""
    path = run / f"{LAST}.pt"
    if not path.is_file():
        raise BadInput(f"{run} holds no {LAST}.pt; expected the folder that deepmatte train wrote")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise BadInput(f"{path} cannot be read, it is damaged: train again, or bring back a copy") from error
    stored = _upgrade(stored, path)
    return State(**stored.pop("state")), stored


def _upgrade(stored: dict[str, Any], path: Path) -> dict[str, Any]:
    """Bring what another version wrote to the layout of this one. Raises BadInput for what cannot be."""
    layout = stored.pop("layout", None)
    if layout == 1:
        # Its state lacked the phase, the pace and where code and corpus come from: State's defaults.
        layout = 2
    if layout != LAYOUT:
        raise BadInput(
            f"{path} is of the layout {layout}; expected {LAYOUT} or less: use the version that wrote it"
        )
    return stored


@functools.cache
def revision() -> str:
    """Return the program's version, and its git revision where it runs from a repository."""
    repository = Path(__file__).parents[3]
    if not (repository / ".git").exists():
        return __version__
    command = ["git", "-C", str(repository), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__} ({described.stdout.strip()})"
