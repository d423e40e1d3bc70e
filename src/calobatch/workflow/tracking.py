"""Find MLflow's store, and whether its file is missing."""

import os
from pathlib import Path

# A file in the checkout, unless the user's environment names a different store.
TRACKING_URI = os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")


def missing_store(uri: str) -> list[str]:
    """Return a list with the file of an SQLite store if it does not exist; otherwise an empty list.

    The rule collect has this list among its outputs, so that it runs again if the store was
    removed. A store that exists must not be an output: Snakemake would delete it before the rule
    runs, and with it the runs of other scenarios.
    """
    kind, _, path = uri.partition("?")[0].partition(":///")
    return [path] if kind == "sqlite" and path and not Path(path).exists() else []
