"""What the largest training of a scenario will ask of SLURM: its shape, time and memory."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from calobatch.config.models import Scenario
from calobatch.errors import UserError
from calobatch.slurm.geometry import Geometry, geometry, memory, resources
from calobatch.slurm.site import Site

PROFILE = Path("cluster/slurm/config.yaml")
# MB for each core of a training at its first try, as in workflow/rules/cluster.smk.
TRAINING_MB = 4000


class Attempt(NamedTuple):
    """What a try of the same job asks for; later tries ask for more."""

    minutes: int
    memory_per_cpu: int


class Request(NamedTuple):
    """A training, its shape, and what each of its tries asks for."""

    task: str
    device: str
    communicator: str
    shape: Geometry
    attempts: tuple[Attempt, ...]

    def memory_per_node(self, attempt: int) -> int:
        """MB that the job has of one node."""
        return self.shape.cpus_per_node * self.attempts[attempt].memory_per_cpu

    def __str__(self) -> str:
        """Return the request in words."""
        gpus = f"{self.shape.gpus_per_node} GPUs" if self.shape.gpus_per_node else "no GPU"
        return (
            f"{self.task}: {_many(self.shape.ranks, 'rank')} on {_many(self.shape.nodes, 'node')}, "
            f"{_many(self.shape.cpus_per_node, 'core')} and {gpus} a node"
        )


def largest_request(scenario: Scenario, site: Site, profile: Path = PROFILE) -> Request:
    """Return what the training with the most GPUs, or else ranks, asks for."""
    shapes = {
        name: geometry(task.ranks, task.device, site, task.threads)
        for name, task in scenario.tasks.items()
    }
    name = max(shapes, key=lambda n: (shapes[n].nodes * shapes[n].gpus_per_node, shapes[n].ranks))
    task, shape = scenario.tasks[name], shapes[name]
    attempts = tuple(
        Attempt(minutes, memory(TRAINING_MB, attempt, shape.cpus_per_node, site))
        for attempt, minutes in enumerate(minutes_of("train", profile), start=1)
    )
    return Request(name, task.device, task.communicator, shape, attempts)


def minutes_of(rule: str, profile: Path = PROFILE) -> tuple[int, ...]:
    """Return the minutes that each try of a rule's job asks for, by Snakemake's profile."""
    try:
        content = yaml.safe_load(profile.read_text(encoding="utf-8"))
        asked = content["default-resources"] | content.get("set-resources", {}).get(rule, {})
        tries = range(1, content.get("retries", 0) + 2)
        return tuple(_value(asked["runtime"], attempt) for attempt in tries)
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"cannot read {profile}: {error}; take it from git again") from None
    except (KeyError, TypeError, NameError, SyntaxError, ValueError) as error:
        raise UserError(
            f"{profile} does not tell the runtime of {rule} ({error!r}); "
            "write it in minutes, such as 60 * attempt"
        ) from None


def _value(expression: Any, attempt: int) -> int:
    """Evaluate an expression of the profile, which Snakemake evaluates just so."""
    known = {"__builtins__": {}, "attempt": attempt, "min": min, "max": max}
    return int(eval(str(expression), known))  # noqa: S307


OPTIONS = {
    "slurm_partition": "partition",
    "nodes": "nodes",
    "tasks": "ntasks",
    "tasks_per_node": "ntasks-per-node",
    "cpus_per_task": "cpus-per-task",
    "gres": "gres",
}


def job_options(shape: Geometry, site: Site, minutes: int, memory_per_cpu: int) -> list[str]:
    """Return the options by which sbatch and srun are asked for a job of a shape."""
    asked: Mapping[str, int | str] = resources(shape, site)
    account = [f"--account={site.account}"] if site.account else []
    return [
        *account,
        *(f"--{option}={asked[name]}" for name, option in OPTIONS.items() if name in asked),
        f"--time={minutes}",
        f"--mem-per-cpu={memory_per_cpu}",
        *shlex.split(site.sbatch_options),
    ]


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
