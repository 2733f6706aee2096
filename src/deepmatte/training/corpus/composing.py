"""Compositions by the thousand, to disk: planned, made by many processes, and gone on with after any end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deepmatte import outputs
from deepmatte.errors import BadOutput
from deepmatte.processes import do_all
from deepmatte.training.corpus import compositions, folders, plans, shards
from deepmatte.training.corpus.compositions import Made, Task
from deepmatte.training.corpus.journal import alone
from deepmatte.training.corpus.plans import Plan, Progress, Settings
from deepmatte.training.corpus.store import Store


@dataclass(frozen=True)
class Result:
    """What is there now. made: compositions by split; left_out: training files related to a test's; failures:
    what could not be read or made, and why.
    """

    made: dict[str, int]
    left_out: tuple[str, ...]
    failures: tuple[str, ...]


def compose_corpus(
    path: Path,
    output: Path,
    *,
    settings: Settings | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> Result:
    """Make the compositions of a corpus, a folder or a packed one, into a folder; what is there stays.

    workers: how many processes, 0 for this one.
    Raises BadInput where the corpus cannot be read or divided, or output holds the compositions of other
    settings or another corpus; BadOutput where it cannot be written to: what was done stays done, and the
    same call goes on.
    """
    settings, store, output = settings or Settings(), Store(Path(path)), Path(output)
    tell = progress or (lambda step, share: None)
    outputs.make_folder(output)
    with alone(output):
        outputs.remove_parts(output)
        plan = plans.settle(store, output, settings, workers, tell)
        made, failures = _make_all(store, output, plan, settings, workers, tell)
    return Result(made, plan.left_out, (*plan.failures, *failures))


def _make_all(
    store: Store, output: Path, plan: Plan, settings: Settings, workers: int, tell: Progress
) -> tuple[dict[str, int], list[str]]:
    """Return how many compositions there are by split, and what failed."""
    if settings.per_shard is not None:
        maker = shards.ShardMaker(store, settings.style, output, settings.with_layers)
        return _run(plans.shard_tasks(plan, settings), maker, plan, settings, workers, tell)
    for split in settings.counts:
        folders.prepare(store, plan, split, output / split)
    folder_maker = folders.FolderMaker(store, settings.style, output, settings.with_layers)
    done = _run(plans.folder_tasks(plan, settings), folder_maker, plan, settings, workers, tell)
    for split in settings.counts:
        folders.write_list(plan, settings, split, output / split / folders.LIST)
    return done


def _run(
    tasks: Iterator[Task],
    maker: Callable[[Task], Made],
    plan: Plan,
    settings: Settings,
    workers: int,
    tell: Progress,
) -> tuple[dict[str, int], list[str]]:
    total = sum(len(plan.foregrounds[split]) * count for split, count in settings.counts.items())
    made, failures = dict.fromkeys(settings.counts, 0), list[str]()
    for _, done in do_all(tasks, maker, compositions.lost, workers):
        if done.stop:
            raise BadOutput(f"{done.stop}; make room and run the same command again")
        made[done.split] += done.count
        failures += done.failures
        tell("composing", sum(made.values()) / total)
    return made, failures
