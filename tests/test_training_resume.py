"""Runs that are ended, and go on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from small_corpus import write_corpus

from deepmatte.training import checkpoint, loop
from deepmatte.training.networks import dim
from deepmatte.training.upkeep import Upkeep

STEPS = 12
PROGRAM = """
import sys
import time
from pathlib import Path
import torch
from deepmatte.training import loop
from deepmatte.training.upkeep import Upkeep

torch.set_num_threads(1)
corpus, run, steps = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])


def wait(state, share):
    if state.step == 7:  # to be killed in the middle of the run, however fast the machine is
        time.sleep(600)


loop.train("smoke", corpus, run, steps=steps, workers=1, progress=wait, upkeep=Upkeep(save_seconds=0))
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def _flat(values: object) -> list[object]:
    """Return all numbers and tensors of nested dictionaries and lists, in order."""
    if isinstance(values, dict):
        return [leaf for key in values for leaf in _flat(values[key])]
    return [leaf for each in values for leaf in _flat(each)] if isinstance(values, list) else [values]


def _equal(one: object, other: object) -> bool:
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other  # type: ignore[arg-type]


def _steps(run: Path) -> int:
    path = run / "state.json"
    return int(json.loads(path.read_text())["step"]) if path.exists() else 0


def test_a_run_that_was_killed_goes_on_as_if_nothing_had_happened(corpus: Path, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums come in another order with more
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(corpus), str(killed), str(STEPS)])
    deadline = time.monotonic() + 120
    while _steps(killed) < 6 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert _steps(killed) == 6
    state = loop.train("smoke", corpus, killed, steps=STEPS, workers=0)
    loop.train("smoke", corpus, whole, steps=STEPS, workers=0)
    torch.set_num_threads(threads)
    assert (state.step, state.samples) == (STEPS, 2 * STEPS)
    (one, ours), (other, theirs) = checkpoint.load(killed), checkpoint.load(whole)
    assert set(ours) == {"network", "average", "optimiser"}
    pairs = list(zip(_flat(ours), _flat(theirs), strict=True))
    assert len(pairs) > 100
    assert all(_equal(*pair) for pair in pairs)
    assert one.losses == other.losses


@pytest.mark.parametrize("name", ["smoke", "dim_smoke"])
def test_a_run_with_pauses_equals_one_without(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """In parts, and through phases that freeze parts of the network."""
    monkeypatch.setattr(dim, "_STAGES", ((4, 2), (4, 2), (6, 3), (8, 3), (8, 3)))
    monkeypatch.setattr(dim, "_DECODER", (8, 6, 4, 4, 4))
    whole = loop.train(name, corpus, tmp_path / "whole", workers=0)
    upkeep, state = Upkeep(part_bytes=20_000), None
    while state is None or state.step < whole.step:
        before = state.step if state else 0
        state = loop.train(name, corpus, tmp_path / "run", workers=0, pause_minutes=1e-9, upkeep=upkeep)
        assert state.step == before + 1
    sizes = [path.stat().st_size for path in (tmp_path / "run").iterdir()]
    assert max(sizes) == 20_000 < sum(sizes)
    one, other = (checkpoint.load(tmp_path / run)[1] for run in ("run", "whole"))
    assert all(_equal(*pair) for pair in zip(_flat(one), _flat(other), strict=True))


@pytest.mark.skipif(sys.platform == "win32", reason="signals end programs as on Unix")
def test_a_signal_to_all_processes_of_a_run_ends_it_quietly(corpus: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "deepmatte",
        "train",
        "smoke",
        "--corpus",
        str(corpus),
        "--steps",
        "99999",
    ]
    command += ["--output", str(run), "--workers", "1", "--save-every", "0.0001", "--no-tensorboard"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    for _ in range(600):
        if _steps(run) or process.poll() is not None:
            break
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, [line for line in said.splitlines() if "%" not in line]) == (143, [])


def test_a_run_goes_on_with_the_budget_it_had(corpus: Path, tmp_path: Path) -> None:
    for budget, left in (({"steps": 3}, (3, None)), ({"minutes": 60.0}, (None, 60.0))):
        run = tmp_path / next(iter(budget))
        loop.train("smoke", corpus, run, workers=0, pause_minutes=1e-9, **budget)
        state = loop.train("smoke", corpus, run, workers=0, pause_minutes=1e-9)
        assert (state.step, state.steps, state.minutes) == (2, *left)
    assert loop.train("smoke", corpus, tmp_path / "steps", workers=0).step == 3
    state = loop.train("smoke", corpus, tmp_path / "steps", workers=0, steps=5)  # unless another is given
    assert (state.step, state.steps) == (5, 5)
    assert loop.train("smoke", corpus, tmp_path / "minutes", workers=0, steps=3).minutes is None


def test_a_run_goes_on_with_the_samples_it_had(corpus: Path, tmp_path: Path) -> None:
    """Groups that are left out, batches in a step and the seed."""
    kinds = {"without": ["soft"], "draws": 2, "seed": 5}
    whole = loop.train("smoke", corpus, tmp_path / "whole", workers=0, steps=2, **kinds)
    loop.train("smoke", corpus, tmp_path / "run", workers=0, steps=2, pause_minutes=1e-9, **kinds)
    state = loop.train("smoke", corpus, tmp_path / "run", workers=0)
    assert (state.without, state.batches, state.seed) == (["soft"], 2, 5)
    assert (state.step, state.samples, state.losses) == (2, whole.samples, whole.losses)
    assert len(list((tmp_path / "run" / "scenes").iterdir())) == 1
    # unless others are given
    state = loop.train("smoke", corpus, tmp_path / "run", workers=0, steps=3, without=[], draws=1)
    assert (state.without, state.batches, state.samples) == ([], 1, whole.samples + 2)


def test_a_budget_in_minutes_ends_with_a_checkpoint(corpus: Path, tmp_path: Path) -> None:
    told: list[float] = []
    state = loop.train(
        "smoke",
        corpus,
        tmp_path / "run",
        minutes=0.005,
        workers=1,
        progress=lambda _, share: told.append(share),
    )
    assert [share >= 1 for share in told] == [False] * (len(told) - 1) + [True]
    assert checkpoint.load(tmp_path / "run")[0].step == state.step == len(told)
