"""Runs of trainings that have not finished, so that MLflow's page shows each epoch as it ends.

A training that has finished is collected as if nothing had been written here: collect deletes the
run of its epochs, and writes the complete one.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import mlflow
from mlflow.entities import Param
from mlflow.tracking import MlflowClient

from calobatch.collect.metrics import epoch_metrics
from calobatch.collect.only_writer import only_writer
from calobatch.collect.own_runs import (
    KEY,
    STATE,
    TRAINING,
    OwnRuns,
    keep_quiet,
    open_experiment,
)
from calobatch.collect.owner import owner_in
from calobatch.collect.tags import tag_of
from calobatch.config.scenario import Scenario
from calobatch.run.history import Epoch
from calobatch.run.name import RunName
from calobatch.tracking import retries
from calobatch.tracking.server_login import login_by_environment
from calobatch.tracking.store_errors import store_errors, whole_or_nothing

# A metric by which the epochs that a run has are recognised.
EPOCH_METRIC = "epoch/seconds"


class Live:
    """The runs of a scenario's unfinished trainings; ``results`` is the scenario's folder."""

    def __init__(self, tracking_uri: str, scenario: Scenario, results: Path) -> None:
        keep_quiet()
        # The same epochs are tried again at the next look, so there is no need to wait.
        os.environ.setdefault(retries.VARIABLE, "1")
        self.uri = login_by_environment(tracking_uri)
        self.scenario, self.results = scenario, results
        # The epochs that MLflow has of each training, by the times at which they ended, in ms.
        self._written: dict[RunName, list[int]] = {}

    def write(self, trainings: Iterable[tuple[RunName, Sequence[Epoch]]]) -> None:
        """Write the epochs of ``trainings`` that MLflow does not have.

        Raises UserError if the store cannot be used; the same epochs are then written next time.
        """
        new = [
            (name, history)
            for name, history in trainings
            if history and self._written.get(name) != _ends(history)
        ]
        if not new:
            return
        with only_writer(self.uri, self.results), store_errors(self.uri):
            mlflow.set_tracking_uri(self.uri)
            with whole_or_nothing(self.uri):
                client = MlflowClient(self.uri)
                experiment_id = open_experiment(client, self.uri)
            runs = OwnRuns(client, experiment_id, owner_in(self.uri))
            for name, history in new:
                self._write(client, runs, name, history)

    def _write(
        self, client: MlflowClient, runs: OwnRuns, name: RunName, history: Sequence[Epoch]
    ) -> None:
        run_id, written = self._run_of(client, runs, name, history)
        for epoch in history[written:]:
            client.log_batch(run_id, metrics=epoch_metrics([epoch]))
        self._written[name] = _ends(history)

    def _run_of(
        self, client: MlflowClient, runs: OwnRuns, name: RunName, history: Sequence[Epoch]
    ) -> tuple[str, int]:
        """Return the run of a training, and how many of the epochs it has.

        If the training has started again, its run is replaced.
        """
        key = f"{self.scenario.name}/{name.folder}"
        for found in runs.find(key):
            if found.data.tags.get(STATE) != TRAINING:
                continue
            run_id = str(found.info.run_id)
            values = client.get_metric_history(run_id, EPOCH_METRIC)
            times = [value.timestamp for value in sorted(values, key=lambda value: value.step)]
            if times == _ends(history)[: len(times)]:
                return run_id, len(times)
            runs.delete(run_id)
        task = self.scenario.tasks[name.task]
        first = history[0]
        facts = {"task": name.task, "dataset": task.dataset, "ranks": task.ranks,
                 "device": task.device}  # fmt: skip
        tags = {tag_of(fact): str(value) for fact, value in facts.items()}
        run_id = runs.begin(
            str(name), first.time - first.seconds, {KEY: key, STATE: TRAINING, **tags}
        )
        parameters = [Param("model", task.model), Param("seed", str(name.seed))]
        client.log_batch(run_id, params=parameters)
        return run_id, 0


def _ends(history: Sequence[Epoch]) -> list[int]:
    return [round(epoch.time * 1000) for epoch in history]
