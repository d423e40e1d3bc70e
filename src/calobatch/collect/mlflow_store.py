"""What collect writes to MLflow: a parent run a scenario, a child run a training.

A training is written once, as a whole: its run is marked complete last, and one that was left
incomplete by a kill is deleted and written again. A training that was repeated with another
outcome gets a new run; the old one is kept, marked superseded.
"""

import hashlib
import logging
from collections.abc import Sequence

import mlflow
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from calobatch.collect.model_artifact import log_model
from calobatch.config.models import Scenario
from calobatch.errors import UserError
from calobatch.run.folder import (
    HISTORY_FILE,
    METRICS_FILE,
    PLOTS_FOLDER,
    PREDICTIONS_FILE,
    RECORD_FILE,
    RunFolder,
)
from calobatch.run.history import EPOCH_METRICS

EXPERIMENT = "calobatch"
METRICS_A_CALL = 1000
# Of the throughput, where there is a meter for it.
MEASURES_OF_USE = {"peak_memory_mb", "gpu_peak_memory_mb", "gpu_utilisation", "gpu_energy_joules"}
KEY, FINGERPRINT, STATE = "calobatch.key", "calobatch.fingerprint", "calobatch.state"
CURRENT, INCOMPLETE, SUPERSEDED = "current", "incomplete", "superseded"


class MlflowStore:
    """One scenario's runs in an MLflow store."""

    def __init__(self, tracking_uri: str, scenario: Scenario, runs: Sequence[RunFolder]) -> None:
        _quiet()
        mlflow.set_tracking_uri(tracking_uri)
        self.scenario = scenario
        try:
            self.client = MlflowClient(tracking_uri)
            self.experiment_id = self._experiment(tracking_uri)
        # The last is the driver of a database that is not installed.
        except (MlflowException, SQLAlchemyError, ImportError) as error:
            raise UserError(
                f"cannot use the MLflow store {tracking_uri}: {str(error).splitlines()[0]}; set "
                "MLFLOW_TRACKING_URI to another, for example to sqlite:///mlflow.db"
            ) from None
        # MLflow's page opens an experiment of this kind with its training runs in front.
        self.client.set_experiment_tag(
            self.experiment_id, "mlflow.experimentKind", "custom_model_development"
        )
        self.parent_id = self._parent(runs)

    def write(self, run: RunFolder) -> str:
        """Write a training unless it is there already; return the id of its run."""
        record = run.record
        key = f"{self.scenario.name}/{record.task}/seed{record.seed}"
        for found in self._find(key):
            tags = found.data.tags
            if tags.get(STATE) == INCOMPLETE:
                self.client.delete_run(found.info.run_id)
            elif tags.get(FINGERPRINT) == run.fingerprint:
                self._make_current(key, found.info.run_id)
                return str(found.info.run_id)
        run_id = self._create(run, key)
        self._make_current(key, run_id)
        return run_id

    def _experiment(self, tracking_uri: str) -> str:
        """Return the id of the experiment, which is made if there is none."""
        experiment = self.client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            return str(self.client.create_experiment(EXPERIMENT))
        if experiment.lifecycle_stage != "active":
            raise UserError(
                f"the experiment {EXPERIMENT} of {tracking_uri} was deleted in MLflow; bring it "
                f"back with `MLFLOW_TRACKING_URI={tracking_uri} mlflow experiments restore "
                f"--experiment-id {experiment.experiment_id}`"
            )
        return str(experiment.experiment_id)

    def _parent(self, runs: Sequence[RunFolder]) -> str:
        """Return the run of the scenario, which lasts from its first training to its last."""
        key = self.scenario.name
        found = self._find(key) or [
            self.client.create_run(
                self.experiment_id,
                start_time=round(min(run.record.started for run in runs) * 1000),
                tags={KEY: key, STATE: CURRENT},
                run_name=key,
            )
        ]
        run_id = str(found[0].info.run_id)
        finished = round(max(run.record.finished for run in runs) * 1000)
        self.client.set_terminated(run_id, end_time=finished)
        self.client.set_tag(run_id, "mlflow.note.content", self.scenario.title)
        text = self.scenario.model_dump_json(indent=2)
        self.client.log_text(run_id, text, "scenario.json")
        return run_id

    def _find(self, key: str) -> list[Run]:
        return list(
            self.client.search_runs(
                [self.experiment_id], f"tags.`{KEY}` = '{key}'", order_by=["start_time DESC"]
            )
        )

    def _make_current(self, key: str, run_id: str) -> None:
        """Mark one run of a training as the current one, and the others as superseded."""
        for found in self._find(key):
            state = CURRENT if found.info.run_id == run_id else SUPERSEDED
            if found.data.tags.get(STATE) != state:
                self.client.set_tag(found.info.run_id, STATE, state)

    def _create(self, run: RunFolder, key: str) -> str:
        record = run.record
        created = self.client.create_run(
            self.experiment_id,
            start_time=round(record.started * 1000),
            run_name=f"{record.task} seed {record.seed}",
            tags={
                "mlflow.parentRunId": self.parent_id,
                "mlflow.source.git.commit": record.provenance.git_commit,
                KEY: key,
                FINGERPRINT: run.fingerprint,
                STATE: INCOMPLETE,
            },
        )
        run_id = str(created.info.run_id)
        self._log_values(run_id, run)
        self._log_files(run_id, run)
        self.client.set_terminated(run_id, end_time=round(record.finished * 1000))
        return run_id

    def _log_values(self, run_id: str, run: RunFolder) -> None:
        tags = [RunTag(f"calobatch.{name}", value) for name, value in _provenance(run).items()]
        params = [Param(name, value) for name, value in _parameters(run).items()]
        self.client.log_batch(run_id, params=params, tags=tags)
        metrics = [*_epoch_metrics(run), *_final_metrics(run)]
        for start in range(0, len(metrics), METRICS_A_CALL):
            self.client.log_batch(run_id, metrics=metrics[start : start + METRICS_A_CALL])

    def _log_files(self, run_id: str, run: RunFolder) -> None:
        for name in (RECORD_FILE, METRICS_FILE, HISTORY_FILE, PREDICTIONS_FILE):
            self.client.log_artifact(run_id, str(run.folder / name))
        for plot in sorted((run.folder / PLOTS_FOLDER).glob("*.png")):
            self.client.log_artifact(run_id, str(plot), PLOTS_FOLDER)
        log_model(run, run_id)


def _quiet() -> None:
    """Keep MLflow's and alembic's reports of their own doings out of the log."""
    for name in ("mlflow", "alembic", "alembic.runtime.migration"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _parameters(run: RunFolder) -> dict[str, str]:
    """Return every hyperparameter, nested ones with dotted names, as text."""
    flat: dict[str, str] = {"seed": str(run.record.seed)}
    for name, value in run.record.training.model_dump().items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": str(nested) for key, nested in value.items()}
        else:
            flat[name] = str(value)
    return flat


def _provenance(run: RunFolder) -> dict[str, str]:
    record = run.record
    facts = {
        "task": record.task,
        "dataset": record.dataset,
        "simulated": str(record.simulated).lower(),
        "dataset_sha256": record.dataset_sha256,
        "config_sha256": hashlib.sha256(record.training.model_dump_json().encode()).hexdigest(),
        "identity": record.identity,  # of settings, seed, data, model, device and versions
        "git_commit": record.provenance.git_commit,
        "git_dirty": str(record.provenance.git_dirty).lower(),
        "python": record.provenance.python,
        "device": record.device,
        "hosts": ", ".join(record.hosts),
        "ranks": str(record.ranks),
        "resumed_after_epoch": str(record.resumed_after_epoch),
        "resumed_at_step": str(record.resumed_at_step),
    }
    facts |= {f"source_sha256.{name}": value for name, value in record.source_sha256.items()}
    facts |= {f"package.{name}": value for name, value in record.provenance.packages.items()}
    return facts


def _epoch_metrics(run: RunFolder) -> list[Metric]:
    return [
        Metric(f"epoch_{name}", float(getattr(epoch, name)), round(epoch.time * 1000), epoch.epoch)
        for epoch in run.history
        for name in EPOCH_METRICS
    ]


def _final_metrics(run: RunFolder) -> list[Metric]:
    finished, step = round(run.record.finished * 1000), run.record.epochs_run
    values = {
        "best_epoch": float(run.record.best_epoch),
        "parameters": float(run.record.parameters),
        "events_per_second": run.record.events_per_second,
        # Not the span of the run, which lasts over a night if it was stopped and went on.
        "training_seconds": sum(epoch.seconds for epoch in run.history),
    }
    speed = run.record.throughput
    values |= {f"{phase}_share": share for phase, share in speed.shares.items()}
    values["slowest_rank_events_per_second"] = min(speed.rank_events_per_second)
    for name, used in speed.model_dump(include=MEASURES_OF_USE).items():
        if used is not None:
            values[name] = used
    for split, measured in run.metrics.splits.items():
        for name, value in measured.model_dump(exclude={"confusion"}).items():
            if value is not None:
                values[f"{split}_{name}"] = float(value)
    return [Metric(name, value, finished, step) for name, value in values.items()]
