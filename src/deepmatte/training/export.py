"""A trained run → a model file that says what it is. Nothing is written unless file and network, its kernels
rounded (kernels), give the same alphas.
"""

import datetime
import io
import warnings
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from deepmatte import framing, outputs
from deepmatte.errors import BadInput, BadOutput
from deepmatte.models.catalogue import load_bytes
from deepmatte.models.runtime import open_session
from deepmatte.models.spec import METADATA_KEY, ModelSpec
from deepmatte.training import checkpoint, kernels, recipes, stored
from deepmatte.training.networks import build
from deepmatte.training.networks.guided import GuidedNet
from deepmatte.version import __version__

# Sizes in strides at which model file and network are compared: small, uneven, larger than a training sample.
_CHECKED = ((1, 1), (3, 7), (13, 2), (29, 31))
# Most that a pixel may differ from the network with rounded kernels.
_TOLERANCE = 1 / 255
_OPSET = 17
_LEVELS, _STEPS = "_levels", "_steps"
_HALF = "_half"  # of kernels in half precision, as files had them once


def export(
    run: Path | str,
    output: Path | str,
    scores: dict[str, float] | None = None,
    which: str = checkpoint.LAST,
    overwrite: bool = False,
) -> ModelSpec:
    """Write the averaged weights of a run as an ONNX file, kernels in whole numbers (kernels).

    The model is called as the file is. scores: what was measured, stored in the file, in place of what the
    run itself measured; which: "last" or "best".
    Raises BadInput for a folder that is no run, BadOutput if the file cannot be written, exists and is not to
    be replaced, or disagrees with the network.
    """
    outputs.check_target(output, overwrite)
    if not outputs.is_text(Path(output).stem):
        raise BadOutput(f"{outputs.show(Path(output))} is no UTF-8, and a model is called as its file is")
    state, tensors = checkpoint.load(Path(run), which)
    network, spec = rebuild(state, tensors, Path(output).stem, scores)
    if not network.exportable:
        raise BadOutput(
            f"recipe {state.recipe}: its network's unpooling has no place in a model file; use the run itself"
            " (deepmatte.training.inference.open_run)"
        )
    network = kernels.rounded(network)
    content = to_onnx(network, spec)
    worst = compare(network, content, spec)
    if not worst <= _TOLERANCE:  # as it is not where one of them answers with no number
        raise BadOutput(
            f"the exported model differs from the network by {worst * 255:.2f}/255; expected at most 1/255"
        )
    outputs.write_bytes(output, content, overwrite=overwrite)
    return spec


def rebuild(
    state: checkpoint.State, tensors: dict[str, Any], name: str, scores: dict[str, float] | None = None
) -> tuple[nn.Module, ModelSpec]:
    """Return the network of a checkpoint with its averaged weights, and what is to be said of it as a model.

    Raises BadInput for a recipe that is not known, or whose layers are others than the checkpoint's.
    """
    recipe = recipes.find(state.recipe)
    network = build(recipe.network, **recipe.settings)
    stored.restore(network, tensors, "average", recipe.name)
    # What the run's phase left out has not learnt yet.
    skipped = [phase.skipped for phase in recipe.phases if phase.name == state.phase and phase.skipped]
    if skipped:
        network.skipped = skipped[0]  # type: ignore[assignment]
    spec = ModelSpec(
        name=name,
        version=__version__,
        planes=tuple(network.reads_planes),  # type: ignore[arg-type]
        fields=tuple(network.reads_fields),  # type: ignore[arg-type]
        stride=int(network.stride),  # type: ignore[arg-type]
        margin_px=int(network.margin_px),  # type: ignore[arg-type]
        licence="Apache-2.0",
        trained=datetime.date.today().isoformat(),
        source=f"recipe {recipe.name}, {state.samples} samples in {state.seconds / 60:.0f} minutes",
        scores=state.scores() if scores is None else scores,
    )
    return network, spec


def to_onnx(network: nn.Module, spec: ModelSpec) -> bytes:
    """Return the network as an ONNX file of free height and width, kernels in whole numbers, spec inside."""
    network = deepcopy(network).eval()
    side = 4 * spec.stride
    example = (
        torch.zeros(1, len(spec.planes), side, side),
        torch.zeros(1, len(spec.fields), side // 4, side // 4),
    )
    with warnings.catch_warnings():
        # The exporter that replaces this one needs another package and gives the same graph.
        warnings.simplefilter("ignore", DeprecationWarning)
        model = _traced(network, example)
    _round_kernels(model)
    helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _traced(network: nn.Module, example: tuple[torch.Tensor, torch.Tensor]) -> onnx.ModelProto:
    buffer = io.BytesIO()
    torch.onnx.export(
        network,
        example,
        buffer,  # type: ignore[arg-type]  # its types say a path
        dynamo=False,
        opset_version=_OPSET,
        # Layers keep their names, so that training can start from the file; runtimes fold them.
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        input_names=["planes", "fields"],
        output_names=["alpha"],
        dynamic_axes={
            "planes": {2: "height", 3: "width"},
            "fields": {2: "rows", 3: "columns"},
            "alpha": {2: "height", 3: "width"},
        },
    )
    return onnx.load_from_string(buffer.getvalue())


def _round_kernels(model: onnx.ModelProto) -> None:
    """Store kernels as levels and steps, to be multiplied; runtimes do so when they load."""
    nodes, constants = [], []
    for weight in model.graph.initializer:
        value = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or not kernels.is_kernel(value):
            constants.append(weight)
            continue
        name = weight.name
        levels, steps = kernels.to_levels(value)
        constants.append(numpy_helper.from_array(levels, name + _LEVELS))
        constants.append(numpy_helper.from_array(steps, name + _STEPS))
        nodes.append(helper.make_node("Cast", [name + _LEVELS], [name + "_cast"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [name + "_cast", name + _STEPS], [name]))
    nodes.extend(model.graph.node)
    for part, made in ((model.graph.initializer, constants), (model.graph.node, nodes)):
        del part[:]
        part.extend(made)


def load_weights(network: nn.Module, path: Path) -> None:
    """Load a model file that export wrote into a network, to go on training from it.

    Fields that the file's model did not read yet begin without weight; a network that is larger than the
    file's, where it can grow, answers as the file's does at first.
    Raises ModelUnavailable for a file that is none of ours, BadInput if it is of another network.
    """
    content, spec = load_bytes(path)
    graph = onnx.load_from_string(content).graph
    stored = {
        name.removesuffix(_HALF): torch.from_numpy(value.astype(np.float32))
        for name, value in _read_constants(graph).items()
    }
    # Weights of equal value are stored once; the others are names for them.
    stored |= {
        node.output[0]: stored[node.input[0]]
        for node in graph.node
        if node.op_type == "Identity" and node.input[0] in stored
    }
    if "fields.weight" in stored and set(spec.fields) < set(framing.FIELDS):
        read = stored["fields.weight"]
        stored["fields.weight"] = read.new_zeros(len(read), len(framing.FIELDS), *read.shape[2:])
        stored["fields.weight"][:, [framing.FIELDS.index(name) for name in spec.fields]] = read
    try:
        # No file holds another kind of network; its names do not fit, and that is said below.
        network.load_state_dict(network.grow(stored) if isinstance(network, GuidedNet) else stored)
    except (KeyError, RuntimeError) as error:
        raise BadInput(
            f"{path} holds another network than the recipe's; use the recipe it was made by"
        ) from error


def _read_constants(graph: onnx.GraphProto) -> dict[str, Any]:
    """Return a file's arrays by name, kernels that are levels and steps multiplied."""
    read = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    for name in [name.removesuffix(_LEVELS) for name in read if name.endswith(_LEVELS)]:
        read[name] = kernels.from_levels(read.pop(name + _LEVELS), read.pop(name + _STEPS))
    return read


def compare(network: nn.Module, content: bytes, spec: ModelSpec) -> float:
    """Return the largest difference between network and model file over several sizes; no number (nan) where
    an answer is none.
    """
    network = deepcopy(network).eval().float()
    session = open_session(content, "f32", counts=(len(spec.planes), len(spec.fields)))
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for rows, columns in _CHECKED:
        height, width = rows * spec.stride, columns * spec.stride
        planes = torch.rand(len(spec.planes), height, width, generator=generator)
        fields = torch.rand(len(spec.fields), height // 4, width // 4, generator=generator)
        with torch.no_grad():
            expected = network(planes[None], fields[None])[0, 0].numpy()
        difference = np.abs(session.run(planes.numpy(), fields.numpy()) - expected).max()
        worst = float(np.maximum(worst, difference))  # which hands on what is no number, as max does not
    return worst
