"""The JSON schemas of the configuration files, for editors that check and complete YAML."""

import copy
from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaValue

from calobatch.config.scenario import ScenarioFile, Task
from calobatch.layouts import Layout


def _scenario() -> JsonSchemaValue:
    """Return the schema of a scenario, in which tasks may have any of their keys."""
    schema = ScenarioFile.model_json_schema()
    task = Task.model_json_schema()
    # Keys of a task may come from tasks.yaml, so none is required.
    del task["required"]
    task["properties"]["like"] = {
        "description": "name of the task, in tasks.yaml or in this file, whose keys it copies",
        "type": "string",
    }
    schema["$defs"] |= task.pop("$defs")
    schema["$defs"]["Task"] = task
    reference = {"$ref": "#/$defs/Task"}
    schema["properties"]["all_tasks"] = _described(schema, "all_tasks") | reference
    schema["properties"]["tasks"]["additionalProperties"] = {"anyOf": [reference, {"type": "null"}]}
    return schema


def _described(schema: JsonSchemaValue, key: str) -> dict[str, Any]:
    return {"description": schema["properties"][key]["description"]}


def _layout() -> JsonSchemaValue:
    """Return the schema of a layout, whose name is that of its file."""
    schema = copy.deepcopy(Layout.model_json_schema())
    schema["required"].remove("name")
    return schema


SCHEMAS: dict[str, Callable[[], JsonSchemaValue]] = {
    "scenario": _scenario,
    "tasks": TypeAdapter(dict[str, Task]).json_schema,
    "layout": _layout,
}
