"""The names of the runs of a scenario: one run per task and seed, and per fold if there are any."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from calobatch.config.scenario import Scenario

# The groups have no names, because Snakemake would take named ones for wildcards.
MEMBER = re.compile(r"(?:fold([0-9]+)_)?seed([0-9]+)")


class RunName(NamedTuple):
    """What tells a run from the others of its scenario. Folds count from 1."""

    task: str
    seed: int
    fold: int | None = None

    @property
    def member(self) -> str:
        """The name of the run's folder, in the folder of its task."""
        return f"seed{self.seed}" if self.fold is None else f"fold{self.fold}_seed{self.seed}"

    @property
    def folder(self) -> str:
        """The run's folder, relative to that of the scenario's results."""
        return f"{self.task}/{self.member}"

    @property
    def number(self) -> str:
        """The seed, and the fold if there is one, in words."""
        return f"seed {self.seed}" if self.fold is None else f"fold {self.fold}, seed {self.seed}"

    @property
    def order(self) -> tuple[int, int]:
        """The place of the run among those of its task."""
        return self.seed, self.fold or 0

    def __str__(self) -> str:
        return f"{self.task} {self.number.replace(',', '')}"


def read_member(task: str, member: str) -> RunName | None:
    """Return the run of a task whose folder is called ``member``; None if no run is."""
    found = MEMBER.fullmatch(member)
    if found is None:
        return None
    fold, seed = found.groups()
    return RunName(task, int(seed), int(fold) if fold else None)


def counted(names: Iterable[RunName]) -> str:
    """Return in words how many folds and seeds these runs of one task have."""
    listed = list(names)
    folds = {name.fold for name in listed if name.fold is not None}
    seeds = {name.seed for name in listed}
    parts = [f"{len(folds)} fold{'s' if len(folds) > 1 else ''}"] if folds else []
    if len(seeds) > 1 or not folds:
        parts.append(f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}")
    return " and ".join(parts)


def runs_of(scenario: Scenario, tasks: Iterable[str] | None = None) -> list[RunName]:
    """Return the names of all runs of a scenario, or of some of its ``tasks``, in their order."""
    return [
        RunName(task, seed, fold)
        for task in (scenario.tasks if tasks is None else tasks)
        for seed in scenario.seeds
        for fold in scenario.datasets[scenario.tasks[task].dataset].split.fold_numbers or [None]
    ]


def members_of(scenario: Scenario, ensemble: str) -> list[RunName]:
    """Return the names of all trainings that an ensemble consists of, in their order."""
    return runs_of(scenario, scenario.ensembles[ensemble].members)


def out_of_fold_file(task: str, seed: int) -> str:
    """Return the file with the predictions of all folds, relative to the scenario's results."""
    return f"{task}/out_of_fold_seed{seed}.parquet"


def out_of_fold_files(scenario: Scenario) -> list[str]:
    """Return the files of all tasks with folds, relative to the scenario's results."""
    folds = {(name.task, name.seed) for name in runs_of(scenario) if name.fold is not None}
    return [out_of_fold_file(task, seed) for task, seed in sorted(folds)]
