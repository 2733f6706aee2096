from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from constant_model import constant_model
from small_corpus import write_corpus
from torch import Tensor

from deepmatte import estimate_alpha, exposure, framing, guides, load_model, trimap
from deepmatte.models import catalogue
from deepmatte.training import composition, recipes, scenes
from deepmatte.training.batches import Batches
from deepmatte.training.composition import Mix
from deepmatte.training.corpus import library
from deepmatte.training.corpus.library import Foreground, Library
from deepmatte.training.phases import Phase
from deepmatte.training.scenes import Scene, Scenes, Spots

KIND = Scenes(side=96, count=3)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return library.read(write_corpus(tmp_path_factory.mktemp("corpus")))


def _equal(one: Scene, other: Scene) -> bool:
    return all(np.array_equal(getattr(one, part.name), getattr(other, part.name)) for part in fields(Scene))


def _turn_back(parts: Sequence[Tensor], way: int) -> list[Tensor]:
    """Undo one of the eight ways in which a window may have been mirrored and turned."""
    axes = [axis for axis in (1, 2) if way & axis]
    return [part.flip(axes).mT if way & 4 else part.flip(axes) for part in parts]


def test_a_window_is_what_the_pipeline_reads_there(corpus: Library) -> None:
    """Planes and fields are those that framing makes of the whole picture, up to the half precision kept,
    turned and mirrored in every way, and with channels in every order.
    """
    scene = scenes.fetch(None, corpus, Mix(), KIND, np.random.default_rng(2))
    tri = scene.trimap
    pictures = {
        order: np.ascontiguousarray(scene.image[list(order)], np.float32) / 255
        for order in permutations(range(3))
    }
    surveys = {order: guides.survey(image, tri) for order, image in pictures.items()}
    places, ways, orders = set(), set(), []
    for seed in range(60):
        parts = scene.window(scene.cut(48, np.random.default_rng(seed)))
        found = [
            (order, y, x, way)
            for order, image in pictures.items()
            for way in range(8)
            for y in range(0, 49, guides.SCALE)
            for x in range(0, 49, guides.SCALE)
            if np.array_equal(_turn_back(parts[:1], way)[0][:3], image[:, y : y + 48, x : x + 48])
        ]
        assert len(found) == 1
        order, top, left, way = found[0]
        planes, grids, alpha, is_unknown = _turn_back(parts, way)
        window = framing.Window(top, left, 48, 48)
        expected = framing.planes(pictures[order].transpose(1, 2, 0), tri, surveys[order], window)
        np.testing.assert_allclose(planes, expected, atol=1e-3)
        np.testing.assert_allclose(grids, framing.fields(surveys[order], (96, 96), window), atol=1e-3)
        np.testing.assert_allclose(alpha[0] * 255, scene.alpha[window.slices], atol=1e-4)
        assert np.array_equal(is_unknown[0], tri[window.slices] == trimap.UNKNOWN)
        assert is_unknown.any()
        places.add((top, left))
        ways.add(way)
        orders.append(order)
    assert len(places) > 1
    assert ways == set(range(8))
    assert set(orders) == set(pictures)
    assert orders.count((0, 1, 2)) > len(orders) / 3  # most are as they are


def test_scenes_are_like_pictures_that_people_bring(corpus: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides are known, the guides are not lost; a scene of any kind is drawn without a second try."""
    monkeypatch.setattr(scenes, "_TRIES", 100)  # so small a corpus has few that will do
    any_kind = replace(KIND, least_foreground=0, least_background=0, unknown=(0, 1), hardest=1)
    shares = []
    for kind in (KIND, any_kind):
        drawn = [scenes.fetch(None, corpus, Mix(), kind, np.random.default_rng(seed)) for seed in range(12)]
        shares.append([[float((each.trimap == level).mean()) for level in (255, 0, 128)] for each in drawn])
        if kind is KIND:
            for each in drawn:
                is_unknown = each.trimap == trimap.UNKNOWN
                error = np.abs(np.clip(each.guide_planes[0].astype(float), 0, 1) - each.alpha / 255)
                assert error[is_unknown].mean() <= 0.151
    foreground, background, unknown = np.array(shares[0]).T
    assert foreground.min() >= 0.05
    assert background.min() >= 0.1
    assert unknown.min() >= 0.03
    assert unknown.max() <= 0.6
    assert np.array(shares[1])[:, 0].min() < 0.05


def test_some_scenes_lack_a_side(corpus: Library) -> None:
    kind = replace(KIND, one_sided=1)
    drawn = [scenes.fetch(None, corpus, Mix(), kind, np.random.default_rng(seed)) for seed in range(24)]
    lacks = [tuple(not (each.trimap == level).any() for level in (255, 0)) for each in drawn]
    assert set(lacks) == {(False, False), (True, False), (False, True), (True, True)}
    assert all((each.trimap == trimap.UNKNOWN).mean() >= 0.03 for each in drawn)


def test_some_scenes_have_a_part_that_nobody_marked(corpus: Library) -> None:
    """Far more of what is surely foreground is unknown in them than where all is marked."""
    mix = Mix(second_foreground=0, one_sided_trimap=0, widest_band=0.05)

    def lost(kind: Scenes) -> float:
        drawn = [scenes.fetch(None, corpus, mix, kind, np.random.default_rng(seed)) for seed in range(16)]
        return float(np.mean([((each.trimap == 128) & (each.alpha == 255)).mean() for each in drawn]))

    assert lost(replace(KIND, unmarked=1)) > 2 * lost(KIND)


def test_clear_scenes_are_those_that_guides_get_right(
    corpus: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "_CLEAR", 0.2)  # of so small a corpus they get nothing right
    kind = replace(KIND, hardest=1)
    drawn = [scenes.fetch(None, corpus, Mix(), kind, np.random.default_rng(seed)) for seed in range(12)]
    for scene in drawn:
        difference = np.abs(np.clip(scene.guide_planes[0].astype(float), 0, 1) - scene.alpha / 255)
        error = difference[scene.trimap == trimap.UNKNOWN].mean()
        assert bool(scene.is_clear) == (error <= 0.2) or abs(error - 0.2) < 1e-3
    assert {bool(scene.is_clear) for scene in drawn} == {False, True}


@pytest.mark.parametrize("special", ["one_sided", "unmarked", "meshed"])
def test_scenes_of_what_guides_know_nothing_of_are_clear_as_they_are(corpus: Library, special: str) -> None:
    """They would lose what they are drawn for, were those met less often that guides get wrong."""
    kind = replace(KIND, **{special: 1.0}, hardest=1)
    drawn = [scenes.fetch(None, corpus, Mix(), kind, np.random.default_rng(seed)) for seed in range(4)]
    assert all(scene.is_clear for scene in drawn)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Groups that each foreground is drawn from, in the order of drawing."""
    groups, draw = [], Library.draw_foreground

    def note(library: Library, rng: np.random.Generator, shares: dict[str, float]) -> Foreground:
        groups.append({group for group, share in shares.items() if share})
        return draw(library, rng, shares)

    monkeypatch.setattr(Library, "draw_foreground", note)
    return groups


STRANDS = Mix(groups=(("strands", 1.0), ("glass", 0.0)), second_foreground=0, clutter=0)


def test_some_scenes_show_things_in_meshes(corpus: Library, drawn: list[set[str]]) -> None:
    scenes.fetch(None, corpus, STRANDS, replace(KIND, meshed=0), np.random.default_rng(3))
    assert all(groups == {"strands"} for groups in drawn)
    drawn.clear()
    scenes.fetch(None, corpus, STRANDS, replace(KIND, meshed=1), np.random.default_rng(3))
    meshes, held = drawn[::2], drawn[1::2]
    assert len(meshes) == len(held) > 0
    assert all(groups == {"textiles", "lace", "shapes", "meshes"} for groups in meshes)
    assert all(groups == {"objects", "fringed_animals", "strands", "shapes"} for groups in held)


def test_half_of_the_parts_that_nobody_marked_are_things_that_are_carried(
    corpus: Library, drawn: list[set[str]]
) -> None:
    seconds = []
    for seed in range(24):
        drawn.clear()
        scenes.fetch(None, corpus, STRANDS, replace(KIND, unmarked=1), np.random.default_rng(seed))
        assert all(groups == {"strands"} for groups in drawn[::2])
        assert len(set(map(frozenset, drawn[1::2]))) == 1
        seconds.append(drawn[1] == {"strands"})
        if not seconds[-1]:
            assert drawn[1] == {"textiles", "shapes", "objects", "fringed_animals", "strands"}
    assert 6 <= sum(seconds) <= 18


def test_a_scene_that_is_kept_is_read_and_not_drawn(corpus: Library, tmp_path: Path) -> None:
    path = tmp_path / "kept" / "0-000000.npz"
    drawn = scenes.fetch(path, corpus, Mix(), KIND, np.random.default_rng(1))
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert _equal(scenes.fetch(path, corpus, Mix(), KIND, np.random.default_rng(2)), drawn)
    assert not _equal(scenes.fetch(None, corpus, Mix(), KIND, np.random.default_rng(2)), drawn)


@pytest.mark.parametrize("kept", [0, 1000])
def test_a_damaged_scene_is_drawn_again(
    corpus: Library, tmp_path: Path, kept: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "0-000000.npz"
    drawn = scenes.fetch(path, corpus, Mix(), KIND, np.random.default_rng(1))
    path.write_bytes(path.read_bytes()[:kept])
    assert _equal(scenes.fetch(path, corpus, Mix(), KIND, np.random.default_rng(1)), drawn)
    assert "is damaged and is drawn again" in caplog.text
    assert _equal(scenes.fetch(path, corpus, Mix(), KIND, np.random.default_rng(2)), drawn)


def test_where_no_picture_will_do_the_best_is_taken(corpus: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that show enough, the one that its guides know best."""
    impossible = replace(KIND, hardest=0)

    def error(tries: int) -> float:
        monkeypatch.setattr(scenes, "_TRIES", tries)
        scene = scenes.fetch(None, corpus, Mix(), impossible, np.random.default_rng(2))
        difference = np.abs(np.clip(scene.guide_planes[0].astype(float), 0, 1) - scene.alpha / 255)
        return float(difference[scene.trimap == trimap.UNKNOWN].mean())

    errors = [error(tries) for tries in range(1, 9)]
    assert errors[-1] < errors[0]
    assert errors[2:] == sorted(errors[2:], reverse=True)


def test_files_are_called_by_what_decides_on_them() -> None:
    key = KIND.key(Mix(), 0)
    assert replace(KIND, count=9, every=2, unclear=0.5, coarse=0.5).key(Mix(), 0) == key
    others = [KIND.key(Mix(clutter=0), 0), KIND.key(Mix(), 1), replace(KIND, side=112).key(Mix(), 0)]
    assert len({key, *others}) == 4


def _all(number: int) -> float:
    return 1.0


def test_a_step_meets_a_new_scene_and_old_ones() -> None:
    chosen = [list(KIND.choose(step, 4, np.random.default_rng(step), _all)) for step in range(40)]
    assert all(len(numbers) == 4 for numbers in chosen)
    assert [numbers[0] for numbers in chosen[:3]] == [0, 1, 2]
    assert all(max(numbers) <= step for step, numbers in enumerate(chosen))
    assert {number for numbers in chosen[3:] for number in numbers} == {0, 1, 2}
    rare = replace(KIND, every=5)
    chosen = [list(rare.choose(step, 4, np.random.default_rng(step), _all)) for step in range(40)]
    assert [chosen[step][0] for step in (0, 5, 10)] == [0, 1, 2]
    assert all(max(numbers) <= step // 5 for step, numbers in enumerate(chosen))
    assert {number for numbers in chosen[11:] for number in numbers} == {0, 1, 2}


def test_scenes_are_met_as_often_as_their_shares_say_and_once_at_least() -> None:
    """Numbers 0 and 2 of three have a share of 1/4: they make a third of the windows, not two."""

    def choose(step: int) -> list[int]:
        shares = (0.25, 1.0, 0.25)
        return list(KIND.choose(step, 4, np.random.default_rng(step), shares.__getitem__))

    assert [choose(step)[0] for step in range(3)] == [0, 1, 2]
    later = [number for step in range(3, 1003) for number in choose(step)]
    assert np.mean([number == 1 for number in later]) == pytest.approx(2 / 3, abs=0.03)
    assert later.count(0) == pytest.approx(later.count(2), rel=0.2)


@pytest.mark.parametrize(
    ("is_clear", "fineness", "share"),
    [
        (True, 3.7, 1.0), (True, 9.0, 1.0), (True, 2.7, 0.5), (True, 0.0, 0.2),
        (False, 3.7, 0.3), (False, 2.7, 0.15), (False, 1.7, 0.06),
    ],
)  # fmt: skip
def test_what_is_unclear_and_what_is_coarse_has_a_smaller_share(
    is_clear: bool, fineness: float, share: float
) -> None:
    spots = Spots(64, np.zeros(1, np.int32), is_clear, fineness)
    assert replace(KIND, unclear=0.3, coarse=0.2).share(spots) == pytest.approx(share)
    assert replace(KIND, unclear=0.3).share(spots) == (1.0 if is_clear else 0.3)


@pytest.mark.parametrize("at", range(16, 21))
def test_fineness_of_an_edge_is_2_of_a_line_4_and_of_nothing_0(at: int) -> None:
    edge, line = np.zeros((2, 61, 67), np.float32)
    edge[:, at : at + 17], line[:, at] = 1, 1
    for alpha, fineness in ((edge, 2), (line, 4)):
        assert scenes.measure_fineness(alpha) == pytest.approx(fineness)
        assert scenes.measure_fineness(alpha.T) == pytest.approx(fineness)
        assert scenes.measure_fineness(0.3 * alpha + 0.2) == pytest.approx(fineness, rel=1e-3)
    assert scenes.measure_fineness(np.full((61, 67), 0.4, np.float32)) == pytest.approx(0, abs=1e-3)


def test_scenes_know_how_fine_their_alpha_is(corpus: Library, tmp_path: Path) -> None:
    for path in (tmp_path / "one.npz", tmp_path / "one.npz"):  # drawn, then read
        scene = scenes.fetch(path, corpus, Mix(), KIND, np.random.default_rng(3))
        assert scene.spots.fineness == pytest.approx(scenes.measure_fineness(scene.alpha / 255), rel=0.02)


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
    assert {path.name.split("-")[1] for path in tmp_path.iterdir()} == {"0", "1"}


def test_as_many_steps_have_wide_windows_as_asked(corpus: Library, tmp_path: Path) -> None:
    recipe = recipes.find("smoke")
    phase = Phase("windows", size=64, batch=8, share=1.0, scenes=replace(KIND, side=128), wide=0.4)
    each, both = (Batches(corpus, recipe, folder=tmp_path, draws=range(count)) for count in (1, 2))
    shapes = [each.windows(step, phase) for step in range(1000)]
    assert set(shapes) == {(8, 64), (2, 128)}
    assert 350 < shapes.count((2, 128)) < 450
    for step in (shapes.index((8, 64)), shapes.index((2, 128))):
        count, size = shapes[step]
        assert each[step, phase][1].alpha.shape == (count, 1, size, size)
        # Processes that share a step have windows of one size.
        assert both[step, phase][1].planes.shape == (2 * count, len(framing.PLANES), size, size)


def test_a_scene_is_exposed_as_the_pipeline_would(corpus: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = scenes.fetch(None, corpus, Mix(), KIND, np.random.default_rng(3))
    draw_samples = composition.draw_samples

    def draw_dark(*args: Any) -> composition.Samples:
        drawn = draw_samples(*args)
        return replace(drawn, image=(drawn.image * 0.4 * 255).round() / 255)

    monkeypatch.setattr(composition, "draw_samples", draw_dark)
    dark = scenes.fetch(None, corpus, Mix(), KIND, np.random.default_rng(3))
    np.testing.assert_array_equal(dark.trimap, plain.trimap)
    assert np.quantile(dark.image, 0.999) == 255
    rows = np.moveaxis(dark.image, 0, -1)
    np.testing.assert_array_equal(exposure.expose(rows), rows)
    image = dark.image.astype(np.float32) / 255
    planes = guides.survey(image, dark.trimap).planes(image)
    np.testing.assert_allclose(dark.guide_planes, planes, atol=1e-3)


def test_a_settled_scene_has_the_trimap_of_a_second_look(corpus: Library) -> None:
    plain, settled = (
        scenes.fetch(None, corpus, Mix(), replace(KIND, settled=share), np.random.default_rng(3))
        for share in (0, 1)
    )
    np.testing.assert_array_equal(settled.image, plain.image)
    np.testing.assert_array_equal(settled.alpha, plain.alpha)
    model = load_model(precision="f32")
    alpha = estimate_alpha(np.moveaxis(plain.image, 0, -1), plain.trimap, model=model)
    expected = trimap.settle(plain.trimap, alpha)
    assert np.mean(settled.trimap == expected) > 0.999  # torch's sums differ in their last bits
    assert np.mean(settled.trimap != plain.trimap) > 0.01
    image = settled.image.astype(np.float32) / 255
    planes = guides.survey(image, settled.trimap).planes(image)
    np.testing.assert_allclose(settled.guide_planes, planes, atol=1e-3)


def test_a_scene_of_which_too_little_is_left_unknown_stays_as_it_was(
    corpus: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "_first_look", lambda: constant_model(1.0))
    monkeypatch.setattr(scenes, "_LEAST_SETTLED", 0.9)
    plain, settled = (
        scenes.fetch(None, corpus, Mix(), replace(KIND, settled=share), np.random.default_rng(4))
        for share in (0, 1)
    )
    assert _equal(settled, plain)


def test_settled_scenes_are_called_by_the_model_that_settles_them(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = KIND, replace(KIND, settled=0.5)
    before = [kind.key(Mix(), 0) for kind in kinds]
    monkeypatch.setattr(catalogue, "names", lambda: ["another", "guided"])
    after = [kind.key(Mix(), 0) for kind in kinds]
    assert before[0] == after[0]
    assert len({before[1], *after}) == 3
