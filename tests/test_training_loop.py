import json
import multiprocessing
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_corpus import write_corpus

from deepmatte.errors import BadInput, BadOutput, MatteError
from deepmatte.training import batches, checkpoint, export, learning, loop, recipes
from deepmatte.training.corpus import library, manifest
from deepmatte.training.networks import dim
from deepmatte.training.phases import Phase
from deepmatte.training.upkeep import Upkeep
from deepmatte.version import __version__

EAGER = Upkeep(save_seconds=0)  # a checkpoint after each step


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
        progress=lambda s, share: told.append((s.step, share)),
    )
    assert state.step == recipes.find("smoke").steps
    assert told == [(1, 0.25), (2, 0.5), (3, 0.75), (4, 1.0)]
    assert set(state.losses) == {"absolute", "squared", "laplacian", "total"}


def test_steps_and_seed_can_be_chosen(corpus: Path, tmp_path: Path) -> None:
    state = loop.train("smoke", corpus, tmp_path / "a", workers=0, steps=3, seed=1)
    assert (state.step, state.seed) == (3, 1)
    loop.train("smoke", corpus, tmp_path / "b", workers=0, steps=3, seed=1)
    loop.train("smoke", corpus, tmp_path / "c", workers=0, steps=3, seed=2)
    a, b, c = (_weights(tmp_path / name) for name in "abc")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["stem.0.weight"], c["stem.0.weight"])
    with pytest.raises(BadInput, match="trained with the seed 1, not 2"):
        loop.train("smoke", corpus, tmp_path / "a", workers=0, steps=4, seed=2)


@pytest.mark.parametrize("seed", [-1, 2**63, 10**30])
def test_a_seed_that_torch_does_not_know_is_refused(corpus: Path, tmp_path: Path, seed: int) -> None:
    with pytest.raises(BadInput, match=f"the seed is {seed}; expected a whole number from 0 to"):
        loop.train("smoke", corpus, tmp_path / "run", seed=seed)


def test_a_gpu_without_room_is_one_line(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB")

    monkeypatch.setattr(loop.Training, "_forward", refuse)
    with pytest.raises(MatteError, match=r"^the GPU has too little memory [^\n]*$"):
        loop.train("smoke", corpus, tmp_path / "run", workers=0)


@pytest.mark.parametrize("workers", [0, 1])
def test_other_errors_of_torch_are_not_taken_for_a_lack_and_leave_no_process(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """Not while the traceback is kept, as it is at the end of a program, which would wait for them."""

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(loop.Training, "_forward", fail)
    with pytest.raises(RuntimeError, match="a fault of ours") as kept:
        loop.train("smoke", corpus, tmp_path / "run", workers=workers)
    assert kept.tb is not None
    assert not multiprocessing.active_children()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes do not begin as copies of this one")
def test_a_process_that_the_system_ends_is_one_line(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        batches.Batches, "__getitem__", lambda *_: os.kill(os.getpid(), signal.SIGKILL) if is_helper() else 0
    )
    with pytest.raises(MatteError, match=r"^the system has ended a process that draws samples[^\n]*$"):
        loop.train("smoke", corpus, tmp_path / "run", workers=1)


def is_helper() -> bool:
    """Return whether this is a process that draws samples for another."""
    return torch.utils.data.get_worker_info() is not None


def test_two_budgets_are_refused(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="leave one of them out"):
        loop.train("smoke", corpus, tmp_path / "run", minutes=1, steps=3)


def test_workers_do_not_change_what_is_learnt(corpus: Path, tmp_path: Path) -> None:
    loop.train("smoke", corpus, tmp_path / "alone", workers=0)
    loop.train("smoke", corpus, tmp_path / "helped", workers=2)
    helped = _weights(tmp_path / "helped")
    for name, value in _weights(tmp_path / "alone").items():
        assert torch.equal(value, helped[name]), name


@pytest.mark.parametrize("workers", [0, 2])
def test_scenes_that_cannot_be_kept_are_one_line(corpus: Path, tmp_path: Path, workers: int) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "scenes").write_text("in the way")
    with pytest.raises(BadOutput, match=r"^[^\n]*scenes[^\n]*$"):
        loop.train("smoke", corpus, tmp_path / "run", workers=workers)


def test_a_resumed_run_equals_an_unbroken_one(corpus: Path, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(state: checkpoint.State, share: float) -> None:
        if state.step == 2:
            raise Stopped

    loop.train("smoke", corpus, tmp_path / "whole", workers=0)
    with pytest.raises(Stopped):
        loop.train("smoke", corpus, tmp_path / "broken", workers=0, progress=stop, upkeep=EAGER)
    assert checkpoint.load(tmp_path / "broken")[0].step == 1
    shutil.rmtree(tmp_path / "broken" / "scenes")  # drawn again, the same
    loop.train("smoke", corpus, tmp_path / "broken", workers=0)
    broken = _weights(tmp_path / "broken")
    for name, value in _weights(tmp_path / "whole").items():
        assert torch.equal(value, broken[name]), name


def test_training_lowers_the_loss_on_one_batch(corpus: Path) -> None:
    training = loop.Training(recipes.find("smoke"))
    batch = batches.draw_batch(library.read(corpus), training.recipe.mix, 2, 64, np.random.default_rng(0))
    training.step(batch, 0)
    before = training.state.losses["total"]
    for _ in range(60):
        training.step(batch, 0)
    training.state.losses.clear()
    training.step(batch, 0)
    assert training.state.losses["total"] < 0.6 * before


def _drawn(training: loop.Training, corpus: Path) -> batches.Batch:
    mix = training.recipe.mix
    return batches.draw_batch(library.read(corpus), mix, 2, 64, np.random.default_rng(0))


def test_a_loss_that_is_no_number_stops_the_run_and_changes_nothing(corpus: Path) -> None:
    training = loop.Training(recipes.find("smoke"))
    batch = _drawn(training, corpus)
    batch.alpha[:] = float("nan")
    before = [weight.clone() for weight in training.network.parameters()]
    with pytest.raises(MatteError, match=r"the loss is nan .* at step 0, .*lower the learning rate"):
        training.step(batch, 0)
    assert all(torch.equal(a, b) for a, b in zip(before, training.network.parameters(), strict=True))


def test_a_gradient_that_is_no_number_stops_the_run_and_changes_nothing(corpus: Path) -> None:
    training = loop.Training(recipes.find("smoke"))
    batch = _drawn(training, corpus)
    training.network.head.weight.register_hook(lambda gradient: gradient * float("inf"))
    before = [weight.clone() for weight in training.network.parameters()]
    with pytest.raises(MatteError, match=r"its gradient (nan|inf) at step 0"):
        training.step(batch, 0)
    assert all(torch.equal(a, b) for a, b in zip(before, training.network.parameters(), strict=True))


def test_a_run_that_diverges_keeps_its_last_good_checkpoint(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.train("smoke", corpus, tmp_path / "run", workers=0, steps=2)
    kept = (tmp_path / "run/last.pt").read_bytes()
    monkeypatch.setattr(learning, "learning_rate", lambda *_: 1e30)
    with pytest.raises(MatteError, match="what is no number after step 3, so the run stops"):
        loop.train("smoke", corpus, tmp_path / "run", workers=0, steps=9, upkeep=EAGER)
    assert (tmp_path / "run/last.pt").read_bytes() == kept


def test_the_gradient_is_clipped_and_the_average_follows(corpus: Path) -> None:
    recipe = replace(recipes.find("smoke"), optimiser="adamw", clip=1e-3, average=0.15)
    training = loop.Training(recipe)
    batch = _drawn(training, corpus)
    before = training.average.stem[0].weight.clone()
    norms = []
    training.optimiser.register_step_pre_hook(
        lambda *_: norms.append(
            torch.stack([p.grad.norm() for p in training.network.parameters() if p.grad is not None]).norm()
        )
    )
    training.step(batch, 0)  # the average's first decay is 1 / 10, then 2 / 11, which is over 0.15
    first = training.network.stem[0].weight.clone()
    after = before.lerp(first, 0.9)
    torch.testing.assert_close(training.average.stem[0].weight, after)
    training.step(batch, 0)
    after = after.lerp(training.network.stem[0].weight, 0.85)
    torch.testing.assert_close(training.average.stem[0].weight, after)
    # Statistics are averaged too, counters are copied.
    assert training.average.stem[1].num_batches_tracked == 2
    torch.testing.assert_close(torch.stack(norms), torch.full((2,), 1e-3), rtol=1e-2, atol=0)


def test_the_network_lies_in_memory_as_its_convolutions_like_it(corpus: Path) -> None:
    training = loop.Training(recipes.find("smoke"))
    seen = []
    training.network.stem.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    training.step(_drawn(training, corpus), 0)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)
    kernels = [weight for weight in training.network.parameters() if weight.dim() == 4]
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)


def test_the_published_recipe_takes_the_steps_of_adam() -> None:
    """AdamW without weight decay is Adam, to the bit; and nothing clips, averages or warms up."""
    recipe = recipes.find("dim")
    assert {(phase.name, recipe.learning_rate, recipe.schedule) for phase in recipe.phases} == {
        (name, 1e-5, "constant") for name in ("encoder-decoder", "refinement", "together")
    }
    training = loop.Training(replace(recipes.find("dim_smoke"), settings={"fc6": "light"}))
    options = training.optimiser.defaults
    assert training.recipe.weight_decay == recipe.weight_decay == options["weight_decay"] == 0
    assert (options["betas"], options["eps"], options["amsgrad"]) == ((0.9, 0.999), 1e-8, False)
    weights = [torch.linspace(-1, 1, 7).requires_grad_() for _ in range(2)]
    theirs = torch.optim.Adam([weights[0]], recipe.learning_rate)
    ours = torch.optim.AdamW([weights[1]], recipe.learning_rate, weight_decay=recipe.weight_decay)
    for step in range(5):
        for weight, optimiser in zip(weights, (theirs, ours), strict=True):
            weight.grad = torch.linspace(0, step, 7)
            optimiser.step()
    assert torch.equal(*weights)


def test_a_run_of_another_recipe_is_not_resumed(corpus: Path, tmp_path: Path) -> None:
    loop.train("smoke", corpus, tmp_path / "run", workers=0)
    with pytest.raises(BadInput, match="was trained by the recipe smoke"):
        loop.train("default", corpus, tmp_path / "run", workers=0)


@pytest.mark.parametrize("name", ["network", "average", "optimiser"])
def test_a_run_of_other_layers_is_refused(corpus: Path, tmp_path: Path, name: str) -> None:
    training = loop.Training(recipes.find("smoke"))
    training.save(tmp_path)
    state, tensors = checkpoint.load(tmp_path)
    others = {"network": {"stem": torch.zeros(2)}, "average": None, "optimiser": {"param_groups": []}}
    checkpoint.save(tmp_path, state, tensors | {name: others[name]})
    with pytest.raises(BadInput, match=f"the checkpoint's {name} does not fit the recipe smoke"):
        loop.train("smoke", corpus, tmp_path, workers=0)
    if name == "average":
        with pytest.raises(BadInput, match="average does not fit"):
            export.export(tmp_path, tmp_path / "m.onnx")


def test_an_output_that_is_no_folder_is_said_at_once(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadOutput, match="cannot be made"):
        loop.train(
            "smoke", corpus, tmp_path / "file" / "run", workers=0, progress=lambda *_: pytest.fail("late")
        )


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"last\.pt"):
        checkpoint.load(tmp_path)


def test_a_checkpoint_is_readable_beside_its_weights(corpus: Path, tmp_path: Path) -> None:
    loop.train("smoke", corpus, tmp_path / "run", workers=0)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["last.pt", "scenes", "state.json"]
    told = json.loads((tmp_path / "run/state.json").read_text())
    assert (told["recipe"], told["step"], told["samples"], told["phase"]) == ("smoke", 4, 8, "small")
    assert told["code"].startswith(__version__)
    assert told["corpora"] == [manifest.fingerprint(manifest.read(corpus))]
    assert 0 < told["waited"] < told["seconds"]
    assert 0 < told["data_share"] < 1
    assert told["samples_per_second"] > 0


def test_a_run_that_goes_on_with_another_corpus_says_so(corpus: Path, tmp_path: Path) -> None:
    loop.train("smoke", corpus, tmp_path / "run", workers=0, steps=1)
    loop.train("smoke", corpus, tmp_path / "run", workers=0, steps=2)
    state = loop.train("smoke", [corpus, corpus], tmp_path / "run", workers=0, steps=3)
    assert len(state.corpora) == 2


def _parts(training: loop.Training) -> dict[str, dict[str, torch.Tensor]]:
    return {
        name: {key: value.clone() for key, value in part.state_dict().items()}
        for name, part in training.network.named_children()
    }


@pytest.mark.parametrize("name", ["dim_smoke", "dim_modern_smoke"])
def test_frozen_parts_keep_every_number_and_the_others_learn(
    corpus: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dim, "_STAGES", ((4, 2), (4, 2), (6, 3), (8, 3), (8, 3)))
    monkeypatch.setattr(dim, "_DECODER", (8, 6, 4, 4, 4))
    recipe = recipes.find(name)
    training = loop.Training(recipe)
    read = library.read(corpus)
    for phase, learners in zip(
        recipe.phases,
        [{"encoder", "decoder"}, {"refinement"}, {"encoder", "decoder", "refinement"}],
        strict=True,
    ):
        before = _parts(training)
        batch = batches.draw_batch(
            read, phase.mix or recipe.mix, 2, 64, np.random.default_rng(0), with_colours=True
        )
        for _ in range(2):
            training.step(batch, 0.1, phase)
        after = _parts(training)
        for part, values in before.items():
            same = all(torch.equal(value, after[part][key]) for key, value in values.items())
            assert same == (part not in learners), (phase.name, part)


def test_a_phase_that_names_parts_the_network_lacks_is_refused() -> None:
    training = loop.Training(recipes.find("smoke"))
    with pytest.raises(BadInput, match="names refinement; the network has stem"):
        training.enter(Phase("p", 64, 2, 1.0, frozen=("refinement",)))


def test_dim_runs_its_three_phases(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dim, "_STAGES", ((4, 2), (4, 2), (6, 3), (8, 3), (8, 3)))
    monkeypatch.setattr(dim, "_DECODER", (8, 6, 4, 4, 4))
    told = {}
    state = loop.train(
        "dim_smoke", corpus, tmp_path / "run", workers=0,
        progress=lambda state, share: told.update({state.phase: dict(state.losses)}),
    )  # fmt: skip
    assert state.step == 5
    both = {"alpha_prediction", "compositional", "total"}
    assert {name: set(losses) for name, losses in told.items()} == {
        "encoder-decoder": both,
        "refinement": both - {"compositional"},
        "together": both - {"compositional"},
    }


def test_dim_begins_with_a_vgg16(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected a VGG-16 checkpoint"):
        loop.train("dim_smoke", corpus, tmp_path / "run", start=tmp_path / "vgg16.pth", workers=0)


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx2": True}, False),
        ({"avx512_f": True, "avx512_bf16": False}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
    ],
)
def test_bfloat16_is_used_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert learning.has_bfloat16(torch.device("cpu")) is expected
    training = loop.Training(recipes.find("smoke"))
    seen = []
    training.network.head.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    planes, fields = torch.rand(1, 7, 64, 64), torch.rand(1, 13, 16, 16)
    known = torch.zeros(1, 1, 64, 64)
    training.step(batches.Batch(planes, fields, known, 1 - known), 0.1)
    assert (seen[0] == torch.bfloat16) is expected
