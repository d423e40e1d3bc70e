"""Scenario files to one checked Scenario: tasks, then the scenario's changes, then the user's."""

import difflib
import importlib.util
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from calobatch.config.models import Scenario, ScenarioFile, Task
from calobatch.errors import UserError

CONFIG = Path("config")

Model = TypeVar("Model", bound=BaseModel)


def load_scenario(name: str, overrides: str = "", folder: Path = CONFIG) -> Scenario:
    """Read and check the scenario ``name`` (of ``folder``, or a path to a YAML file).

    ``overrides`` are changes such as ``"tasks.electron_photon_cnn.epochs=5 seeds=[1,2]"``,
    separated by spaces. Raises a UserError that names the key and the mend.
    """
    path = _scenario_path(name, folder)
    content = _read_yaml(path)
    known = _read_yaml(folder / "tasks.yaml")
    for override in overrides.split():
        _apply(override, content)
    written = validated(ScenarioFile, content, str(path))
    tasks = {}
    for task, changes in written.tasks.items():
        if task not in known:
            hint = _closest(task, known)
            raise UserError(f"{path}: tasks.{task}: not in {folder / 'tasks.yaml'}{hint}")
        merged = known[task] | written.defaults | (changes or {})
        tasks[task] = validated(Task, merged, str(path), f"tasks.{task}.")
        _check_model(tasks[task].model, f"{path}: tasks.{task}.model")
    resolved = {
        "name": path.stem,
        "title": written.title,
        "datasets": written.datasets,
        "tasks": tasks,
        "seeds": written.seeds,
    }
    return validated(Scenario, resolved, str(path))


def validated(model: type[Model], content: dict[str, Any], source: str, prefix: str = "") -> Model:
    """Return ``content`` as a ``model``; raise one UserError with a line for each problem."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        lines = [_explain(problem, model, prefix) for problem in error.errors()]
        raise UserError("\n".join(f"{source}: {line}" for line in lines)) from None


def _scenario_path(name: str, folder: Path) -> Path:
    path = Path(name) if name.endswith((".yaml", ".yml")) else folder / f"{name}.yaml"
    if not path.is_file() or path.name == "tasks.yaml":
        names = sorted(p.stem for p in folder.glob("*.yaml") if p.stem != "tasks")
        raise UserError(
            f"there is no scenario {name!r} ({path} is not a scenario file); "
            f"{folder} has {', '.join(names)}"
        )
    return path


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected keys and values, found {type(content).__name__}")
    return content


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
            raise UserError(f"override {override!r}: {parent!r} is a value, not a section")
    section[key] = yaml.safe_load(value)


def _explain(problem: Any, model: type[BaseModel], prefix: str) -> str:
    """One line for one problem: where it is, what is wrong, and the nearest known key."""
    where = prefix + ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = model.model_fields if len(problem["loc"]) == 1 else _all_fields(model)
        return f"{where}: unknown key{_closest(str(problem['loc'][-1]), known)}"
    if problem["type"] == "missing":
        return f"{where}: this key is missing"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{where}: {message}" if where else message
    return f"{where}: {message} (found {problem['input']!r})"


def _all_fields(model: type[BaseModel]) -> set[str]:
    schema = model.model_json_schema()
    sections = [schema, *schema.get("$defs", {}).values()]
    return {key for section in sections for key in section.get("properties", {})}


def _closest(word: str, known: Any) -> str:
    matches = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else f"; known: {', '.join(sorted(known))}"


def _check_model(model: str, where: str) -> None:
    """Check that the model's module exists, without importing it (that would import torch)."""
    if importlib.util.find_spec(model_module(model)) is None:
        raise UserError(f"{where}: there is no module {model_module(model)}; add the file")


def model_module(model: str) -> str:
    """Return the module that holds a model: calobatch's own unless the name has a dot."""
    return model if "." in model else f"calobatch.models.{model}"
