import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from deepmatte import framing
from deepmatte.errors import BadInput, BadOutput
from deepmatte.matting import estimate_alpha
from deepmatte.models import load_model
from deepmatte.models.runtime import RUNTIMES
from deepmatte.models.spec import read_spec
from deepmatte.training import checkpoint, export, kernels, loop, recipes
from deepmatte.training.networks import build, dim
from deepmatte.training.networks.guided import HAZE, GuidedNet


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose averaged weights are random, its last layer and its statistics too, so that all matter."""
    training = loop.Training(recipes.find("smoke"))
    generator = torch.Generator().manual_seed(1)
    for name, value in training.average.state_dict().items():
        if "running" in name or "head" in name:
            value.copy_(torch.rand(value.shape, generator=generator) * 0.2 + 0.5 * ("var" in name))
    training.save(tmp_path / "run")
    return tmp_path / "run"


def test_the_file_says_what_it_is(run: Path, tmp_path: Path) -> None:
    export.export(run, tmp_path / "m.onnx", {"alphamatting trimap1 SAD": 5.5})
    spec = read_spec((tmp_path / "m.onnx").read_bytes())
    assert (spec.name, spec.planes, spec.fields) == ("m", framing.PLANES, framing.FIELDS)
    assert spec.scores == {"alphamatting trimap1 SAD": 5.5}


@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if name != "auto"])
def test_the_file_runs_in_the_pipeline(run: Path, tmp_path: Path, runtime: str) -> None:
    pytest.importorskip(runtime)
    export.export(run, tmp_path / "m.onnx")
    image = np.random.default_rng(0).random((37, 53, 3), np.float32)
    tri = np.full((37, 53), 128, np.uint8)
    tri[:, :10], tri[:, 40:] = 255, 0
    alpha = estimate_alpha(image, tri, model=load_model(tmp_path / "m.onnx", runtime=runtime))
    assert alpha.shape == (37, 53)
    assert (alpha[:, :10] == 1).all()
    assert (alpha[:, 40:] == 0).all()


def test_a_file_that_disagrees_is_not_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "compare", lambda *_: 0.1)
    with pytest.raises(BadOutput, match=r"25\.50/255"):
        export.export(run, tmp_path / "m.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_comparing_sees_a_changed_weight(run: Path, tmp_path: Path) -> None:
    spec = export.export(run, tmp_path / "m.onnx")
    content = (tmp_path / "m.onnx").read_bytes()
    training = loop.Training(recipes.find("smoke"))
    training.resume(run)
    training.average = kernels.rounded(training.average)
    assert export.compare(training.average, content, spec) < 1e-4
    training.average.head.bias.data += 0.1  # type: ignore[union-attr, operator]
    assert export.compare(training.average, content, spec) == pytest.approx(0.1 / (1 - 2 * HAZE), abs=0.005)


def test_no_file_is_replaced_unasked(run: Path, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_text("mine")
    with pytest.raises(BadOutput, match="exists"):
        export.export(run, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_text() == "mine"
    export.export(run, tmp_path / "m.onnx", overwrite=True)
    assert (tmp_path / "m.onnx").stat().st_size > 1000


def test_an_answer_that_is_no_number_is_not_written(run: Path, tmp_path: Path) -> None:
    state, tensors = checkpoint.load(run)
    tensors["average"]["head.bias"][1] = float("nan")
    checkpoint.save(tmp_path / "run", state, tensors)
    with pytest.raises(BadOutput, match="differs from the network by nan/255"):
        export.export(tmp_path / "run", tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_an_output_that_cannot_be_written_is_one_line(run: Path, tmp_path: Path) -> None:
    with pytest.raises(BadOutput, match="does not exist"):
        export.export(run, tmp_path / "nowhere" / "m.onnx")
    with pytest.raises(BadOutput, match="no UTF-8"):
        export.export(run, tmp_path / os.fsdecode(b"m\xe9.onnx"))
    assert not list(tmp_path.glob("m*"))


def test_a_network_is_read_back_from_its_file(run: Path, tmp_path: Path) -> None:
    export.export(run, tmp_path / "m.onnx")
    written, read = (loop.Training(recipes.find("smoke")).average for _ in range(2))
    written.load_state_dict(checkpoint.load(run)[1]["average"])
    export.load_weights(read, tmp_path / "m.onnx")
    written = kernels.rounded(written)
    for name, value in read.state_dict().items():
        torch.testing.assert_close(value, written.state_dict()[name], rtol=1e-6, atol=1e-7)


def test_a_file_with_kernels_in_half_precision_is_read(run: Path, tmp_path: Path) -> None:
    """As files were written before kernels were rounded to levels, such as guided-11's."""
    export.export(run, tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    for name in [name.removesuffix("_levels") for name in constants if name.endswith("_levels")]:
        kernel = constants.pop(f"{name}_levels") * constants.pop(f"{name}_steps")
        constants[f"{name}_half"] = kernel.astype(np.float16)
    del model.graph.initializer[:]
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    (tmp_path / "old.onnx").write_bytes(model.SerializeToString())
    old, new = (loop.Training(recipes.find("smoke")).average for _ in range(2))
    export.load_weights(old, tmp_path / "old.onnx")
    export.load_weights(new, tmp_path / "m.onnx")
    for name, value in old.state_dict().items():
        torch.testing.assert_close(value, new.state_dict()[name], rtol=1e-3, atol=1e-4)


def test_a_weight_takes_a_byte(run: Path, tmp_path: Path) -> None:
    export.export(run, tmp_path / "m.onnx")
    training = loop.Training(recipes.find("smoke"))
    constants = {each.name: each for each in onnx.load(tmp_path / "m.onnx").graph.initializer}
    kinds = {constants[f"{name}_levels"].data_type for name in kernels_of(training.average)}
    assert kinds == {onnx.TensorProto.INT8}


def kernels_of(network: torch.nn.Module) -> list[str]:
    return [name for name, value in network.named_parameters() if value.dim() > 1]


def test_fields_that_a_file_does_not_read_begin_without_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = framing.FIELDS[1:4]
    with monkeypatch.context() as patch:
        patch.setattr(GuidedNet, "reads_fields", older)
        training = loop.Training(recipes.find("smoke"))
        training.save(tmp_path / "run")
        export.export(tmp_path / "run", tmp_path / "m.onnx")
    network = loop.Training(recipes.find("smoke")).network
    export.load_weights(network, tmp_path / "m.onnx")
    written = kernels.rounded(training.average).state_dict()["fields.weight"]
    read = network.state_dict()["fields.weight"]
    torch.testing.assert_close(read[:, 1:4], written, rtol=1e-6, atol=1e-7)
    assert not read[:, 0].any()
    assert not read[:, 4:].any()


def test_a_network_that_a_model_file_cannot_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dim, "_STAGES", ((4, 2), (4, 2), (6, 3), (8, 3), (8, 3)))
    monkeypatch.setattr(dim, "_DECODER", (8, 6, 4, 4, 4))
    loop.Training(recipes.find("dim_smoke")).save(tmp_path / "run")
    with pytest.raises(BadOutput, match="unpooling"):
        export.export(tmp_path / "run", tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_a_file_of_another_network_is_refused(run: Path, tmp_path: Path) -> None:
    export.export(run, tmp_path / "m.onnx")
    narrower = replace(recipes.find("smoke"), settings={"widths": (8, 8, 8, 4), "encoder": (0, 1, 1, 1)})
    for recipe in (narrower, recipes.find("dim_smoke")):
        with pytest.raises(BadInput, match="another network"):
            export.load_weights(loop.Training(recipe).network, tmp_path / "m.onnx")


def test_a_larger_network_begins_with_the_answers_of_the_file(run: Path, tmp_path: Path) -> None:
    export.export(run, tmp_path / "m.onnx")
    larger = replace(
        recipes.find("smoke"),
        settings={"widths": (10, 8, 8, 12), "encoder": (0, 1, 1, 2), "decoder": (1, 1, 1)},
    )
    small, large = (loop.Training(recipe).average for recipe in (recipes.find("smoke"), larger))
    for network in (small, large):
        export.load_weights(network, tmp_path / "m.onnx")
    inputs = torch.rand(1, 7, 48, 80), torch.rand(1, 13, 12, 20)
    torch.testing.assert_close(large(*inputs), small(*inputs))


@pytest.mark.parametrize("name", ["default", "default_gpu", "trial"])
def test_recipes_of_the_default_model_begin_with_its_answers(name: str) -> None:
    begun, shipped = (
        build(recipe.network, **recipe.settings).eval()
        for recipe in (recipes.find(name), recipes.find("default"))
    )
    for network in (begun, shipped):
        export.load_weights(network, Path("default"))
    inputs = torch.rand(1, 7, 48, 80), torch.rand(1, 13, 12, 20)
    with torch.inference_mode():
        torch.testing.assert_close(begun(*inputs), shipped(*inputs))
