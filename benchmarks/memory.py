"""Measure the memory of all processes of pack, on an input and on one eight times as large."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks.comparison import Goal, Row, absolute, compare, take_turns
from benchmarks.inputs import Inputs
from benchmarks.layouts import ELECTRON_PHOTON, QUARK_GLUON
from benchmarks.paths import CALOBATCH
from benchmarks.workload import CORES, Workload
from calobatch.layouts import Layout

GIB = 2**30
SECONDS_BETWEEN_LOOKS = 0.02
# The memory must not grow with the number of events, except for the labels, the scalars and the
# mapped pages of the store.
FLAT = 1.25


def rows(workload: Workload, inputs: Inputs) -> Iterator[Row]:
    """Yield two rows for jets and two for crops."""
    for layout, small, large in (
        (QUARK_GLUON, workload.jets, workload.jets_x8),
        (ELECTRON_PHOTON, workload.crops, workload.crops_x8),
    ):
        name = {QUARK_GLUON: "jets", ELECTRON_PHOTON: "crops"}[layout]
        works = {
            f"{events:,}": lambda layout=layout, events=events: peak(layout, events, inputs)
            for events in (small, large)
        }
        took = take_turns(f"memory of pack, {name}", works, workload.repeats, warm_up=0)
        of_small, of_large = took.values()
        what = f"memory of pack, {large:,} {name}, {CORES} workers"
        yield absolute(what, "1 GiB", "GiB", of_large, Goal(1.0, at_most=True))
        flat = Goal(FLAT, at_most=True)
        yield compare(what, f"{small:,} {name}", of_large, of_small, flat, unit="GiB")


def peak(layout: Layout, events: int, inputs: Inputs) -> float:
    """Pack once; return the largest sum of the Pss of all its processes, in GiB.

    Pss (proportional set size) divides memory that several processes have mapped between them, so
    that the sum counts it once.
    """
    settings = {"layout": layout.name, "split": {}, "zero_below": layout.zero_below}
    command = [str(CALOBATCH), "pack", layout.name, *map(str, inputs.raw(layout, events))]
    command += ["--output", str(inputs.folder / "packed"), "--settings", json.dumps(settings)]
    command += ["--workers", str(CORES)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    greatest = 0
    while process.poll() is None:
        greatest = max(greatest, proportional_set_size(process.pid))
        time.sleep(SECONDS_BETWEEN_LOOKS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return greatest / GIB


def proportional_set_size(pid: int) -> int:
    """Return the Pss of a process and of all its descendants, in bytes."""
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(_pss(process) for process in family)


def _pss(process: psutil.Process) -> int:
    try:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:  # the process has ended
        pass
    return 0
