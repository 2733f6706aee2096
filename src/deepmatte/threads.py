"""Several parts of an array at a time, by a thread for each core: NumPy lets go of Python's lock as it
computes.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")

MOST = 16  # each has scratch memory of its own


def do_all(work: Callable[[Part], None], parts: Iterable[Part]) -> None:
    """Do work for each part. Raises what it raised, and begins no part after that."""
    parts = list(parts)
    count = min(os.cpu_count() or 1, MOST, len(parts))
    if count < 2:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(count) as pool:
        try:
            for _ in pool.map(work, parts):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)  # whoever ends the program waits for the parts in hand alone
            raise
