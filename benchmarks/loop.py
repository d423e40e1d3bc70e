"""The training loop as users run it, beside the same model on one fixed batch in memory."""

from collections.abc import Iterator

from benchmarks.inputs import Inputs
from benchmarks.measure import Goal, Row, compare, say
from benchmarks.plan import Plan
from benchmarks.trainings import fixed_batch, settings, speeds, store_of, train


def rows(plan: Plan, inputs: Inputs) -> Iterator[Row]:
    """Yield a row for each task."""
    for task in plan.tasks:
        store, training = store_of(task, plan, inputs), settings(task, plan)
        ours: list[float] = []
        bare: list[float] = []
        for number in range(plan.rounds):
            say(f"loop: {task}, {number + 1} of {plan.rounds}")
            ours += speeds(train(task, training, store, inputs))
            bare += fixed_batch(task, training, store, processes=1)
        what = f"training loop, {task}, batch {training.batch_size}, one thread"
        yield compare(what, "one fixed batch in memory", ours, bare, Goal(0.95))
