from dataclasses import fields

import numpy as np
import pytest
import torch
from small_corpus import write_corpus

from deepmatte.training import recipes, scenes
from deepmatte.training.batches import Batch
from deepmatte.training.composition import Mix
from deepmatte.training.corpus import library
from deepmatte.training.deck import Deck, bytes_of
from deepmatte.training.scenes import Scene, Scenes

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[Scene]:
    read = library.read(write_corpus(tmp_path_factory.mktemp("corpus")))
    rngs = [np.random.default_rng(seed) for seed in range(3)]
    return [scenes.fetch(None, read, Mix(), Scenes(side=96, count=3), rng) for rng in rngs]


@pytest.mark.parametrize("device", DEVICES)
def test_windows_are_those_that_scenes_cut(drawn: list[Scene], device: str) -> None:
    deck = Deck(3, 96, torch.device(device))
    for place, scene in enumerate(drawn):
        deck.put(place, scene)
    rng = np.random.default_rng(5)
    places = rng.integers(3, size=40).tolist()
    cuts = [drawn[place].cut(48, rng) for place in places]
    assert len({(cut.turned, *cut.mirrored) for cut in cuts}) == 8
    batch = deck.windows(places, cuts)
    expected = zip(*(drawn[place].window(cut) for place, cut in zip(places, cuts, strict=True)), strict=True)
    names = [part.name for part in fields(Batch)]
    for name, parts in zip(names, expected, strict=False):
        torch.testing.assert_close(getattr(batch, name).cpu(), torch.stack(parts), rtol=0, atol=1e-7)


def test_a_scene_takes_the_place_of_another(drawn: list[Scene]) -> None:
    deck = Deck(2, 96, torch.device("cpu"))
    deck.put(0, drawn[0])
    deck.put(1, drawn[1])
    deck.put(0, drawn[2])
    cuts = [drawn[2].cut(64, np.random.default_rng(0))] * 2
    batch = deck.windows([0, 1], cuts)
    for number, scene in enumerate((drawn[2], drawn[1])):
        assert torch.equal(batch.alpha[number], scene.window(cuts[number])[2])
    assert len(deck) == 2


def test_the_memory_that_scenes_take_is_known_before(drawn: list[Scene]) -> None:
    scene = drawn[0]
    parts = (scene.image, scene.trimap, scene.alpha, scene.guide_planes, scene.guide_fields)
    assert bytes_of(96) == sum(part.nbytes for part in parts)


@pytest.mark.parametrize("name", ["default", "default_gpu"])
def test_scenes_take_at_most_half_of_what_a_card_of_80_gb_has_free(name: str) -> None:
    kind = recipes.find(name).phases[0].scenes
    assert kind is not None
    assert bytes_of(kind.side) * kind.count < 84e9 / 2  # torch counts 79 GiB of such a card
