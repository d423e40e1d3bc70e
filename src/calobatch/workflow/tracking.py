"""Find MLflow's store, and whether its file is missing."""

from pathlib import Path

from calobatch.tracking_uri import from_environment, sqlite_file

TRACKING_URI = from_environment()


def forget_missing_store(uri: str, stamp: str) -> None:
    """Remove the ``stamp`` of collect if the store is an SQLite file that does not exist.

    The stamp is an output of the rule collect and says that the store has the runs of the scenario;
    without it, collect runs again. The store cannot be that output: other scenarios have their runs
    in it too, and Snakemake deletes outputs before a rule runs and after it fails.
    """
    path = sqlite_file(uri)
    if path and not Path(path).exists():
        Path(stamp).unlink(missing_ok=True)
