"""The addresses of MLflow's store and its runs: the default, their parts, and how to show them."""

import os

from calobatch.errors import UserError

# A file in the checkout, unless the user names a different store.
DEFAULT = "sqlite:///mlflow.db"
VARIABLE = "MLFLOW_TRACKING_URI"
# The experiment that runs are collected in, unless the user names a different one.
EXPERIMENT, EXPERIMENT_VARIABLE = "calobatch", "MLFLOW_EXPERIMENT_NAME"
RUN, MODEL = "runs:/", "models:/"


def from_environment() -> str:
    """Return the address that the environment names, or else the default.

    It is never an option of a command, because the address may contain a password, and every user
    of a machine can read the command lines of all processes.
    """
    return os.environ.get(VARIABLE) or DEFAULT


def experiment_from_environment() -> str:
    """Return the name of the experiment that the environment names, or else the default."""
    return os.environ.get(EXPERIMENT_VARIABLE) or EXPERIMENT


def sqlite_file(uri: str) -> str:
    """Return the file of an SQLite store, or an empty text if the store is not one such file."""
    # SQLAlchemy also takes the driver into the kind, as in sqlite+pysqlite:///mlflow.db. SQLite
    # takes a URI for the path, as in sqlite:///file:mlflow.db?mode=ro&uri=true.
    kind, _, path = uri.partition("?")[0].partition(":///")
    return path.removeprefix("file:") if kind.partition("+")[0] == "sqlite" else ""


def shown(uri: str) -> str:
    """Return ``uri`` as messages and records may have it: without user name, password and query.

    A query may hold a password too, as in postgresql://host/mlflow?password=...
    """
    kind, separator, rest = uri.partition("://")
    if not separator or kind == "file" or sqlite_file(uri):
        return uri
    # SQLAlchemy allows "/" and "?" in a password, so everything before the last "@" is left out.
    return f"{kind}://{rest.rpartition('@')[2].partition('?')[0]}"


def hidden_in(text: str, uri: str) -> str:
    """Return ``text``, for example an error of MLflow, with the ``uri`` in it as it is shown."""
    return text.replace(uri, shown(uri))


def is_address(text: str) -> bool:
    """Return whether ``text`` is MLflow's address of a run or of a registered model.

    Examples are runs:/0123456789abcdef, models:/name@alias and models:/name/version.
    """
    return text.startswith((RUN, MODEL))


def run_id_in(address: str) -> str:
    """Return the id of the run at MLflow's ``address``; empty if it is that of a model."""
    return address.removeprefix(RUN).strip("/").partition("/")[0] if address.startswith(RUN) else ""


def model_in(address: str) -> tuple[str, str, str]:
    """Return name, alias and version of the registered model at MLflow's ``address``.

    One of the last two is empty. Raises UserError unless the address has one of them.
    """
    name, separator, which = (
        address.removeprefix(MODEL).strip("/").rpartition("@" if "@" in address else "/")
    )
    if not name or not which or (separator == "/" and not which.isdigit()):
        raise UserError(
            f"{address} names no model; write {MODEL}NAME@best, or {MODEL}NAME/1 for version 1"
        )
    return (name, which, "") if separator == "@" else (name, "", which)
