"""Shipped models are found by name and checked; files of one's own are found by path."""

import hashlib
import json
from pathlib import Path

import onnx
import pytest

from deepmatte.errors import ModelUnavailable
from deepmatte.models import catalogue
from deepmatte.models.spec import ModelSpec

SPEC = ModelSpec(
    "tiny", "1.0", ("red",), ("contrast",), 16, 96, "Apache-2.0", "2025-01-31", "drawn", {"SAD": 1.0}
)


def model_bytes() -> bytes:
    model = onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], []))
    onnx.helper.set_model_props(model, {"deepmatte": SPEC.to_json()})
    serialized: bytes = model.SerializeToString()
    return serialized


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder with two names for one file, of which "tiny-1.0" is the default."""
    (tmp_path / "tiny.onnx").write_bytes(model_bytes())
    entry = {"file": "tiny.onnx", "sha256": hashlib.sha256(model_bytes()).hexdigest()}
    listed = {"default": "tiny-1.0", "models": {"again": entry, "tiny-1.0": entry}}
    (tmp_path / "catalogue.json").write_text(json.dumps(listed), "utf-8")
    monkeypatch.setattr(catalogue, "WEIGHTS", tmp_path)
    return tmp_path


def test_names_start_with_the_default(weights: Path) -> None:
    assert catalogue.names() == ["tiny-1.0", "again"]


@pytest.mark.parametrize("name", ["default", "tiny-1.0", "again"])
def test_a_shipped_name_is_found_and_read(weights: Path, name: str) -> None:
    assert catalogue.find(name) == weights / "tiny.onnx"
    assert catalogue.load_bytes(name) == (model_bytes(), SPEC)


def test_a_path_is_read_without_a_checksum(weights: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.onnx"
    own.write_bytes(model_bytes() + b"\x32\x00")  # an empty doc_string more
    assert catalogue.load_bytes(own)[1] == SPEC
    assert catalogue.load_bytes(str(own))[1] == SPEC


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: content + b"\x32\x00"])
def test_a_shipped_file_that_changed_is_refused(weights: Path, damage: object) -> None:
    assert callable(damage)
    (weights / "tiny.onnx").write_bytes(damage(model_bytes()))
    with pytest.raises(ModelUnavailable, match=r"damaged \(wrong checksum\): reinstall"):
        catalogue.load_bytes("default")


def test_a_shipped_file_that_is_gone_is_an_error(weights: Path) -> None:
    (weights / "tiny.onnx").unlink()
    with pytest.raises(ModelUnavailable, match=r"cannot read the model .*tiny\.onnx"):
        catalogue.load_bytes("default")


def test_an_unknown_name_lists_the_names(weights: Path) -> None:
    with pytest.raises(
        ModelUnavailable, match=r'no model "tinny"; expected one of tiny-1\.0, again, or the path'
    ):
        catalogue.find("tinny")


@pytest.mark.parametrize("path", ["missing.onnx", "folder/missing"])
def test_a_missing_file_is_an_error(weights: Path, path: str) -> None:
    with pytest.raises(ModelUnavailable, match=f'no model file "{path}"'):
        catalogue.find(path)
    with pytest.raises(ModelUnavailable, match="no model file"):
        catalogue.find(Path("missing"))


def test_a_path_that_begins_with_a_dot_is_a_path(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (weights / "mine").write_bytes(model_bytes())
    monkeypatch.chdir(weights)
    assert catalogue.load_bytes("./mine")[1] == SPEC
    with pytest.raises(ModelUnavailable, match="no model"):
        catalogue.load_bytes("mine")


def test_a_folder_is_no_model(weights: Path) -> None:
    with pytest.raises(ModelUnavailable, match="no model file"):
        catalogue.load_bytes(weights)


def test_an_error_in_a_file_names_the_file(tmp_path: Path) -> None:
    text = tmp_path / "text.onnx"
    text.write_text("hello\n")
    with pytest.raises(ModelUnavailable, match=r"text\.onnx: the model is not a whole ONNX file"):
        catalogue.load_bytes(text)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"default": "a", "models": {"a": {}}}'])
def test_a_damaged_list_is_an_error(weights: Path, content: str) -> None:
    (weights / "catalogue.json").write_text(content)
    with pytest.raises(ModelUnavailable, match="missing or damaged: reinstall"):
        catalogue.names()


def test_every_shipped_model_is_whole() -> None:
    for name in catalogue.names():
        _, spec = catalogue.load_bytes(name)
        assert spec.name == name


def test_a_name_that_no_file_can_have_is_a_missing_file() -> None:
    with pytest.raises(ModelUnavailable, match="there is no model file"):
        catalogue.find("y" * 300 + ".onnx")
