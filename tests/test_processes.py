import os
import signal
import sys
import time

import pytest

from deepmatte.processes import do_all

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as on Unix")


def work(task: int) -> tuple[int, int | str]:
    """Return the task and the process's number; 3 takes the process down, 4 ends it."""
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if task == 4:
        os._exit(7)
    return task, os.getpid()


def lost(task: int, reason: str) -> tuple[int, int | str]:
    return task, reason


def test_every_task_is_done_and_a_lost_one_is_said() -> None:
    answers = dict(do_all(iter([10, 3, 20, 4, 30]), work, lost, workers=1))
    assert [answers[number][0] for number in range(5)] == [10, 3, 20, 4, 30]
    assert answers[1][1] == "its process was ended by SIGKILL: perhaps out of memory"
    assert answers[3][1] == "its process ended with exit code 7"
    # One process for each stretch between two losses, and none of them is this one.
    assert len({answers[number][1] for number in (0, 2, 4)} - {os.getpid()}) == 3


def test_no_more_processes_than_tasks_and_none_left_over() -> None:
    answers = list(do_all([1, 2], work, lost, workers=5))
    assert sorted(number for number, _ in answers) == [0, 1]
    for _, (_, process) in answers:
        assert isinstance(process, int)
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_nothing_to_do_starts_nothing() -> None:
    assert list(do_all([], work, lost, workers=2)) == []


def unlucky(task: int, reason: str) -> int:
    raise AssertionError(reason)


def test_without_workers_the_work_is_done_here() -> None:
    assert list(do_all([1, 2], work, lost, workers=0)) == [(0, (1, os.getpid())), (1, (2, os.getpid()))]


def doze(task: int) -> int:
    time.sleep(0 if task == 0 else 60)
    return os.getpid()


def test_who_stops_listening_ends_the_processes() -> None:
    answers = do_all([0, 1], doze, unlucky, workers=1)
    started = time.monotonic()
    _, process = next(answers)
    answers.close()
    assert time.monotonic() - started < 20
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_process_whose_answer_nobody_reads_ends_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    answers = do_all(range(10, 15), work, lost, workers=1)
    next(answers)
    time.sleep(0.3)  # the second answer lies in the pipe when it is closed
    answers.close()
    assert capfd.readouterr().err == ""
