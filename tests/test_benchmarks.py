from pathlib import Path

import numpy as np
import pytest
from constant_model import constant_model

from deepmatte import images
from deepmatte.errors import BadInput
from deepmatte.evaluation import benchmarks, runs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures of 7 × 9 px with two trimap sets; true alpha is 1 in the left four columns."""
    alpha = np.zeros((7, 9), np.uint8)
    alpha[:, :4] = 255
    for what in ("image", "alpha", "trimap1", "trimap2"):
        (tmp_path / what).mkdir()
    for name, unknown in (("a", 1), ("b", 3)):
        images.write_image(tmp_path / "image" / f"{name}.png", np.full((7, 9, 3), 90, np.uint8))
        images.write_image(tmp_path / "alpha" / f"{name}.png", alpha)
        for trimap_set, widen in (("trimap1", 0), ("trimap2", 1)):
            tri = alpha.copy()
            tri[:, 4 - unknown - widen : 4] = 128
            images.write_image(tmp_path / trimap_set / f"{name}.png", tri)
    return tmp_path


def test_means_of_a_constant_answer_are_worked_out_by_hand(folder: Path) -> None:
    report = runs.evaluate(folder, model=constant_model(0.5))
    means = report.means()
    # Each unknown pixel is wrong by one half: 7 rows of 1 and 3 columns, then of 2 and 4.
    assert means["trimap1"]["sad"] == pytest.approx(7 * (1 + 3) / 2 * 0.5 / 1000)
    assert means["trimap2"]["sad"] == pytest.approx(7 * (2 + 4) / 2 * 0.5 / 1000)
    assert means["trimap1"]["mse"] == pytest.approx(250)
    assert means["trimap1"]["pictures"] == 2


def test_the_report_prints_every_picture_and_every_mean(folder: Path) -> None:
    text = str(runs.evaluate(folder, model=constant_model(0.5)))
    assert len(text.splitlines()) == 1 + 4 + 2


def test_a_missing_trimap_is_named(folder: Path) -> None:
    (folder / "trimap2" / "b.png").unlink()
    with pytest.raises(BadInput, match=r"trimap2 lacks b"):
        runs.evaluate(folder, model=constant_model(0.5))


def test_a_folder_that_is_no_benchmark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected a benchmark folder"):
        benchmarks.find_cases(tmp_path)


def test_a_true_alpha_of_another_size_is_refused(folder: Path) -> None:
    (folder / "alpha" / "b.png").unlink()
    images.write_image(folder / "alpha" / "b.png", np.zeros((9, 7), np.uint8))
    with pytest.raises(BadInput, match="must match"):
        runs.evaluate(folder, model=constant_model(0.5))
