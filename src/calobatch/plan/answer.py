"""plan: what the user is told, from a task's settings and what was measured."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from calobatch.config.models import Scenario, Task
from calobatch.errors import UserError
from calobatch.plan.allreduce import Algorithm
from calobatch.plan.finished_run import speeds_of_runs
from calobatch.plan.measurements import Measurements, TrainingSpeed
from calobatch.plan.plan import (
    MOST_GPUS,
    Work,
    bound,
    fastest,
    fewest_for,
    forecast,
    most_efficient_up_to,
    possible_gpus,
)
from calobatch.plan.sources import measured_compute, measured_network, stated_network
from calobatch.plan.step import Step, gradient_bytes
from calobatch.plan.table import as_table

USUAL_GPUS = (1, 2, 4, 8, 16, 32, 64)


class Question(NamedTuple):
    """What a user wants to know of a task."""

    task: str
    gpus: tuple[int, ...] = ()
    gpus_per_node: int = 4
    network: str = ""
    algorithm: Algorithm = "ring"
    hours: float | None = None
    events: int | None = None
    efficiency: float = 0.8
    faster: float = 1.0


def answer(question: Question, scenario: Scenario, measured: Measurements, results: Path) -> str:
    """Return the plan as text; a UserError names what is missing to make it."""
    _check(question)
    settings = _task(question.task, scenario)
    speeds = _speeds(question.task, measured, results)
    compute, computing_line = measured_compute(speeds, question.faster)
    if question.network:
        network, network_line = stated_network(
            question.network, settings.communicator, question.algorithm
        )
    else:
        network, network_line = measured_network(
            measured.sweeps, settings.communicator, question.algorithm
        )
    work = Work(
        step=Step(compute, network, gradient_bytes(speeds[0].parameters, settings)),
        batch_size=settings.batch_size,
        grows=settings.grow_batch_with_ranks,
        events=question.events or speeds[0].events,
        epochs=settings.epochs,
        gpus_per_node=question.gpus_per_node,
    )
    wanted = question.gpus or tuple(n for n in USUAL_GPUS if n <= work.batch(n))
    lines = [
        _opening(question.task, work, speeds[0].parameters),
        computing_line,
        network_line,
        "expected  events/s, efficiency, hours and communication: predicted from these two; the "
        "column `measured` is not. Training steps alone: validation, start and end come on top",
        "",
        as_table([forecast(work, gpus) for gpus in wanted], speeds),
        "",
        _efficient(work, question.efficiency),
    ]
    if question.hours is not None:
        lines.append(_in_time(work, question.hours))
    return "\n".join(lines)


def _check(question: Question) -> None:
    positive = {
        "--gpus": min(question.gpus, default=1),
        "--gpus-per-node": question.gpus_per_node,
        "--hours": 1 if question.hours is None else question.hours,
        "--events": 1 if question.events is None else question.events,
        "--faster": question.faster,
    }
    for option, value in positive.items():
        if not value > 0:
            raise UserError(f"{option} {value:g}: give a number above 0")
    if not 0 < question.efficiency <= 1:
        raise UserError(f"--efficiency {question.efficiency:g}: give a share above 0 and up to 1")


def _task(name: str, scenario: Scenario) -> Task:
    if name not in scenario.tasks:
        known = ", ".join(sorted(scenario.tasks))
        raise UserError(
            f"the scenario {scenario.name} has no task {name!r}; it has {known} "
            "(another one: --scenario)"
        )
    return scenario.tasks[name]


def _speeds(task: str, measured: Measurements, results: Path) -> Sequence[TrainingSpeed]:
    given = tuple(speed for speed in measured.trainings if speed.task == task)
    speeds = given or speeds_of_runs(results, task)
    if not speeds:
        raise UserError(
            f"no speed of {task} was measured: there is no finished run in {results / task}, and "
            "no training of it in --measurements; train it once, a few epochs are enough"
        )
    return speeds


def _opening(task: str, work: Work, parameters: int) -> str:
    grows = "a GPU (it grows with them: weak scaling)" if work.grows else "in all (strong scaling)"
    return (
        f"{task}: {work.events:,} training events, {work.epochs} epochs, batches of "
        f"{work.batch_size} {grows}, gradients of {work.step.gradient_bytes / 1e6:.3g} MB "
        f"({parameters:,} parameters)"
    )


def _efficient(work: Work, efficiency: float) -> str:
    last = most_efficient_up_to(work, efficiency)
    if last.gpus == max(possible_gpus(work)):
        end = "as many as are planned" if last.gpus > MOST_GPUS // 2 else "as many as share a batch"
        return f"Efficiency stays at {efficiency:.0%} or above up to {last.gpus} GPUs, {end}."
    return f"Beyond {last.gpus} GPU(s) efficiency drops below {efficiency:.0%}."


def _in_time(work: Work, hours: float) -> str:
    found = fewest_for(work, hours)
    if found:
        return (
            f"In {hours:g} h: {found.gpus} GPU(s) on {found.nodes} node(s), {found.hours:.3g} h, "
            f"{found.node_hours:.3g} node hours, efficiency {found.efficiency:.1%}."
        )
    best = fastest(work)
    return (
        f"In {hours:g} h: no number of GPUs does it. The fastest, {best.gpus}, take "
        f"{best.hours:.3g} h; {bound(work, best)}."
    )
