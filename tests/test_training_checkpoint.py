import contextlib
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from deepmatte.errors import BadInput
from deepmatte.training import checkpoint
from deepmatte.training.checkpoint import State
from deepmatte.version import __version__


def _save(run: Path, **changes: object) -> None:
    checkpoint.save(run, State("smoke", step=7, **changes), {"network": {"w": torch.arange(3.0)}})  # type: ignore[arg-type]


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    _save(tmp_path / "run", losses={"total": 0.5}, corpora=["a"])
    state, tensors = checkpoint.load(tmp_path / "run")
    assert (state.step, state.losses, state.corpora) == (7, {"total": 0.5}, ["a"])
    assert torch.equal(tensors["network"]["w"], torch.arange(3.0))


def test_the_first_layout_is_brought_to_this_one(tmp_path: Path) -> None:
    old = {"recipe": "smoke", "step": 3, "seconds": 2.5, "samples": 6, "losses": {"total": 1.0}}
    torch.save({"layout": 1, "state": old, "network": {}}, tmp_path / "last.pt")
    state, _ = checkpoint.load(tmp_path)
    assert (state.step, state.seed, state.phase, state.corpora) == (3, 0, "", [])


def test_a_layout_from_the_future_is_refused(tmp_path: Path) -> None:
    torch.save({"layout": 99, "state": {}}, tmp_path / "last.pt")
    with pytest.raises(BadInput, match="layout 99; expected 2 or less"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("told", [None, {"step": 3}, {"recipe": "smoke", "novel": 1}])
def test_a_state_of_another_program_is_refused(tmp_path: Path, told: object) -> None:
    torch.save({"layout": 2, "state": told}, tmp_path / "last.pt")
    with pytest.raises(BadInput, match="written by another program or version"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("zipped", [True, False])
def test_no_damage_is_a_traceback(tmp_path: Path, zipped: bool) -> None:
    held = {"layout": 2, "state": {"recipe": "smoke"}, "network": {"w": torch.arange(30.0)}}
    torch.save(held, tmp_path / "last.pt", _use_new_zipfile_serialization=zipped)
    whole = (tmp_path / "last.pt").read_bytes()
    rng = np.random.default_rng(0)
    for number in range(300):
        broken = bytearray(whole)
        at = int(rng.integers(len(whole)))
        if number % 2:
            broken = broken[:at]
        else:
            broken[at] ^= 1 << int(rng.integers(8))
        (tmp_path / "last.pt").write_bytes(broken)
        with contextlib.suppress(BadInput), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            checkpoint.load(tmp_path)


def test_a_list_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "last.pt")
    with pytest.raises(BadInput, match="holds a list; expected a dict: train again"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04" + bytes(50)])
def test_a_damaged_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "last.pt").write_bytes(content)
    with pytest.raises(BadInput, match="cannot be read, it is damaged") as caught:
        checkpoint.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_half_file_is_refused(tmp_path: Path) -> None:
    _save(tmp_path)
    whole = (tmp_path / "last.pt").read_bytes()
    (tmp_path / "last.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="damaged"):
        checkpoint.load(tmp_path)


def test_the_program_says_which_it_is() -> None:
    assert checkpoint.revision().startswith(__version__)
