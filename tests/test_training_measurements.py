from pathlib import Path

import numpy as np
import pytest
import torch
from small_benchmark import make_benchmark
from small_corpus import write_corpus

from deepmatte import matting
from deepmatte.errors import BadInput, MatteError
from deepmatte.evaluation import metrics
from deepmatte.evaluation.benchmarks import find_cases, read_case
from deepmatte.training import checkpoint, export, inference, loop, recipes
from deepmatte.training.checkpoint import State
from deepmatte.training.measurements import Measurements, best_sad
from deepmatte.training.upkeep import Upkeep

CPU = torch.device("cpu")


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    return make_benchmark(tmp_path / "benchmark")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus")


def test_measurements_fall_evenly_over_the_budget(benchmark: Path) -> None:
    measured, state, taken = Measurements(benchmark, 4, CPU), State("smoke"), []
    for hundredth in range(1, 106):
        if measured.is_due(state, hundredth / 100):
            taken.append(hundredth)
            state.evaluations.append({"used": min(hundredth / 100, 1.0)})
    assert taken == [25, 50, 75, 100]


def test_a_run_that_outgrows_its_budget_is_measured_again(benchmark: Path) -> None:
    measured, state, taken = Measurements(benchmark, 4, CPU), State("smoke"), []
    state.evaluations.append({"step": 1000, "used": 1.0})
    for state.step in range(1001, 2001):
        used = state.step / 2000
        if measured.is_due(state, used):
            taken.append(state.step)
            state.evaluations.append({"step": state.step, "used": used})
    assert taken == [1500, 2000]


def test_the_best_of_another_benchmark_is_no_measure() -> None:
    scores = [("easy", 1.0), ("hard", 9.0), ("hard", 8.0)]
    state = State("smoke", evaluations=[{"benchmark": name, "sad": sad} for name, sad in scores])
    assert (best_sad(state, "easy"), best_sad(state, "hard")) == (1, 8)
    assert best_sad(state, "new") == np.inf


def test_what_is_measured_is_what_users_get(benchmark: Path, corpus: Path, tmp_path: Path) -> None:
    upkeep = Upkeep(benchmark=benchmark, measurements=2)
    state = loop.train("smoke", corpus, tmp_path / "run", workers=0, upkeep=upkeep)
    assert [(each["step"], each["used"]) for each in state.evaluations] == [(2, 0.5), (4, 1.0)]
    model = inference.open_run(tmp_path / "run")
    for trimap_set in ("trimap1", "trimap2"):
        errors = []
        for case in find_cases(benchmark):
            if case.trimap_set == trimap_set:
                image, known, true_alpha = read_case(case)
                alpha = matting.estimate_alpha(image, known, model=model)
                errors.append(metrics.measure(alpha, true_alpha, known))
        for name in metrics.NAMES:
            expected = np.mean([getattr(each, name) for each in errors])
            assert state.evaluations[-1]["sets"][trimap_set][name] == pytest.approx(expected)
    sets = state.evaluations[-1]["sets"]
    assert state.evaluations[-1]["sad"] == pytest.approx(
        (sets["trimap1"]["sad"] + sets["trimap2"]["sad"]) / 2
    )
    assert checkpoint.load(tmp_path / "run")[0].evaluations == state.evaluations


def test_the_best_checkpoint_is_the_one_with_the_lowest_sad(
    benchmark: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sads = iter([3.0, 1.0, 2.0, 1.0])

    def take(self: Measurements, state: State, weights: object, used: float) -> bool:
        best = min((each["sad"] for each in state.evaluations), default=9.0)
        sad = next(sads)
        state.evaluations.append({"step": state.step, "used": used, "sad": sad, "sets": {"t": {"sad": sad}}})
        return sad < best

    monkeypatch.setattr(Measurements, "take", take)
    run = tmp_path / "run"
    loop.train("smoke", corpus, run, workers=0, upkeep=Upkeep(benchmark=benchmark, measurements=4))
    best, tensors = checkpoint.load(run, "best")
    assert (best.step, checkpoint.load(run)[0].step) == (2, 4)
    assert set(tensors) == {"average"}
    spec = export.export(run, tmp_path / "best.onnx", which="best")
    assert (spec.scores, spec.source[:18]) == ({"t sad": 1.0}, "recipe smoke, 4 sa")


def test_lower_is_better(benchmark: Path) -> None:
    training = loop.Training(recipes.find("smoke"))
    measured, weights = Measurements(benchmark, 4, CPU), training.average.state_dict()
    assert measured.take(training.state, weights, 0.25)
    assert not measured.take(training.state, weights, 0.5)
    training.state.evaluations[0]["sad"] = training.state.evaluations[1]["sad"] = 1e9
    assert measured.take(training.state, weights, 0.75)


def test_a_picture_that_fails_is_named_and_the_checkpoint_kept(
    benchmark: Path, corpus: Path, tmp_path: Path
) -> None:
    (benchmark / "trimap2/b.png").write_bytes(b"no picture")
    with pytest.raises(
        MatteError, match=r"cannot be measured on trimap2 of b: .*its last checkpoint is kept"
    ):
        loop.train("smoke", corpus, tmp_path / "run", workers=0, upkeep=Upkeep(benchmark=benchmark))
    assert checkpoint.load(tmp_path / "run")[0].step == 1


def test_a_folder_that_is_no_benchmark_is_refused_before_training(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected a benchmark folder"):
        loop.train("smoke", corpus, tmp_path / "run", workers=0, upkeep=Upkeep(benchmark=corpus))
    assert not (tmp_path / "run").exists()


def test_a_run_that_was_not_measured_has_no_best(corpus: Path, tmp_path: Path) -> None:
    loop.train("smoke", corpus, tmp_path / "run", workers=0, steps=1)
    with pytest.raises(BadInput, match=r"holds no best\.pt; expected a run trained with --evaluate"):
        export.export(tmp_path / "run", tmp_path / "m.onnx", which="best")
