from dataclasses import replace

import pytest

from deepmatte.training import recipes
from deepmatte.training.budget import Budget, learning_rate
from deepmatte.training.checkpoint import State

DIM = recipes.find("dim_smoke")  # three phases in five steps


def test_steps_go_on_where_the_run_stands_and_each_has_its_phase() -> None:
    names = [(step, phase.name) for step, phase in Budget(DIM, State("dim_smoke", step=1))]
    assert names == [(1, "encoder-decoder"), (2, "refinement"), (3, "together"), (4, "together")]


def test_a_run_that_is_done_has_no_steps() -> None:
    assert list(Budget(DIM, State("dim_smoke", step=5))) == []
    assert list(Budget(DIM, State("dim_smoke", seconds=61), minutes=1)) == []


def test_with_minutes_the_phase_follows_the_time() -> None:
    state = State("dim_smoke")
    budget, names = Budget(DIM, state, minutes=2), []
    for step, phase in budget:
        names.append((step, phase.name, budget.used))
        state.seconds += 30
    assert names == [
        (0, "encoder-decoder", 0), (1, "encoder-decoder", 0.25), (2, "refinement", 0.5), (3, "together", 0.75)
    ]  # fmt: skip


def test_the_rate_rises_evenly_then_falls_as_a_cosine() -> None:
    recipe = replace(recipes.find("smoke"), warm_up=4, learning_rate=0.8)
    assert [learning_rate(recipe, step, 0) for step in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8])
    # Half way, the cosine is half of the way to a hundredth.
    assert [learning_rate(recipe, 9, used) for used in (0, 0.5, 1, 1.5)] == pytest.approx(
        [0.8, 0.8 * 0.505, 0.008, 0.008]
    )


def test_a_constant_schedule_keeps_the_published_rate() -> None:
    assert [learning_rate(DIM, step, used) for step, used in ((0, 0), (50, 0.5), (99, 1))] == [1e-5] * 3
