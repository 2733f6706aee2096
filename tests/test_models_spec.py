"""The spec comes out of a model file as it went in, and damage of any kind is one clear error."""

import contextlib
import dataclasses
import json
from typing import Any

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmatte.errors import ModelUnavailable
from deepmatte.models.spec import ModelSpec, read_spec

SPEC = ModelSpec(
    name="tiny",
    version="1.0",
    planes=("red", "grün"),
    fields=("contrast",),
    stride=16,
    margin_px=96,
    licence="Apache-2.0",
    trained="2025-01-31",
    source="recipe tiny, drawn data",
    scores={"alphamatting trimap1 SAD": 6.5},
)


def file_with(**metadata: str) -> bytes:
    graph = onnx.helper.make_graph([], "empty", [], [])
    model = onnx.helper.make_model(graph, producer_name="x" * 200)
    onnx.helper.set_model_props(model, metadata)
    serialized: bytes = model.SerializeToString()
    return serialized


def test_a_spec_comes_back_from_json() -> None:
    assert ModelSpec.from_json(SPEC.to_json()) == SPEC


def test_a_spec_comes_back_from_the_model_file() -> None:
    assert read_spec(file_with(author="somebody", deepmatte=SPEC.to_json(), zero="")) == SPEC


@pytest.mark.parametrize("key", [field.name for field in dataclasses.fields(ModelSpec)])
def test_a_missing_key_is_named(key: str) -> None:
    values = json.loads(SPEC.to_json())
    del values[key]
    with pytest.raises(ModelUnavailable, match=f"lacks {key} and has unknown nothing"):
        ModelSpec.from_json(json.dumps(values))


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(ModelUnavailable, match="lacks nothing and has unknown colour"):
        ModelSpec.from_json(json.dumps({**json.loads(SPEC.to_json()), "colour": 1}))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("name", 3, "name is 3, of the wrong kind"),
        ("stride", 1.5, "stride is 1.5"),
        ("margin_px", True, "margin_px is True"),
        ("planes", "red", "planes is 'red'"),
        ("planes", [1, 2], "wrong kind"),
        ("fields", {}, "wrong kind"),
        ("scores", [1], "wrong kind"),
        ("scores", {"SAD": "low"}, "wrong kind"),
        ("stride", 0, "at least 1"),
        ("planes", [], "at least 1"),
        ("margin_px", -1, "at least 1"),
    ],
)
def test_a_wrong_value_is_an_error(key: str, value: Any, expected: str) -> None:
    with pytest.raises(ModelUnavailable, match=expected):
        ModelSpec.from_json(json.dumps({**json.loads(SPEC.to_json()), key: value}))


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '"name"', "7", "null"])
def test_json_of_another_kind_is_an_error(text: str) -> None:
    with pytest.raises(ModelUnavailable, match="the model's description"):
        ModelSpec.from_json(text)


def test_a_model_of_another_program_is_refused() -> None:
    with pytest.raises(ModelUnavailable, match='a model written by "deepmatte export"'):
        read_spec(file_with(author="somebody"))


@pytest.mark.parametrize("content", [b"", b"hello, this is a text\n" * 9, b"\x89PNG\r\n\x1a\n" + b"\0" * 99])
def test_another_kind_of_file_is_refused(content: bytes) -> None:
    with pytest.raises(ModelUnavailable, match="not a whole ONNX file"):
        read_spec(content)


def test_a_file_cut_anywhere_is_refused() -> None:
    whole = file_with(deepmatte=SPEC.to_json())
    for length in range(len(whole)):
        with pytest.raises(ModelUnavailable):
            read_spec(whole[:length])


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with pytest.raises(ModelUnavailable):
        read_spec(content)


@given(st.data())
def test_any_changed_byte_is_read_or_refused(data: st.DataObject) -> None:
    changed = bytearray(file_with(deepmatte=SPEC.to_json()))
    changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ModelUnavailable):
        read_spec(bytes(changed))
