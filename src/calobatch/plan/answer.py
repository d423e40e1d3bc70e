"""Write the plan that `calobatch plan` prints, from a task's settings and the measurements."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from calobatch.config.scenario import Scenario
from calobatch.config.search import Search
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
from calobatch.run.trials import trained_with
from calobatch.words import counted

USUAL_GPUS = (1, 2, 4, 8, 16, 32, 64)


class Question(NamedTuple):
    """What a user wants to know about a task: the options of `calobatch plan`."""

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
    """Return the plan as text.

    ``results``: the folder of the scenario's results; its finished runs give the speed of computing
    if ``measured`` has no training of the task. Raises UserError if an option is out of range, the
    scenario lacks the task, or a measurement is missing.
    """
    _check(question)
    _require_task(question.task, scenario)
    settings = trained_with(scenario, question.task, results)
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
        "predicted  all columns except `measured`, computed from the two lines above; they count "
        "training steps only: add the time of validation, startup and shutdown",
        "",
        as_table([forecast(work, gpus) for gpus in wanted], speeds),
        "",
        _efficient(work, question.efficiency),
    ]
    if question.hours is not None:
        lines.append(_in_time(work, question.hours))
    if search := scenario.tasks[question.task].search:
        lines.append(_of_search(search, search.total_epochs(settings), work))
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
            raise UserError(f"{option} {value:g} is not positive; give a number above 0")
    if not 0 < question.efficiency <= 1:
        raise UserError(
            f"--efficiency {question.efficiency:g} is not a fraction; give a number above 0 and at "
            "most 1"
        )


def _require_task(name: str, scenario: Scenario) -> None:
    if name not in scenario.tasks:
        known = ", ".join(sorted(scenario.tasks))
        raise UserError(
            f"scenario {scenario.name} has no task {name!r}; choose from {known}, or name another "
            "scenario with --scenario"
        )


def _speeds(task: str, measured: Measurements, results: Path) -> Sequence[TrainingSpeed]:
    given = tuple(speed for speed in measured.trainings if speed.task == task)
    speeds = given or speeds_of_runs(results, task)
    if not speeds:
        raise UserError(
            f"the training speed of {task} is unknown: {results / task} has no finished run, and "
            f"no file of --measurements has a training of {task}; train it once (a few epochs are "
            "enough)"
        )
    return speeds


def _opening(task: str, work: Work, parameters: int) -> str:
    batch = (
        f"{work.batch_size} events per batch and GPU (weak scaling: the batch grows with the GPUs)"
        if work.grows
        else f"{work.batch_size} events per batch, shared by all GPUs (strong scaling)"
    )
    return (
        f"{task}: {work.events:,} training events, {counted(work.epochs, 'epoch')}, {batch}, "
        f"{work.step.gradient_bytes / 1e6:.3g} MB of gradients per step ({parameters:,} parameters)"
    )


def _of_search(search: Search, epochs: int, work: Work) -> str:
    return (
        f"Its search ({search}) trains {counted(epochs, 'epoch')} in addition, which takes "
        f"{epochs / work.epochs:.3g} times the node hours of the table."
    )


def _efficient(work: Work, efficiency: float) -> str:
    last = most_efficient_up_to(work, efficiency)
    if last.gpus == max(possible_gpus(work)):
        # No other number of GPUs was tried, so say why the search ended there.
        end = "`calobatch plan` tries" if last.gpus > MOST_GPUS // 2 else "can share a batch"
        return (
            f"Efficiency is at least {efficiency:.0%} with up to {counted(last.gpus, 'GPU')}, the "
            f"largest number that {end}."
        )
    return f"With more than {counted(last.gpus, 'GPU')}, efficiency drops below {efficiency:.0%}."


def _in_time(work: Work, hours: float) -> str:
    found = fewest_for(work, hours)
    if found:
        return (
            f"To finish within {hours:g} h, use {counted(found.gpus, 'GPU')} on "
            f"{counted(found.nodes, 'node')}: {found.hours:.3g} h, {found.node_hours:.3g} node "
            f"hours, efficiency {found.efficiency:.1%}."
        )
    best = fastest(work)
    return (
        f"No number of GPUs finishes within {hours:g} h. The fastest is "
        f"{counted(best.gpus, 'GPU')}, with {best.hours:.3g} h; {bound(work, best)}."
    )
