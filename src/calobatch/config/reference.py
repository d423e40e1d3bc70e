"""Write config/README.md, which lists every key, from the models that check the keys."""

import inspect
import types
import typing
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from calobatch.config.dataset import Fetched, Files, Reweight, Simulated, Split
from calobatch.config.generator import Generator, Processes
from calobatch.config.scenario import Ensemble, ScenarioFile, Task
from calobatch.config.search import Range, Search
from calobatch.config.training import Augmentation, Constant, Cosine, Plateau
from calobatch.layouts import Axis, Channel, Layout, Scalar

OPENING = """\
# Configuration

<!-- Written by `make schema` from the models in src/calobatch; do not edit. -->

`tasks.yaml` lists the tasks, each with the settings of its published reference. A scenario
(`quickstart.yaml`, `cms.yaml`, `models.yaml`, `energyflow.yaml`, `test.yaml`, or one of your own)
chooses datasets, tasks and seeds, and may change any key. `calobatch check NAME --full` prints a
scenario with every default.
`layouts/` has a file for each kind of dataset: its images, its classes, and its keys in raw files.
`datasets.csv` lists the public files and their addresses, and `pins/` has their checksums.

On the command line, `--config set="tasks.electron_photon_cnn.epochs=5 seeds=[1,2]"` changes keys
for one run.

The first line of each file names its JSON schema in `workflow/schemas/`. Editors with a YAML
language server use it to complete keys, show their meaning and mark mistakes. Put the same line at
the top of your own files.

The value of a task's key is the first that is found in: the changes on the command line, the task
in the scenario, the scenario's `all_tasks`, the task that `like` names, `tasks.yaml`. A scenario
can define a task of its own, as in `wide: {like: electron_photon_cnn, batch_size: 64}`, and another
one that is like that: `wider: {like: wide, batch_size: 128}` has all other keys of `wide`.

A value that YAML reads as a date must be in quotes, and a key that appears twice is an error.
"""
# Heading, model, and the place of its keys in a scenario file.
SECTIONS: tuple[tuple[str, type[BaseModel], str], ...] = (
    ("A scenario file", ScenarioFile, "at the top of the file"),
    ("A simulated dataset", Simulated, "`datasets.<name>` with `source: simulate`"),
    ("The generator of simulated jets", Generator, "`datasets.<name>.generator`"),
    ("The processes of each class", Processes, "`datasets.<name>.generator.processes`"),
    ("A fetched dataset", Fetched, "`datasets.<name>` with `source: fetch`"),
    ("A dataset of your own files", Files, "`datasets.<name>` with `source: files`"),
    ("The split of a dataset", Split, "`datasets.<name>.split`"),
    ("Weights that make spectra equal", Reweight, "`datasets.<name>.reweight`"),
    ("An ensemble", Ensemble, "`ensembles.<name>`"),
    ("A task", Task, "`tasks.<name>`, in `tasks.yaml`, in a scenario's `tasks` or in `all_tasks`"),
    ("A search of a task", Search, "`tasks.<name>.search`"),
    ("The range of a searched key", Range, "`tasks.<name>.search.ranges.<key>`"),
    ("The augmentation of a task", Augmentation, "`tasks.<name>.augmentation`"),
    ("A constant learning rate", Constant, "`tasks.<name>.schedule`"),
    ("A learning rate that follows a cosine", Cosine, "`tasks.<name>.schedule`"),
    ("A learning rate that falls when progress stops", Plateau, "`tasks.<name>.schedule`"),
    ("A layout", Layout, "`layouts/<name>.yaml`"),
    ("A channel of a layout", Channel, "`channels`, a list"),
    ("The rows or columns of a layout", Axis, "`rows` and `columns`"),
    ("A scalar of a layout", Scalar, "`scalars`, a list"),
)


def reference_page() -> str:
    """Return the page as Markdown: one table per section, one row per key."""
    parts = [OPENING]
    for heading, model, place in SECTIONS:
        rows = [_row(name, field) for name, field in model.model_fields.items()]
        parts.append(
            f"## {heading}\n\n"
            f"{inspect.cleandoc(model.__doc__ or '')}\n\n"
            f"Where: {place}.\n\n"
            "| key | type | unit | default | meaning |\n|---|---|---|---|---|\n"
            + "\n".join(rows)
            + "\n"
        )
    return "\n".join(parts)


def _row(name: str, field: FieldInfo) -> str:
    default = "required" if field.is_required() else _default(field.default)
    extra = field.json_schema_extra
    unit = str(extra["unit"]) if isinstance(extra, dict) else ""
    cells = (f"`{name}`", _type(field), unit, default, field.description or "")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(value: Any) -> str:
    if isinstance(value, BaseModel):
        kind = getattr(value, "kind", None)
        return f"`{{kind: {kind}}}`" if kind else "the section's defaults"
    if value in (None, "", {}, ()):
        return "none"
    if isinstance(value, tuple):
        value = list(value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type(field: FieldInfo) -> str:
    """Return the type and its bounds in the words of someone who writes YAML."""
    bounds = {
        word: getattr(bound, attribute)
        for bound in field.metadata
        for attribute, word in (("gt", "above"), ("ge", "at least"), ("lt", "below"),
                                ("le", "at most"))
        if getattr(bound, attribute, None) is not None
    }  # fmt: skip
    words = [_type_in_words(field.annotation)]
    return ", ".join(words + [f"{word} {_number(value)}" for word, value in bounds.items()])


def _type_in_words(annotation: Any) -> str:
    simple = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    if annotation in simple:
        return simple[annotation]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin is typing.Annotated:
        return _type_in_words(arguments[0])
    if origin in (typing.Union, types.UnionType):
        named = dict.fromkeys(_type_in_words(a) for a in arguments if a is not type(None))
        return " or ".join(named)
    if origin is tuple:
        return "list"
    return "section"


def _number(value: float) -> str:
    return f"2^{int(value).bit_length() - 1}" if value >= 2**31 else f"{value:g}"
