"""Look at a store that is an SQLite file before MLflow does."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from calobatch.errors import UserError
from calobatch.tracking.refusals import OTHER_STORE
from calobatch.tracking_uri import shown, sqlite_file


def check_sqlite_store(tracking_uri: str) -> None:
    """Raise a UserError if the store is a file that cannot be written, or of another program.

    MLflow would write its own tables into such a file before it notices. What else is wrong with a
    file is left to MLflow to say.
    """
    file = sqlite_file(tracking_uri)
    if not file or not Path(file).is_file():
        return
    if not (os.access(file, os.W_OK) and os.access(Path(file).parent, os.W_OK)):
        raise UserError(
            f"cannot use the MLflow store {shown(tracking_uri)}: it cannot be written; correct the "
            f"permissions of the file and its folder, or {OTHER_STORE}"
        )
    try:
        address = f"{Path(file).resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as found:
            query = "SELECT name FROM sqlite_master WHERE type = 'table'"
            tables = {name for (name,) in found.execute(query)}
    except sqlite3.Error:
        return
    if tables and "experiments" not in tables:
        raise UserError(
            f"cannot use the MLflow store {shown(tracking_uri)}: it is the database of another "
            f"program, with the tables {', '.join(sorted(tables)[:5])}; {OTHER_STORE}"
        )
