from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_corpus import write_corpus

from deepmatte import framing, guides, trimap
from deepmatte.errors import BadInput
from deepmatte.training import recipes, scenes
from deepmatte.training.batches import Batches
from deepmatte.training.composition import Mix
from deepmatte.training.corpus import library
from deepmatte.training.corpus.library import Library
from deepmatte.training.phases import Phase
from deepmatte.training.scenes import Scene, Scenes

KIND = Scenes(side=96, count=3)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return library.read(write_corpus(tmp_path_factory.mktemp("corpus")))


def _equal(one: Scene, other: Scene) -> bool:
    return all(np.array_equal(getattr(one, part.name), getattr(other, part.name)) for part in fields(Scene))


def test_a_window_is_what_the_pipeline_reads_there(corpus: Library) -> None:
    """Planes and fields are those that framing makes of the whole picture, up to the half precision kept."""
    scene = scenes.find(None, corpus, Mix(), KIND, np.random.default_rng(2))
    image, tri = scene.image.astype(np.float32) / 255, scene.trimap
    survey = guides.survey(image, tri)
    places = set()
    for seed in range(5):
        planes, grids, alpha, is_unknown = scene.window(48, np.random.default_rng(seed))
        found = [
            (y, x)
            for y in range(0, 49, guides.SCALE)
            for x in range(0, 49, guides.SCALE)
            if np.array_equal(planes[:3], image[:, y : y + 48, x : x + 48])
        ]
        assert len(found) == 1
        window = framing.Window(*found[0], 48, 48)
        expected = framing.planes(image.transpose(1, 2, 0), tri, survey, window)
        np.testing.assert_allclose(planes, expected, atol=1e-3)
        np.testing.assert_allclose(grids, framing.fields(survey, (96, 96), window), atol=1e-3)
        rows, columns = (slice(at, at + 48) for at in found[0])
        np.testing.assert_allclose(alpha[0] * 255, scene.alpha[rows, columns], atol=1e-4)
        assert np.array_equal(is_unknown[0], tri[rows, columns] == trimap.UNKNOWN)
        assert is_unknown.any()
        places.add(found[0])
    assert len(places) > 1


def test_scenes_are_like_pictures_that_people_bring(corpus: Library) -> None:
    """Both sides are known, the guides are not lost; a scene of any kind is drawn without a second try."""
    any_kind = replace(KIND, least_foreground=0, least_background=0, unknown=(0, 1), hardest=1)
    shares = []
    for kind in (KIND, any_kind):
        drawn = [scenes.find(None, corpus, Mix(), kind, np.random.default_rng(seed)) for seed in range(12)]
        shares.append([[float((each.trimap == level).mean()) for level in (255, 0, 128)] for each in drawn])
        if kind is KIND:
            for each in drawn:
                is_unknown = each.trimap == trimap.UNKNOWN
                error = np.abs(np.clip(each.planes[0].astype(float), 0, 1) - each.alpha / 255)
                assert error[is_unknown].mean() <= 0.151
    foreground, background, unknown = np.array(shares[0]).T
    assert foreground.min() >= 0.05
    assert background.min() >= 0.1
    assert unknown.min() >= 0.03
    assert unknown.max() <= 0.6
    assert np.array(shares[1])[:, 0].min() < 0.05


def test_a_scene_that_is_kept_is_read_and_not_drawn(corpus: Library, tmp_path: Path) -> None:
    path = tmp_path / "kept" / "0-000000.npz"
    drawn = scenes.find(path, corpus, Mix(), KIND, np.random.default_rng(1))
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert _equal(scenes.find(path, corpus, Mix(), KIND, np.random.default_rng(2)), drawn)
    assert not _equal(scenes.find(None, corpus, Mix(), KIND, np.random.default_rng(2)), drawn)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(BadInput, match="remove it, and it is drawn again"):
        scenes.find(path, corpus, Mix(), KIND, np.random.default_rng(1))


def test_a_step_meets_a_new_scene_and_old_ones() -> None:
    chosen = [KIND.choose(step, 4, np.random.default_rng(step)) for step in range(40)]
    assert [numbers[0] for numbers in chosen[:3]] == [0, 1, 2]
    assert all(max(numbers) <= step for step, numbers in enumerate(chosen))
    assert {number for numbers in chosen[3:] for number in numbers} == {0, 1, 2}


def test_batches_are_the_same_whether_scenes_were_kept_or_not(corpus: Library, tmp_path: Path) -> None:
    recipe = recipes.find("smoke")
    phase = Phase("windows", size=64, batch=3, share=1.0, scenes=KIND)
    kept, anew = (Batches(corpus, recipe, folder=folder, draws=range(2)) for folder in (tmp_path, None))
    for step in (0, 4):
        first, again, drawn = (each[step, phase][1] for each in (kept, kept, anew))
        assert first.planes.shape == (6, len(framing.PLANES), 64, 64)
        for name in ("planes", "fields", "alpha", "is_unknown"):
            assert torch.equal(getattr(first, name), getattr(again, name)), name
            assert torch.equal(getattr(first, name), getattr(drawn, name)), name
    assert {path.name.split("-")[0] for path in tmp_path.iterdir()} == {"0", "1"}
