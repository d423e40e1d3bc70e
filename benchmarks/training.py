"""Compare the training loop with a bare loop, two ranks with one, and Horovod with Gloo."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from benchmarks.comparison import Goal, Row, compare, take_turns
from benchmarks.inputs import Inputs
from benchmarks.runs import fixed_batch, joined, settings, speeds, store_of, train
from benchmarks.workload import Workload


def rows(workload: Workload, inputs: Inputs) -> Iterator[Row]:
    """Yield four rows per task."""
    for task in workload.tasks:
        yield from _of_task(task, workload, inputs)


def _of_task(task: str, workload: Workload, inputs: Inputs) -> Iterator[Row]:
    store = store_of(task, workload, inputs)
    one, two = settings(task, workload, ranks=1), settings(task, workload, ranks=2)
    gloo = settings(task, workload, ranks=2, communicator="torch")
    works: dict[str, Callable[[], Sequence[float]]] = {
        "1 rank": lambda: speeds(train(task, one, store, inputs)),
        "a bare loop": partial(fixed_batch, one, store, processes=1),
        "2 ranks, Horovod": lambda: speeds(train(task, two, store, inputs)),
        "2 ranks, Gloo": lambda: speeds(train(task, gloo, store, inputs)),
        "2 bare loops at once": partial(fixed_batch, one, store, processes=2),
    }
    took = joined(take_turns(task, works, workload.rounds, warm_up=0))
    of = f"{task}, batch {one.batch_size} per rank"
    alone, bare, ranks = took["1 rank"], took["a bare loop"], took["2 ranks, Horovod"]
    yield compare(f"loop, {of}", "one fixed batch in memory", alone, bare, Goal(0.95))
    yield compare(f"2 ranks, {of}", "twice 1 rank", ranks, twice(alone), Goal(0.9))
    yield compare(
        f"2 ranks, {of}", "torch.distributed, Gloo", ranks, took["2 ranks, Gloo"], Goal(1.0)
    )
    # No goal: this row shows what the machine can do, since its cores share memory and cache.
    at_once = took["2 bare loops at once"]
    yield compare(f"2 bare loops at once, {of}", "twice one", at_once, twice(bare), None)


def twice(rates: list[float]) -> list[float]:
    """Return the total rates of two such loops if neither slowed the other."""
    return [2 * rate for rate in rates]
