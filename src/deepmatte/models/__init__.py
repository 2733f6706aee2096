"""Models: what they say of themselves, where they are, and how they run."""

import os
from dataclasses import dataclass

from deepmatte.models.catalogue import DEFAULT, load_bytes
from deepmatte.models.runtime import Session, open_session
from deepmatte.models.spec import ModelSpec


@dataclass(frozen=True)
class Model:
    """A model ready to run."""

    spec: ModelSpec
    session: Session


def load_model(
    name_or_path: str | os.PathLike[str] = DEFAULT, precision: str = "auto", runtime: str = "auto"
) -> Model:
    """Load and compile a model.

    name_or_path: a shipped name, "default", or the path of an .onnx file written by "deepmatte export";
    precision: "f32", "bf16", or "auto" for bf16 where processor and runtime have it; runtime: "auto",
    "openvino" or "onnxruntime".
    Raises ModelUnavailable if there is no such model, it is damaged, or it cannot run here as asked.
    """
    return compile_model(*load_bytes(name_or_path), precision, runtime)


def compile_model(content: bytes, spec: ModelSpec, precision: str = "auto", runtime: str = "auto") -> Model:
    """Compile a model that was read by `load_bytes`. All else is as for load_model."""
    return Model(spec, open_session(content, precision, runtime, (len(spec.planes), len(spec.fields))))
