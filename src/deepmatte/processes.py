"""Work in processes of its own, where even work that takes its process down is only one loss.

Processes are started by "spawn", as the picture codec demands. They end with the one that started them: when
it is killed, after the piece of work in hand.
"""

import contextlib
import multiprocessing
import signal
import sys
from collections.abc import Callable, Generator, Iterable
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

from deepmatte import threads

Task = TypeVar("Task")
Done = TypeVar("Done")

# What services and closing terminals end programs by, of what the system has.
ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_PATIENCE_S = 2.0  # for a process to end by itself


class _Worker(Generic[Task, Done]):
    """One process that does one piece of work after the other."""

    def __init__(self, work: Callable[[Task], Done], cores: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(work, theirs, cores), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, number: int, task: Task) -> None:
        self.number, self.task = number, task
        with contextlib.suppress(OSError):  # it has ended: reading its answer will tell
            self.pipe.send(task)

    def answer(self) -> Done | None:
        """Return what came of the task, None if the process has ended."""
        try:
            done: Done = self.pipe.recv()
            return done
        except (EOFError, ConnectionError):
            return None

    def stop(self) -> str:
        """End the process, and say how it ended."""
        self.pipe.close()
        self._process.join(_PATIENCE_S)  # it sees that nobody is there any more
        for end in (self._process.terminate, self._process.kill):
            if self._process.exitcode is None:
                end()
                self._process.join(_PATIENCE_S)
        return _describe(self._process.exitcode)


def _describe(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        hint = ": perhaps out of memory" if -exit_code == signal.SIGKILL else ""
        return f"its process was ended by {signal.Signals(-exit_code).name}{hint}"
    return f"its process ended with exit code {exit_code}"


def _serve(work: Callable[[Task], Done], pipe: Connection, cores: int) -> None:
    threads.limit(cores)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that started us is told too, and ends us
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: sys.exit(1))  # so that half a file is cleared away
    with contextlib.suppress(EOFError, ConnectionError):  # nobody is there any more
        while True:
            pipe.send(work(pipe.recv()))


def do_all(
    tasks: Iterable[Task],
    work: Callable[[Task], Done],
    lost: Callable[[Task, str], Done],
    workers: int,
) -> Generator[tuple[int, Done], None, None]:
    """Yield each task's number and what came of it, as they are done. Tasks are taken one by one.

    work: a function of a module, or data, that raises nothing and returns no None; lost: called here with a
    task whose process ended, and how; workers: how many processes, 0 to do the work in this one.
    """
    if not workers:
        yield from enumerate(map(work, tasks))
        return
    waiting = iter(enumerate(tasks))
    crew: list[_Worker[Task, Done]] = []
    try:
        while True:
            while len(crew) < workers and (following := next(waiting, None)) is not None:
                crew.append(_Worker(work, threads.count_cores() // workers))
                crew[-1].give(*following)
            if not crew:
                return
            ready = wait([worker.pipe for worker in crew])
            for worker in [each for each in crew if each.pipe in ready]:
                number, task, done = worker.number, worker.task, worker.answer()
                following = None if done is None else next(waiting, None)
                if following is not None:
                    worker.give(*following)
                else:
                    crew.remove(worker)
                    ending = worker.stop()
                    done = lost(task, ending) if done is None else done
                if done is not None:
                    yield number, done
    finally:
        for worker in crew:
            worker.stop()
