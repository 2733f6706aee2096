from dataclasses import replace

import pytest

from deepmatte.errors import BadInput
from deepmatte.training import recipes
from deepmatte.training.composition import Mix
from deepmatte.training.phases import Phase, Recipe
from deepmatte.training.published import PublishedMix
from deepmatte.training.scenes import Scenes


def _recipe(**changes: object) -> Recipe:
    values = {
        "name": "r",
        "network": "guided",
        "phases": (Phase("a", 64, 2, 0.25), Phase("b", 96, 2, 0.75)),
        "steps": 10,
        "learning_rate": 1e-3,
        "loss": {"absolute": 1.0},
    }
    return Recipe(**(values | changes))  # type: ignore[arg-type]


def test_phases_follow_their_shares_of_the_budget() -> None:
    recipe = _recipe()
    assert [recipe.phase_at(share).name for share in (0, 0.2, 0.25, 0.9, 1, 1.5)] == list("aabbbb")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "unet"}, "expected one of dim, guided"),
        ({"loss": {"absolut": 1.0}}, "absolut"),
        ({"phases": (Phase("a", 64, 2, 1.0, loss={"squar": 1.0}),)}, "squar"),
        ({"schedule": "steps"}, "expected cosine or constant"),
        ({"phases": (Phase("a", 64, 2, 0.5),)}, "add up to 1"),
    ],
)
def test_a_recipe_that_cannot_run_fails_when_it_is_built(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _recipe(**changes)


def test_a_phase_of_a_size_that_does_not_fit_the_stride_fails() -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        Phase("a", 100, 2, 1.0)


@pytest.mark.parametrize(
    ("batch", "wide", "kind", "message"),
    [
        (6, 0.5, Scenes(side=160), "multiple of 4"),
        (4, 1.5, Scenes(side=160), "share in"),
        (4, 0.5, None, "scenes"),
        (4, 0.5, Scenes(side=112), "112 px hold no windows of 128"),
    ],
)
def test_wide_windows_are_of_scenes_and_a_quarter_as_many(
    batch: int, wide: float, kind: Scenes | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Phase("a", 64, batch, 1.0, scenes=kind, wide=wide)


def test_scenes_hold_windows_guides_and_no_colours() -> None:
    with pytest.raises(ValueError, match="64 px hold no windows of 96"):
        Phase("a", 96, 2, 1.0, scenes=Scenes(side=64))
    phase = Phase("a", 64, 2, 1.0, scenes=Scenes(side=96))
    assert _recipe(phases=(phase,)).phases[0].scenes == Scenes(side=96)
    for changes in (
        {"network": "dim"},
        {"loss": {"compositional": 1.0}},
        {"mix": PublishedMix()},
    ):
        with pytest.raises(ValueError, match="guides and no colours"):
            _recipe(phases=(phase,), **changes)


def test_scenes_are_met_from_the_first_step_on() -> None:
    first, other, none = (
        Phase(name, 64, 2, 0.5, scenes=kind)
        for name, kind in (("a", Scenes(side=96)), ("b", Scenes(side=112)), ("c", None))
    )
    for phases in ((none, first), (first, other), (first, replace(first, mix=Mix(clutter=0)))):
        with pytest.raises(ValueError, match="the same ones"):
            _recipe(phases=phases)
    assert len(_recipe(phases=(first, replace(first, size=96))).phases) == 2
    assert len(_recipe(phases=(first, none)).phases) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"side": 100},
        {"side": 48},
        {"count": 0},
        {"unclear": 0.0},
        {"coarse": 0.0},
        {"coarse": 1.5},
        {"unknown": (0.6, 0.3)},
        {"least_foreground": 0.9},
    ],
)
def test_scenes_that_cannot_be_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="scenes: "):
        Scenes(**changes)  # type: ignore[arg-type]


def test_an_unknown_recipe_lists_the_names() -> None:
    with pytest.raises(BadInput, match="default, smoke, default_gpu, default_gpu_smoke, dim, dim_smoke"):
        recipes.find("best")
