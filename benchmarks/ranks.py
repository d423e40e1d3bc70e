"""Two ranks beside one, and Horovod beside torch.distributed."""

from collections.abc import Iterator

from benchmarks.inputs import Inputs
from benchmarks.measure import Goal, Row, Skipped, compare, say
from benchmarks.plan import CORES, Plan
from benchmarks.trainings import fixed_batch, settings, speeds, store_of, train


def rows(plan: Plan, inputs: Inputs) -> Iterator[Row | Skipped]:
    """Yield three rows for each task."""
    if CORES < 2:
        yield Skipped("Horovod, 2 ranks", "there is one core")
        return
    for task in plan.tasks:
        yield from _of_task(task, plan, inputs)


def _of_task(task: str, plan: Plan, inputs: Inputs) -> Iterator[Row]:
    store = store_of(task, plan, inputs)
    trainings = {
        "1 rank": settings(task, plan, ranks=1),
        "Horovod": settings(task, plan, ranks=2),
        "Gloo": settings(task, plan, ranks=2, communicator="torch"),
    }
    took: dict[str, list[float]] = {name: [] for name in [*trainings, "two loops", "one loop"]}
    for number in range(plan.rounds):
        say(f"ranks: {task}, {number + 1} of {plan.rounds}")
        for name, training in trainings.items():
            took[name] += speeds(train(task, training, store, inputs))
        for name, processes in (("one loop", 1), ("two loops", 2)):
            took[name] += fixed_batch(task, trainings["1 rank"], store, processes)
    batch = plan.tasks[task].batch_a_rank
    what = f"Horovod, 2 ranks, {task}, batch {batch} a rank"
    twice = [2 * rate for rate in took["1 rank"]]
    yield compare(what, "twice 1 rank", took["Horovod"], twice, Goal(0.9))
    yield compare(what, "torch.distributed, Gloo", took["Horovod"], took["Gloo"], Goal(1.0))
    # What the machine leaves of the second core, where memory and caches are shared.
    twice = [2 * rate for rate in took["one loop"]]
    what = f"the machine: two bare loops at once, {task}"
    yield compare(what, "twice one bare loop", took["two loops"], twice, None)
