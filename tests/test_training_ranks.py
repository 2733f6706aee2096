"""Several processes that train one network."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small_corpus import write_corpus

from deepmatte.errors import BadInput, MatteError
from deepmatte.training import batches, checkpoint, learning, loop, losses, ranks, recipes
from deepmatte.training.corpus import library
from deepmatte.training.networks import dim
from deepmatte.training.ranks import Alone

# dim without batch norm, whose statistics processes share on GPUs only; in f32, as bf16 rounds sums.
PROGRAM = """
import sys
from deepmatte import cli
from deepmatte.training import learning
from deepmatte.training.networks import dim

dim._STAGES = ((4, 2), (4, 2), (6, 3), (8, 3), (8, 3))
dim._DECODER = (8, 6, 4, 4, 4)
learning.has_bfloat16 = lambda device: False
sys.exit(cli.main(sys.argv[1:]))
"""


def test_two_processes_learn_what_one_learns_from_twice_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from deepmatte import cli

    corpus = write_corpus(tmp_path / "corpus")
    (tmp_path / "program.py").write_text(PROGRAM)
    train = ["train", "dim_smoke", "--corpus", str(corpus), "--no-tensorboard", "--workers", "0"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    program = [str(tmp_path / "program.py"), *train, "--output", str(tmp_path / "two")]
    subprocess.run([*torchrun, *program], check=True, timeout=300)
    assert capfd.readouterr().out.count("5 steps, 20 samples") == 1  # the first process alone speaks
    monkeypatch.setattr(dim, "_STAGES", ((4, 2), (4, 2), (6, 3), (8, 3), (8, 3)))
    monkeypatch.setattr(dim, "_DECODER", (8, 6, 4, 4, 4))
    monkeypatch.setattr(learning, "has_bfloat16", lambda device: False)
    assert cli.main([*train, "--output", str(tmp_path / "one"), "--batches", "2"]) == 0
    (one, ours), (two, theirs) = checkpoint.load(tmp_path / "one"), checkpoint.load(tmp_path / "two")
    assert (one.step, one.samples) == (two.step, two.samples)
    assert two.losses == pytest.approx(one.losses, abs=1e-6)
    for part in ("network", "average"):
        torch.testing.assert_close(theirs[part], ours[part], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", losses.TERMS)
def test_the_mean_of_scaled_parts_is_the_term_of_the_whole(name: str) -> None:
    generator = torch.Generator().manual_seed(0)

    def rand(channels: int) -> torch.Tensor:
        return torch.rand(3, channels, 32, 48, generator=generator)

    truth = losses.Truth(rand(1), (rand(1) > 0.7).float(), rand(3), rand(3))
    pred_alpha = rand(1)
    shares = [slice(0, 1), slice(1, 3)]  # of one and of two samples
    parts = [losses.Truth(*(each[share] for each in truth)) for share in shares]
    mean = torch.stack([losses.counts(part).float() for part in parts]).mean(0)
    terms = [
        losses.total({name: 1.0}, pred_alpha[share], part, losses.counts(part) / mean)[name]
        for share, part in zip(shares, parts, strict=True)
    ]
    torch.testing.assert_close(torch.stack(terms).mean(), losses.total({name: 1.0}, pred_alpha, truth)[name])


def test_draws_of_all_processes_are_those_of_one(tmp_path: Path) -> None:
    recipe = recipes.find("smoke")
    read, key = library.read(write_corpus(tmp_path / "corpus")), (3, recipe.phases[0])
    whole = batches.Batches(read, recipe, draws=range(2))[key][1]
    first, second = (batches.Batches(read, recipe, draws=range(n, n + 1))[key][1] for n in (0, 1))
    assert torch.equal(whole.planes, torch.cat([first.planes, second.planes]))
    assert torch.equal(whole.alpha, torch.cat([first.alpha, second.alpha]))
    assert whole.foreground is None
    assert not torch.equal(first.alpha, second.alpha)


def test_one_process_is_alone_and_changes_nothing() -> None:
    alone = ranks.join()
    assert (type(alone), alone.count, alone.rank) == (Alone, 1, 0)
    network, values = torch.nn.Conv2d(1, 1, 1), torch.rand(3)
    assert alone.adapt(network) is alone.share(network) is network
    assert alone.mean(values) is values


def test_several_processes_without_the_extra_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_torchelastic_launched", lambda: True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(MatteError, match=r"needs lightning_fabric, .*pip install 'deepmatte\[scale\]'"):
        ranks.join()


@pytest.mark.parametrize(
    ("here", "count", "said"), [(2, 2, "2 processes on a machine with 1 GPUs"), (2, 3, "2 of 3 processes")]
)
def test_processes_that_do_not_fit_the_machines_are_one_line(
    monkeypatch: pytest.MonkeyPatch, here: int, count: int, said: str
) -> None:
    monkeypatch.setattr(torch.distributed, "is_torchelastic_launched", lambda: True)
    monkeypatch.setenv("WORLD_SIZE", str(count))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(here))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: here == count)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(BadInput, match=said):
        ranks.join()


@pytest.mark.parametrize(("values", "do"), [((3, 3), True), ((3, 2), False), ((0, 1), False), ((7, 7), True)])
def test_processes_know_whether_they_agree(values: tuple[int, int], do: bool) -> None:
    class Two(ranks.Ranks):
        def __init__(self) -> None:
            self.device = torch.device("cpu")

        def _reduce(self, mine: torch.Tensor, how: object) -> torch.Tensor:
            assert how == torch.distributed.ReduceOp.MAX
            return torch.maximum(mine, torch.tensor([values[1], -values[1]], dtype=torch.float64))

    assert Two().agree(values[0]) is do
    assert Alone().agree(values[0])


def test_processes_that_find_other_checkpoints_do_not_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = Alone()
    monkeypatch.setattr(several, "agree", lambda step: False)
    monkeypatch.setattr(loop, "join", lambda: several)
    with pytest.raises(BadInput, match="expected one folder that all can read"):
        loop.train("smoke", tmp_path / "corpus", tmp_path / "run")


def test_several_processes_take_a_budget_in_steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    several = Alone()
    several.count = 2
    monkeypatch.setattr(loop, "join", lambda: several)
    with pytest.raises(BadInput, match="give them a budget in steps"):
        loop.train("smoke", tmp_path / "corpus", tmp_path / "run", minutes=1)
