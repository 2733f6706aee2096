import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from deepmatte import matting
from deepmatte.errors import BadInput
from deepmatte.training import export, inference, loop, recipes
from deepmatte.training.networks import dim


def _picture(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    image = np.random.default_rng(0).random((height, width, 3), np.float32)
    tri = np.full((height, width), 128, np.uint8)
    tri[:, :5], tri[:, -5:] = 255, 0
    return image, tri


class Refusing(nn.Module):
    """Says there is no memory as often as it is told to, then answers with the first plane."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals

    def forward(self, planes: torch.Tensor, fields: torch.Tensor) -> torch.Tensor:
        if self.refusals:
            self.refusals -= 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        return planes[:, :1]


def test_what_does_not_fit_on_the_device_is_computed_on_the_cpu_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = inference.TorchSession(Refusing(1), torch.device("cpu"))
    planes, fields = (
        np.random.default_rng(0).random((3, 32, 48), np.float32),
        np.zeros((1, 8, 12), np.float32),
    )
    with caplog.at_level(logging.WARNING, "deepmatte"):
        np.testing.assert_array_equal(session.run(planes, fields), planes[0])
    assert "too little memory for 48 × 32 px; the CPU computes them" in caplog.text
    caplog.clear()
    session.run(planes, fields)
    assert not caplog.text


def test_convolutions_are_computed_in_full_precision() -> None:
    class Asking(nn.Module):
        def forward(self, planes: torch.Tensor, fields: torch.Tensor) -> torch.Tensor:
            return torch.full((1, 1, *planes.shape[2:]), float(torch.backends.cudnn.allow_tf32))

    session = inference.TorchSession(Asking(), torch.device("cpu"))
    assert torch.backends.cudnn.allow_tf32
    assert not session.run(np.zeros((7, 12, 20), np.float32), np.zeros((13, 3, 5), np.float32)).any()
    assert torch.backends.cudnn.allow_tf32


def test_a_cpu_without_memory_is_an_error() -> None:
    session = inference.TorchSession(Refusing(2), torch.device("cpu"))
    with pytest.raises(torch.OutOfMemoryError):
        session.run(np.zeros((3, 32, 48), np.float32), np.zeros((1, 8, 12), np.float32))


def test_a_run_gives_what_its_exported_model_gives(tmp_path: Path) -> None:
    training = loop.Training(recipes.find("smoke"))
    training.average.head.weight.data.normal_(0, 0.05, generator=torch.Generator().manual_seed(0))
    training.save(tmp_path / "run")
    export.export(tmp_path / "run", tmp_path / "m.onnx")
    image, tri = _picture(45, 77)
    options = matting.MattingOptions(model=str(tmp_path / "m.onnx"), precision="f32")
    alpha = matting.estimate_alpha(image, tri, model=inference.open_run(tmp_path / "run"))
    np.testing.assert_allclose(alpha, matting.estimate_alpha(image, tri, options), atol=1 / 255)


def test_dim_mattes_a_picture_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dim, "_STAGES", ((4, 2), (4, 2), (6, 3), (8, 3), (8, 3)))
    monkeypatch.setattr(dim, "_DECODER", (8, 6, 4, 4, 4))
    training = loop.Training(recipes.find("dim_smoke"))
    training.save(tmp_path / "run")
    image, tri = _picture(45, 77)
    alpha = matting.estimate_alpha(image, tri, model=inference.open_run(tmp_path / "run"))
    assert alpha.shape == (45, 77)
    np.testing.assert_array_equal(alpha[tri == 255], 1)
    np.testing.assert_array_equal(alpha[tri == 0], 0)


def test_a_run_within_a_phase_is_the_network_of_that_phase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has not learnt yet, dim's refinement, takes no part."""
    monkeypatch.setattr(dim, "_STAGES", ((4, 2), (4, 2), (6, 3), (8, 3), (8, 3)))
    monkeypatch.setattr(dim, "_DECODER", (8, 6, 4, 4, 4))
    training = loop.Training(recipes.find("dim_smoke"))
    planes = np.random.default_rng(0).random((5, 32, 64), np.float32)
    answers = {}
    for phase in training.recipe.phases[:2]:
        training.enter(phase)
        training.save(tmp_path / phase.name)
        session = inference.open_run(tmp_path / phase.name).session
        answers[phase.name] = session.run(planes, np.zeros((0, 1, 1), np.float32))
        with torch.no_grad():
            expected = training.average(torch.from_numpy(planes)[None])[0, 0].numpy()
        np.testing.assert_allclose(answers[phase.name], expected, atol=1e-6)
    assert not np.allclose(*answers.values(), atol=1e-3)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"holds no last\.pt"):
        inference.open_run(tmp_path)
