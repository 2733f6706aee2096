import threading
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_corpus import write_corpus

from deepmatte.errors import BadInput
from deepmatte.training import batches, recipes
from deepmatte.training.batches import Ahead, Batch, Batches
from deepmatte.training.budget import Budget
from deepmatte.training.checkpoint import State
from deepmatte.training.corpus import library
from deepmatte.training.phases import Recipe
from deepmatte.training.shelf import Shelf

CPU = torch.device("cpu")
RECIPE = replace(recipes.find("dim_modern_smoke"), steps=5)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def _budget(recipe: Recipe = RECIPE) -> Budget:
    return Budget(recipe, State(recipe.name))


def _equal(one: Batch, other: Batch) -> bool:
    pairs = [(getattr(one, each.name), getattr(other, each.name)) for each in fields(Batch)]
    return all(left is right is None or torch.equal(left, right) for left, right in pairs)


def test_a_thread_draws_the_batches_that_processes_would(corpus: Path) -> None:
    read = library.read(corpus)
    plain = list(batches.load(Batches(read, RECIPE), _budget(), workers=0, device=CPU))
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


def test_processes_read_what_memory_has_no_room_for(corpus: Path) -> None:
    recipe = replace(RECIPE, steps=2)
    unread, read = library.read(corpus, max_bytes=0), library.read(corpus)
    drawn = list(batches.load(Batches(unread, recipe), _budget(recipe), workers=1, device=CPU))
    expected = batches.load(Batches(read, recipe), _budget(recipe), workers=0, device=CPU)
    for (_, batch), (_, other) in zip(drawn, expected, strict=True):
        assert _equal(batch, other)


def test_only_a_network_that_reads_guides_gets_them(corpus: Path) -> None:
    read = library.read(corpus)
    assert not RECIPE.reads_guides
    guided = Batches(read, recipes.find("smoke"))
    assert guided.recipe.reads_guides
    assert guided[0, guided.recipe.phases[0]][1].fields.shape[1] == 13
    assert np.prod(Batches(read, RECIPE)[0, RECIPE.phases[0]][1].fields.shape) == 0
