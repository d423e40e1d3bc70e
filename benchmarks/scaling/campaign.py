"""Take the measurements of the scaling study, one after the other, and write measured.json.

On ranks of this machine, which `calobatch launch` starts:

    python -m benchmarks.scaling.campaign

On ranks of a cluster, which `srun` starts in the images, on one node and on two. Run this on the
login node, with a site file (cluster/slurm/site.yaml). The nodes of the testbed are containers that
share two cores, hence:

    python -m benchmarks.scaling.campaign --slurm --shared-cores 2 --machine "the testbed"

Run it in the checkout. Measurements that measured.json already has are not taken again, so an
interrupted campaign continues; to start again from scratch, remove the file. The stores must be
packed first, with

    snakemake --profile cluster/local --config scenario=benchmarks/scaling/scaling.yaml --until pack
"""

import argparse
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.scaling.model import MEASURED
from calobatch.config.load import load_scenario
from calobatch.config.scenario import Scenario
from calobatch.config.training import Training
from calobatch.errors import JobError, UserError, exiting
from calobatch.plan.finished_run import speed_of_run
from calobatch.plan.measurements import Measurements, Sweep, TrainingSpeed
from calobatch.slurm.geometry import TRAINING_MB, Geometry, job_options, memory
from calobatch.slurm.site import read_site
from calobatch.slurm.trial import run_trial

SCENARIO = "benchmarks/scaling/scaling.yaml"
SCRATCH = Path("build/scaling")
BACKENDS = ("horovod", "torch")
SEED = 1
# The cost of a step that does not depend on the batch size can be fitted only if several batch
# sizes are measured. These are the sizes that 1, 2 and 4 ranks have of a shared batch.
PARTS_OF_BATCH = (1, 2, 4)
JOB_MINUTES = 20
# PATIENCE_SECONDS: how long a job may wait in the queue. JOB_SECONDS: how long it may run.
PATIENCE_SECONDS, JOB_SECONDS = 600.0, 60.0 * JOB_MINUTES


class Case(NamedTuple):
    """One training to be timed. ``grows``: the batch grows with the ranks (weak scaling)."""

    task: str
    ranks: int
    nodes: int
    batch_size: int
    grows: bool = False

    @property
    def whole_batch(self) -> int:
        """Return the number of events per step on all ranks together."""
        return self.batch_size * (self.ranks if self.grows else 1)

    @property
    def key(self) -> tuple[str, int, int, int]:
        """Return what identifies this training in measured.json."""
        return (self.task, self.ranks, self.nodes, self.whole_batch)


Start = Callable[[int, int, Sequence[str]], None]


def on_this_machine(ranks: int, nodes: int, module: Sequence[str]) -> None:
    """Run `python -m MODULE ...` as ranks on this machine; raises JobError if it fails."""
    launch = [sys.executable, "-m", "calobatch.cli", "launch", "-n", str(ranks)]
    answer = subprocess.run([*launch, sys.executable, "-m", *module], check=False)
    if answer.returncode:
        raise JobError(f"{' '.join(module[:3])} with {ranks} ranks failed")


def on_the_cluster(ranks: int, nodes: int, module: Sequence[str]) -> None:
    """Run `python -m MODULE ...` as ranks of a SLURM job, in the image for trainings.

    Raises JobError if it fails.
    """
    site = read_site()
    shape = Geometry(nodes, ranks // nodes, 0, site.cpus_per_rank)
    per_core = memory(TRAINING_MB, 1, shape.cpus_per_node, site)
    options = job_options(shape, site, JOB_MINUTES, per_core)
    contain = ["-m", "calobatch.cli", "contain", "train", "--", "python", "-m"]
    answer = run_trial(options, [*contain, *module], site, PATIENCE_SECONDS, JOB_SECONDS)
    if answer.code:
        raise JobError(f"{' '.join(module[:3])} with {ranks} ranks failed:\n{answer.errors}")


def layouts(ranks: Sequence[int], nodes: Sequence[int]) -> list[tuple[int, int]]:
    """Return the pairs (ranks, nodes) for which every node has the same number of ranks."""
    return [(p, n) for p in ranks for n in nodes if p % n == 0 and p >= n]


def cases_of(task: str, batch_size: int, shapes: Sequence[tuple[int, int]]) -> list[Case]:
    """Return the trainings of a task: one rank, then strong and weak scaling."""
    found = [Case(task, 1, 1, batch_size // part) for part in PARTS_OF_BATCH]
    for ranks, nodes in shapes:
        if ranks > 1:
            found.append(Case(task, ranks, nodes, batch_size))
            found.append(Case(task, ranks, nodes, batch_size, grows=True))
    return found


def take_sweep(ranks: int, nodes: int, backend: str, start: Start) -> Sweep:
    """Measure how long ranks need to average gradients of several sizes."""
    output = SCRATCH / f"sweep-{backend}-{ranks}-{nodes}.json"
    output.unlink(missing_ok=True)
    start(ranks, nodes, ["calobatch.plan.sweep", backend, "cpu", str(output)])
    (sweep,) = Measurements.read(output).sweeps
    return sweep


def take_training(case: Case, scenario: Scenario, start: Start) -> TrainingSpeed:
    """Train once, from scratch, and return the speed that the run recorded.

    Raises JobError if the training fails, or if SLURM gave it other nodes than requested.
    """
    task = scenario.tasks[case.task]
    changes = {
        "ranks": case.ranks,
        "batch_size": case.batch_size,
        "grow_batch_with_ranks": case.grows,
        "communicator": "horovod",
        "device": "cpu",
    }
    settings = Training(**task.training().model_dump() | changes)
    folder = SCRATCH / "-".join(map(str, case.key))
    shutil.rmtree(folder, ignore_errors=True)
    store = Path("data") / scenario.name / "packed" / task.dataset
    start(
        case.ranks,
        case.nodes,
        [
            *("calobatch.cli", "train", case.task, "--run", f"seed{SEED}", "--store", str(store)),
            *("--output", str(folder), "--settings", settings.model_dump_json()),
        ],
    )
    speed = speed_of_run(folder)
    if speed.nodes != case.nodes:
        raise JobError(
            f"{case} ran on {', '.join(speed.hosts)} instead of {case.nodes} node(s); check with "
            "`sinfo` that all nodes are up"
        )
    return speed


def measure(options: argparse.Namespace) -> None:
    """Take the measurements that measured.json lacks, and write the file after each of them."""
    scenario = load_scenario(options.scenario)
    tasks = options.tasks or list(scenario.tasks)
    require_stores(scenario, tasks, options.scenario)
    start: Start = on_the_cluster if options.slurm else on_this_machine
    shapes = layouts(options.ranks, options.nodes if options.slurm else (1,))
    cases = [
        case for task in tasks for case in cases_of(task, scenario.tasks[task].batch_size, shapes)
    ]
    SCRATCH.mkdir(parents=True, exist_ok=True)
    for so_far in with_sweeps(begun(options), shapes, start):
        so_far.write(options.output)
    for so_far in with_trainings(begun(options), cases, scenario, start):
        so_far.write(options.output)


def begun(options: argparse.Namespace) -> Measurements:
    """Return the measurements taken so far, or an empty record of them."""
    if options.output.exists():
        return Measurements.read(options.output)
    return Measurements(
        machine=options.machine,
        taken=time.strftime("%Y-%m-%d"),
        shared_cores=options.shared_cores,
    )


def with_sweeps(
    so_far: Measurements, shapes: Sequence[tuple[int, int]], start: Start
) -> Iterator[Measurements]:
    """Take each sweep that is missing, and yield all measurements after it."""
    known = {(sweep.ranks, sweep.nodes, sweep.backend) for sweep in so_far.sweeps}
    for ranks, nodes in shapes:
        for backend in BACKENDS:
            if ranks > 1 and (ranks, nodes, backend) not in known:
                say(f"sweep of {backend}, {ranks} ranks on {nodes} node(s)")
                sweeps = (*so_far.sweeps, take_sweep(ranks, nodes, backend, start))
                so_far = so_far.model_copy(update={"sweeps": sweeps})
                yield so_far


def with_trainings(
    so_far: Measurements, cases: Sequence[Case], scenario: Scenario, start: Start
) -> Iterator[Measurements]:
    """Time each training that is missing, and yield all measurements after it."""
    known = {(t.task, t.ranks, t.nodes, t.batch_size) for t in so_far.trainings}
    for case in cases:
        if case.key not in known:
            say(
                f"{case.task}, {case.ranks} rank(s) on {case.nodes} node(s), "
                f"{case.whole_batch} events per step"
            )
            trainings = (*so_far.trainings, take_training(case, scenario, start))
            so_far = so_far.model_copy(update={"trainings": trainings})
            yield so_far


def require_stores(scenario: Scenario, tasks: Sequence[str], given: str) -> None:
    """Raise a UserError if a task is unknown, or if its store is not packed."""
    for task in tasks:
        if task not in scenario.tasks:
            known = ", ".join(scenario.tasks)
            raise UserError(f"{given} has no task {task!r}; choose from {known}")
        folder = Path("data") / scenario.name / "packed" / scenario.tasks[task].dataset
        if not (folder / "manifest.json").exists():
            raise UserError(
                f"{folder} is missing or incomplete; pack it with `snakemake --profile "
                f"cluster/local --config scenario={given} --until pack`"
            )


def say(what: str) -> None:
    """Print on stderr what is being measured, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def main() -> None:
    """Read the options and measure; errors end as those of calobatch do."""
    description = "Take the measurements of the scaling study and write measured.json."
    program = "python -m benchmarks.scaling.campaign"
    parser = argparse.ArgumentParser(program, description=description)
    parser.add_argument("--slurm", action="store_true", help="start ranks with srun")
    parser.add_argument("--scenario", default=SCENARIO, help="by default %(default)s")
    parser.add_argument("--tasks", nargs="+", help="by default all tasks of the scenario")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4], help="numbers of ranks")
    parser.add_argument(
        "--nodes", type=int, nargs="+", default=[1, 2], help="numbers of nodes, with --slurm"
    )
    parser.add_argument(
        "--machine", default=socket.gethostname(), help="name of the machine, for the page"
    )
    parser.add_argument(
        "--shared-cores", type=int, default=0, metavar="N",
        help="number of cores that all nodes share, if they are containers on one machine",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, default=MEASURED, help="the file to write")
    options = parser.parse_args()
    with exiting("campaign"):
        measure(options)


if __name__ == "__main__":
    main()
