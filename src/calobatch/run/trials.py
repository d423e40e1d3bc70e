"""The files of a search for hyperparameters: proposals, outcomes of trials, and the winner.

They are in the folder `search` of a task's results. A trial is a training whose files are in a
folder of its own, in which it goes on with more epochs in the next round. Its outcome, a file per
round, is all that others read of it. It has no figure of the test split.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from calobatch.config.scenario import Scenario, Task
from calobatch.config.search import Search, Step, with_values
from calobatch.config.training import Training
from calobatch.errors import UserError, reading
from calobatch.record import Record, checked_content, write_content
from calobatch.run.history import Epoch, best_epoch

SEARCH_FOLDER = "search"
WINNER = "winner.json"


class Trial(Record):
    """A training that was proposed. Trials count from 1."""

    number: int
    training: Training


class Proposal(Record):
    """The trials of one step, all with the same ``seed``."""

    fix: ClassVar[str] = "delete it, and run the same command again"

    task: str
    seed: int
    trials: tuple[Trial, ...]


class Outcome(Record):
    """What a trial has reached with the number of epochs of its ``training``.

    ``failed`` says why a trial has not come that far; it is empty if it has.
    """

    fix: ClassVar[str] = "delete it, and run the same command again"

    task: str
    number: int
    training: Training
    seed: int
    dataset_sha256: str
    history: tuple[Epoch, ...] = ()
    failed: str = ""

    @property
    def best(self) -> Epoch:
        """The epoch with the highest validation AUC; only of a trial that has not failed."""
        return best_epoch(self.history)

    @property
    def epochs(self) -> int:
        """The number of epochs that the trial was to have."""
        return self.training.epochs


def ranked(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the outcomes, the highest validation AUC first, and those of failed trials last.

    Among equal AUCs, the lowest validation loss decides, and then the lowest number.
    """

    def place(outcome: Outcome) -> tuple[float, float, int]:
        if outcome.failed:
            return float("inf"), 0.0, outcome.number
        return -outcome.best.validation_auc, outcome.best.validation_loss, outcome.number

    return sorted(outcomes, key=place)


def require_success(task: str, best: Sequence[Outcome]) -> None:
    """Raise UserError if the best outcome, which is the first, is that of a failed trial."""
    if best[0].failed:
        raise UserError(
            f"{task}: all trials of the search have failed, for example trial {best[0].number}: "
            f"{best[0].failed}; change search.ranges"
        )


def search_folder(results: Path, task: str) -> Path:
    """Return the folder of a task's search; ``results`` is that of the scenario."""
    return results / task / SEARCH_FOLDER


def proposal_file(folder: Path, step: str) -> Path:
    """Return the file with the proposal of a step; ``folder`` is that of the search."""
    return folder / f"{step}.json"


def outcome_file(folder: Path, step: str, place: int | str) -> Path:
    """Return the file with the outcome of the trial at a place of a step, counted from 1."""
    return folder / step / f"{place}.json"


def trial_name(task: str, number: int) -> str:
    """Return the name of a trial's training, in place of that of a task."""
    return f"{task}_trial{number}"


def trial_folder(folder: Path, number: int) -> Path:
    """Return the folder of a trial's training."""
    return folder / f"trial{number}"


def outcome_files(folder: Path, steps: Iterable[Step]) -> list[Path]:
    """Return the files with the outcomes of all trials of some steps, in their order."""
    return [
        outcome_file(folder, step.name, place)
        for step in steps
        for place in range(1, step.trials + 1)
    ]


def outcomes_of_rounds(folder: Path, search: Search) -> list[list[Outcome]]:
    """Read the outcomes of all trials of a search, by round.

    Raises UserError if a file is missing or damaged.
    """
    return [
        [
            Outcome.read(path)
            for path in outcome_files(folder, [s for s in search.steps if s.round == number])
        ]
        for number in range(1, search.rounds + 1)
    ]


def finished_searches(scenario: Scenario, results: Path) -> dict[str, list[list[Outcome]]]:
    """Read the outcomes, by round, of each search of a scenario that has ended.

    A search that is being repeated, so that its files are not all of the same search, is left out.
    ``results`` is the folder of the scenario. Raises UserError if a file is damaged.
    """
    found = {}
    for task, settings in scenario.searched.items():
        folder = search_folder(results, task)
        if settings.search is None:
            continue
        files = [*outcome_files(folder, settings.search.steps), folder / WINNER]
        if not all(file.exists() for file in files):
            continue
        rounds = outcomes_of_rounds(folder, settings.search)
        best = ranked(rounds[-1])[0]
        winner = read_winner(folder / WINNER)
        if not best.failed and with_values(best.training, {"epochs": winner.epochs}) == winner:
            found[task] = rounds
    return found


def files_of_searches(scenario: Scenario, results: Path) -> list[Path]:
    """Return the files of all searches: proposals, outcomes and winners, but not the trainings."""
    return [
        path
        for task, settings in scenario.searched.items()
        if settings.search
        for folder in [search_folder(results, task)]
        for path in (
            *(proposal_file(folder, step.name) for step in settings.search.steps),
            *outcome_files(folder, settings.search.steps),
            folder / WINNER,
        )
    ]


def write_winner(training: Training, epochs: int, path: Path) -> None:
    """Write the settings of the best trial, with the number of epochs of the task."""
    content = with_values(training, {"epochs": epochs}).model_dump(mode="json")
    write_content(content, path)


def read_winner(path: Path) -> Training:
    """Read the settings with which the task is trained.

    Raises UserError if the file is missing or damaged.
    """
    with reading(path, "delete it, and run the same command again"):
        return Training.model_validate(checked_content(path.read_text(encoding="utf-8")))


def trained_with(scenario: Scenario, task: str, results: Path) -> Training:
    """Return the settings with which a task is trained: those that its search has found, if any.

    ``results`` is the folder of the scenario. Until the search has ended, they are the task's own.
    """
    settings: Task = scenario.tasks[task]
    winner = search_folder(results, task) / WINNER
    if settings.search and winner.exists():
        return read_winner(winner)
    return settings.training()
