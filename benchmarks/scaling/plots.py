"""Draw the pictures of the scaling study."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter, ScalarFormatter

from benchmarks.scaling.model import (
    FASTER,
    STATED,
    TaskStudy,
    kinds_of_sweeps,
    node_counts,
    sweeps_of,
    tasks_of,
)
from calobatch.plan.allreduce import fit_network
from calobatch.plan.measurements import Measurements
from calobatch.plotting import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION, new_figure, save

NODE_COLOURS = {1: BLUE, 2: VERMILLION}
RANK_MARKERS = {2: "o", 4: "s"}
NETWORK_COLOURS = (ORANGE, GREEN, PURPLE)
KIND_MARKERS, KIND_LINES = {"strong": "o", "weak": "s"}, {"strong": "-", "weak": "--"}
MOST_GPUS = 1024


def draw_allreduce(measured: Measurements, path: Path) -> None:
    """Draw the time of an average against its size, one panel per back end, with fits as lines."""
    backends = sorted({sweep.backend for sweep in measured.sweeps})
    figure = new_figure("Averaging gradients: measured, and fitted", width=11, height=5)
    panels = figure.subplots(1, len(backends), sharey=True, squeeze=False)[0]
    sizes = np.geomspace(8, 2**26, 200)
    for backend, nodes, sweeps, network in kinds_of_sweeps(measured):
        axes = panels[backends.index(backend)]
        for sweep in sweeps:
            colour, marker = NODE_COLOURS[nodes], RANK_MARKERS.get(sweep.ranks, "^")
            axes.plot(
                [message.bytes for message in sweep.messages],
                [message.seconds * 1e3 for message in sweep.messages],
                marker, color=colour, markerfacecolor="none" if nodes > 1 else colour,
                label=f"{sweep.ranks} ranks, {nodes} node{'s' * (nodes > 1)}",
            )  # fmt: skip
            times = [network.allreduce(size, sweep.ranks) * 1e3 for size in sizes]
            axes.plot(sizes, times, "-" if sweep.ranks == 2 else "--", color=colour, linewidth=1.2)
    for axes, backend in zip(panels, backends, strict=True):
        axes.set(xscale="log", yscale="log", xlabel="bytes", title=f"communicator {backend}")
        axes.legend(loc="upper left")
    panels[0].set_ylabel("ms")
    save(figure, path)


def draw_measured(measured: Measurements, path: Path) -> None:
    """Draw the efficiency of trainings against ranks, one panel per task, with the model."""
    tasks = tasks_of(measured)
    figure = new_figure("Efficiency of trainings: measured, and modelled", width=11, height=8)
    panels = _panels(figure, tasks)
    for axes, task in zip(panels, tasks, strict=False):
        for nodes in node_counts(measured):
            for kind in KIND_LINES:
                _draw_points(axes, task, nodes, kind)
        ranks = sorted({speed.ranks for speed in task.trainings})
        allowed = [1 / measured.crowding(p) for p in ranks]
        axes.plot(ranks, allowed, color=GREY, linewidth=1, label="what the cores allow")
        axes.set(xlabel="ranks", ylabel="efficiency", title=task.name, ylim=(0, 1.25))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.xaxis.set_major_locator(FixedLocator(ranks))
        axes.xaxis.set_minor_locator(NullLocator())
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    save(figure, path)


def _draw_points(axes: Axes, task: TaskStudy, nodes: int, kind: str) -> None:
    points = [point for point in task.points(nodes) if point.kind == kind]
    if not points:
        return
    network = fit_network(sweeps_of(task.measured, "horovod", nodes))
    colour = NODE_COLOURS[nodes]
    axes.plot(
        [point.speed.ranks for point in points],
        [point.efficiency for point in points],
        KIND_MARKERS[kind], color=colour, markerfacecolor="none" if kind == "weak" else colour,
        label=f"{kind}, {nodes} node{'s' * (nodes > 1)}",
    )  # fmt: skip
    ranks = [1, *(point.speed.ranks for point in points)]
    modelled = [task.modelled(network, p, kind) for p in ranks]
    axes.plot(ranks, modelled, KIND_LINES[kind], color=colour, linewidth=1.2)


def draw_predicted(measured: Measurements, path: Path) -> None:
    """Draw the predicted weak scaling to 1,024 GPUs over stated networks, one panel per task."""
    tasks = tasks_of(measured)
    figure = new_figure("Efficiency in weak scaling: PREDICTED", width=11, height=8)
    panels = _panels(figure, tasks)
    gpus = np.unique(np.geomspace(1, MOST_GPUS, 60).round().astype(int))
    most_measured = max(speed.ranks for speed in measured.trainings)
    for axes, task in zip(panels, tasks, strict=False):
        for (name, network), colour in zip(STATED.items(), NETWORK_COLOURS, strict=True):
            for slower, line in ((1.0, "-"), (1 / FASTER, "--")):
                step, batch = task.step(network, slower), task.base.batch_size
                values = [step.efficiency(batch * p, int(p), batch) for p in gpus]
                label = name if slower == 1 else None
                axes.plot(gpus, values, line, color=colour, label=label)
        axes.axvspan(1, most_measured, color=GREY, alpha=0.25, linewidth=0, label="ranks measured")
        size = task.gradient_bytes / 1e6
        axes.set(xscale="log", xlabel="GPUs", ylabel="efficiency", ylim=(0, 1.05))
        title = f"{task.name}: {size:.2g} MB, {task.base.batch_size} events per GPU"
        axes.set_title(title, fontsize=11)
        axes.set_xlim(1, MOST_GPUS)
        axes.xaxis.set_major_locator(FixedLocator([1, 4, 16, 64, 256, 1024]))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    panels[0].plot([], [], "-", color=GREY, label="computing as measured on a core")
    panels[0].plot([], [], "--", color=GREY, label=f"assumed {FASTER:g} times as fast")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    save(figure, path)


def _panels(figure: Figure, tasks: Sequence[TaskStudy]) -> list[Axes]:
    rows = -(-len(tasks) // 2)
    panels: list[Axes] = list(figure.subplots(rows, 2, squeeze=False).flat)
    for axes in panels[len(tasks) :]:
        axes.set_axis_off()
    return panels
