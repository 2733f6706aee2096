import multiprocessing
import sys
import threading
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from small_corpus import write_corpus

from deepmatte.errors import BadInput, MatteError
from deepmatte.training import loading, recipes
from deepmatte.training.batches import Batch, Batches
from deepmatte.training.budget import Budget
from deepmatte.training.checkpoint import State
from deepmatte.training.corpus import library
from deepmatte.training.loading import Ahead, Dealer
from deepmatte.training.phases import Phase, Recipe
from deepmatte.training.scenes import Scenes
from deepmatte.training.shelf import Shelf

CPU = torch.device("cpu")
RECIPE = replace(recipes.find("dim_modern_smoke"), steps=5)
# A new scene every other step, some met again; the windows grow, and some of the first are wide. Some scenes
# are clear, some fine.
KIND = Scenes(side=128, count=3, every=2, unclear=0.4, coarse=0.3)
GUIDED = replace(
    recipes.find("smoke"),
    steps=8,
    phases=(
        Phase("small", size=64, batch=4, share=0.5, scenes=KIND, wide=0.5),
        Phase("large", size=80, batch=2, share=0.5, scenes=KIND),
    ),
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def _budget(recipe: Recipe = RECIPE, step: int = 0) -> Budget:
    return Budget(recipe, State(recipe.name, step=step))


def _equal(one: Batch, other: Batch) -> bool:
    pairs = [(getattr(one, each.name), getattr(other, each.name)) for each in fields(Batch)]
    return all(left is right is None or torch.equal(left, right) for left, right in pairs)


@pytest.mark.parametrize("step", [0, 5])
def test_a_device_deals_the_windows_that_processes_would_cut(corpus: Path, tmp_path: Path, step: int) -> None:
    """From the first step and from a later one, for one draw and for the second and third of three."""
    read = library.read(corpus)
    for draws in (range(1), range(1, 3)):
        batches = Batches(read, GUIDED, draws=draws, folder=tmp_path)
        plain = list(loading.load(batches, _budget(GUIDED, step), workers=0, device=CPU))
        dealt = list(Ahead(Dealer(batches, 1, CPU), _budget(GUIDED, step), CPU))
        assert len(plain) == len(dealt) == 8 - step
        for (phase, batch), (other_phase, other) in zip(plain, dealt, strict=True):
            assert phase == other_phase
            assert _equal(batch, other)


def test_a_step_waits_for_the_scenes_it_sees_alone(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    plain = Batches.fetch

    def fetch(self: Batches, phase: Phase, draw: int, number: int) -> object:
        drawn.append(number)
        return plain(self, phase, draw, number)

    monkeypatch.setattr(Batches, "fetch", fetch)
    dealer = Dealer(Batches(library.read(corpus), GUIDED), 0, CPU)
    for step, known in ((0, [0]), (1, [0]), (2, [0, 1]), (7, [0, 1, 2])):
        dealer[step, GUIDED.phases[0]]
        assert drawn == known


def test_a_device_without_room_leaves_windows_to_processes(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    free = [10**9]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free[0], 2 * free[0]))
    batches = Batches(library.read(corpus), GUIDED)
    assert Dealer.has_room(batches, CPU)
    free[0] = 3 * 9 * 96 * 96  # all but the fields, twice as much is needed
    assert not Dealer.has_room(batches, CPU)
    assert "stay out of cpu" in caplog.text
    assert not Dealer.has_room(Batches(library.read(corpus), RECIPE), CPU)


def test_what_scenes_cannot_be_drawn_of_is_raised_to_the_reader(tmp_path: Path) -> None:
    unread = library.read(write_corpus(tmp_path), max_bytes=0)
    for path in tmp_path.glob("*/*.png"):
        path.unlink()
    library._open_and_keep.cache_clear()
    with pytest.raises(BadInput, match="does not exist"):
        list(Ahead(Dealer(Batches(unread, GUIDED), 0, CPU), _budget(GUIDED), CPU))


def test_a_thread_draws_the_batches_that_processes_would(corpus: Path) -> None:
    read = library.read(corpus)
    plain = list(loading.load(Batches(read, RECIPE), _budget(), workers=0, device=CPU))
    shelf = Shelf(CPU)
    for picture in read.pictures:
        shelf.put(picture)
    ahead = list(Ahead(Batches(read, RECIPE, shelf), _budget(), CPU))
    assert len(plain) == len(ahead) == 5
    for (phase, batch), (other_phase, other) in zip(plain, ahead, strict=True):
        assert phase == other_phase
        assert _equal(batch, other)


def test_a_thread_ends_with_its_reader(corpus: Path) -> None:
    before = threading.active_count()
    drawn = iter(Ahead(Batches(library.read(corpus), RECIPE), _budget(replace(RECIPE, steps=1000)), CPU))
    next(drawn)
    assert threading.active_count() == before + 1
    drawn.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_what_a_thread_cannot_draw_is_raised_to_its_reader(corpus: Path, tmp_path: Path) -> None:
    unread = library.read(write_corpus(tmp_path), max_bytes=0)
    for path in tmp_path.glob("*/*.png"):
        path.unlink()
    library._open_and_keep.cache_clear()
    with pytest.raises(BadInput, match="does not exist"):
        list(Ahead(Batches(unread, RECIPE), _budget(), CPU))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot share memory so")
def test_processes_share_the_pictures_whatever_the_default(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the corpus was copied")

    monkeypatch.setattr(library.Library, "__reduce_ex__", refuse)
    before = multiprocessing.get_start_method()
    multiprocessing.set_start_method("spawn", force=True)
    try:
        read = library.read(corpus)
        assert (
            len(list(loading.load(Batches(read, RECIPE), _budget(), workers=1, device=CPU))) == RECIPE.steps
        )
    finally:
        multiprocessing.set_start_method(before, force=True)


def test_processes_read_what_memory_has_no_room_for(corpus: Path) -> None:
    recipe = replace(RECIPE, steps=2)
    unread, read = library.read(corpus, max_bytes=0), library.read(corpus)
    drawn = list(loading.load(Batches(unread, recipe), _budget(recipe), workers=1, device=CPU))
    expected = loading.load(Batches(read, recipe), _budget(recipe), workers=0, device=CPU)
    for (_, batch), (_, other) in zip(drawn, expected, strict=True):
        assert _equal(batch, other)


def test_processes_that_draw_end_with_what_they_draw_for(corpus: Path) -> None:
    """They take no signal: were one left, the end of this process would wait for it for ever."""
    read = library.read(corpus)
    plain = loading.load(Batches(read, RECIPE), _budget(), workers=1, device=CPU)
    dealt = loading.deal(Dealer(Batches(read, GUIDED), 1, CPU), _budget(GUIDED), CPU)
    for drawn in (plain, dealt):
        next(drawn)
        assert multiprocessing.active_children()
        drawn.close()
        assert not multiprocessing.active_children()


@pytest.mark.skipif(sys.platform != "linux", reason="another process would not know of the patch")
def test_too_little_shared_memory_is_said_in_one_line(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("unable to allocate shared memory(shm): No space left on device (28)")

    monkeypatch.setattr(torch.Tensor, "share_memory_", refuse)
    drawn = loading.load(Batches(library.read(corpus), RECIPE), _budget(), workers=1, device=CPU)
    with pytest.raises(MatteError, match="--shm-size 2g"):
        next(drawn)
