"""A search with made-up outcomes: a scenario that has it, and its files."""

from pathlib import Path

from calobatch.config.scenario import Scenario
from calobatch.config.search import Search
from calobatch.config.training import Training
from calobatch.run.trials import (
    WINNER,
    Outcome,
    Proposal,
    Trial,
    outcome_file,
    proposal_file,
    search_folder,
    write_winner,
)
from tests.run.examples import epoch

# Three trials in two steps; the better two of them are trained on. Trial 2 fails.
SEARCH = {
    "trials": 3,
    "batch": 2,
    "epochs": 2,
    "rounds": 2,
    "factor": 2,
    "ranges": {
        "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
        "optimizer": {"choices": ["adam", "adamw"]},
    },
}
STEPS = {"step1": (1, 2), "step2": (3,), "step3": (3, 1)}
AUCS = {1: 0.71, 3: 0.74}
FAILED = "the loss is not finite in epoch 1"


def with_search(scenario: Scenario, task: str = "crops") -> Scenario:
    """Return the scenario with a search of a task."""
    found = scenario.tasks[task].model_copy(update={"search": Search.model_validate(SEARCH)})
    return scenario.model_copy(update={"tasks": {**scenario.tasks, task: found}})


def write_search(scenario: Scenario, results: Path, task: str = "crops") -> Training:
    """Write all files of the search into the scenario's results; return what it has chosen."""
    folder, settings = search_folder(results, task), scenario.tasks[task].training()
    for step, numbers in STEPS.items():
        epochs = 4 if step == "step3" else 2
        trials = [Trial(number=n, training=values(settings, n, epochs)) for n in numbers]
        Proposal(task=task, seed=0, trials=trials).write(proposal_file(folder, step))
        for place, trial in enumerate(trials, 1):
            history = tuple(
                epoch(n, AUCS.get(trial.number, 0) + n / 1000) for n in range(1, epochs + 1)
            )
            Outcome(
                task=task, number=trial.number, training=trial.training, seed=0,
                dataset_sha256="1" * 64, history=() if trial.number == 2 else history,
                failed=FAILED if trial.number == 2 else "",
            ).write(outcome_file(folder, step, place))  # fmt: skip
    winner = values(settings, 3, settings.epochs)
    write_winner(winner, settings.epochs, folder / WINNER)
    return winner


def values(settings: Training, number: int, epochs: int) -> Training:
    return settings.model_copy(update={"learning_rate": number / 1000, "epochs": epochs})
