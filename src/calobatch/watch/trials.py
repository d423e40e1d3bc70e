"""The trials of searches that are waiting or at work."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from calobatch.config.scenario import Scenario
from calobatch.run.name import RunName
from calobatch.run.trials import (
    Proposal,
    outcome_file,
    proposal_file,
    search_folder,
    trial_folder,
    trial_name,
)


class AtWork(NamedTuple):
    """A trial without an outcome: the folder of its training, its log, and its epochs."""

    name: RunName
    folder: Path
    log: Path
    epochs: int


def trials_at_work(scenario: Scenario, results: Path, logs: Path) -> Iterator[AtWork]:
    """Yield the trials of a scenario that were proposed and have no outcome.

    Its files are in ``results`` and ``logs``. Raises UserError if a proposal is damaged.
    """
    for task, settings in scenario.searched.items():
        folder = search_folder(results, task)
        for step in settings.search.steps if settings.search else ():
            if not (file := proposal_file(folder, step.name)).exists():
                break
            proposal = Proposal.read(file)
            for place, trial in enumerate(proposal.trials, 1):
                if not outcome_file(folder, step.name, place).exists():
                    yield AtWork(
                        RunName(trial_name(task, trial.number), proposal.seed),
                        trial_folder(folder, trial.number),
                        logs / "trial" / task / f"{step.name}_{place}.log",
                        trial.training.epochs,
                    )
