from pathlib import Path

import numpy as np
import pytest
from small_corpus import write_corpus

from deepmatte.training import recipes
from deepmatte.training.batches import Batches
from deepmatte.training.corpus import library

RECIPE = recipes.find("dim_modern_smoke")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def test_only_a_network_that_reads_guides_gets_them(corpus: Path) -> None:
    read = library.read(corpus)
    assert not RECIPE.reads_guides
    guided = Batches(read, recipes.find("smoke"))
    assert guided.recipe.reads_guides
    assert guided[0, guided.recipe.phases[0]][1].fields.shape[1] == 13
    assert np.prod(Batches(read, RECIPE)[0, RECIPE.phases[0]][1].fields.shape) == 0
