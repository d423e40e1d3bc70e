"""Write the page of the scaling study, README.md, and its pictures, from measured.json.

    python -m benchmarks.scaling.study

Every number on the page comes from measured.json, which campaign.py writes, or is a stated network
or an assumption of model.py.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.scaling.model import (
    AGREEMENT,
    FASTER,
    MEASURED,
    PAGE_FOLDER,
    STATED,
    WAYS,
    TaskStudy,
    kinds_of_sweeps,
    node_counts,
    tasks_of,
)
from benchmarks.scaling.plots import MOST_GPUS, draw_allreduce, draw_measured, draw_predicted
from calobatch.atomic import write_text
from calobatch.errors import exiting
from calobatch.plan.allreduce import Network, typical_error
from calobatch.plan.measurements import Measurements
from calobatch.plan.plan import Work, most_efficient_up_to

EFFICIENCY = 0.8
# The tables of strong scaling show how far a batch can be shared. With this many events per epoch,
# the events never limit the number of GPUs.
MANY_EVENTS = 10**9

TEMPLATE = Path(__file__).with_name("page.template.md")


def page(measured: Measurements) -> str:
    """Return the page: the template, filled with numbers and tables."""
    tasks = tasks_of(measured)
    points = [p for task in tasks for nodes in node_counts(measured) for p in task.points(nodes)]
    errors = [abs(point.error) for point in points]
    most = max(speed.ranks for speed in measured.trainings)
    return TEMPLATE.read_text(encoding="utf-8").format(
        machine=measured.machine,
        taken=measured.taken,
        most=most,
        ranks=", ".join(str(count) for count in sorted({t.ranks for t in measured.trainings})),
        crowded=_crowded(measured, most),
        networks=_networks(measured),
        typical=f"{(sum(e * e for e in errors) / len(errors)) ** 0.5:.0%}",
        worst=f"{max(errors):.0%}",
        points=len(points),
        computing=_computing(tasks),
        trainings=_trainings(tasks, measured),
        gpus=MOST_GPUS,
        stated="; ".join(f"{name}, {n.latency * 1e6:.3g} µs" for name, n in STATED.items()),
        call=f"{next(iter(STATED.values())).call * 1e3:g}",
        agreement=f"{AGREEMENT * 1e6:g}",
        faster=FASTER,
        weak=_weak(tasks),
        efficiency=EFFICIENCY,
        strong=_strong(tasks),
    )


def _crowded(measured: Measurements, most: int) -> str:
    if measured.crowding(most) == 1:
        return ""
    return (
        f"\n\nAll nodes share the {measured.shared_cores} cores of one machine, so {most} ranks "
        f"cannot be more than {1 / measured.crowding(most):.0%} efficient, and the traffic between "
        "nodes never leaves the machine. The model takes the shared cores into account, but no "
        "other effect of this."
    )


def _networks(measured: Measurements) -> str:
    rows = [
        (
            backend,
            nodes,
            ", ".join(str(sweep.ranks) for sweep in sweeps),
            f"{network.call * 1e3:.3g}",
            f"{network.latency * 1e6:.3g}",
            f"{network.gigabit:.3g}",
            f"{typical_error(network, sweeps):.0%}",
        )
        for backend, nodes, sweeps, network in kinds_of_sweeps(measured)
    ]
    heads = (
        "communicator",
        "nodes",
        "ranks",
        "call (ms)",
        "latency (µs)",
        "Gbit/s",
        "error of fit",
    )
    return _table(heads, rows)


def _computing(tasks: Sequence[TaskStudy]) -> str:
    heads = ("task", "parameters", "gradients (MB)", "batch", "a (ms per step)", "b (µs per event)")
    rows = [
        (
            task.name,
            f"{task.base.parameters:,}",
            f"{task.gradient_bytes / 1e6:.3g}",
            task.base.batch_size,
            f"{task.compute.per_step * 1e3:.3g}",
            f"{task.compute.per_event * 1e6:.3g}",
        )
        for task in tasks
    ]
    return _table(heads, rows)


def _trainings(tasks: Sequence[TaskStudy], measured: Measurements) -> str:
    heads = (
        "task", "scaling", "ranks", "nodes", "batch", "events/s", "efficiency", "model",
    )  # fmt: skip
    rows = []
    for task in tasks:
        base = task.base
        rows.append(
            (task.name, "", 1, 1, base.batch_size, f"{base.events_per_second:,.0f}", "", "")
        )
        for nodes in node_counts(measured):
            rows += [
                (
                    task.name, point.kind, point.speed.ranks, nodes, point.speed.batch_size,
                    f"{point.speed.events_per_second:,.0f}",
                    f"{point.efficiency:.0%}", f"{point.predicted:.0%}",
                )
                for point in task.points(nodes)
            ]  # fmt: skip
    return _table(heads, rows)


def _weak(tasks: Sequence[TaskStudy]) -> str:
    rows = []
    for task in tasks:
        for slower, speed in (
            (1.0, "as measured"),
            (1 / FASTER, f"{FASTER:g} times that (assumed)"),
        ):
            cells = [_ways(task, network, slower) for network in STATED.values()]
            rows.append((task.name, f"{task.gradient_bytes / 1e6:.3g}", speed, *cells))
    return _table(("task", "gradients (MB)", "computing", *STATED), rows)


def _ways(task: TaskStudy, network: Network, slower: float) -> str:
    batch = task.base.batch_size
    shares = [
        task.step(network._replace(**way), slower).efficiency(batch * MOST_GPUS, MOST_GPUS, batch)
        for way in WAYS
    ]
    return " / ".join(f"{share:.0%}" for share in shares)


def _strong(tasks: Sequence[TaskStudy]) -> str:
    rows = []
    for task in tasks:
        for slower, speed in (
            (1.0, "as measured"),
            (1 / FASTER, f"{FASTER:g} times that (assumed)"),
        ):
            works = (
                Work(task.step(network, slower), task.base.batch_size, False, MANY_EVENTS, 1, 4)
                for network in STATED.values()
            )
            cells = [most_efficient_up_to(work, EFFICIENCY).gpus for work in works]
            rows.append((task.name, task.base.batch_size, speed, *cells))
    return _table(("task", "batch", "computing", *STATED), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def main() -> None:
    """Read the options and write; errors end as those of calobatch do."""
    description = "Write the page of the scaling study and its pictures."
    parser = argparse.ArgumentParser("python -m benchmarks.scaling.study", description=description)
    parser.add_argument("--measured", type=Path, default=MEASURED, help="the measurements to read")
    parser.add_argument("--output", type=Path, default=PAGE_FOLDER, help="folder of the page")
    options = parser.parse_args()
    with exiting("study"):
        write(options)


def write(options: argparse.Namespace) -> None:
    """Write the pictures and the page from the measurements in ``options.measured``."""
    measured = Measurements.read(options.measured)
    draw_allreduce(measured, options.output / "allreduce.png")
    draw_measured(measured, options.output / "measured.png")
    draw_predicted(measured, options.output / "predicted.png")
    write_text(options.output / "README.md", page(measured))


if __name__ == "__main__":
    main()
