"""What the rules of a search need: the files of its steps, and what each step is asked for."""

from collections.abc import Iterable
from pathlib import Path

from calobatch.config.scenario import Scenario
from calobatch.config.search import Search, Step
from calobatch.run.trials import WINNER, outcome_files, search_folder
from calobatch.workflow.results import RESULTS


def folder_of(scenario: Scenario, task: str) -> Path:
    """Return the folder of a task's search."""
    return search_folder(RESULTS / scenario.name, task)


def outcomes_before(scenario: Scenario, task: str, step: str) -> list[str]:
    """Return the files with the outcomes that a step uses."""
    search, this = _step(scenario, task, step)
    return _files(scenario, task, [search.steps[number - 1] for number in this.after])


def outcomes_of_last_round(scenario: Scenario, task: str) -> list[str]:
    """Return the files with the outcomes of the trials one of which wins."""
    return _files(scenario, task, _search(scenario, task).last)


def outcomes_of(scenario: Scenario, task: str) -> list[str]:
    """Return the files with the outcomes of all trials of a task."""
    return _files(scenario, task, _search(scenario, task).steps)


def request_of(scenario: Scenario, task: str, step: str) -> str:
    """Return what a step is asked for, as JSON."""
    search, this = _step(scenario, task, step)
    return search.request(this, scenario.tasks[task].training()).model_dump_json()


def winner_files(scenario: Scenario, task: str) -> list[str]:
    """Return the file with the settings that a task gets from its search; none without one."""
    if task not in scenario.searched:
        return []
    return [str(folder_of(scenario, task) / WINNER)]


def settings_of(scenario: Scenario, task: str) -> str:
    """Return the settings of a training as JSON, or the name of the file that will have them."""
    files = winner_files(scenario, task)
    return files[0] if files else scenario.tasks[task].training().model_dump_json()


def _files(scenario: Scenario, task: str, steps: Iterable[Step]) -> list[str]:
    return [str(path) for path in outcome_files(folder_of(scenario, task), steps)]


def _search(scenario: Scenario, task: str) -> Search:
    search = scenario.tasks[task].search
    if search is None:  # the rules of a search ask only for tasks that have one
        raise LookupError(f"{task} has no search")
    return search


def _step(scenario: Scenario, task: str, name: str) -> tuple[Search, Step]:
    search = _search(scenario, task)
    return search, next(step for step in search.steps if step.name == name)
