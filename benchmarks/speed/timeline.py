"""Show where two ranks spend the time of a step, from the timeline that Horovod records.

`python -m benchmarks.speed.timeline` trains the two-branch CNN as `make bench` does, prints a table
and draws docs/speed/timeline.png.
"""

import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import NullLocator

from benchmarks.inputs import Inputs
from benchmarks.paths import CACHE
from benchmarks.runs import settings, store_of, train
from benchmarks.workload import Workload
from calobatch.checkout import CHECKOUT
from calobatch.plotting import BLUE, GREY, ORANGE, new_figure, save
from calobatch.run.history import Epoch
from calobatch.run.training import PHASES

TASK = "electron_photon_two_branch"
PICTURE = CHECKOUT / "docs/speed/timeline.png"
# Names of events in Horovod's timeline.
AGREE, SUM, CYCLE = "NEGOTIATE_ALLREDUCE", "GLOO_ALLREDUCE", "CYCLE_START"
SHOWN_STEPS = 4
SKIPPED_FRACTION = 0.5  # fraction of the steps left out at the start, which include the warm-up


class Span(NamedTuple):
    """Begin and end of something that Horovod did, in milliseconds of its own clock."""

    begun: float
    ended: float


def main() -> None:
    """Train once with Horovod's timeline, and once over torch.distributed to compare with."""
    workload, inputs = Workload(), Inputs(CACHE / "files")
    store = store_of(TASK, workload, inputs)
    ours = settings(TASK, workload, ranks=2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "timeline.json"
        os.environ |= {"HOROVOD_TIMELINE": str(path), "HOROVOD_TIMELINE_MARK_CYCLES": "1"}
        history = train(TASK, ours, store, inputs)
        agreed, sums, cycles = read_timeline(path)
    others = train(TASK, ours.model_copy(update={"communicator": "torch"}), store, inputs)
    begin = int(SKIPPED_FRACTION * len(sums))
    events = ours.batch_size * ours.ranks
    print(f"{TASK}, 2 ranks with one core each, {ours.batch_size} events per rank; ms per step:")
    for name, of_run in (("horovod", history), ("torch.distributed", others)):
        step = 1000 * events / statistics.median(e.events_per_second for e in of_run)
        communication = communication_fraction(of_run) * step
        print(f"  {name}: {step:.1f}, of which communication {communication:.1f}")
    print("Horovod's timeline, medians in ms:")
    print(f"  from one rank ready to both ready: {length(agreed[begin:]):.2f}")
    print(f"  the sum itself: {length(sums[begin:]):.2f}")
    print(f"  from one cycle to the next: {statistics.median(np.diff(cycles)):.2f}")
    draw(agreed[begin:], sums[begin:], cycles)


def length(spans: list[Span]) -> float:
    """Return the median duration in milliseconds."""
    return statistics.median(span.ended - span.begun for span in spans)


def communication_fraction(history: list[Epoch]) -> float:
    """Return the fraction of the steps in which ranks communicated or waited for each other.

    The run's record has this fraction as well (Throughput.shares), but for all epochs; ``history``
    is without the first one, which is a warm-up.
    """
    seconds = {
        phase: sum(getattr(epoch, f"{phase}_seconds") for epoch in history) for phase in PHASES
    }
    return float(seconds["communication"] / sum(seconds.values()))


def read_timeline(path: Path) -> tuple[list[Span], list[Span], list[float]]:
    """Return when the ranks agreed on gradients, when they summed them, and when cycles began.

    Rank 0 begins to agree when the first rank is ready, and ends when both are ready. Times are in
    milliseconds. Each process of the timeline is a tensor; only that of the gradients is read.
    """
    events = json.loads(path.read_text(encoding="utf-8"))
    [gradients] = {
        event["pid"]
        for event in events
        if event.get("name") == "process_name" and "sum_tensor" in event["args"].get("name", "")
    }
    found: dict[str, list[Span]] = {AGREE: [], SUM: []}
    # A timeline of Chrome's trace format: "B" begins an event and "E" ends the last one that began.
    stack = []
    for event in events:
        if event.get("pid") != gradients:
            continue
        if event["ph"] == "B":
            stack.append((event["name"], event["ts"] / 1000))
        elif event["ph"] == "E":
            name, begun = stack.pop()
            if name in found:
                found[name].append(Span(begun, event["ts"] / 1000))
    cycles = [event["ts"] / 1000 for event in events if event.get("name") == CYCLE]
    return found[AGREE], found[SUM], cycles


def draw(agreed: list[Span], sums: list[Span], cycles: list[float]) -> None:
    """Draw a few steps: when a rank waited, when gradients were summed, and when cycles began."""
    figure = new_figure("Horovod's timeline: two ranks, two-branch CNN", width=10, height=3)
    axes = figure.subplots()
    first, last = sums[0].ended, sums[SHOWN_STEPS].ended
    for spans, colour, label in (
        (agreed, GREY, "one rank is ready, until both are"),
        (sums, ORANGE, "gradients are summed"),
    ):
        shown = [(s.begun - first, s.ended - s.begun) for s in spans if first <= s.begun <= last]
        axes.broken_barh(shown, (0.55, 0.35), color=colour, label=label)
    marks = [cycle - first for cycle in cycles if first <= cycle <= last]
    axes.vlines(marks, 0.1, 0.45, color=BLUE, linewidth=0.8, label="a cycle begins")
    axes.set(xlabel="ms", xlim=(0, last - first), ylim=(0, 1.6))
    axes.yaxis.set_major_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.legend(loc="upper left", ncols=3)
    save(figure, PICTURE)


if __name__ == "__main__":
    main()
