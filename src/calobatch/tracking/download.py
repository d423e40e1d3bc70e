"""Take a finished run from MLflow, so that its model can be used where its folder is not."""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.artifacts import download_artifacts
from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR
from mlflow.tracking import MlflowClient

from calobatch.errors import UserError
from calobatch.run.checked import finished_run
from calobatch.run.files import RECORD_FILE, WEIGHTS_FILE
from calobatch.tracking.server_login import login_by_environment
from calobatch.tracking.store_errors import store_errors
from calobatch.tracking_uri import model_in, run_id_in, shown


def download(address: str, folder: Path, tracking_uri: str) -> None:
    """Write the record and the weights of a training in MLflow to ``folder``, and say which it is.

    ``address`` is that of its run or of its registered model. Raises UserError if the store has
    no such run, if it has no training with its weights, if a file is damaged, or if the folder has
    a run already.
    """
    if (folder / RECORD_FILE).exists():
        raise UserError(f"{folder} already has a run; name another folder, or use that one")
    tracking_uri = login_by_environment(tracking_uri)
    # The files are small.
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)
    with store_errors(tracking_uri), TemporaryDirectory() as name:
        client = MlflowClient(tracking_uri)
        run_id, version = run_id_in(address), ""
        if not run_id:
            run_id, version = _run_of_model(client, address)
        found = {file.path for file in client.list_artifacts(run_id)}
        if not {RECORD_FILE, WEIGHTS_FILE} <= found:
            raise UserError(
                f"the run {run_id} in {shown(tracking_uri)} has no weights: it stands for a "
                "scenario, an ensemble or all folds, or an older version wrote it; name a run_id "
                "of leaderboard.csv with one seed and fold, or use the folder of a run"
            )
        for file in (RECORD_FILE, WEIGHTS_FILE):
            download_artifacts(
                run_id=run_id, artifact_path=file, dst_path=name, tracking_uri=tracking_uri
            )
        try:
            record, _ = finished_run(Path(name))
        except UserError as error:
            raise UserError(
                f"the files of run {run_id} in {shown(tracking_uri)} are damaged ({error})"
            ) from None
        folder.mkdir(parents=True, exist_ok=True)
        # The record last, because a folder with a record counts as a finished training.
        for file in (WEIGHTS_FILE, RECORD_FILE):
            shutil.move(Path(name) / file, folder / file)
    which = f"version {version} is " if version else ""
    print(f"calobatch: {address}: {which}{record.name}, run_id {run_id}", file=sys.stderr)


def _run_of_model(client: MlflowClient, address: str) -> tuple[str, str]:
    """Return the id of the run whose model is registered at ``address``, and its version."""
    name, alias, version = model_in(address)
    found = (
        client.get_model_version_by_alias(name, alias)
        if alias
        else client.get_model_version(name, version)
    )
    return str(found.run_id), str(found.version)
