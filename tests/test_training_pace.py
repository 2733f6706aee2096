import pytest

from deepmatte.training import pace
from deepmatte.training.checkpoint import State
from deepmatte.training.pace import Pace
from deepmatte.training.ranks import Alone


class Clock:
    """Goes on only when told to."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


def test_waiting_is_told_from_working_and_from_resting(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, state = Clock(), State("smoke", seconds=5.0, waited=1.0)
    monkeypatch.setattr(pace, "time", clock)

    def batches() -> object:
        for _ in range(2):
            clock.now += 1.0  # a batch takes a second to come
            yield

    measured = Pace(state, Alone())
    for _ in measured.waiting(batches()):
        clock.now += 3.0  # the step takes three
        measured.step(8)
    assert (state.seconds, state.waited) == (13.0, 3.0)
    assert state.samples_per_second == pytest.approx(2)
    assert state.data_share == pytest.approx(0.25)
    clock.now += 60.0
    measured.rest()
    clock.now += 4.0
    measured.step(8)
    assert (state.seconds, state.waited) == (77.0, 3.0)
    assert state.samples_per_second == pytest.approx(2)


def test_what_came_before_the_first_step_is_time_but_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, state = Clock(), State("smoke")
    monkeypatch.setattr(pace, "time", clock)
    measured = Pace(state, Alone(), since=40.0)
    clock.now += 2.0
    measured.step(8)
    assert state.seconds == 62
    assert state.samples_per_second == pytest.approx(4)


def test_the_last_steps_count_most(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, state = Clock(), State("smoke")
    monkeypatch.setattr(pace, "time", clock)
    measured = Pace(state, Alone())
    for seconds in [10.0] * 20 + [1.0] * 200:
        clock.now += seconds
        measured.step(1)
    assert state.samples_per_second == pytest.approx(1, rel=0.01)
