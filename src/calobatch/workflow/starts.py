"""The weights that the trainings of a scenario start from."""

import re
from collections.abc import Iterable
from pathlib import Path

from calobatch.config.scenario import Scenario
from calobatch.errors import UserError
from calobatch.run.files import RECORD_FILE, WEIGHTS_FILE, missing_files
from calobatch.run.name import runs_of
from calobatch.tracking_uri import is_address


def start_files(scenario: Scenario, task: str) -> list[str]:
    """Return the files of another run that a task needs; none if it has new weights."""
    folder = scenario.tasks[task].start_from
    return [f"{folder}/{name}" for name in (WEIGHTS_FILE, RECORD_FILE)] if folder else []


def check_starts(scenario: Scenario) -> None:
    """Raise UserError if a task starts from a run that is neither finished nor in the scenario."""
    for name, task in scenario.tasks.items():
        if not task.start_from:
            continue
        folder, place = Path(task.start_from), f"tasks.{name}.start_from"
        if is_address(task.start_from):
            words = re.findall(r"[\w.-]+", task.start_from.partition(":")[2])
            target = f"data/starts/{'-'.join(words)}"
            raise UserError(
                f"{place}: a training starts from a folder, because compute nodes may have no "
                f"network; run `calobatch download {task.start_from} --output {target}`, and set "
                f"start_from to {target}"
            )
        others = [other for other in scenario.tasks if other != name]
        if folder in _runs(scenario, others):
            continue
        if folder in _runs(scenario, [name]):
            raise UserError(f"{place}: {folder} is a run of this task itself; name another run")
        if missing := missing_files(folder, (WEIGHTS_FILE, RECORD_FILE)):
            raise UserError(
                f"{place}: {folder} has no {', '.join(missing)}, so no training has finished there;"
                f" correct the path, which is relative to {Path.cwd()} unless it begins with /"
            )


def _runs(scenario: Scenario, tasks: Iterable[str]) -> set[Path]:
    """Return the folders of the runs of some tasks of the scenario."""
    results = Path("results") / scenario.name
    return {results / name.folder for name in runs_of(scenario, tasks)}
