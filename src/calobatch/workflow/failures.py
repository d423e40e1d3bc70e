"""Find at the end of a run what failed and why, and publish what has finished."""

import json
import re
import subprocess
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from calobatch.config.scenario import Scenario
from calobatch.run.files import (
    ENSEMBLE_FILE,
    EXPORT_FILE,
    EXPORT_FOLDER,
    INTERPRETATION_FILE,
    INTERPRETATION_FOLDER,
    METRICS_FILE,
)
from calobatch.run.name import runs_of
from calobatch.run.trials import WINNER, outcome_file, proposal_file, search_folder
from calobatch.store_files import MANIFEST_FILE
from calobatch.workflow.at_end import Outcome
from calobatch.workflow.last_changes import last_changes
from calobatch.workflow.results import LEADERBOARD, RESULTS

# What Snakemake's own log has about a failed job, and about a run that the user ended. On a
# cluster, SLURM's log of the job follows the job's own.
FAILED_JOB = re.compile(
    r"^Error in rule (\w+):\n(?: {4}.*\n)*? {4}log: ([^\s,]+)(?:, [^\n]*)? \(", re.MULTILINE
)
ENDED_BY_USER = "Terminating processes on user request"
# The messages of calobatch's commands begin like this; other lines may follow them.
MESSAGE = re.compile(r"^calobatch(?: \w+)?: (.+)", re.MULTILINE)


class Failure(NamedTuple):
    """A job that failed: its rule, its log, and the last message in that log."""

    rule: str
    log: str
    reason: str

    @property
    def training(self) -> str:
        """The training that the job is of, as in "my_task/seed1", or the end of the log's name."""
        return self.log.removesuffix(".log").split("/", 3)[-1]

    def of_search(self, task: str) -> bool:
        """Return whether the job is one of the search of a task, whose trainings wait for it."""
        return self.rule in ("propose", "trial", "choose") and self.training.split("/")[0] == task


def failures_in(snakemake_log: str, folder: Path = Path()) -> list[Failure]:
    """Return the failed jobs that Snakemake's log names, with the last try of each.

    Paths of logs are relative to ``folder``.
    """
    logs = {log: rule for rule, log in FAILED_JOB.findall(snakemake_log)}
    return [Failure(rule, log, last_message(_content(folder / log))) for log, rule in logs.items()]


def last_message(text: str) -> str:
    """Return the last message of calobatch in what a command printed, or else the last line."""
    messages = MESSAGE.findall(text) or [line for line in text.splitlines() if line.strip()]
    return messages[-1] if messages else ""


def end_of_run(
    snakemake_logs: Sequence[str],
    scenario: Scenario,
    stores: Sequence[str],
    unfinished: Iterable[Path],
    start: Sequence[str],
) -> tuple[Outcome, list[str]]:
    """Write leaderboard, MLflow and report for the runs that have finished; return what failed.

    ``unfinished`` are the folders of the runs that still have to be trained, evaluated or exported.
    Nothing is written if the user ended the run. ``start`` are the words that start a command where
    torch is installed. The exit code of the run stays that of a failure.
    """
    text = "\n".join(_content(Path(log)) for log in snakemake_logs)
    # A job that was ended on request has not failed, but Snakemake does not tell them apart.
    if ENDED_BY_USER in text:
        return Outcome.STOPPED, [
            "the run was ended on request; finished jobs and checkpoints are kept, and the same "
            "command continues"
        ]
    left = {f"{run.parent.name}/{run.name}": run for run in unfinished}
    # A job that failed at first and then succeeded in another try is not a failure.
    failures = [
        failure for failure in failures_in(text) if not _succeeded_later(failure, left, scenario)
    ]
    told = [
        f"{failure.rule} of {failure.training} failed: {failure.reason or 'its log says nothing'} "
        f"(see {failure.log})"
        for failure in failures
    ]
    if not any(failure.rule in ("collect", "report") for failure in failures):
        reasons = {
            name: failure.reason
            for failure in failures
            for name in left
            if failure.training == name or failure.of_search(name.partition("/")[0])
        }
        told += _publish(scenario, stores, left.values(), reasons, start)
    return Outcome.FAILED, told


def _succeeded_later(failure: Failure, left: Collection[str], scenario: Scenario) -> bool:
    """Return whether another try of the job has succeeded.

    ``left`` are the trainings that still have to be trained, evaluated or exported. A training is
    published without its interpretation if that has failed.
    """
    results = RESULTS / scenario.name
    folder = results / failure.training
    task, _, rest = failure.training.partition("/")
    match failure.rule:
        case "interpret":
            return (folder / INTERPRETATION_FOLDER / INTERPRETATION_FILE).exists()
        case "ensemble":
            return (folder / ENSEMBLE_FILE).exists()
        case "evaluate_ensemble":
            return (folder / METRICS_FILE).exists()
        case "propose":
            return proposal_file(search_folder(results, task), rest).exists()
        case "trial":
            step, _, place = rest.partition("_")
            return outcome_file(search_folder(results, task), step, place).exists()
        case "choose":
            return (search_folder(results, task) / WINNER).exists()
        case "train" | "evaluate" | "export":
            return failure.training not in left
    return False


def _publish(
    scenario: Scenario,
    stores: Sequence[str],
    unfinished: Collection[Path],
    reasons: dict[str, str],
    start: Sequence[str],
) -> list[str]:
    """Collect and report the finished runs; return where they are, in words.

    ``reasons`` are those of the failed trainings.
    """
    results = RESULTS / scenario.name
    runs = [results / name.folder for name in runs_of(scenario)]
    finished = [
        r for r in runs if r not in unfinished and (r / EXPORT_FOLDER / EXPORT_FILE).exists()
    ]
    if not finished:
        return []
    settings, leaderboard = scenario.model_dump_json(), str(results / LEADERBOARD)
    packed = [store for store in stores if (Path(store) / MANIFEST_FILE).exists()]
    words = [str(run) for run in finished]
    commands = (
        ["collect", *words, "--leaderboard", leaderboard, "--settings", settings],
        ["report", *words, "--stores", *packed, "--leaderboard", leaderboard,
         "--settings", settings, "--output", str(results / "report.html"),
         "--failed", json.dumps(reasons), "--changes", last_changes(scenario.name)],
    )  # fmt: skip
    for command in commands:
        if subprocess.run([*start, "calobatch", *command]).returncode:
            return []
    return [
        f"{len(finished)} of {len(runs)} trainings have finished; they are in {leaderboard}, "
        f"MLflow and {results / 'report.html'}, which names the failed ones"
    ]


def _content(log: Path) -> str:
    """Return the text of a log; empty if it cannot be read."""
    try:
        return log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
