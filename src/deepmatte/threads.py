"""Several parts of an array at a time, by a thread for each core: NumPy lets go of Python's lock as it
computes.
"""

import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

Part = TypeVar("Part")

_MOST = 16  # each has scratch memory of its own
_limit = _MOST


def limit(count: int) -> None:
    """Let this process use so many threads at most, as others beside it are at work on the same cores."""
    global _limit
    _limit = min(max(count, 1), _MOST)


def count_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def do_all(work: Callable[[Part], None], parts: Iterable[Part]) -> None:
    """Do work for each part, in this thread and others. Raises what it raised first, once none is begun any
    more.
    """
    waiting = deque(parts)
    failures: list[BaseException] = []

    def serve() -> None:
        while not failures:
            try:
                part = waiting.popleft()
            except IndexError:
                return
            try:
                work(part)
            except BaseException as error:  # noqa: BLE001 (raised below)
                failures.append(error)

    others = []
    for _ in range(min(count_cores(), _limit, len(waiting)) - 1):
        # NumPy keeps in the context what it does about errors.
        other = threading.Thread(target=contextvars.copy_context().run, args=(serve,))
        try:
            other.start()
        except RuntimeError:  # the system gives no more of them
            break
        others.append(other)
    for step in (serve, *(other.join for other in others)):
        try:
            step()
        except BaseException as error:  # noqa: BLE001 (Ctrl-C, between parts or in waiting)
            failures.append(error)
    if failures:
        raise failures[0]
