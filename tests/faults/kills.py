"""Kill the workflow at random moments, and compare what it ends with.

    python -m tests.faults.kills --kills 40 --log kills.jsonl

A scenario with all stages runs from its start to its end. At random moments, its head process, its
process group or one random process of it gets a signal; then the same command is started again,
until it succeeds. No other step is made: no lock is removed and no process is ended by hand. At the
end, the raw files, the stores, the predictions, the weights and the metrics must have the bytes of
an undisturbed run, and nothing half-written and no process may be left.

Each line of the log is one finished run. A harness that is started again with the same log counts
those kills, so that many kills can be collected in parts.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from tests.checkout import Workflow

SCENARIO = """title: Random kills
datasets:
  electron_photon: {source: simulate, events: 300}
  quark_gluon: {source: simulate, events: 60}
defaults: {batch_size: 32, device: cpu}
tasks:
  electron_photon_two_branch: {epochs: 12, ranks: 2}
  quark_gluon_cnn: {epochs: 2, batch_size: 16}
seeds: [1]
"""
RUN = [
    sys.executable, "-m", "snakemake", "--profile", "cluster/local", "--config", "scenario=kills",
]  # fmt: skip
COMPARED = ("*.hdf5", "*.parquet", "events.arrow", "manifest.json", "*.safetensors", "metrics.json")
# How the workflow is killed: the signal, and what gets it.
WAYS = (
    (signal.SIGKILL, "head"),
    (signal.SIGKILL, "group"),
    (signal.SIGKILL, "one process"),
    (signal.SIGTERM, "head"),
    (signal.SIGTERM, "group"),
    (signal.SIGHUP, "group"),
    (signal.SIGINT, "group"),
)
SECONDS_TO_END = 300


def contents(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every result of a run, by its path in ``folder``."""
    paths = [
        path
        for place in ("data", "results")
        for pattern in COMPARED
        for path in (folder / place).rglob(pattern)
        if ".kept" not in path.parts
    ]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }


def half_written(folder: Path) -> list[str]:
    """Return what a run must not leave: partial files and checkpoints."""
    patterns = ("*.partial", "checkpoint", ".kept")
    places = [folder / name for name in ("data", "results")]
    left = [path for place in places for pattern in patterns for path in place.rglob(pattern)]
    return [str(path.relative_to(folder)) for path in left]


def start(workflow: Workflow, log: Any) -> subprocess.Popen[bytes]:
    """Start the workflow as the leader of a process group, as a shell does."""
    return subprocess.Popen(
        RUN, cwd=workflow.folder, stdout=log, stderr=log, start_new_session=True
    )


def processes_in(folder: Path) -> list[psutil.Process]:
    """Return the processes whose current folder is ``folder``."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def strike(
    head: subprocess.Popen[bytes], number: signal.Signals, target: str, dice: random.Random
) -> None:
    """Send the signal to the target. A process that has just ended is no error."""
    try:
        if target == "head":
            os.kill(head.pid, number)
        elif target == "group":
            os.killpg(head.pid, number)
        else:
            family = psutil.Process(head.pid).children(recursive=True)
            dice.choice(family or [psutil.Process(head.pid)]).send_signal(number)
    except (ProcessLookupError, psutil.NoSuchProcess):
        pass


def disturbed_run(
    workflow: Workflow, dice: random.Random, pause: float, most: int
) -> dict[str, Any]:
    """Run the workflow to its end under at most ``most`` kills, ``pause`` seconds apart or less."""
    ways: list[str] = []
    starts = failures = 0
    with (workflow.folder / "printed.log").open("ab") as log:
        while True:
            head = start(workflow, log)
            starts += 1
            if len(ways) < most:
                try:
                    head.wait(timeout=dice.uniform(0, pause))
                except subprocess.TimeoutExpired:
                    number, target = dice.choice(WAYS)
                    strike(head, number, target, dice)
                    ways.append(f"{number.name} {target}")
            code = head.wait(timeout=SECONDS_TO_END)
            if code == 0:
                break
            # A run that nobody killed must not fail.
            failures += len(ways) < starts
            if failures > 3:
                raise RuntimeError(f"the workflow fails by itself; see {workflow.folder}")
    return {"ways": ways, "starts": starts, "failures": failures}


def main() -> None:
    """Run until the log has as many kills as asked for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40, help="number of kills in the log")
    parser.add_argument("--per-run", type=int, default=6, help="number of kills in one run")
    parser.add_argument("--pause", type=float, default=40, help="longest time between two kills")
    parser.add_argument("--seed", type=int, default=None, help="seed of the random moments")
    parser.add_argument("--log", type=Path, default=Path("kills.jsonl"))
    options = parser.parse_args()
    done = read(options.log)
    dice = random.Random(options.seed if options.seed is not None else time.time_ns())

    with tempfile.TemporaryDirectory() as place:
        # All runs are made in one place, because paths are in some of the files.
        workflow = Workflow(Path(place))
        (workflow.folder / "config/kills.yaml").write_text(SCENARIO)
        began = time.monotonic()
        subprocess.run(RUN, cwd=place, check=True, capture_output=True)
        expected = contents(workflow.folder)
        print(f"undisturbed: {len(expected)} files, {time.monotonic() - began:.0f} s", flush=True)
        while sum(len(run["ways"]) for run in done) < options.kills:
            for name in ("data", "results", "logs", ".snakemake", "mlruns"):
                shutil.rmtree(workflow.folder / name, ignore_errors=True)
            for path in workflow.folder.glob("mlflow.db*"):
                path.unlink()
            run = disturbed_run(workflow, dice, options.pause, options.per_run)
            found = contents(workflow.folder)
            run["different"] = sorted(
                name for name in {*expected, *found} if expected.get(name) != found.get(name)
            )
            run["half_written"] = half_written(workflow.folder)
            run["processes"] = [p.pid for p in processes_in(workflow.folder)]
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
