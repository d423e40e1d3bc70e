"""Kill the workflow at random moments, and compare what it ends with.

    python -m tests.faults.kills --kills 40 --log kills.jsonl
    python -m tests.faults.kills --kills 40 --log kills-testbed.jsonl --testbed

A scenario with all stages runs from its start to its end. At random moments, its head process, its
jobs or one random process of it gets a signal, or a node fails; then the same command is started
again, until it succeeds. No other step is made: no lock is removed and no process is ended by hand.
At the end, the raw files, the stores, the predictions, the weights and the metrics must have the
bytes of an undisturbed run, and nothing half-written and no process may be left.

Each line of the log is one finished run. A harness that is started again with the same log counts
those kills, so that many kills can be collected in parts.
"""

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from tests.cluster.testbed import shared_folder
from tests.faults.kills_here import Here
from tests.faults.kills_on_testbed import OnTestbed

SCENARIO = """title: Random kills
datasets:
  electron_photon: {source: simulate, events: 300}
  quark_gluon: {source: simulate, events: 60}
all_tasks: {batch_size: 32, device: cpu}
tasks:
  electron_photon_two_branch: {epochs: 12, ranks: 2}
  quark_gluon_cnn: {epochs: 2, batch_size: 16}
seeds: [1]
"""
COMPARED = (
    "*.hdf5",
    "*.parquet",
    "events.arrow",
    "manifest.json",
    "*.safetensors",
    "metrics.json",
    "*.onnx",
)
SECONDS_TO_END = 900


class Place(Protocol):
    """Where the workflow runs, and how it can be killed there."""

    folder: Path
    ways: Sequence[str]

    def begin_again(self) -> None:
        """Delete all results."""

    def start(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the workflow."""

    def strike(self, way: str, head: subprocess.Popen[bytes], dice: random.Random) -> None:
        """Kill something of the workflow in one of the ``ways``."""

    def left(self) -> list[str]:
        """Return what still works for a workflow that has ended."""


def contents(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every result of a run, by its path in ``folder``."""
    paths = [
        path
        for place in ("data", "results")
        for pattern in COMPARED
        for path in (folder / place).rglob(pattern)
        if not {".kept", ".earlier"} & set(path.parts)
    ]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }


def half_written(folder: Path) -> list[str]:
    """Return what a run must not leave: partial files and checkpoints."""
    patterns = ("*.partial", "state.pt", "previous.pt", ".kept")
    places = [folder / name for name in ("data", "results")]
    left = [path for place in places for pattern in patterns for path in place.rglob(pattern)]
    return [str(path.relative_to(folder)) for path in left]


def disturbed_run(place: Place, dice: random.Random, pause: float, most: int) -> dict[str, Any]:
    """Run the workflow to its end under at most ``most`` kills, ``pause`` seconds apart or less."""
    ways: list[str] = []
    unkilled_failures = 0
    with (place.folder / "printed.log").open("ab") as log:
        while True:
            head = place.start(log)
            killed = False
            # Not every kill ends the head process: a job that was killed is tried again.
            while len(ways) < most:
                try:
                    head.wait(timeout=dice.uniform(0, pause))
                    break
                except subprocess.TimeoutExpired:
                    way = dice.choice(place.ways)
                    place.strike(way, head, dice)
                    ways.append(way)
                    killed = True
            if head.wait(timeout=SECONDS_TO_END) == 0:
                break
            # A run that nobody killed must not fail.
            unkilled_failures += not killed
            if unkilled_failures > 3:
                raise RuntimeError(f"the workflow fails by itself; see {place.folder}")
    return {"ways": ways, "failures": unkilled_failures}


def main() -> None:
    """Run until the log has as many kills as asked for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40, help="number of kills in the log")
    parser.add_argument("--per-run", type=int, default=6, help="number of kills in one run")
    parser.add_argument("--pause", type=float, default=40, help="longest time between two kills")
    parser.add_argument("--seed", type=int, default=None, help="seed of the random moments")
    parser.add_argument("--log", type=Path, default=Path("kills.jsonl"))
    parser.add_argument("--testbed", action="store_true", help="kill on the testbed, not here")
    options = parser.parse_args()
    done = read(options.log)
    dice = random.Random(options.seed if options.seed is not None else time.time_ns())

    with tempfile.TemporaryDirectory() as folder:
        # All runs are made in one place, because paths are in some of the files.
        place: Place = (
            OnTestbed(shared_folder(), SCENARIO)
            if options.testbed
            else Here(Path(folder), SCENARIO)
        )
        began = time.monotonic()
        place.begin_again()
        disturbed_run(place, dice, options.pause, most=0)
        expected = contents(place.folder)
        print(f"undisturbed: {len(expected)} files, {time.monotonic() - began:.0f} s", flush=True)
        while sum(len(run["ways"]) for run in done) < options.kills:
            place.begin_again()
            run = disturbed_run(place, dice, options.pause, options.per_run)
            found = contents(place.folder)
            run["different"] = sorted(
                name for name in {*expected, *found} if expected.get(name) != found.get(name)
            )
            run["half_written"] = half_written(place.folder)
            run["processes"] = place.left()
            done.append(run)
            with options.log.open("a") as file:
                file.write(json.dumps(run) + "\n")
            print(json.dumps(run), flush=True)
    print(table(done))
    wrong = [run for run in done if run["different"] or run["half_written"] or run["processes"]]
    sys.exit(1 if wrong or any(run["failures"] for run in done) else 0)


def read(log: Path) -> list[dict[str, Any]]:
    """Return the runs that the log has."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def table(done: list[dict[str, Any]]) -> str:
    """Return how many kills of each kind there were, and what they did."""
    ways = Counter(way for run in done for way in run["ways"])
    lines = [f"{way:24} {number:5}" for way, number in ways.most_common()]
    same = sum(not run["different"] for run in done)
    return "\n".join(
        [
            *lines,
            f"{'all':24} {sum(ways.values()):5}",
            f"runs {len(done)}, with the same results {same}, "
            f"unkilled starts that failed {sum(run['failures'] for run in done)}, "
            f"half-written files {sum(len(run['half_written']) for run in done)}, "
            f"processes left {sum(len(run['processes']) for run in done)}",
        ]
    )


if __name__ == "__main__":
    main()
