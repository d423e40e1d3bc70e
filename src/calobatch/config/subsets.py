"""Tasks on fewer training events, for learning curves."""

from collections.abc import Mapping, Sequence
from math import inf

from calobatch.config.dataset import AnyDataset
from calobatch.config.scenario import Task


def with_subsets(
    tasks: Mapping[str, Task], datasets: Mapping[str, AnyDataset], numbers: Sequence[int]
) -> dict[str, Task]:
    """Return ``tasks``, each preceded by the same task on each of the ``numbers`` of events.

    These are called, for example, my_task_5000. Numbers that are not smaller than the training
    split of a simulated dataset are left out; how many events other datasets have is not known
    here. A task with ``training_events`` of its own gets none. Nothing is published about the
    smaller ones.
    """
    found: dict[str, Task] = {}
    for name, task in tasks.items():
        most = _training_events(datasets.get(task.dataset))
        for number in sorted(numbers) if task.training_events is None else ():
            if number >= most:
                continue
            changes = {
                "training_events": number,
                "title": f"{task.title}, {number:,} training events",
                "reference_auc": {},
                "reference_source": "",
            }
            found[f"{name}_{number}"] = task.model_copy(update=changes)
        found[name] = task
    return found


def _training_events(dataset: AnyDataset | None) -> float:
    """Return the size of the training split, as far as it is known; infinite if it is not."""
    if dataset is None or dataset.source != "simulate":
        return inf
    if folds := dataset.split.folds:
        return dataset.events * (folds - 2) / folds
    return dataset.events * (1 - dataset.split.test) * (1 - dataset.split.validation)


def whole_tasks(tasks: Mapping[str, Task]) -> dict[str, str]:
    """Return, for each task, the name of the task that differs only in having all training events.

    That is the task itself if there is no other. A task with a search is trained with settings that
    are not known here, and differs from one with the same settings and no search.
    """
    settings = {
        name: (
            task.dataset,
            task.training().on_all_events().model_dump_json(),
            task.search and task.search.model_dump_json(),
        )
        for name, task in tasks.items()
    }
    whole = {settings[name]: name for name, task in tasks.items() if task.training_events is None}
    return {name: whole.get(settings[name], name) for name in tasks}
