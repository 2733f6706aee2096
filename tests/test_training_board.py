import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from small_benchmark import make_benchmark
from small_corpus import write_corpus
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from deepmatte import cli
from deepmatte.training import loop
from deepmatte.training.batches import Batch
from deepmatte.training.board import picture
from deepmatte.training.upkeep import Upkeep


def _read(run: Path) -> EventAccumulator:
    read = EventAccumulator(str(run / "events"))
    read.Reload()
    return read


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus")


def test_losses_pace_errors_and_pictures_can_be_looked_at(corpus: Path, tmp_path: Path) -> None:
    upkeep = Upkeep(board=True, benchmark=make_benchmark(tmp_path / "benchmark"), measurements=2)
    state = loop.train("smoke", corpus, tmp_path / "run", workers=0, upkeep=upkeep)
    shown = _read(tmp_path / "run")
    assert set(shown.Tags()["scalars"]) == {
        "loss/absolute", "loss/squared", "loss/laplacian", "loss/total", "learning_rate",
        "pace/samples_per_second", "pace/data_share",
        *(f"{error}/{name}" for error in ("sad", "mse", "gradient", "connectivity")
          for name in ("trimap1", "trimap2")),
    }  # fmt: skip
    assert [event.step for event in shown.Scalars("sad/trimap1")] == [2, 4]
    assert shown.Scalars("sad/trimap2")[1].value == pytest.approx(
        state.evaluations[1]["sets"]["trimap2"]["sad"]
    )
    example = shown.Images("examples")[-1]
    assert (example.step, example.height, example.width) == (4, 2 * 64, 4 * 64)


def test_a_run_that_goes_on_hides_what_lay_past_its_checkpoint(corpus: Path, tmp_path: Path) -> None:
    for steps in (2, 3):
        loop.train("smoke", corpus, tmp_path / "run", workers=0, steps=steps, upkeep=Upkeep(board=True))
    shown = _read(tmp_path / "run")
    assert [event.step for event in shown.Images("examples")] == [2, 3]


def test_a_picture_is_image_trimap_alpha_and_truth() -> None:
    planes = torch.zeros(3, 7, 4, 6)
    planes[:, :3] = torch.tensor([1.0, 0.4, 0.2])[None, :, None, None]
    planes[:, 3, :, :2], planes[:, 4, :, 4:] = 1, 1  # foreground to the left, background to the right
    alpha = torch.full((3, 1, 4, 6), 0.6)
    seen = picture(Batch(planes, torch.zeros(3, 13, 1, 1), alpha, alpha), torch.full((2, 1, 4, 6), 0.2))
    assert seen.shape == (2 * 4, 4 * 6, 3)
    row = np.concatenate(
        [np.full((6, 3), (255, 102, 51)), np.repeat([255, 255, 128, 128, 0, 0], 3).reshape(6, 3),
         np.full((6, 3), 51), np.full((6, 3), 153)]
    )  # fmt: skip
    np.testing.assert_array_equal(seen, np.broadcast_to(row, seen.shape))


def test_large_samples_are_shown_small() -> None:
    planes, alpha = torch.zeros(1, 7, 320, 320), torch.zeros(1, 1, 320, 320)
    assert picture(Batch(planes, planes, alpha, alpha), alpha).shape == (160, 640, 3)


def test_without_tensorboard_a_run_says_so_and_goes_on(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "tensorboard" else find_spec(name, *rest),
    )
    command = ["train", "smoke", "--corpus", str(corpus), "--output", str(tmp_path / "run"), "--workers", "0"]
    assert cli.main([*command, "--steps", "1"]) == 0
    assert "note: tensorboard is not installed, so RUN/events is not written" in capsys.readouterr().err
    assert not (tmp_path / "run/events").exists()
    assert cli.main([*command, "--steps", "2", "--resume", "--no-tensorboard"]) == 0
    printed = capsys.readouterr()
    assert "2 steps, 4 samples" in printed.out
    assert not printed.err
