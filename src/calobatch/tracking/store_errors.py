"""One message for each way in which an MLflow store cannot be used."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from alembic.util.exc import CommandError
from mlflow.exceptions import MlflowException
from requests.exceptions import RequestException
from sqlalchemy.exc import SQLAlchemyError

from calobatch.errors import UserError
from calobatch.tracking_uri import hidden_in, shown, sqlite_file

# What MLflow and the libraries below it raise. ImportError: the Python driver of the database is
# not installed. CommandError: a newer version of MLflow has written the database.
ERRORS = (MlflowException, SQLAlchemyError, CommandError, RequestException, ImportError)
ANOTHER = "set MLFLOW_TRACKING_URI to another store, for example sqlite:///mlflow.db"
# A part of each error that has a fix of its own.
FIXES = {
    "database or disk is full": "free space on that disk, and run the same command again",
    "database is locked": "wait until the program that writes to it has ended, and run the same "
    "command again",
    "readonly database": f"correct its permissions, or {ANOTHER}",
    "not found": "correct the address, or set MLFLOW_TRACKING_URI to the store that has it",
    "out-of-date database schema": "another version of MLflow has written it, so use that version, "
    f"or {ANOTHER}",
}


@contextmanager
def store_errors(tracking_uri: str) -> Iterator[None]:
    """Turn any error of MLflow in the block into one UserError, without passwords.

    Raises a UserError at once, before anything is written, if the store is another program's file.
    """
    _refuse_foreign_file(tracking_uri)
    try:
        yield
    except ERRORS as error:
        text = str(error)
        fix = next((fix for part, fix in FIXES.items() if part in text), ANOTHER)
        lines = hidden_in(text, tracking_uri).splitlines() or [type(error).__name__]
        raise UserError(
            f"cannot use the MLflow store {shown(tracking_uri)}: {lines[0].rstrip('.')}; {fix}"
        ) from None


@contextmanager
def whole_or_nothing(tracking_uri: str) -> Iterator[None]:
    """Remove a new database if the block fails.

    MLflow cannot use a database that has only a part of its tables.
    """
    file = sqlite_file(tracking_uri)
    is_new = bool(file) and not Path(file).exists()
    try:
        yield
    except BaseException:
        if is_new:
            Path(file).unlink(missing_ok=True)
        raise


def _refuse_foreign_file(tracking_uri: str) -> None:
    """Raise a UserError if the store is an SQLite file with tables, but not with MLflow's.

    MLflow would write its own tables into it before it notices.
    """
    file = sqlite_file(tracking_uri)
    if not file or not Path(file).is_file():
        return
    try:
        with closing(
            sqlite3.connect(f"{Path(file).resolve().as_uri()}?mode=ro", uri=True)
        ) as found:
            query = "SELECT name FROM sqlite_master WHERE type = 'table'"
            tables = {name for (name,) in found.execute(query)}
    except sqlite3.Error:
        return  # MLflow says what is wrong
    if tables and "experiments" not in tables:
        raise UserError(
            f"cannot use the MLflow store {shown(tracking_uri)}: it is the database of another "
            f"program, with the tables {', '.join(sorted(tables)[:5])}; {ANOTHER}"
        )
