"""The rows of the leaderboard: what each task and ensemble reaches, and what it costs."""

from collections.abc import Sequence
from statistics import median, stdev
from typing import NamedTuple

from calobatch.config.scenario import Scenario
from calobatch.report.cost import rank_seconds
from calobatch.run.ensemble import EnsembleFolder
from calobatch.run.folder import RunFolder
from calobatch.run.leaderboard import mean_auc

ENSEMBLE = "ensemble"


class Row(NamedTuple):
    """A task or an ensemble: its test AUC for each seed, and what it costs.

    ``microseconds`` is the training time per event and epoch of one rank, and ``seconds`` that of
    a whole training, both as medians over the seeds, because other work on the machine can slow a
    training; those of an ensemble are sums over its members.
    """

    name: str
    dataset: str
    model: str
    parameters: int
    aucs: tuple[float, ...]
    microseconds: float
    seconds: float

    @property
    def auc(self) -> str:
        """The mean of the test AUCs, with their standard deviation if there are several."""
        return f"{self.aucs[0]:.4f}" if len(self.aucs) == 1 else mean_auc(self.aucs)

    @property
    def error(self) -> float | None:
        """The standard deviation of the test AUCs; None if there is only one."""
        return stdev(self.aucs) if len(self.aucs) > 1 else None

    @property
    def is_ensemble(self) -> bool:
        """Whether the row is that of an ensemble."""
        return self.model.startswith(ENSEMBLE)


def rows_of(
    scenario: Scenario, runs: Sequence[RunFolder], ensembles: Sequence[EnsembleFolder]
) -> list[Row]:
    """Return the rows of all tasks in the order of the scenario, then those of its ensembles."""
    rows = []
    for task, settings in scenario.tasks.items():
        of_task = [run for run in runs if run.record.task == task]
        rows.append(
            Row(
                name=task,
                dataset=settings.dataset,
                model=settings.model,
                parameters=of_task[0].record.parameters,
                aucs=tuple(run.metrics.splits["test"].auc for run in of_task),
                microseconds=median(map(_microseconds, of_task)),
                seconds=median(map(rank_seconds, of_task)),
            )
        )
    return rows + [
        Row(
            name=ensemble.record.name,
            dataset=ensemble.record.dataset,
            model=f"{ENSEMBLE} of {len(ensemble.runs)}",
            parameters=ensemble.parameters,
            aucs=(ensemble.metrics.splits["test"].auc,),
            microseconds=sum(map(_microseconds, ensemble.runs)),
            seconds=sum(map(rank_seconds, ensemble.runs)),
        )
        for ensemble in ensembles
    ]


def _microseconds(run: RunFolder) -> float:
    return 1e6 * run.record.ranks / run.record.events_per_second
