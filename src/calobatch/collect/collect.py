"""Write the runs of a scenario to MLflow, then the leaderboard, which has the ids of those runs."""

from collections.abc import Sequence
from pathlib import Path

from calobatch.collect.mlflow_store import MlflowStore
from calobatch.collect.only_writer import only_writer
from calobatch.collect.server_login import login_by_environment
from calobatch.collect.store_errors import store_errors
from calobatch.config.models import Scenario
from calobatch.run.exported import exported_files
from calobatch.run.folder import read_run
from calobatch.run.leaderboard import write_leaderboard
from calobatch.tracking_uri import shown


def collect(
    scenario: Scenario, folders: Sequence[Path], tracking_uri: str, leaderboard: Path
) -> None:
    """Write the runs in ``folders`` to MLflow, and the file ``leaderboard``.

    Collecting the same runs again changes nothing. Raises UserError if a run is incomplete or
    damaged, or if the MLflow store cannot be used.
    """
    runs = [read_run(folder) for folder in folders]
    for run in runs:
        # MLflow gets the model last. A damaged one is found here, before it has half of the run.
        exported_files(run.folder)
    tracking_uri = login_by_environment(tracking_uri)
    with only_writer(tracking_uri), store_errors(tracking_uri):
        store = MlflowStore(tracking_uri, scenario, runs)
        run_ids = {run.folder: store.write(run) for run in runs}
    write_leaderboard(scenario, runs, run_ids, leaderboard)
    trainings = "1 training" if len(runs) == 1 else f"{len(runs)} trainings"
    print(
        f"collect: wrote {trainings} to MLflow ({shown(tracking_uri)}) and to {leaderboard}",
        flush=True,
    )
