"""The one place that knows inference runtimes: OpenVINO and ONNX Runtime behind one Session.

A model file maps "planes" (1, C, H, W) and "fields" (1, G, H / 4, W / 4) to "alpha" (1, 1, H, W), all
float32, H and W free. Both runtimes are kept from sending statistics and from writing files:
docs/decisions/runtime.md says why and how.
"""

import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from deepmatte.errors import ModelUnavailable
from deepmatte.pixels import Floats

PRECISIONS = ("auto", "f32", "bf16")
RUNTIMES = ("auto", "openvino", "onnxruntime")

_DAMAGED = "cannot use the model, it may be damaged: export it anew"
_FAILED = "cannot run the model, its stride may be wrong: export it anew"
_OUT_OF_MEMORY = ("out of memory", "can't alloc", "bad_alloc", "bad allocation", "failed to allocate")
_opening = threading.Lock()


class Session(Protocol):
    """Anything that turns the planes and fields of one window into an alpha."""

    def run(self, planes: Floats, fields: Floats) -> Floats:
        """planes: (C, H, W), fields: (G, H / 4, W / 4), H and W multiples of the stride.

        Returns alpha (H, W), not clipped.
        """


def open_session(
    model_bytes: bytes, precision: str = "auto", runtime: str = "auto", counts: tuple[int, int] | None = None
) -> Session:
    """Compile a model. Doing it again in the same process gives the same session (the last two are kept).

    model_bytes: an ONNX file; precision: "f32", "bf16" (OpenVINO only, on processors that have it), or "auto"
    for bf16 where it can be had, else f32;
    runtime: "openvino", "onnxruntime", or "auto" for the first of them that is installed;
    counts: how many planes and fields the model must take, if known.
    Raises ModelUnavailable if the model or the choice cannot be used here; there is no silent fallback.
    """
    if precision not in PRECISIONS or runtime not in RUNTIMES:
        raise ModelUnavailable(
            f'there is no precision "{precision}" with runtime "{runtime}"; expected one of'
            f" {', '.join(PRECISIONS)} and one of {', '.join(RUNTIMES)}"
        )
    with _opening:  # or threads that ask at once would get one each
        session = _open(model_bytes, precision, _chosen(runtime))
    if counts not in (None, session.counts):
        raise ModelUnavailable(
            f"the model takes {session.counts} planes and fields but describes {counts}: export it anew"
        )
    return session


class _OpenVino:
    """A model compiled by OpenVINO for the CPU."""

    def __init__(self, model_bytes: bytes, precision: str) -> None:
        openvino = _import_openvino()
        core = openvino.Core()
        has_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bf16" and not has_bf16:
            raise ModelUnavailable('this processor cannot compute in bf16: choose precision "f32"')
        if precision == "auto":
            precision = "bf16" if has_bf16 else "f32"
        # Not pinned to cores: measured 10 % faster here, more when the machine has other work.
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": precision,
        }
        with _told("OpenVINO", _DAMAGED):
            compiled = core.compile_model(core.read_model(model_bytes), "CPU", settings)
        self.counts = _counts(
            {port.get_any_name(): [_length(side) for side in port.partial_shape] for port in compiled.inputs},
            [port.get_any_name() for port in compiled.outputs],
        )
        self._request = compiled.create_infer_request()
        self._lock = threading.Lock()

    def run(self, planes: Floats, fields: Floats) -> Floats:
        """See Session."""
        feeds = _feeds(planes, fields, self.counts)
        with self._lock:  # a request holds its buffers: one picture at a time
            with _told("OpenVINO", _FAILED):
                self._request.infer(feeds, share_inputs=True)
            alpha: Floats = self._request.get_output_tensor(0).data[0, 0].copy()
        return alpha


class _OnnxRuntime:
    """A model opened by ONNX Runtime, on a CUDA GPU if the installed build has that, else on the CPU."""

    def __init__(self, model_bytes: bytes, precision: str) -> None:
        if precision == "bf16":
            raise ModelUnavailable(
                f'ONNX Runtime computes in f32 only, not {precision}: choose precision "f32",'
                ' or install OpenVINO with "pip install openvino"'
            )
        onnxruntime = _import_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors; the rest would land on the user's terminal
        providers: list[Any] = ["CPUExecutionProvider"]
        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            providers.insert(0, ("CUDAExecutionProvider", {"use_tf32": 0}))
        with _told("ONNX Runtime", _DAMAGED):
            self._session = onnxruntime.InferenceSession(model_bytes, options, providers=providers)
        if len(self._session.get_providers()) < len(providers):
            raise ModelUnavailable(
                "this ONNX Runtime is built for CUDA but cannot use it: mend the driver,"
                ' or "pip uninstall onnxruntime-gpu && pip install onnxruntime"'
            )
        self.counts = _counts(
            {port.name: list(port.shape) for port in self._session.get_inputs()},
            [port.name for port in self._session.get_outputs()],
        )

    def run(self, planes: Floats, fields: Floats) -> Floats:
        """See Session."""
        feeds = _feeds(planes, fields, self.counts)
        with _told("ONNX Runtime", _FAILED):
            alpha: Floats = self._session.run(["alpha"], feeds)[0][0, 0]
        return alpha


@lru_cache(maxsize=2)
def _open(model_bytes: bytes, precision: str, runtime: str) -> _OpenVino | _OnnxRuntime:
    """Compile a model with the named runtime."""
    return (_OpenVino if runtime == "openvino" else _OnnxRuntime)(model_bytes, precision)


def _chosen(runtime: str) -> str:
    """Return the runtime to use. Raises ModelUnavailable with what to install if it is not there."""
    wanted = ("openvino", "onnxruntime") if runtime == "auto" else (runtime,)
    for name in wanted:
        if importlib.util.find_spec(name) is not None:
            return name
    raise ModelUnavailable(f'{" or ".join(wanted)} is not installed: "pip install {wanted[0]}"')


def _import_openvino() -> Any:
    """Import OpenVINO without its statistics: importing it would otherwise write to ~/intel and call home."""
    with _hidden("openvino_telemetry"):
        return _import("openvino")


def _import_onnxruntime() -> Any:
    """Import ONNX Runtime without its statistics, which would otherwise write to ~/.cache and call home."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    return _import("onnxruntime")


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:
        reason = _one_line(error)
        raise ModelUnavailable(
            f'{name} is installed but cannot be loaded ({reason}): "pip install --force-reinstall {name}",'
            " or choose another runtime"
        ) from error


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Make a module impossible to import for a while, unless it is there already."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # the documented way to block an import
    try:
        yield
    finally:
        del sys.modules[module]


def _length(side: Any) -> int | None:
    """Return a side of an OpenVINO shape, None if it is free."""
    return int(side.get_length()) if side.is_static else None


def _counts(inputs: dict[str, list[Any]], outputs: list[str]) -> tuple[int, int]:
    """Return how many planes and fields a model takes. Raises ModelUnavailable if it is built otherwise."""
    if set(inputs) == {"planes", "fields"} and outputs == ["alpha"]:
        planes, fields = inputs["planes"], inputs["fields"]
        if len(planes) == len(fields) == 4 and isinstance(planes[1], int) and isinstance(fields[1], int):
            return planes[1], fields[1]
    raise ModelUnavailable(
        f"the model maps {inputs} to {outputs}; expected planes (1, C, H, W) and fields (1, G, H/4, W/4)"
        ' to alpha: use a model written by "deepmatte export"'
    )


def _feeds(planes: Floats, fields: Floats, counts: tuple[int, int]) -> dict[str, Floats]:
    """Return a network's inputs by name, a batch of one. Raises ModelUnavailable if they do not fit."""
    if (planes.shape[0], fields.shape[0]) != counts:
        raise ModelUnavailable(
            f"the model takes {counts} planes and fields but was given {(planes.shape[0], fields.shape[0])}:"
            " it was made for another version of deepmatte"
        )
    return {"planes": np.ascontiguousarray(planes)[None], "fields": np.ascontiguousarray(fields)[None]}


@contextmanager
def _told(runtime: str, complaint: str) -> Iterator[None]:
    """Turn what a runtime raises, whose errors have no common base, into one line, or into MemoryError."""
    try:
        yield
    except Exception as error:
        if any(sign in str(error).lower() for sign in _OUT_OF_MEMORY):
            raise MemoryError from error
        raise ModelUnavailable(f"{runtime} {complaint} ({_one_line(error)})") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
