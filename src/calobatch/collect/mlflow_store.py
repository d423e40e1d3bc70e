"""Write runs to MLflow: one parent run per scenario, and in it one child run per training.

The trainings of all folds of a task are children of a run of their own, with the mean over them.
So are the trials of a search, which are no trainings to compare with others. An ensemble is a child
run beside its members.

The child run of a training is marked complete after everything in it has been written. If collect
was killed before that, the next collect deletes the incomplete run and writes a new one. If a
training was repeated with a different outcome, it gets a new run; the old run is kept and marked
as superseded.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import mlflow
from mlflow.entities import Param, RunTag
from mlflow.tracking import MlflowClient

from calobatch.collect.dataset import dataset_of
from calobatch.collect.description import address_of_artifact, of_run, of_scenario
from calobatch.collect.leaderboard_plot import DPI, draw_leaderboard
from calobatch.collect.metrics import (
    epoch_metrics,
    final_metrics,
    metrics_of_ensemble,
    metrics_of_folds,
    metrics_of_scenario,
)
from calobatch.collect.model_artifact import log_model
from calobatch.collect.own_runs import (
    CURRENT,
    FINGERPRINT,
    INCOMPLETE,
    KEY,
    OWNER,
    STATE,
    TRAINING,
    OwnRuns,
    keep_quiet,
    open_experiment,
)
from calobatch.collect.owner import owner_in, user
from calobatch.collect.registry import Registry
from calobatch.collect.search_runs import TrialRun, search_run, trial_runs
from calobatch.collect.tags import parameters, provenance_of, tag_of
from calobatch.config.scenario import Scenario
from calobatch.run.ensemble import EnsembleFolder
from calobatch.run.files import (
    ENSEMBLE_FILE,
    HISTORY_FILE,
    INTERPRETATION_FOLDER,
    METRICS_FILE,
    PLOTS_FOLDER,
    PREDICTIONS_FILE,
    RECORD_FILE,
    WEIGHTS_FILE,
    plots_in,
)
from calobatch.run.folder import RunFolder
from calobatch.run.folds import Folds
from calobatch.run.interpretation import interpretation_files
from calobatch.run.trials import Outcome
from calobatch.tracking.store_errors import whole_or_nothing
from calobatch.tracking.view import TAG, view

METRICS_PER_CALL = 1000  # the most that MLflow accepts
PARENT = "mlflow.parentRunId"
# The description that MLflow's page shows.
NOTE = "mlflow.note.content"
LEADERBOARD_PLOT = "leaderboard.png"


class MlflowStore:
    """The runs of one scenario in an MLflow store.

    Raises UserError if its experiment was deleted, and whatever MLflow raises (store_errors.py).
    """

    def __init__(
        self,
        tracking_uri: str,
        scenario: Scenario,
        runs: Sequence[RunFolder],
        ensembles: Sequence[EnsembleFolder] = (),
    ) -> None:
        keep_quiet()
        mlflow.set_tracking_uri(tracking_uri)
        self.scenario = scenario
        self.owner = owner_in(tracking_uri)
        with whole_or_nothing(tracking_uri):
            self.client = MlflowClient(tracking_uri)
            self.experiment_id = open_experiment(self.client, tracking_uri)
        self.runs = OwnRuns(self.client, self.experiment_id, self.owner)
        # MLflow's web page shows the training runs first for experiments of this kind.
        self.client.set_experiment_tag(
            self.experiment_id, "mlflow.experimentKind", "custom_model_development"
        )
        self.client.set_experiment_tag(self.experiment_id, TAG, view())
        self.parent_id = self._parent(runs, ensembles)

    def write(self, run: RunFolder, parent_id: str | None = None) -> str:
        """Write a training unless MLflow already has it; return the id of its MLflow run.

        ``parent_id`` is the run that it belongs to; by default that of the scenario.
        """
        key = f"{self.scenario.name}/{run.record.name.folder}"
        parent_id = parent_id or self.parent_id
        run_id = self._write(key, run.fingerprint, parent_id, partial(self._create, run))
        # A run may have been written without it: by an older version, or because it had failed.
        listed = self.client.list_artifacts(run_id, INTERPRETATION_FOLDER)
        known = {Path(file.path).name for file in listed}
        for name, path in interpretation_files(run).items():
            if name not in known:
                self.client.log_artifact(run_id, str(path), INTERPRETATION_FOLDER)
        return run_id

    def write_folds(self, folds: Folds, out_of_fold: Path) -> str:
        """Write a run to which the trainings of all folds belong; return its id.

        ``out_of_fold`` is the file with their predictions.
        """
        key = f"{self.scenario.name}/{folds.task}/{folds.name}"
        create = partial(self._create_folds, folds, out_of_fold)
        return self._write(key, folds.fingerprint, self.parent_id, create)

    def write_ensemble(self, ensemble: EnsembleFolder) -> str:
        """Write an ensemble unless MLflow already has it; return the id of its MLflow run."""
        key = f"{self.scenario.name}/{ensemble.record.name}/all"
        create = partial(self._create_ensemble, ensemble)
        return self._write(key, ensemble.fingerprint, self.parent_id, create)

    def write_search(self, task: str, rounds: Sequence[Sequence[Outcome]]) -> None:
        """Write a run of a task's search, to which its trials belong; the outcomes are by round."""
        search = self.scenario.tasks[task].search
        if search is None:
            return
        found = search_run(self.scenario, task, search, rounds)
        create = partial(self._create_of_search, found)
        parent = self._write(found.key, found.fingerprint, self.parent_id, create)
        for trial in trial_runs(self.scenario, task, rounds):
            create = partial(self._create_of_search, trial)
            self._write(trial.key, trial.fingerprint, parent, create)

    def register(self, runs: Mapping[str, RunFolder]) -> None:
        """Register the models of ``runs``, which are written; the keys are their ids in MLflow."""
        registry = Registry(self.client, self.scenario, self.owner)
        for task in self.scenario.tasks:
            of_task = {run_id: run for run_id, run in runs.items() if run.record.task == task}
            if of_task:
                registry.write(task, of_task)

    def _write(
        self, key: str, fingerprint: str, parent_id: str, create: Callable[[dict[str, str]], str]
    ) -> str:
        """Return the id of the run with this fingerprint.

        Unless there is one, ``create`` makes it, given the tags by which it is found.
        """
        for found in self.runs.find(key):
            tags = found.data.tags
            if tags.get(STATE) in (INCOMPLETE, TRAINING):
                self.runs.delete(found.info.run_id)
            elif tags.get(FINGERPRINT) == fingerprint:
                # The parent that it had may have been deleted in MLflow.
                if tags.get(PARENT) != parent_id:
                    self.client.set_tag(found.info.run_id, PARENT, parent_id)
                self.runs.make_current(key, found.info.run_id)
                return str(found.info.run_id)
        run_id = create({KEY: key, FINGERPRINT: fingerprint, PARENT: parent_id})
        # This replaces the tag INCOMPLETE, so it must come after everything else is written.
        self.runs.make_current(key, run_id)
        return run_id

    def _parent(self, runs: Sequence[RunFolder], ensembles: Sequence[EnsembleFolder]) -> str:
        """Return the id of the scenario's own run, and create that run if it does not exist.

        It lasts from the start of the first training to the end of the last.
        """
        key = self.scenario.name
        found = self.runs.find(key) or [
            self.client.create_run(
                self.experiment_id,
                start_time=round(min(run.record.started for run in runs) * 1000),
                tags={KEY: key, OWNER: self.owner, STATE: CURRENT, "mlflow.user": user()},
                run_name=key,
            )
        ]
        run_id = str(found[0].info.run_id)
        finished = round(max(run.record.finished for run in runs) * 1000)
        self.client.set_terminated(run_id, end_time=finished)
        self.client.log_figure(
            run_id,
            draw_leaderboard(self.scenario, runs, ensembles),
            LEADERBOARD_PLOT,
            save_kwargs={"dpi": DPI},
        )
        picture = f"![AUC by task]({address_of_artifact(run_id, LEADERBOARD_PLOT)})"
        self.client.set_tag(
            run_id, NOTE, f"{of_scenario(self.scenario, runs, ensembles)}\n{picture}\n"
        )
        metrics = metrics_of_scenario(runs, ensembles, finished)
        known = found[0].data.metrics
        # MLflow keeps all values that a metric had, so only what differs is written.
        changed = [metric for metric in metrics if known.get(metric.key) != metric.value]
        self.client.log_batch(run_id, metrics=changed)
        text = self.scenario.model_dump_json(indent=2)
        self.client.log_text(run_id, text, "scenario.json")
        return run_id

    def _create_folds(self, folds: Folds, out_of_fold: Path, tags: dict[str, str]) -> str:
        """Create the run of all folds of a task, with its metrics; it stays incomplete."""
        records = [run.record for run in folds.runs]
        run_id = self.runs.begin(
            f"{folds.task} seed {folds.seed}, {len(records)} folds",
            min(record.started for record in records),
            {
                **tags,
                tag_of("task"): folds.task,
                tag_of("dataset"): records[0].dataset,
                tag_of("folds"): str(len(records)),
            },
        )
        finished = round(max(record.finished for record in records) * 1000)
        self.client.log_batch(
            run_id,
            metrics=metrics_of_folds(folds, finished),
            params=[Param("seed", str(folds.seed)), Param("folds", str(len(records)))],
        )
        self.client.log_artifact(run_id, str(out_of_fold))
        self.client.set_terminated(run_id, end_time=finished)
        return run_id

    def _create_ensemble(self, ensemble: EnsembleFolder, tags: dict[str, str]) -> str:
        """Create the run of an ensemble and write everything into it; it stays incomplete."""
        record = ensemble.record
        began = max(run.record.finished for run in ensemble.runs)
        run_id = self.runs.begin(
            f"{record.name}, mean of {len(ensemble.runs)}",
            began,
            {
                **tags,
                tag_of("task"): record.name,
                tag_of("dataset"): record.dataset,
                tag_of("dataset_sha256"): record.dataset_sha256,
                tag_of("simulated"): str(record.simulated).lower(),
                tag_of("members"): ", ".join(record.members),
            },
        )
        finished = round(began * 1000)
        self.client.log_batch(
            run_id,
            metrics=metrics_of_ensemble(ensemble, finished),
            params=[Param("model", "ensemble"), Param("members", str(len(record.members)))],
        )
        for name in (ENSEMBLE_FILE, METRICS_FILE, PREDICTIONS_FILE):
            self.client.log_artifact(run_id, str(ensemble.folder / name))
        for plot in plots_in(ensemble.folder):
            self.client.log_artifact(run_id, str(plot), PLOTS_FOLDER)
        self.client.set_terminated(run_id, end_time=finished)
        return run_id

    def _create_of_search(self, found: TrialRun, tags: dict[str, str]) -> str:
        """Create the run of a search or a trial; it stays incomplete."""
        run_id = self.runs.begin(found.name, found.started, {**tags, **found.tags})
        for start in range(0, max(len(found.metrics), 1), METRICS_PER_CALL):
            batch = found.metrics[start : start + METRICS_PER_CALL]
            self.client.log_batch(run_id, metrics=batch, params=found.params if not start else [])
        self.client.set_terminated(run_id, end_time=round(found.finished * 1000))
        return run_id

    def _create(self, run: RunFolder, tags: dict[str, str]) -> str:
        """Create the run of a training and write everything into it; it stays incomplete."""
        record = run.record
        commit = record.provenance.git_commit
        tags = {**tags, NOTE: of_run(run), "mlflow.source.git.commit": commit}
        run_id = self.runs.begin(str(record.name), record.started, tags)
        # The model comes first: MLflow would ask for all values of each metric that is there.
        self._log_values(run_id, run, self._log_files(run_id, run))
        self.client.set_terminated(run_id, end_time=round(record.finished * 1000))
        return run_id

    def _log_values(self, run_id: str, run: RunFolder, model_id: str | None) -> None:
        tags = [RunTag(tag_of(name), value) for name, value in provenance_of(run).items()]
        params = [Param(name, value) for name, value in parameters(run).items()]
        self.client.log_batch(run_id, params=params, tags=tags)
        self.client.log_inputs(run_id, [dataset_of(run)])
        metrics = [*epoch_metrics(run.history), *final_metrics(run, model_id)]
        for start in range(0, len(metrics), METRICS_PER_CALL):
            batch = metrics[start : start + METRICS_PER_CALL]
            self.client.log_batch(run_id, metrics=batch)

    def _log_files(self, run_id: str, run: RunFolder) -> str | None:
        """Write all files of a run; return the id of its model, if there is one."""
        # With the weights and the record, the run can be taken from MLflow (tracking/download.py).
        for name in (RECORD_FILE, METRICS_FILE, HISTORY_FILE, PREDICTIONS_FILE):
            self.client.log_artifact(run_id, str(run.folder / name))
        self.client.log_artifact(run_id, str(run.file(WEIGHTS_FILE)))
        for plot in plots_in(run.folder):
            self.client.log_artifact(run_id, str(plot), PLOTS_FOLDER)
        return log_model(run, run_id)
