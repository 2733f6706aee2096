import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from deepmatte import processes, threads


@pytest.fixture
def three_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(threads, "count_cores", lambda: 3)
    yield
    threads.limit(100)


@pytest.mark.usefixtures("three_cores")
def test_each_part_is_done_once() -> None:
    done: list[int] = []
    threads.do_all(done.append, range(1000))
    assert sorted(done) == list(range(1000))
    threads.do_all(done.append, ())
    assert len(done) == 1000


@pytest.mark.usefixtures("three_cores")
def test_there_is_a_thread_for_each_core_up_to_a_limit() -> None:
    together = threading.Barrier(3, timeout=20)  # breaks unless three wait at once
    threads.do_all(lambda _: together.wait(), range(6))
    for limit in (1, 2):
        threads.limit(limit)
        seen = set()
        threads.do_all(lambda _: seen.add(threading.get_ident()) or time.sleep(0.01), range(9))  # noqa: B023
        assert len(seen) == limit


@pytest.mark.usefixtures("three_cores")
def test_an_error_ends_the_rest_though_a_part_before_it_takes_long() -> None:
    begun = []

    def work(part: int) -> None:
        begun.append(part)
        if part == 1:
            raise KeyboardInterrupt
        time.sleep(0.5 if part == 0 else 0.02)

    with pytest.raises(KeyboardInterrupt):
        threads.do_all(work, range(200))
    assert len(begun) < 10


@pytest.mark.usefixtures("three_cores")
def test_what_numpy_does_about_errors_holds_in_all_threads() -> None:
    together, told = threading.Barrier(3, timeout=20), []

    def work(_: int) -> None:
        together.wait()
        told.append(np.geterr()["divide"])

    with np.errstate(divide="raise"):
        threads.do_all(work, range(3))
    assert told == ["raise"] * 3


def test_cores_are_those_that_the_process_may_use() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("processes are bound to cores on Linux only")
    program = (
        "import os; from deepmatte import threads; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]);"
        "print(threads.count_cores())"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "1"


def test_parts_are_done_while_the_program_waits_for_its_last_thread() -> None:
    program = textwrap.dedent(
        """
        import threading, time
        from deepmatte import threads
        threads.count_cores = lambda: 3
        def late():
            time.sleep(0.5)
            done = []
            threads.do_all(done.append, range(50))
            print(len(done))
        threading.Thread(target=late).start()
        """
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "50", done.stderr


def _tell_limit(_: int) -> int:
    return threads._limit


@pytest.mark.usefixtures("three_cores")
def test_processes_share_the_cores() -> None:
    for workers, share in ((1, 3), (2, 1)):
        told = processes.do_all(range(2), _tell_limit, lambda *_: -1, workers)
        assert {limit for _, limit in told} == {share}
