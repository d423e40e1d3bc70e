"""Read a scenario file and config/tasks.yaml, and return one checked Scenario.

The value of a task's key is the first that is found in: the changes on the command line, the
scenario's task, the scenario's all_tasks, the task of config/tasks.yaml that `like` names, or that
has the same name. If `like` names a task of the scenario itself, all keys of that task come next.
"""

import copy
import re
from pathlib import Path
from typing import Any

from calobatch.config.dataset import AnyDataset
from calobatch.config.explain import blamed, closest_to, validated
from calobatch.config.keys_of_trees import refuse_keys_of_networks, refuse_search_of_networks
from calobatch.config.layout_file import LAYOUTS, read_layout
from calobatch.config.model_file import check_model, grows_trees
from calobatch.config.plain_yaml import plain_yaml, read_yaml
from calobatch.config.scenario import Scenario, ScenarioFile, Task
from calobatch.config.section import NAME
from calobatch.config.subsets import with_subsets
from calobatch.errors import UserError
from calobatch.layouts import simulator_of

CONFIG = Path("config")

# The keys that give the kind of a section, such as a schedule or a dataset. Each kind has its own
# keys.
KINDS = ("kind", "source")
# The key that bases a task of a scenario on one of tasks.yaml, or on another one of the scenario.
LIKE = "like"
TASK_KEY = re.compile(r"tasks\.[^.=]+\.")


def load_scenario(name: str, overrides: str = "", folder: Path = CONFIG) -> Scenario:
    """Read and check the scenario ``name``: one of ``folder``, or a path to a YAML file.

    ``overrides`` are changes such as ``"tasks.electron_photon_cnn.epochs=5 seeds=[1,2]"``, with
    spaces between them. Raises UserError, which names each wrong key and how to fix it.
    """
    path = _scenario_path(name, folder)
    content = read_yaml(path)
    if "defaults" in content:
        raise UserError(f"{path}: defaults has a new name, all_tasks; rename the key")
    known = read_yaml(folder / "tasks.yaml")
    # Changes of a task are made after its keys from all files have been merged. If they were made
    # before, a change of `schedule.patience` would replace the whole section `schedule` of
    # tasks.yaml.
    changes = {override.partition("=")[0]: override for override in overrides.split()}
    of_tasks = [override for override in overrides.split() if TASK_KEY.match(override)]
    for override in overrides.split():
        if override not in of_tasks:
            _apply(override, content)
    _refuse_keys_of_tasks(content, path, changes)
    written = validated(ScenarioFile, content, str(path), overrides=changes)
    sections = {task: _task_section(task, written, known, path) for task in written.tasks}
    for override in of_tasks:
        _check_task(override.split(".")[1], sections, f"override {override!r}: {path}")
        _apply(override, {"tasks": sections})
    tasks = {}
    for task, section in sections.items():
        prefix = f"tasks.{task}."
        of_task = {_in_task(key, prefix): override for key, override in changes.items()}
        tasks[task] = validated(Task, section, str(path), prefix, of_task)
        key = f"{prefix}model"
        check_model(tasks[task].model, f"{blamed(key, str(path), of_task)}: {key}")
        if grows_trees(tasks[task].model):
            refuse_keys_of_networks(tasks[task], f"{path}: tasks.{task}")
            if search := tasks[task].search:
                refuse_search_of_networks(search, f"{path}: {prefix}search")
    _refuse_searched_subsets(tasks, written, path)
    resolved = {
        "name": path.stem,
        "title": written.title,
        "datasets": written.datasets,
        "tasks": with_subsets(tasks, written.datasets, written.training_events),
        "seeds": written.seeds,
        "ensembles": written.ensembles,
    }
    scenario = validated(Scenario, resolved, str(path), overrides=changes)
    for key, dataset in scenario.datasets.items():
        where = f"datasets.{key}.layout"
        _check_layout(key, dataset, f"{blamed(where, str(path), changes)}: {where}", folder)
    return scenario


def _check_layout(name: str, dataset: AnyDataset, place: str, folder: Path) -> None:
    """Raise UserError if the layout of a dataset has a mistake, or cannot be simulated and must."""
    try:
        layout = read_layout(dataset.layout or name, folder / LAYOUTS)
        if dataset.source == "simulate":
            simulator_of(layout)
    except UserError as error:
        raise UserError(f"{place}: {error}") from None


def _refuse_searched_subsets(tasks: dict[str, Task], written: ScenarioFile, path: Path) -> None:
    """Raise UserError if a task has a search and is to be trained on numbers of events too."""
    searched = [name for name, task in tasks.items() if task.search]
    if written.training_events and searched:
        raise UserError(
            f"{path}: training_events makes learning curves of tasks whose settings are the same "
            f"for all numbers of events, but those of {', '.join(searched)} are searched; remove "
            "one of the two, or search in a scenario of its own and write the values into this one"
        )


def _in_task(key: str, prefix: str) -> str:
    """Return the key of a task that a changed key sets; all_tasks sets those of every task."""
    section, dot, rest = key.partition(".")
    return prefix + rest if section == "all_tasks" and dot else key


def _refuse_keys_of_tasks(content: dict[str, Any], path: Path, changes: dict[str, str]) -> None:
    """Raise UserError if a key of tasks is beside the sections of a scenario."""
    for key in content:
        if key in Task.model_fields and key not in ScenarioFile.model_fields:
            raise UserError(
                f"{blamed(key, str(path), changes)}: {key} is a key of tasks; set it for all of "
                f"them as all_tasks.{key}, or for one as tasks.<name>.{key}"
            )


def _task_section(
    task: str,
    written: ScenarioFile,
    known: dict[str, Any],
    path: Path,
    likes: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return the keys of a task: those that it is based on, then all_tasks, then its own.

    ``likes`` are the tasks that led to this one by `like`.
    """
    own = dict(written.tasks[task] or {})
    base: dict[str, Any] = {}
    if LIKE in own:
        other, place = own.pop(LIKE), f"{path}: tasks.{task}.{LIKE}"
        if not isinstance(other, str):
            raise UserError(f"{place}: expected the name of a task, found {other!r}")
        if other in written.tasks and other not in known:
            if other in (*likes, task):
                raise UserError(f"{place}: {other} is based on {task} in turn; name another task")
            return _task_section(other, written, known, path, (*likes, task)) | copy.deepcopy(own)
        base = _keys_of(other, known, f"{place}: tasks.yaml")
    elif task in known or not {"model", "dataset"} <= set(own):
        base = _keys_of(task, known, f"{path}: tasks.yaml")
    # A copy, because tasks share the sections of `all_tasks`, and a change is for one task only.
    return copy.deepcopy(base | written.all_tasks | own)


def _keys_of(task: str, known: dict[str, Any], place: str) -> dict[str, Any]:
    """Return the keys of a task in tasks.yaml."""
    if task not in known:
        raise UserError(
            f"{place} has no task {task!r}{closest_to(task, known)}; a scenario defines a task of "
            f"its own with `{LIKE}` and the name of a task of config/tasks.yaml or of the "
            "scenario, or with all keys of a task"
        )
    keys = known[task]
    if not isinstance(keys, dict):
        raise UserError(
            f"tasks.yaml: {task}: expected lines of the form `key: value` below it, found {keys!r}"
        )
    return keys


def _check_task(task: str, known: dict[str, Any], place: str) -> None:
    if task not in known:
        raise UserError(f"{place} has no task {task!r}{closest_to(task, known)}")


def _scenario_path(name: str, folder: Path) -> Path:
    if not folder.is_dir():
        raise UserError(
            f"{Path.cwd()} has no folder {folder}; run calobatch in the checkout's own folder"
        )
    path = Path(name) if name.endswith((".yaml", ".yml")) else folder / f"{name}.yaml"
    if path.parent.resolve() != folder.resolve() and (folder / f"{path.stem}.yaml").exists():
        raise UserError(
            f"{path}: {folder} also has a scenario {path.stem!r}, and both would write to "
            f"results/{path.stem}; give the file another name"
        )
    if not path.is_file() or path.name == "tasks.yaml":
        names = sorted(p.stem for p in folder.glob("*.yaml") if p.stem != "tasks")
        why = f"{path} has the keys of tasks" if path.exists() else f"there is no {path}"
        raise UserError(f"unknown scenario {name!r}: {why}{closest_to(name, names)}")
    if not re.match(NAME, path.stem):
        raise UserError(
            f"{path}: rename the file to lower-case letters, digits and _, because the folders of "
            "its results are named after it"
        )
    return path


def _apply(override: str, content: dict[str, Any]) -> None:
    """Set ``a.b.c=value`` in nested mappings; the value is YAML."""
    dotted, equals, value = override.partition("=")
    if not equals or not all(dotted.split(".")):
        raise UserError(
            f"cannot read the override {override!r}; write it as "
            "tasks.electron_photon_cnn.epochs=5, without spaces"
        )
    *parents, key = dotted.split(".")
    section = content
    for parent in parents:
        if section.get(parent) is None:
            section[parent] = {}
        section = section[parent]
        if not isinstance(section, dict):
            raise UserError(
                f"override {override!r}: {parent!r} is a value, not a section; remove what follows "
                "it before the ="
            )
    try:
        chosen = plain_yaml(value)
    except ValueError as error:
        raise UserError(
            f"override {override!r}: {value!r} is not a YAML value ({error}); correct it, and "
            "write it without spaces"
        ) from None
    if key in KINDS and section.get(key) != chosen:
        section.clear()  # a different kind has different keys
    section[key] = chosen
