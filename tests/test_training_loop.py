from pathlib import Path

import numpy as np
import pytest
import torch
from small_corpus import write_corpus

from deepmatte.errors import BadInput, MatteError
from deepmatte.training import checkpoint, composition, loop, recipes
from deepmatte.training.corpus import library


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def _weights(run: Path) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = checkpoint.load(run)[1]["network"]
    return tensors


def test_a_run_reaches_its_steps_and_tells_progress(corpus: Path, tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []
    state = loop.train(
        "smoke",
        corpus,
        tmp_path / "run",
        workers=0,
        progress=lambda s, share, _: told.append((s.step, share)),
    )
    assert state.step == recipes.find("smoke").steps
    assert told == [(1, 0.25), (2, 0.5), (3, 0.75), (4, 1.0)]
    assert set(state.losses) == {"absolute", "squared", "laplacian", "total"}


def test_workers_do_not_change_what_is_learnt(corpus: Path, tmp_path: Path) -> None:
    loop.train("smoke", corpus, tmp_path / "alone", workers=0)
    loop.train("smoke", corpus, tmp_path / "helped", workers=2)
    helped = _weights(tmp_path / "helped")
    for name, value in _weights(tmp_path / "alone").items():
        assert torch.equal(value, helped[name]), name


def test_a_resumed_run_equals_an_unbroken_one(corpus: Path, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(state: checkpoint.State, share: float, samples: float) -> None:
        if state.step == 2:
            raise Stopped

    loop.train("smoke", corpus, tmp_path / "whole", workers=0)
    with pytest.raises(Stopped):
        loop.train("smoke", corpus, tmp_path / "broken", workers=0, progress=stop, save_seconds=0)
    assert checkpoint.load(tmp_path / "broken")[0].step == 1
    loop.train("smoke", corpus, tmp_path / "broken", workers=0)
    broken = _weights(tmp_path / "broken")
    for name, value in _weights(tmp_path / "whole").items():
        assert torch.equal(value, broken[name]), name


def test_training_lowers_the_loss_on_one_batch(corpus: Path) -> None:
    training = loop.Training(recipes.find("smoke"))
    batch = composition.draw_batch(library.read(corpus), training.recipe.mix, 2, 64, np.random.default_rng(0))
    training.step(batch, 0)
    before = training.state.losses["total"]
    for _ in range(60):
        training.step(batch, 0)
    training.state.losses.clear()
    training.step(batch, 0)
    assert training.state.losses["total"] < 0.6 * before


def test_a_loss_that_is_no_number_stops_the_run(corpus: Path) -> None:
    training = loop.Training(recipes.find("smoke"))
    batch = composition.draw_batch(library.read(corpus), training.recipe.mix, 2, 64, np.random.default_rng(0))
    batch.alpha[:] = float("nan")
    with pytest.raises(MatteError, match="lower the learning rate"):
        training.step(batch, 0)


def test_a_run_of_another_recipe_is_not_resumed(corpus: Path, tmp_path: Path) -> None:
    loop.train("smoke", corpus, tmp_path / "run", workers=0)
    with pytest.raises(BadInput, match="was trained by the recipe smoke"):
        loop.train("default", corpus, tmp_path / "run", workers=0)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"last\.pt"):
        checkpoint.load(tmp_path)


def test_a_checkpoint_is_readable_beside_its_weights(corpus: Path, tmp_path: Path) -> None:
    loop.train("smoke", corpus, tmp_path / "run", workers=0)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["last.pt", "state.json"]
