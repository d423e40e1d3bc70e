"""The runs of this checkout in an MLflow experiment: how they are found, begun and deleted."""

import logging
import shlex

from mlflow.entities import Run
from mlflow.environment_variables import MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT
from mlflow.tracking import MlflowClient

from calobatch.collect.owner import THIS_CHECKOUT, refuse_copied_store, user
from calobatch.errors import UserError
from calobatch.tracking_uri import VARIABLE, experiment_from_environment, shown

# Names of tags. The key says which training a run belongs to, the fingerprint which outcome of it.
# The owner says in whose checkout it was made: others may have scenarios of the same name.
KEY, FINGERPRINT, STATE = "calobatch.key", "calobatch.fingerprint", "calobatch.state"
OWNER = "calobatch.owner"
# A run is incomplete while collect writes it, and training while a training writes its epochs.
CURRENT, SUPERSEDED = "current", "superseded"
INCOMPLETE, TRAINING = "incomplete", "training"


class OwnRuns:
    """The runs of one ``owner`` in an experiment."""

    def __init__(self, client: MlflowClient, experiment_id: str, owner: str) -> None:
        self.client, self.experiment_id, self.owner = client, experiment_id, owner

    def find(self, key: str) -> list[Run]:
        """Return the runs with this key, newest first."""
        found = self.client.search_runs(
            [self.experiment_id], f"tags.`{KEY}` = '{key}'", order_by=["start_time DESC"]
        )
        # Older versions wrote no owner.
        return [run for run in found if run.data.tags.get(OWNER, THIS_CHECKOUT) == self.owner]

    def begin(self, name: str, started: float, tags: dict[str, str]) -> str:
        """Create a run, ``started`` in seconds since 1970; return its id.

        It is marked incomplete unless the ``tags`` give it another state.
        """
        created = self.client.create_run(
            self.experiment_id,
            start_time=round(started * 1000),  # milliseconds, like all times in MLflow
            run_name=name,
            tags={STATE: INCOMPLETE, **tags, OWNER: self.owner, "mlflow.user": user()},
        )
        return str(created.info.run_id)

    def make_current(self, key: str, run_id: str) -> None:
        """Mark one run of a training as current, and all its other runs as superseded."""
        for found in self.find(key):
            state = CURRENT if found.info.run_id == run_id else SUPERSEDED
            # Only what differs is written, so that collecting again changes nothing.
            if found.data.tags.get(STATE) != state:
                self.client.set_tag(found.info.run_id, STATE, state)

    def delete(self, run_id: str) -> None:
        """Delete an unfinished run, but first its models, which MLflow would keep."""
        of_run = f"source_run_id = '{run_id}'"
        for model in self.client.search_logged_models([self.experiment_id], filter_string=of_run):
            self.client.delete_logged_model(model.model_id)
        self.client.delete_run(run_id)


def open_experiment(client: MlflowClient, tracking_uri: str) -> str:
    """Return the id of the experiment, and create the experiment if it does not exist.

    Raises UserError if it was deleted, or if the store is a copy of another folder's.
    """
    name = experiment_from_environment()
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return str(client.create_experiment(name))
    if experiment.lifecycle_stage != "active":
        # An address with a password is left out of the command: it is in the environment.
        hidden = shown(tracking_uri) != tracking_uri
        store = "" if hidden else f"{VARIABLE}={shlex.quote(tracking_uri)} "
        raise UserError(
            f"the experiment {name} in {shown(tracking_uri)} was deleted; restore it "
            f"with `{store}mlflow experiments restore "
            f"--experiment-id {experiment.experiment_id}`"
        )
    refuse_copied_store(tracking_uri, experiment.artifact_location)
    return str(experiment.experiment_id)


def keep_quiet() -> None:
    """Keep the information messages of MLflow and of alembic (its database) out of the log."""
    # A server's client prints the address of a run whenever it changes it.
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.set(True)
    for name in ("mlflow", "alembic", "alembic.runtime.migration"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It warns for each model that this machine's onnxruntime has no GPU, which others may have.
    logging.getLogger("mlflow.onnx").setLevel(logging.ERROR)
