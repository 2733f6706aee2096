import threading
import time

import pytest

from deepmatte import threads


def test_each_part_is_done_once() -> None:
    done = []
    threads.do_all(done.append, range(1000))
    assert sorted(done) == list(range(1000))
    threads.do_all(done.append, ())
    assert len(done) == 1000


def test_parts_are_done_by_several_threads_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 3)
    together = threading.Barrier(3, timeout=20)  # breaks unless three wait at once
    threads.do_all(lambda part: together.wait() * 0, range(6))


def test_an_error_ends_the_rest() -> None:
    begun = []

    def work(part: int) -> None:
        begun.append(part)
        time.sleep(0.02)
        if part == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        threads.do_all(work, range(200))
    assert len(begun) < 100
