"""The address of MLflow's store: its default, and the file that it names."""

# A file in the checkout, unless the user names a different store.
DEFAULT = "sqlite:///mlflow.db"
VARIABLE = "MLFLOW_TRACKING_URI"


def sqlite_file(uri: str) -> str:
    """Return the file of an SQLite store, or an empty text if the store is not one such file."""
    # SQLAlchemy also takes the driver into the kind, as in sqlite+pysqlite:///mlflow.db.
    kind, _, path = uri.partition("?")[0].partition(":///")
    return path if kind.partition("+")[0] == "sqlite" else ""
