"""Both runtimes compute what NumPy computes, say no clearly, and leave no traces."""

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest

from deepmatte.errors import ModelUnavailable
from deepmatte.models import load_model, runtime
from deepmatte.models.spec import ModelSpec
from deepmatte.pixels import Floats

RUNTIMES = [name for name in ("openvino", "onnxruntime") if importlib.util.find_spec(name)]
KERNEL = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3) / 36


def tiny_model(planes: int = 3, fields: int = 2, output: str = "alpha", metadata: str = "") -> bytes:
    """alpha = 3 × 3 convolution of the planes' mean, plus the mean of the fields enlarged four times."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["planes"], ["mean"], axes=[1], keepdims=1),
            helper.make_node("Conv", ["mean", "kernel"], ["smooth"], pads=[1, 1, 1, 1]),
            helper.make_node("ReduceMean", ["fields"], ["coarse"], axes=[1], keepdims=1),
            helper.make_node(
                "Resize",
                ["coarse", "", "scales"],
                ["fine"],
                mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            ),
            helper.make_node("Add", ["smooth", "fine"], [output]),
        ],
        "tiny",
        [
            helper.make_tensor_value_info("planes", kind, [1, planes, "height", "width"]),
            helper.make_tensor_value_info("fields", kind, [1, fields, "rows", "columns"]),
        ],
        [helper.make_tensor_value_info(output, kind, [1, 1, "height", "width"])],
        [
            onnx.numpy_helper.from_array(KERNEL, "kernel"),
            onnx.numpy_helper.from_array(np.array([1, 1, 4, 4], np.float32), "scales"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if metadata:
        helper.set_model_props(model, {"deepmatte": metadata})
    serialized: bytes = model.SerializeToString()
    return serialized


def expected(planes: Floats, fields: Floats) -> Floats:
    mean = np.pad(planes.mean(0), 1)
    windows = np.lib.stride_tricks.sliding_window_view(mean, (3, 3))
    fine = np.kron(fields.mean(0), np.ones((4, 4)))
    alpha: Floats = ((windows * KERNEL[0, 0]).sum((2, 3)) + fine).astype(np.float32)
    return alpha


def inputs(height: int, width: int) -> tuple[Floats, Floats]:
    generator = np.random.default_rng(height)
    planes = generator.random((3, height, width), np.float32)
    return planes, generator.random((2, height // 4, width // 4), np.float32)


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_session_computes_the_model_at_any_size(name: str) -> None:
    session = runtime.open_session(tiny_model(), "f32", name)
    kept = []
    for height, width in [(4, 8), (48, 20), (20, 48), (48, 20)]:
        alpha = session.run(*inputs(height, width))
        assert alpha.shape == (height, width)
        assert alpha.dtype == np.float32
        kept.append((alpha, expected(*inputs(height, width))))
    for alpha, truth in kept:  # after all runs: a result must not be a view of a buffer that is used again
        np.testing.assert_allclose(alpha, truth, atol=1e-5)


@pytest.mark.parametrize("name", RUNTIMES)
def test_arrays_of_any_layout_are_taken(name: str) -> None:
    planes, fields = inputs(12, 20)
    across = np.asfortranarray(planes)
    alpha = runtime.open_session(tiny_model(), "f32", name).run(across, fields[:, ::1])
    np.testing.assert_allclose(alpha, expected(planes, fields), atol=1e-5)


def test_bf16_is_near_f32() -> None:
    try:
        session = runtime.open_session(tiny_model(), "bf16", "openvino")
    except ModelUnavailable as error:
        pytest.skip(str(error))
    planes, fields = inputs(12, 20)
    np.testing.assert_allclose(session.run(planes, fields), expected(planes, fields), rtol=0.02)


def test_automatic_precision_is_bf16_where_it_can_be_had() -> None:
    planes, fields = inputs(12, 20)
    automatic = runtime.open_session(tiny_model()).run(planes, fields)
    try:
        best = runtime.open_session(tiny_model(), "bf16")
    except ModelUnavailable:
        best = runtime.open_session(tiny_model(), "f32")
    np.testing.assert_array_equal(automatic, best.run(planes, fields))


def test_onnxruntime_refuses_bf16() -> None:
    with pytest.raises(ModelUnavailable, match='choose precision "f32"'):
        runtime.open_session(tiny_model(), "bf16", "onnxruntime")


def test_the_same_model_is_compiled_once() -> None:
    again = b"".join([tiny_model()[:50], tiny_model()[50:]])
    assert runtime.open_session(tiny_model()) is runtime.open_session(again)


def test_openvino_comes_first() -> None:
    if RUNTIMES != ["openvino", "onnxruntime"]:
        pytest.skip("needs both runtimes")
    automatic = runtime.open_session(tiny_model())
    assert automatic is runtime.open_session(tiny_model(), runtime="openvino")
    assert automatic is not runtime.open_session(tiny_model(), runtime="onnxruntime")


def test_a_missing_runtime_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelUnavailable, match='"pip install openvino"'):
        runtime.open_session(tiny_model())
    with pytest.raises(ModelUnavailable, match='onnxruntime is not installed: "pip install onnxruntime"'):
        runtime.open_session(tiny_model(), runtime="onnxruntime")


@pytest.mark.parametrize(("precision", "name"), [("f16", "auto"), ("f32", "tensorrt")])
def test_an_unknown_choice_lists_the_choices(precision: str, name: str) -> None:
    with pytest.raises(ModelUnavailable, match="expected one of auto, f32, bf16 and one of auto, openvino"):
        runtime.open_session(tiny_model(), precision, name)


@pytest.mark.parametrize("name", RUNTIMES)
@pytest.mark.parametrize("content", [b"", b"hello", tiny_model()[:-20]])
def test_what_is_no_model_is_refused_on_one_line(name: str, content: bytes) -> None:
    with pytest.raises(ModelUnavailable, match="cannot use the model, it may be damaged") as caught:
        runtime.open_session(content, runtime=name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_network_of_another_kind_is_refused(name: str) -> None:
    with pytest.raises(ModelUnavailable, match="to alpha: use a model written by"):
        runtime.open_session(tiny_model(output="depth"), runtime=name)


@pytest.mark.parametrize("name", RUNTIMES)
def test_the_wrong_number_of_planes_is_an_error(name: str) -> None:
    planes, fields = inputs(8, 12)
    session = runtime.open_session(tiny_model(), "f32", name)
    with pytest.raises(ModelUnavailable, match=r"takes \(3, 2\) planes and fields but was given \(2, 2\)"):
        session.run(planes[:2], fields)
    with pytest.raises(ModelUnavailable, match=r"takes \(3, 2\) planes and fields but describes \(3, 1\)"):
        runtime.open_session(tiny_model(), runtime=name, counts=(3, 1))


def test_a_model_is_loaded_from_its_file(tmp_path: Path) -> None:
    spec = ModelSpec(
        "tiny", "1", ("a", "b", "c"), ("d", "e"), 4, 1, "CC0-1.0", "2025-01-31", "by hand", {"SAD": 0.5}
    )
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_model(metadata=spec.to_json()))
    model = load_model(path, "f32")
    assert model.spec == spec
    np.testing.assert_allclose(model.session.run(*inputs(8, 12)), expected(*inputs(8, 12)), atol=1e-5)


def test_a_file_that_describes_other_planes_is_refused(tmp_path: Path) -> None:
    spec = ModelSpec("tiny", "1", ("a", "b"), ("d", "e"), 4, 1, "CC0-1.0", "2025-01-31", "by hand", {})
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_model(metadata=spec.to_json()))
    with pytest.raises(ModelUnavailable, match=r"takes \(3, 2\) planes and fields but describes \(2, 2\)"):
        load_model(path)


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_runtime_leaves_no_files_and_sends_no_statistics(name: str, tmp_path: Path) -> None:
    (tmp_path / "tiny.onnx").write_bytes(tiny_model())
    program = f"""
import pathlib, sys
import numpy as np
from deepmatte.models import runtime
session = runtime.open_session(pathlib.Path("tiny.onnx").read_bytes(), runtime={name!r})
session.run(np.zeros((3, 8, 12), np.float32), np.zeros((2, 2, 3), np.float32))
assert not any("telemetry" in module and "ovc" not in module for module in sys.modules), sys.modules.keys()
"""
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    source = str(Path(runtime.__file__).parents[2])
    environment = {**os.environ, **home, "PYTHONPATH": source, "CI": "", "PYTHONDONTWRITEBYTECODE": "1"}
    for cache in ("XDG_CACHE_HOME", "ORT_DISABLE_TELEMETRY"):
        environment.pop(cache, None)
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["tiny.onnx"]


@pytest.mark.parametrize("name", RUNTIMES)
def test_windows_that_a_model_cannot_take_are_a_plain_error(name: str) -> None:
    session = runtime.open_session(tiny_model(), "f32", name)
    with pytest.raises(ModelUnavailable, match="cannot run the model") as error:
        session.run(np.zeros((3, 12, 20), np.float32), np.zeros((2, 5, 5), np.float32))
    assert "\n" not in str(error.value)


def test_lack_of_memory_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    class Request:
        def infer(self, *_: object, **__: object) -> None:
            raise RuntimeError("[CPU] can't alloc 1000000 bytes")

    if "openvino" not in RUNTIMES:
        pytest.skip("needs OpenVINO")
    session = runtime.open_session(tiny_model(), "f32", "openvino")
    monkeypatch.setattr(session, "_request", Request())
    with pytest.raises(MemoryError):
        session.run(*inputs(12, 20))


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_a_runtime_that_cannot_be_loaded_says_what_to_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise ImportError("libtbb.so.12: cannot open\nshared object file")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(
        ModelUnavailable, match=rf"{name} is installed but cannot be loaded \(libtbb"
    ) as error:
        runtime.open_session(tiny_model(metadata="of its own"), runtime=name)
    assert "\n" not in str(error.value)


def test_threads_that_ask_at_once_get_one_session() -> None:
    content = tiny_model(metadata="for threads")
    with ThreadPoolExecutor(4) as pool:
        sessions = list(pool.map(lambda _: runtime.open_session(content), range(4)))
    assert len({id(session) for session in sessions}) == 1
