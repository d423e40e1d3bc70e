"""Find MLflow's store, and whether its file is missing."""

import os
from pathlib import Path

# A file in the checkout, unless the user's environment names a different store.
TRACKING_URI = os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")


def forget_missing_store(uri: str, stamp: str) -> None:
    """Remove the ``stamp`` of collect if the store is an SQLite file that does not exist.

    The stamp is an output of the rule collect and says that the store has the runs of the scenario;
    without it, collect runs again. The store cannot be that output: other scenarios have their runs
    in it too, and Snakemake deletes outputs before a rule runs and after it fails.
    """
    kind, _, path = uri.partition("?")[0].partition(":///")
    if kind == "sqlite" and path and not Path(path).exists():
        Path(stamp).unlink(missing_ok=True)
