"""Where MLflow's store is, as the workflow sees it."""

import os
from pathlib import Path

# Beside the results, unless the user's environment names another store.
TRACKING_URI = os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")


def missing_store(uri: str) -> list[str]:
    """Return the file of an SQLite store that does not exist, in a list; otherwise an empty list.

    A store that was removed is a missing output, so that collect runs again. A store that exists
    must not be an output: Snakemake would delete it before the rule runs, and it holds the runs of
    other scenarios too.
    """
    kind, _, path = uri.partition("?")[0].partition(":///")
    return [path] if kind == "sqlite" and path and not Path(path).exists() else []
