"""One message for each way in which an MLflow store cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic.util.exc import CommandError
from mlflow.exceptions import MlflowException
from mlflow.store.db.db_types import DATABASE_ENGINES, SQLITE
from requests.exceptions import RequestException
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from calobatch.errors import UserError
from calobatch.tracking.refusals import NO_LOGIN, NO_PERMISSION, OTHER_STORE
from calobatch.tracking.retries import told_retries
from calobatch.tracking.sqlite_store import check_sqlite_store
from calobatch.tracking_uri import hidden_in, shown, sqlite_file

# What MLflow and the libraries below it raise. ImportError: the Python driver of the database is
# not installed. CommandError: a newer version of MLflow has written the database.
ERRORS = (MlflowException, SQLAlchemyError, CommandError, RequestException, ImportError)
# A part of each error that has a fix of its own.
FIXES = {
    "database or disk is full": "free space on that disk, and run the same command again",
    "database is locked": "wait until the program that writes to it has ended, and run the same "
    "command again",
    "readonly database": f"correct its permissions, or {OTHER_STORE}",
    "password authentication failed": "correct the user or the password in the address",
    "Max retries exceeded": "start it, and run the same command again",
    "Connection refused": f"start it, or {OTHER_STORE}",
    "not found": "correct the address, or set MLFLOW_TRACKING_URI to the store that has it",
    "out-of-date database schema": "another version of MLflow has written it, so use that version, "
    f"or {OTHER_STORE}",
}


@contextmanager
def store_errors(tracking_uri: str) -> Iterator[None]:
    """Turn any error of MLflow in the block into one UserError, without passwords.

    Raises a UserError at once, before anything is written, if the store is another program's file.
    """
    check_sqlite_store(tracking_uri)
    try:
        _ask_database(tracking_uri)
        with told_retries(tracking_uri):
            yield
    except ERRORS as error:
        text = str(error)
        for refusal in (NO_LOGIN, NO_PERMISSION):
            if f"error code {refusal.status}" in text:
                raise UserError(
                    f"MLflow's server {shown(tracking_uri)} {refusal.what}; {refusal.fix}"
                ) from None
        fix = next((fix for part, fix in FIXES.items() if part in text), OTHER_STORE)
        lines = hidden_in(text, tracking_uri).splitlines() or [type(error).__name__]
        raise UserError(
            f"cannot use the MLflow store {shown(tracking_uri)}: {lines[0].rstrip('.')}; {fix}"
        ) from None


def _ask_database(tracking_uri: str) -> None:
    """Connect to a database that is no file once; MLflow tries for two minutes in silence."""
    kind = tracking_uri.partition("://")[0].partition("+")[0]
    if kind in DATABASE_ENGINES and kind != SQLITE:
        with create_engine(tracking_uri).connect():
            pass


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
