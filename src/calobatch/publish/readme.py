"""README.md of the published folder: what it has, what it lacks, how to reproduce the results."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from calobatch.config.scenario import Scenario
from calobatch.provenance import address_of_code
from calobatch.run.folder import RunFolder
from calobatch.run.leaderboard import format_leaderboard
from calobatch.words import counted

# What stays behind, and why.
LEFT_OUT = (
    "the raw files and the packed datasets: they are large, and belong to those who made them; "
    "each `run.json` has their SHA-256",
    "checkpoints and logs: they say nothing about the results",
    "MLflow's store: it has copies of these files, and `calobatch collect` makes it again",
    "earlier results of the same trainings, with other settings",
)
ENSEMBLES = """
* `runs/<ensemble>/`: the predictions and metrics of several trainings together, with plots, and
  which trainings they are (`ensemble.json`)"""
SEARCHES = """
* `runs/<task>/search/`: the search for the settings of a task: the proposals (`step<number>.json`),
  what each trial has reached on the validation split, and what was chosen (`winner.json`)"""
TEXT = """\
# {title}

Results of {trainings}, made with calobatch: {tasks}.

```
{leaderboard}
```

## What is here

* `leaderboard.csv` and `report.html`: all results, as a table and as a page for a browser
* `runs/<task>/seed<number>/`: for each training its settings and origin (`run.json`), its metrics,
  its history, the score of every event (`predictions.parquet`), its weights (`model.safetensors`),
  plots, in `export/` the model for use without calobatch, with a model card, and, unless an older
  version made it, in `interpretation/` what it looks at{ensembles}{searches}
* `config/` and `scenario.json`: the scenario as it was written, and with all defaults
* `models/`: the code of the models
* `environment/`: the version of every package
* `SHA256SUMS`: `sha256sum --check SHA256SUMS` compares all files with their checksums
* `ro-crate-metadata.json`: the same facts for programs (RO-Crate 1.1)

`run.json` also names the machines that the trainings ran on, and `scenario.json` the folders of
files.

## What is not here

{left_out}

## How to reproduce the results

{commits}
Copy `config/` over the one of that checkout, and the files of `models/` that it lacks to
`src/calobatch/models/`. Then type `make run SCENARIO={name}{changes}`. {sources}
The same settings, seed and number of ranks give the same predictions on the same kind of device.
"""


def readme(scenario: Scenario, runs: Sequence[RunFolder], leaderboard: Path, overrides: str) -> str:
    """Return the file as text; ``overrides`` are the changes on the command line."""
    return TEXT.format(
        title=scenario.title,
        trainings=counted(len(runs), "training"),
        tasks="; ".join(task.title for task in scenario.tasks.values()),
        leaderboard=format_leaderboard(leaderboard),
        ensembles=ENSEMBLES if scenario.ensembles else "",
        searches=SEARCHES if scenario.searched else "",
        left_out="\n".join(f"* {text}" for text in LEFT_OUT),
        commits=_commits(runs),
        name=scenario.name,
        changes=f" SET={shlex.quote(overrides)}" if overrides else "",
        sources=_sources(scenario),
    )


def _commits(runs: Sequence[RunFolder]) -> str:
    """Say which state of the code made the results, and where it is."""
    origins = [run.record.provenance for run in runs]
    found = sorted({origin.git_commit for origin in origins if origin.git_commit})
    known = (
        f"The code is that of calobatch at commit {', '.join(found)}."
        if found
        else "The commit of calobatch's code is not known, because it was not in a git repository."
    )
    if address := address_of_code():
        known += f" It was cloned from {address}."
    if any(origin.git_dirty for origin in origins):
        known += " Some of it had changes that were not committed, so results can differ."
    return known


def _sources(scenario: Scenario) -> str:
    kinds = {dataset.source for dataset in scenario.datasets.values()}
    words = {
        "simulate": "The same events are simulated again, bit for bit.",
        "fetch": "Public files are downloaded, and compared with the checksums in `config/pins/`.",
        "files": "Ask the authors for their raw files.",
    }
    return " ".join(text for kind, text in words.items() if kind in kinds)
