"""Write the runs of a scenario to MLflow, then the leaderboard, which has the ids of those runs."""

from collections.abc import Sequence
from pathlib import Path

from calobatch.collect.mlflow_store import MlflowStore
from calobatch.collect.only_writer import only_writer
from calobatch.compare.behind_best import behind_best
from calobatch.config.scenario import Scenario
from calobatch.progress import Progress
from calobatch.run.ensemble import complete_ensembles
from calobatch.run.exported import exported_files
from calobatch.run.folder import read_run
from calobatch.run.folds import complete_folds, join_folds
from calobatch.run.interpretation import interpretation_files
from calobatch.run.leaderboard import RunKey
from calobatch.run.leaderboard_of_runs import write_leaderboard
from calobatch.run.trials import finished_searches
from calobatch.tracking.server_login import login_by_environment
from calobatch.tracking.store_errors import store_errors
from calobatch.tracking_uri import shown


def collect(
    scenario: Scenario, folders: Sequence[Path], tracking_uri: str, leaderboard: Path
) -> None:
    """Write the runs in ``folders`` to MLflow, and the file ``leaderboard``.

    For tasks with folds, the predictions of all folds are joined in a file beside them. Ensembles,
    and the trials of searches, are taken from the folder of the leaderboard. Collecting the same
    runs again changes nothing. Raises UserError if a run is incomplete or damaged, or if the MLflow
    store cannot be used.
    """
    runs = [read_run(folder) for folder in folders]
    for run in runs:
        # MLflow gets these last. A damaged one is found here, before it has half of the run.
        exported_files(run.folder)
        interpretation_files(run)
    of_folds = [
        (folds, join_folds(folds, leaderboard.parent)) for folds in complete_folds(scenario, runs)
    ]
    ensembles = complete_ensembles(scenario, runs, leaderboard.parent)
    searches = finished_searches(scenario, leaderboard.parent)
    tracking_uri = login_by_environment(tracking_uri)
    with only_writer(tracking_uri, leaderboard.parent), store_errors(tracking_uri):
        store = MlflowStore(tracking_uri, scenario, runs, ensembles)
        run_ids: dict[RunKey, str] = {}
        for folds, joined in of_folds:
            run_ids[folds.task, folds.seed, "all"] = store.write_folds(folds, joined)
        # A server takes some seconds for each.
        with Progress("collect", len(runs), "trainings") as progress:
            for run in runs:
                name = run.record.name
                parent = run_ids.get((name.task, name.seed, "all"))
                run_ids[name] = store.write(run, parent)
                progress.advance(1)
        for ensemble in ensembles:
            run_ids[ensemble.record.name, "all", None] = store.write_ensemble(ensemble)
        for task, rounds in searches.items():
            store.write_search(task, rounds)
        store.register({run_ids[run.record.name]: run for run in runs})
    write_leaderboard(scenario, runs, run_ids, leaderboard, behind_best(runs), ensembles)
    trainings = "1 training" if len(runs) == 1 else f"{len(runs)} trainings"
    print(
        f"collect: wrote {trainings} to MLflow ({shown(tracking_uri)}) and to {leaderboard}",
        flush=True,
    )
