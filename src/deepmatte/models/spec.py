"""What a model says of itself, stored in the model file.

The spec is one JSON string under the key "deepmatte" in the metadata of the ONNX file. It is read here by
walking the file's outermost protobuf fields, so that no ONNX package is needed:

    ModelProto:              1 ir_version, 7 graph, 14 metadata_props (repeated StringStringEntryProto)
    StringStringEntryProto:  1 key, 2 value
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from dataclasses import fields as fields_of
from typing import Any

from deepmatte.errors import ModelUnavailable

METADATA_KEY = "deepmatte"

_IR_VERSION, _GRAPH, _METADATA = 1, 7, 14
_KEY, _VALUE = 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_TEXTS = ("name", "version", "licence", "trained", "source")
_WHOLE_NUMBERS = ("stride", "margin_px")


@dataclass(frozen=True)
class ModelSpec:
    """Everything the program must know of a model, and what a user may want to know."""

    name: str
    version: str
    planes: tuple[str, ...]  # what each full-resolution input plane holds, in order
    fields: tuple[str, ...]  # what each input field on the guides' grid holds, in order
    stride: int  # height and width of the input are multiples of this
    margin_px: int  # how far around a pixel the network can see, at most
    licence: str  # SPDX identifier
    trained: str  # date, YYYY-MM-DD
    source: str  # recipe and data, one line
    scores: dict[str, float] = field(default_factory=dict)  # benchmark and metric → value

    def __post_init__(self) -> None:
        """Raise ModelUnavailable if a field has the wrong type or cannot be."""
        for each in fields_of(self):
            value = getattr(self, each.name)
            if not _fits(each.name, value):
                raise ModelUnavailable(
                    f"the model's {each.name} is {value!r}, of the wrong kind: export it anew"
                )
        if not self.planes or self.stride < 1 or self.margin_px < 0:
            raise ModelUnavailable(
                f"the model has {len(self.planes)} planes, a stride of {self.stride} px and a margin of"
                f" {self.margin_px} px; expected at least 1, 1 and 0: export it anew"
            )

    def to_json(self) -> str:
        """Return the spec as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "ModelSpec":
        """Read what to_json wrote. Raises ModelUnavailable for anything else; missing or unknown keys too."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ModelUnavailable(
                f"the model's description is not JSON ({error}): export it anew"
            ) from error
        expected = {each.name for each in fields_of(cls)}
        found = set(values) if isinstance(values, dict) else set()
        if found != expected:
            raise ModelUnavailable(
                f"the model's description lacks {_listed(expected - found)} and has unknown"
                f" {_listed(found - expected)}: it was made by another version of deepmatte; export it anew"
            )
        for names in ("planes", "fields"):
            if isinstance(values[names], list):
                values[names] = tuple(values[names])
        return cls(**values)


def read_spec(model_bytes: bytes) -> ModelSpec:
    """Return the spec stored in an ONNX file.

    Raises ModelUnavailable if the bytes are no whole ONNX file or carry no spec of ours.
    """
    try:
        entries = _metadata(model_bytes)
    except ValueError as error:
        raise ModelUnavailable(
            f"the model is not a whole ONNX file ({error}): copy or export it again"
        ) from error
    if METADATA_KEY not in entries:
        raise ModelUnavailable(
            f'the ONNX file has no "{METADATA_KEY}" metadata: use a model written by "deepmatte export"'
        )
    return ModelSpec.from_json(entries[METADATA_KEY])


def _metadata(model_bytes: bytes) -> dict[str, str]:
    """Return the metadata of an ONNX file. Raises ValueError if it is no whole one."""
    entries = {}
    numbers = set()
    for number, value in _walk(memoryview(model_bytes)):
        numbers.add(number)
        if number == _METADATA:
            entry = {key: bytes(part).decode() for key, part in _walk(value)}
            entries[entry.get(_KEY, "")] = entry.get(_VALUE, "")
    if not {_IR_VERSION, _GRAPH} <= numbers:
        raise ValueError("no version or no graph")
    return entries


def _walk(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield number and content of each field of a protobuf message; numbers come as no content."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        size = 0
        if tag & 7 == _VARINT:
            _, position = _varint(message, position)
        elif tag & 7 == _BYTES:
            size, position = _varint(message, position)
        elif tag & 7 in (_FIXED64, _FIXED32):
            size = 8 if tag & 7 == _FIXED64 else 4
        else:
            raise ValueError(f"unknown field at byte {position}")
        if position + size > len(message):
            raise ValueError(f"ends {position + size - len(message)} bytes early")
        yield tag >> 3, message[position : position + size]
        position += size


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Read a protobuf number: seven bits a byte, lowest first. Returns it and where it ended."""
    number = 0
    for index in range(10):
        if position + index == len(message):
            raise ValueError("ends within a number")
        number |= (message[position + index] & 127) << (7 * index)
        if message[position + index] < 128:
            return number, position + index + 1
    raise ValueError(f"number too long at byte {position}")


def _fits(name: str, value: Any) -> bool:
    """Return whether a value from JSON is of the kind that the field of this name holds."""
    if name in _TEXTS:
        return isinstance(value, str)
    if name in _WHOLE_NUMBERS:
        return type(value) is int
    if name in ("planes", "fields"):
        return isinstance(value, tuple) and all(isinstance(part, str) for part in value)
    return isinstance(value, dict) and all(type(score) in (int, float) for score in value.values())


def _listed(names: set[str]) -> str:
    """Return names for a message, in order."""
    return ", ".join(sorted(names)) or "nothing"
