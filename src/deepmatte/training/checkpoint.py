"""A run's folder: weights, optimiser and averages in one file beside a readable JSON; written whole or not at
all.

No state of a random generator is kept: whatever is drawn follows from the seed and the step.
"""

import functools
import io
import json
import subprocess
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from deepmatte import outputs
from deepmatte.errors import BadInput
from deepmatte.training import parts, stored
from deepmatte.version import __version__

LAYOUT = 2
LAST, BEST = "last", "best"
STATE = "state.json"
# Beside these in a run's folder: the pictures that samples are windows of, and what TensorBoard shows.
SCENES, EVENTS = "scenes", "events"


@dataclass
class State:
    """Where a run stands.

    phase: the name of the last step's; seconds: of wall time; waited: how many of them were lost to waiting
    for batches; losses: running means by name, of the last hundred steps or so; samples_per_second,
    data_share: of the last steps, the latter the share of time that is lost to waiting; evaluations: what was
    measured, the latest last, each with its step, the share of the budget that was used, the benchmark's
    digest, and errors, means over the trimap sets and for each of the "sets"; code: version and
    revision of the program that ran last; corpora: fingerprints of what was trained on, the latest last;
    steps, minutes: the budget, one of them; without: groups of the corpora that are left out; batches: of the
    recipe's in one step of each process.
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
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    code: str = ""
    corpora: list[str] = field(default_factory=list)
    steps: int | None = None
    minutes: float | None = None
    without: list[str] = field(default_factory=list)
    batches: int = 1

    def scores(self) -> dict[str, float]:
        """Return what was measured at this very step: trimap set and error → value."""
        now = [each["sets"] for each in self.evaluations if each["step"] == self.step][-1:]
        return {
            f"{name} {error}": value
            for sets in now
            for name, errors in sets.items()
            for error, value in errors.items()
        }


def save(
    run: Path, state: State, tensors: dict[str, Any], which: str = LAST, part_bytes: int | None = None
) -> None:
    """Write a checkpoint of a run, and its state.json if it is the last one.

    tensors: state dicts by name ("network", "average", "optimiser"); which: "last", or "best" for one beside
    it, which needs no more than "average"; part_bytes: in files of at most this size (see parts).
    Raises BadOutput where the system refuses.
    """
    outputs.make_folder(run)
    state.code = revision()
    weights = io.BytesIO()
    torch.save({"layout": LAYOUT, "state": asdict(state), **tensors}, weights)
    parts.write(run / f"{which}.pt", weights.getbuffer(), part_bytes)
    if which == LAST:
        readable = json.dumps(asdict(state), indent=2) + "\n"
        outputs.write_bytes(run / STATE, readable.encode(), overwrite=True)


def exists(run: Path) -> bool:
    """Return whether a folder holds a run that can go on."""
    return parts.exists(run / f"{LAST}.pt")


def is_unbegun(run: Path) -> bool:
    """Return whether a folder holds no more than a run leaves that ended before its first checkpoint."""
    weights = (f"{LAST}.pt", f"{BEST}.pt")
    return not exists(run) and all(
        path.name in (SCENES, EVENTS, STATE) or path.name.startswith(weights) or outputs.is_part(path)
        for path in run.iterdir()
    )


def load(run: Path, which: str = LAST) -> tuple[State, dict[str, Any]]:
    """Read a checkpoint back, "last" or "best".

    Raises BadInput if there is none, it is damaged or of an unknown layout.
    """
    path = run / f"{which}.pt"
    if not parts.exists(path):
        hint = "the folder that deepmatte train wrote" if which == LAST else "a run trained with --evaluate"
        raise BadInput(f"{run} holds no {path.name}; expected {hint}")
    held = stored.read(parts.read(path), path, "train again, or bring back a copy")
    _upgrade(held, path)
    return _state(held.pop("state", None), path), held


def _upgrade(held: dict[str, Any], path: Path) -> None:
    """Bring what another version wrote to the layout of this one. Raises BadInput for what cannot be."""
    layout = held.pop("layout", None)
    if layout == 1:
        # Its state lacked the phase, the pace and where code and corpus come from: State's defaults.
        layout = 2
    if layout != LAYOUT:
        raise BadInput(
            f"{path} is of the layout {layout}; expected {LAYOUT} or less: use the version that wrote it"
        )


def _state(told: object, path: Path) -> State:
    """Return a state as it was stored. Raises BadInput for what another program or version wrote."""
    names = {each.name for each in fields(State)}
    if not isinstance(told, dict) or "recipe" not in told or not told.keys() <= names:
        found = ", ".join(sorted(map(str, told.keys() - names))) if isinstance(told, dict) else told
        raise BadInput(
            f"{path} was written by another program or version; its state should say which recipe it is of"
            f" and no more than {', '.join(sorted(names))}, found besides: {found or 'nothing'}"
        )
    return State(**told)


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
