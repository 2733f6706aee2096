import os
import pickle
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from constant_model import constant_model, rule_model
from PIL import Image
from small_benchmark import make_benchmark

from deepmatte import images, matting
from deepmatte.errors import BadInput, ModelUnavailable
from deepmatte.evaluation import methods
from deepmatte.evaluation.benchmarks import Case, find_cases
from deepmatte.models import catalogue
from deepmatte.pixels import AnyArray, Floats


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_benchmark(tmp_path / "benchmark")


@pytest.fixture
def mattes(tmp_path: Path) -> Path:
    """A matte for each case of the benchmark, by trimap set."""
    for each in ("trimap1", "trimap2"):
        (tmp_path / "mattes" / each).mkdir(parents=True)
        for name, size in (("a", (7, 9)), ("b", (11, 6))):
            images.write_image(tmp_path / "mattes" / each / f"{name}.png", np.full(size, 51, np.uint8))
    return tmp_path / "mattes"


def read(predictions: methods.Predictions, case: Case) -> AnyArray:
    return predictions.matte(case, np.zeros(1), np.zeros(1, np.uint8))


def test_predictions_lie_in_a_folder_for_each_trimap_set(folder: Path, mattes: Path) -> None:
    cases = find_cases(folder)
    predictions = methods.open_predictions(mattes, cases)
    assert predictions.name == "mattes"
    assert read(predictions, cases[0]) == pytest.approx(np.full((7, 9), 0.2))
    assert methods.open_predictions(mattes, cases, "theirs").name == "theirs"


def test_with_one_trimap_set_they_may_lie_there_themselves(tmp_path: Path, mattes: Path) -> None:
    cases = find_cases(make_benchmark(tmp_path / "one", sets=("trimap1",)))
    for directory in (mattes, mattes / "trimap1"):
        predictions = methods.open_predictions(directory, cases)
        assert predictions.paths["trimap1", "b"] == mattes / "trimap1" / "b.png"


def test_with_two_trimap_sets_they_may_not(folder: Path, mattes: Path) -> None:
    with pytest.raises(BadInput, match="trimap1, trimap2"):
        methods.open_predictions(mattes / "trimap1", find_cases(folder))


def test_what_is_missing_and_what_is_extra_is_named(folder: Path, mattes: Path) -> None:
    (mattes / "trimap1" / "a.png").unlink()
    (mattes / "trimap2" / "b.png").rename(mattes / "trimap2" / "c.png")
    (mattes / "trimap2" / "notes.txt").write_text("no picture")
    with pytest.raises(BadInput) as caught:
        methods.open_predictions(mattes, find_cases(folder))
    said = str(caught.value)
    assert "trimap1 lacks a;" in said
    assert "trimap2 lacks b" in said
    assert "trimap2 has c" in said
    assert "notes" not in said


def test_two_files_for_one_picture_are_named(folder: Path, mattes: Path) -> None:
    images.write_image(mattes / "trimap1" / "a.tif", np.zeros((7, 9), np.uint8))
    with pytest.raises(BadInput, match=r"a\.png and a\.tif"):
        methods.open_predictions(mattes, find_cases(folder))


def test_a_folder_that_is_not_there_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nowhere is no folder"):
        methods.open_predictions(tmp_path / "nowhere", find_cases(folder))


@pytest.mark.parametrize(("value", "said"), [(np.nan, "nan"), (1.5, "1.5"), (-0.25, "-0.25")])
def test_floats_that_are_no_alpha_are_refused(folder: Path, mattes: Path, value: float, said: str) -> None:
    levels = np.zeros((7, 9), np.float32)
    levels[2, 3] = value
    (mattes / "trimap1" / "a.png").unlink()
    Image.fromarray(levels).save(mattes / "trimap1" / "a.tif")
    cases = find_cases(folder)
    with pytest.raises(BadInput, match=rf"a\.tif.*{said}"):
        read(methods.open_predictions(mattes, cases), cases[0])


def test_floats_that_are_an_alpha_are_taken_as_they_are(folder: Path, mattes: Path) -> None:
    levels = np.random.default_rng(0).random((7, 9), np.float32)
    (mattes / "trimap1" / "a.png").unlink()
    Image.fromarray(levels).save(mattes / "trimap1" / "a.tif")
    cases = find_cases(folder)
    np.testing.assert_array_equal(read(methods.open_predictions(mattes, cases), cases[0]), levels)


def test_our_method_is_the_pipeline_that_users_run(monkeypatch: pytest.MonkeyPatch) -> None:
    quarter = constant_model(0.25)
    monkeypatch.setattr(methods, "compile_model", lambda *_: quarter)
    trimap = np.full((21, 34), 128, np.uint8)
    trimap[:, :10], trimap[:, 25:] = 255, 0
    image = np.random.default_rng(0).integers(0, 256, (21, 34, 3), dtype=np.uint8)
    ours = methods.open_method("deepmatte")
    expected = matting.estimate_alpha(image, trimap, model=quarter)
    np.testing.assert_array_equal(ours.estimate(image, trimap), expected)
    ours.warm_up()


def test_a_second_look_is_a_method_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    quarter = rule_model(lambda planes: planes[4] / 4 + 0.25)
    monkeypatch.setattr(methods, "compile_model", lambda *_: quarter)
    trimap = np.full((21, 34), 128, np.uint8)
    trimap[:, 25:] = 0
    image = np.random.default_rng(0).integers(0, 256, (21, 34, 3), dtype=np.uint8)
    once, twice = methods.open_method("deepmatte"), methods.open_method("second-look")
    assert (twice.name, twice.identity != once.identity) == ("second-look", True)
    expected = matting.estimate_alpha(image, trimap, matting.MattingOptions(second_look=True), model=quarter)
    np.testing.assert_array_equal(twice.estimate(image, trimap), expected)


def test_a_method_goes_to_another_process_without_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "compile_model", lambda *_: constant_model(0.25))
    ours = methods.open_method("deepmatte")
    before = len(pickle.dumps(ours))
    ours.warm_up()
    assert len(pickle.dumps(ours)) == before
    assert pickle.loads(pickle.dumps(ours)).identity == ours.identity


def test_models_are_called_as_they_are_named() -> None:
    assert methods.open_model().name == "deepmatte"
    shipped = catalogue.names()[0]
    for opened in (methods.open_method(shipped), methods.open_model(shipped)):
        assert opened.name == shipped
    path = catalogue.find(shipped)
    for opened in (methods.open_method(str(path)), methods.open_model(str(path))):
        assert opened.name == path.stem
        assert opened.identity == methods.open_model().identity  # the same bytes, otherwise asked for
    assert methods.open_model(str(path), "mine").name == "mine"
    with pytest.raises(ModelUnavailable, match="nowhere"):
        methods.open_method("nowhere.onnx")


def test_an_unknown_method_lists_the_known_ones() -> None:
    with pytest.raises(BadInput, match="closed-form, knn, learning-based, large-kernel, random-walk"):
        methods.open_method("closed")


@pytest.mark.parametrize("name", ["closed-form", "information-flow"])
def test_a_missing_package_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods.importlib.util, "find_spec", lambda _: None)  # type: ignore[attr-defined]
    with pytest.raises(ModuleNotFoundError) as caught:
        methods.open_method(name)
    assert caught.value.name in ("pymatting", "cv2")


def test_an_opencv_without_alphamat_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "_need", lambda _: None)
    monkeypatch.setitem(sys.modules, "cv2", types.SimpleNamespace(__version__="5.0"))  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=r"OpenCV 5\.0 here was built without"):
        methods.open_method("information-flow")


def test_opencv_gets_bytes_in_its_order_and_gives_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[AnyArray] = []

    def info_flow(image: AnyArray, trimap: AnyArray) -> AnyArray:
        seen.append(image)
        return trimap

    alphamat = types.SimpleNamespace(infoFlow=info_flow)
    cv2 = types.SimpleNamespace(__version__="4.6", alphamat=alphamat)
    monkeypatch.setattr(methods, "_need", lambda _: None)
    monkeypatch.setitem(sys.modules, "cv2", cv2)  # type: ignore[arg-type]
    image = np.random.default_rng(0).integers(0, 65536, (5, 8, 3)).astype(np.uint16)
    alpha = methods.open_method("information-flow").estimate(image, np.full((5, 8), 51, np.uint8))
    assert alpha == pytest.approx(np.full((5, 8), 0.2))
    np.testing.assert_array_equal(seen[0][..., ::-1], np.rint(image / 257))
    assert seen[0].dtype == np.uint8


def closed_form_by_levin(image: Floats, trimap: AnyArray) -> Floats:
    """The plainest closed-form matting: the matting Laplacian in full, solved in full. Tiny pictures only."""
    height, width = trimap.shape
    count, epsilon = height * width, 1e-7
    index = np.arange(count).reshape(height, width)
    laplacian = np.zeros((count, count))
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            window = index[row - 1 : row + 2, column - 1 : column + 2].ravel()
            colours = image.reshape(-1, 3)[window].astype(np.float64)
            centred = colours - colours.mean(axis=0)
            inverse = np.linalg.inv(centred.T @ centred / 9 + epsilon / 9 * np.eye(3))
            laplacian[np.ix_(window, window)] += np.eye(9) - (1 + centred @ inverse @ centred.T) / 9
    is_unknown = (trimap == 128).ravel()
    alpha = (trimap == 255).ravel().astype(np.float64)
    right = -laplacian[np.ix_(is_unknown, ~is_unknown)] @ alpha[~is_unknown]
    alpha[is_unknown] = np.linalg.solve(laplacian[np.ix_(is_unknown, is_unknown)], right)
    return np.clip(alpha, 0, 1).reshape(height, width).astype(np.float32)


CLOSED_FORM = """
import sys
import numpy as np
from deepmatte.evaluation.methods import open_method
picture = np.load(sys.argv[1])
method = open_method("closed-form")
np.save(sys.argv[2], method.estimate(picture["image"], picture["trimap"]))
print(method.identity)
"""


def test_closed_form_is_closed_form(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    ramp = np.clip(np.linspace(1.4, -0.4, 14), 0, 1)[None, :, None]
    shades = ramp * [0.9, 0.5, 0.2] + (1 - ramp) * [0.1, 0.4, 0.7] + rng.normal(0, 0.02, (9, 14, 3))
    image = np.rint(255 * np.clip(shades, 0, 1)).astype(np.uint8)
    trimap = np.full((9, 14), 128, np.uint8)
    trimap[:, :4], trimap[:, 10:] = 255, 0
    np.savez(tmp_path / "picture.npz", image=image, trimap=trimap)
    # Compiling would take a minute on a new machine; so small a picture needs none.
    command = [sys.executable, "-c", CLOSED_FORM, str(tmp_path / "picture.npz"), str(tmp_path / "alpha.npy")]
    done = subprocess.run(
        command, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith("pymatting 1.")
    alpha = np.load(tmp_path / "alpha.npy")
    np.testing.assert_allclose(alpha, closed_form_by_levin(image / np.float32(255), trimap), atol=0.002)


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "a:b", "a\nb"])
def test_names_that_no_folder_can_have_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match="cannot be a method's name"):
        methods.check_names([name])


def test_a_model_that_another_run_exports_over_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    method = methods.open_model()
    _, spec = catalogue.load_bytes("default")
    monkeypatch.setattr(catalogue, "load_bytes", lambda _: (b"another one", spec))
    with pytest.raises(ModelUnavailable, match="has changed since this run began"):
        method.warm_up()
