"""Take the measurements of the scaling study, one after the other, and write measured.json.

Ranks of this machine, started by `calobatch launch`:

    python docs/scaling/measure.py

Ranks of a cluster, started by `srun` in the images, on one node and on two; on the login node, with
a site file (cluster/slurm/site.yaml). The testbed's nodes are containers that share two cores:

    python docs/scaling/measure.py --slurm --shared-cores 2 --machine "the testbed"

Run in the checkout. What measured.json has already is not taken again, so an interrupted run goes
on; remove the file to begin anew. The stores are packed first, where they are missing, by

    snakemake --profile cluster/local --config scenario=docs/scaling/scaling.yaml --until pack
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

from calobatch.config.load import load_scenario
from calobatch.config.models import Scenario, Training
from calobatch.errors import JobError, UserError
from calobatch.plan.finished_run import speed_of_run
from calobatch.plan.measurements import Measurements, Sweep, TrainingSpeed, read_measurements
from calobatch.slurm.geometry import TRAINING_MB, Geometry, job_options, memory
from calobatch.slurm.site import read_site
from calobatch.slurm.trial import run_trial

HERE = Path(__file__).parent
SCENARIO = "docs/scaling/scaling.yaml"
SCRATCH = Path("build/scaling")
BACKENDS = ("horovod", "torch")
SEED = 1
# What a step costs whatever its batch is seen from smaller ones, as ranks have of a shared batch.
PARTS_OF_A_BATCH = (1, 2, 4)
JOB_MINUTES = 20
PATIENCE_SECONDS, JOB_SECONDS = 600.0, 60.0 * JOB_MINUTES


class Case(NamedTuple):
    """One training to be timed; its batch grows with the ranks in weak scaling."""

    task: str
    ranks: int
    nodes: int
    batch_size: int
    grows: bool = False

    @property
    def whole_batch(self) -> int:
        """Events of a step, over all ranks."""
        return self.batch_size * (self.ranks if self.grows else 1)

    @property
    def key(self) -> tuple[str, int, int, int]:
        """What tells it from the others in measured.json."""
        return (self.task, self.ranks, self.nodes, self.whole_batch)


Start = Callable[[int, int, Sequence[str]], None]


def on_this_machine(ranks: int, nodes: int, module: Sequence[str]) -> None:
    """Run `python -m MODULE ...` as ranks of this machine."""
    launch = [sys.executable, "-m", "calobatch.cli", "launch", "-n", str(ranks)]
    answer = subprocess.run([*launch, sys.executable, "-m", *module], check=False)
    if answer.returncode:
        raise JobError(f"{' '.join(module[:3])} with {ranks} ranks failed")


def on_the_cluster(ranks: int, nodes: int, module: Sequence[str]) -> None:
    """Run `python -m MODULE ...` as ranks of a job of SLURM, in the image of trainings."""
    site = read_site()
    shape = Geometry(nodes, ranks // nodes, 0, site.cpus_per_rank)
    per_core = memory(TRAINING_MB, 1, shape.cpus_per_node, site)
    options = job_options(shape, site, JOB_MINUTES, per_core)
    contain = ["-m", "calobatch.cli", "contain", "train", "--", "python", "-m"]
    answer = run_trial(options, [*contain, *module], site, PATIENCE_SECONDS, JOB_SECONDS)
    if answer.code:
        raise JobError(f"{' '.join(module[:3])} with {ranks} ranks failed:\n{answer.errors}")


def layouts(ranks: Sequence[int], nodes: Sequence[int]) -> list[tuple[int, int]]:
    """Return the (ranks, nodes) to measure: ranks are laid out evenly, one rank on one node."""
    return [(p, n) for p in ranks for n in nodes if p % n == 0 and p >= n]


def cases_of(task: str, batch_size: int, shapes: Sequence[tuple[int, int]]) -> list[Case]:
    """Return the trainings of a task: smaller batches with one rank, then strong and weak."""
    found = [Case(task, 1, 1, batch_size // part) for part in PARTS_OF_A_BATCH]
    for ranks, nodes in shapes:
        if ranks > 1:
            found.append(Case(task, ranks, nodes, batch_size))
            found.append(Case(task, ranks, nodes, batch_size, grows=True))
    return found


def take_sweep(ranks: int, nodes: int, backend: str, start: Start) -> Sweep:
    """Time the averaging of gradients over a range of sizes."""
    output = SCRATCH / f"sweep-{backend}-{ranks}-{nodes}.json"
    output.unlink(missing_ok=True)
    start(ranks, nodes, ["calobatch.plan.sweep", backend, "cpu", str(output)])
    (sweep,) = read_measurements(output).sweeps
    return sweep


def take_training(case: Case, scenario: Scenario, start: Start) -> TrainingSpeed:
    """Train once, from the start, and return the speed that the run recorded."""
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
            *("calobatch.cli", "train", case.task, "--seed", str(SEED), "--store", str(store)),
            *("--output", str(folder), "--settings", settings.model_dump_json()),
        ],
    )
    speed = speed_of_run(folder)
    if speed.nodes != case.nodes:
        raise JobError(f"{case} ran on {', '.join(speed.hosts)}; are nodes missing in `sinfo`?")
    return speed


def measure(options: argparse.Namespace) -> None:
    """Take what measured.json lacks; write it anew after each measurement."""
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
    """Return what was measured before, or a beginning without measurements."""
    if options.output.exists():
        return read_measurements(options.output)
    return Measurements(
        machine=options.machine,
        taken=time.strftime("%Y-%m-%d"),
        shared_cores=options.shared_cores,
    )


def with_sweeps(
    so_far: Measurements, shapes: Sequence[tuple[int, int]], start: Start
) -> Iterator[Measurements]:
    """Yield all measurements after each sweep that is taken."""
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
    """Yield all measurements after each training that is timed."""
    known = {(t.task, t.ranks, t.nodes, t.batch_size) for t in so_far.trainings}
    for case in cases:
        if case.key not in known:
            say(
                f"{case.task}, {case.ranks} rank(s) on {case.nodes} node(s), "
                f"{case.whole_batch} events a step"
            )
            trainings = (*so_far.trainings, take_training(case, scenario, start))
            so_far = so_far.model_copy(update={"trainings": trainings})
            yield so_far


def require_stores(scenario: Scenario, tasks: Sequence[str], given: str) -> None:
    """Raise a UserError that says how to pack the stores that are missing."""
    for task in tasks:
        if task not in scenario.tasks:
            raise UserError(f"{given} has no task {task!r}; it has {', '.join(scenario.tasks)}")
        folder = Path("data") / scenario.name / "packed" / scenario.tasks[task].dataset
        if not (folder / "manifest.json").exists():
            raise UserError(
                f"there is no {folder}; pack it with `snakemake --profile cluster/local --config "
                f"scenario={given} --until pack`"
            )


def say(what: str) -> None:
    """Tell what is being measured."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def main() -> None:
    """Read the options, measure, and end as calobatch does."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slurm", action="store_true", help="through srun, on 1 and 2 nodes")
    parser.add_argument("--scenario", default=SCENARIO)
    parser.add_argument("--tasks", nargs="+")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2], help="with --slurm")
    parser.add_argument("--machine", default=socket.gethostname(), help="in words, for the page")
    parser.add_argument(
        "--shared-cores", type=int, default=0, help="cores of all nodes together, if they share"
    )
    parser.add_argument("--output", type=Path, default=HERE / "measured.json")
    try:
        measure(parser.parse_args())
    except (UserError, JobError) as error:
        print(f"measure: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
