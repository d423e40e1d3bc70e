"""Scenario files to one checked Scenario: tasks, then the scenario's changes, then the user's."""

import copy
import difflib
import importlib.util
import re
import symtable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from calobatch.config.models import NAME, Scenario, ScenarioFile, Task
from calobatch.errors import UserError

CONFIG = Path("config")

# Keys that say which kind of section it is, and so which other keys it has.
KINDS = ("kind", "source")
TASK_KEY = re.compile(r"tasks\.[^.=]+\.")

Model = TypeVar("Model", bound=BaseModel)


def load_scenario(name: str, overrides: str = "", folder: Path = CONFIG) -> Scenario:
    """Read and check the scenario ``name`` (of ``folder``, or a path to a YAML file).

    ``overrides`` are changes such as ``"tasks.electron_photon_cnn.epochs=5 seeds=[1,2]"``,
    separated by spaces. Raises a UserError that names the key and the mend.
    """
    path = _scenario_path(name, folder)
    content = read_yaml(path)
    known = read_yaml(folder / "tasks.yaml")
    # A key of a task is changed last, in the whole task: a part of a section leaves the others.
    of_tasks = [override for override in overrides.split() if TASK_KEY.match(override)]
    for override in overrides.split():
        if override not in of_tasks:
            _apply(override, content)
    written = validated(ScenarioFile, content, str(path))
    sections = {task: _task_section(task, written, known, path) for task in written.tasks}
    for override in of_tasks:
        _check_task(override.split(".")[1], sections, str(path))
        _apply(override, {"tasks": sections})
    tasks = {}
    for task, section in sections.items():
        tasks[task] = validated(Task, section, str(path), f"tasks.{task}.")
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
        lines = [_explain(problem, model, content, prefix) for problem in error.errors()]
        raise UserError("\n".join(f"{source}: {line}" for line in lines)) from None


def _task_section(
    task: str, written: ScenarioFile, known: dict[str, Any], path: Path
) -> dict[str, Any]:
    """Return the keys of a task: of tasks.yaml, then the scenario's defaults, then its own."""
    _check_task(task, known, f"{path}: tasks.yaml")
    if not isinstance(known[task], dict):
        raise UserError(f"tasks.yaml: {task}: expected keys and values, found {known[task]!r}")
    return copy.deepcopy(known[task] | written.defaults | (written.tasks[task] or {}))


def _check_task(task: str, known: dict[str, Any], place: str) -> None:
    if task not in known:
        raise UserError(f"{place} has no task {task!r}{_closest(task, known)}")


def _scenario_path(name: str, folder: Path) -> Path:
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder} in {Path.cwd()}; run it in the checkout")
    path = Path(name) if name.endswith((".yaml", ".yml")) else folder / f"{name}.yaml"
    if path.parent.resolve() != folder.resolve() and (folder / f"{path.stem}.yaml").exists():
        raise UserError(
            f"{path}: {folder} has a scenario {path.stem!r} too, and both would write to "
            f"results/{path.stem}; give the file another name"
        )
    if not path.is_file() or path.name == "tasks.yaml":
        names = sorted(p.stem for p in folder.glob("*.yaml") if p.stem != "tasks")
        raise UserError(
            f"there is no scenario {name!r} ({path} is not a scenario file); "
            f"{folder} has {', '.join(names)}"
        )
    if not re.match(NAME, path.stem):
        raise UserError(f"{path}: rename the file: small letters, digits and _ (folders follow it)")
    return path


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the keys and values of a YAML file; a UserError if it cannot be read or has none."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
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
    try:
        chosen = yaml.safe_load(value)
    except yaml.YAMLError:
        raise UserError(
            f"override {override!r}: {value!r} is not a YAML value (it must not have spaces)"
        ) from None
    if key in KINDS and section.get(key) != chosen:
        section.clear()  # the other keys belonged to the other kind
    section[key] = chosen


def _explain(problem: Any, model: type[BaseModel], content: Any, prefix: str) -> str:
    """One line for one problem: where it is, what is wrong, and the nearest known key."""
    where = (prefix + _key(problem["loc"], content)).removesuffix(".")
    if problem["type"] == "union_tag_not_found":
        key = problem["ctx"]["discriminator"].strip("'")
        return f"{where}.{key}: this key is missing"
    if problem["type"] == "union_tag_invalid":
        key = problem["ctx"]["discriminator"].strip("'")
        return (
            f"{where}.{key}: {problem['ctx']['tag']!r} is none of {problem['ctx']['expected_tags']}"
        )
    if problem["type"] == "extra_forbidden":
        known = model.model_fields if len(problem["loc"]) == 1 else _all_fields(model)
        return f"{where}: unknown key{_closest(str(problem['loc'][-1]), known)}"
    if problem["type"] == "missing":
        return f"{where}: this key is missing"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{where}: {message}" if where else message
    return f"{where}: {message} (found {problem['input']!r})"


def _key(location: tuple[str | int, ...], content: Any) -> str:
    """Return the key as the user wrote it: pydantic names the kind of a section as well."""
    written = []
    for depth, part in enumerate(location, start=1):
        if isinstance(content, dict) and part not in content and depth < len(location):
            continue
        written.append(str(part))
        content = content.get(part) if isinstance(content, dict) else None
    return ".".join(written)


def _all_fields(model: type[BaseModel]) -> set[str]:
    schema = model.model_json_schema()
    sections = [schema, *schema.get("$defs", {}).values()]
    return {key for section in sections for key in section.get("properties", {})}


def _closest(word: str, known: Any) -> str:
    names = sorted(str(name) for name in known)
    matches = difflib.get_close_matches(word, names, n=1)
    return f"; did you mean {matches[0]!r}?" if matches else f"; known: {', '.join(names)}"


def _check_model(model: str, where: str) -> None:
    """Check that there is such a model, without importing it (that would import torch)."""
    try:
        found = importlib.util.find_spec(model_module(model))
    except (ImportError, ValueError):  # a package that is not there; a name that cannot be one
        found = None
    if found is None:
        raise UserError(
            f"{where}: there is no module {model_module(model)}; correct the name, or add the file"
        )
    try:
        defined = _defines_model(Path(found.origin or ""))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{where}: cannot read the model {model}: {error}; mend it") from None
    if not defined:
        raise UserError(f"{where}: {found.origin} has no class Model; name a file that has")


def _defines_model(source: Path) -> bool:
    names = symtable.symtable(source.read_text(encoding="utf-8"), str(source), "exec")
    return "Model" in names.get_identifiers() and (
        names.lookup("Model").is_assigned() or names.lookup("Model").is_imported()
    )


def model_source(model: str) -> Path:
    """Return the file that a model is written in."""
    found = importlib.util.find_spec(model_module(model))
    if found is None or found.origin is None:
        raise UserError(f"model {model!r}: there is no file of module {model_module(model)}")
    return Path(found.origin)


def model_module(model: str) -> str:
    """Return the module that holds a model: calobatch's own unless the name has a dot."""
    return model if "." in model else f"calobatch.models.{model}"
