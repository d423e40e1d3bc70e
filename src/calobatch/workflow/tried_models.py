"""Try every model of a scenario once before its first job starts."""

import hashlib
import json
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from calobatch.config.model_code import code_sha256
from calobatch.config.model_file import grows_trees
from calobatch.config.scenario import Scenario
from calobatch.errors import UserError
from calobatch.provenance import version_of
from calobatch.workflow.datasets import layout_of
from calobatch.workflow.failures import last_message

# An empty file per model that was tried, named by a hash of what the result depends on.
FOLDER = Path(".cache/tried_models")
VERB = "try"


def require_sound_models(scenario: Scenario, start: Sequence[str] = ()) -> None:
    """Raise a UserError that names the mistake if a model of the scenario cannot be trained.

    ``start`` are the words that start a command where torch is installed. A model that has passed
    is tried again only if its code, its options or its images change, or the version of torch where
    the head process runs; one that is made of trees also if its number of epochs changes.
    """
    marks = {task: FOLDER / _hash(scenario, task) for task in scenario.tasks}
    untried = [task for task, mark in marks.items() if not mark.exists()]
    if not untried:
        return
    trial = subprocess.run(
        [*start, "calobatch", VERB, *untried, "--settings", scenario.model_dump_json()],
        stderr=subprocess.PIPE,
        text=True,
    )
    if trial.returncode:
        reason = last_message(trial.stderr)
        raise UserError(
            reason or f"the trial of the models failed with exit code {trial.returncode}"
        )
    # Without the files, for example in a folder of somebody else, the models are tried again.
    with suppress(OSError):
        FOLDER.mkdir(parents=True, exist_ok=True)
        for task in untried:
            marks[task].touch()


def _hash(scenario: Scenario, task: str) -> str:
    settings = scenario.tasks[task]
    facts: dict[str, object] = {
        "code": code_sha256(settings.model),
        "options": settings.model_options,
        "epochs": settings.most_epochs if grows_trees(settings.model) else None,
        "layout": layout_of(scenario, settings.dataset).model_dump(mode="json"),
        "torch": version_of("torch"),
    }
    if len(settings.options_to_try) > 1:
        facts["searched"] = settings.options_to_try
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
