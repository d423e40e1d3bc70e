"""Say at the end of a run what failed and why, and publish what has finished."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from calobatch.config.models import Scenario
from calobatch.run.files import METRICS_FILE

# What Snakemake's own log has about a failed job, and about a run that the user ended.
FAILED_JOB = re.compile(r"^Error in rule (\w+):\n(?: {4}.*\n)*? {4}log: (\S+) \(", re.MULTILINE)
ENDED_BY_USER = "Terminating processes on user request"
# The messages of calobatch's commands begin like this; other lines may follow them.
MESSAGE = re.compile(r"^calobatch(?: \w+)?: .+", re.MULTILINE)


class Failure(NamedTuple):
    """A job that failed: its rule, its log, and the last message in that log."""

    rule: str
    log: str
    reason: str


def failures_in(snakemake_log: str, folder: Path = Path()) -> list[Failure]:
    """Return the failed jobs that Snakemake's log names, with the last try of each.

    Paths of logs are relative to ``folder``.
    """
    logs = {log: rule for rule, log in FAILED_JOB.findall(snakemake_log)}
    return [Failure(rule, log, _reason(folder / log)) for log, rule in logs.items()]


def end_of_run(
    snakemake_logs: Sequence[str], scenario: Scenario, stores: Sequence[str], start: Sequence[str]
) -> None:
    """Print what failed, and write leaderboard, MLflow and report for the runs that have finished.

    Nothing is written if the user ended the run. ``start`` are the words that start a command where
    torch is installed. The exit code of the run stays that of a failure.
    """
    texts = [Path(log).read_text(encoding="utf-8", errors="replace") for log in snakemake_logs]
    text = "\n".join(texts)
    failures = failures_in(text)
    for failure in failures:
        print(
            f"calobatch: {failure.rule} failed: {failure.reason} ({failure.log})", file=sys.stderr
        )
    if ENDED_BY_USER in text:
        print(
            "calobatch: the run was ended on request; finished jobs and checkpoints are kept, and "
            "the same command continues",
            file=sys.stderr,
        )
    elif any(failure.rule in ("train", "evaluate") for failure in failures):
        _publish(scenario, stores, failures, start)


def _publish(
    scenario: Scenario, stores: Sequence[str], failures: Iterable[Failure], start: Sequence[str]
) -> None:
    results = Path("results") / scenario.name
    runs = [results / task / f"seed{seed}" for task in scenario.tasks for seed in scenario.seeds]
    reasons = {f.log.removesuffix(".log").split("/", 3)[-1]: f.reason for f in failures}
    failed = {str(run.relative_to(results)): run for run in runs}
    failed = {name: run for name, run in failed.items() if name in reasons}
    finished = [r for r in runs if (r / METRICS_FILE).exists() and r not in failed.values()]
    if not finished:
        return
    settings, leaderboard = scenario.model_dump_json(), str(results / "leaderboard.csv")
    whole = [store for store in stores if (Path(store) / "manifest.json").exists()]
    words = [str(run) for run in finished]
    commands = (
        ["collect", *words, "--leaderboard", leaderboard, "--settings", settings],
        ["report", *words, "--stores", *whole, "--leaderboard", leaderboard,
         "--settings", settings, "--output", str(results / "report.html"),
         "--failed", json.dumps({name: reasons[name] for name in failed})],
    )  # fmt: skip
    for command in commands:
        if subprocess.run([*start, "calobatch", *command]).returncode:
            return
    print(
        f"calobatch: {len(finished)} of {len(runs)} trainings have finished; they are in "
        f"{leaderboard}, MLflow and {results / 'report.html'}, which names the failed ones",
        file=sys.stderr,
    )


def _reason(log: Path) -> str:
    """Return the last message of a job's log, or else its last line."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"its log cannot be read: {error}"
    messages = MESSAGE.findall(text) or [line for line in text.splitlines() if line.strip()]
    return messages[-1] if messages else "its log is empty"
