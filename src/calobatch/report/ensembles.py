"""The rows of ensembles in the leaderboard on the page, and whether they are worth their cost."""

from collections.abc import Sequence
from statistics import mean
from typing import NamedTuple

from calobatch.compare.compare import compare_runs
from calobatch.config.scenario import Scenario
from calobatch.report.rows import line_in
from calobatch.run.ensemble import EnsembleFolder
from calobatch.run.folder import RunFolder
from calobatch.run.leaderboard import SIGNIFICANT, Line
from calobatch.words import counted, joined, p_value, with_error


class EnsembleRow(NamedTuple):
    """An ensemble: its lines of the leaderboard, and what it consists of in words."""

    name: str
    title: str
    dataset: str
    members: str
    temperature: str
    verdict: str
    test: Line
    validation: Line
    rejection: float | None


def ensemble_rows(
    scenario: Scenario,
    ensembles: Sequence[EnsembleFolder],
    leaderboard: Sequence[Line],
    runs: Sequence[RunFolder],
) -> list[EnsembleRow]:
    """Return one row for each ensemble, which is compared with the best task.

    ``runs`` are those of all tasks. Raises UserError if the leaderboard does not have an ensemble.
    """
    lines = {line.key: line for line in leaderboard}
    rows = []
    for ensemble in ensembles:
        record = ensemble.record
        test, validation = (
            line_in(lines, (record.name, "all", None, split), f"ensemble {record.name}")
            for split in ("test", "validation")
        )
        names = joined(scenario.ensembles[record.name].members)
        before, after = record.log_losses
        rows.append(
            EnsembleRow(
                name=record.name,
                title=scenario.ensembles[record.name].title,
                dataset=record.dataset,
                members=f"{counted(len(ensemble.runs), 'training')} of {names}",
                temperature=f"{with_error(record.temperature, record.temperature_error)}, fitted "
                f"to the validation split, where the log-loss went from {before:.4f} to "
                f"{after:.4f}",
                verdict=verdict(ensemble, runs),
                test=test,
                validation=validation,
                rejection=ensemble.metrics.splits["test"].rejection_at_50,
            )
        )
    return rows


def verdict(ensemble: EnsembleFolder, runs: Sequence[RunFolder]) -> str:
    """Say whether an ensemble is significantly better than the best task of its dataset.

    ``runs`` are those of all tasks.
    """
    of_task: dict[str, list[RunFolder]] = {}
    for run in runs:
        if run.record.dataset == ensemble.record.dataset:
            of_task.setdefault(run.record.task, []).append(run)
    best = max(
        of_task, key=lambda task: mean(run.metrics.splits["test"].auc for run in of_task[task])
    )
    folders = [run.folder for run in of_task[best]]
    same = [ensemble.folder] * len(folders)
    found = compare_runs(folders[0].parent, ensemble.folder, folders, same)
    which = "better" if found.difference > 0 else "worse"
    how = f"significantly {which}" if found.p < SIGNIFICANT else f"not significantly {which}"
    return (
        f"The ensemble {ensemble.record.name} is {how} than {best}, the best task of its dataset "
        f"({p_value(found.p)})"
    )
