"""What MLflow has about a search: a run of its own, and in it one child run per trial.

None of them has the tags and the metrics of a training, so that trials appear in no list of
trainings. All their figures are of the validation split.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from mlflow.entities import Metric, Param

from calobatch.collect.metrics import epoch_metrics
from calobatch.collect.tags import settings_as_text, tag_of
from calobatch.config.scenario import Scenario
from calobatch.config.search import Search, value_of
from calobatch.run.trials import Outcome, ranked


class TrialRun(NamedTuple):
    """A run in MLflow to be: of a search, or of a trial with the ``outcome`` of its last round."""

    key: str
    name: str
    fingerprint: str
    started: float
    finished: float
    tags: dict[str, str]
    params: list[Param]
    metrics: list[Metric]


def search_run(
    scenario: Scenario, task: str, search: Search, rounds: Sequence[Sequence[Outcome]]
) -> TrialRun:
    """Return the run of a search, with the values that it has found."""
    outcomes = [outcome for found in rounds for outcome in found]
    best = ranked(rounds[-1])[0]
    started, finished = _times(outcomes)
    auc = best.best.validation_auc
    return TrialRun(
        key=f"{scenario.name}/{task}/search",
        name=f"{task} search",
        fingerprint=_fingerprint(outcomes),
        started=started,
        finished=finished,
        tags=_tags(scenario, task)
        | {tag_of("search"): str(search), tag_of("winner"): str(best.number)},
        params=[Param(key, str(value_of(best.training, key))) for key in search.ranges],
        metrics=[Metric("search/validation_auc", auc, round(finished * 1000), best.epochs)],
    )


def trial_runs(
    scenario: Scenario, task: str, rounds: Sequence[Sequence[Outcome]]
) -> list[TrialRun]:
    """Return the runs of all trials, each with the outcome of its last round."""
    last = {outcome.number: outcome for found in rounds for outcome in found}
    first = _times(list(last.values()))[0]
    return [_trial_run(scenario, task, outcome, first) for _, outcome in sorted(last.items())]


def _trial_run(scenario: Scenario, task: str, outcome: Outcome, first: float) -> TrialRun:
    # A trial that failed has no times.
    started, finished = _times([outcome]) if outcome.history else (first, first)
    params = {"seed": str(outcome.seed), **settings_as_text(outcome.training)}
    tags = _tags(scenario, task) | {tag_of("trial"): str(outcome.number)}
    metrics = epoch_metrics(outcome.history)
    if outcome.failed:
        tags[tag_of("failed")] = outcome.failed
    else:
        auc, moment = outcome.best.validation_auc, round(finished * 1000)
        metrics.append(Metric("search/validation_auc", auc, moment, outcome.epochs))
    return TrialRun(
        key=f"{scenario.name}/{task}/search/trial{outcome.number}",
        name=f"{task} trial {outcome.number}",
        fingerprint=_fingerprint([outcome]),
        started=started,
        finished=finished,
        tags=tags,
        params=[Param(name, value) for name, value in params.items()],
        metrics=metrics,
    )


def _tags(scenario: Scenario, task: str) -> dict[str, str]:
    return {tag_of("task"): task, tag_of("dataset"): scenario.tasks[task].dataset}


def _times(outcomes: Sequence[Outcome]) -> tuple[float, float]:
    """Return when the first epoch began and the last ended, in seconds since 1970 (UTC)."""
    epochs = [epoch for outcome in outcomes for epoch in outcome.history]
    return min(e.time - e.seconds for e in epochs), max(e.time for e in epochs)


def _fingerprint(outcomes: Sequence[Outcome]) -> str:
    text = "\n".join(outcome.model_dump_json() for outcome in outcomes)
    return hashlib.sha256(text.encode()).hexdigest()
