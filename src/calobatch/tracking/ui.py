"""Show MLflow's pages of the store that runs are collected in."""

import getpass
import importlib.util
import os
import socket
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from calobatch.errors import UserError
from calobatch.tracking.view import page_of
from calobatch.tracking_uri import experiment_from_environment, shown, sqlite_file

FIRST_PORT, PORTS = 5000, 100
HERE = "127.0.0.1"


def ui(uri: str, environment: Mapping[str, str] = os.environ) -> None:
    """Say where the pages of the store ``uri`` are, and serve them until the user ends this.

    A server has pages of its own, so only their address is said. Raises UserError if there is no
    store yet, or no free port.
    """
    if uri.startswith(("http://", "https://")):
        print(f"MLflow   {shown(uri)}")
        return
    database = sqlite_file(uri)
    if database and not Path(database).exists():
        raise UserError(
            f"{Path(database).absolute()} does not exist; run a scenario first: `make run`"
        )
    port = free_port()
    print("\n".join(where(port, environment, first_page(database))), flush=True)
    command = server(port)
    # Not an option, because the address may contain a password, and every user of a machine can
    # read the command lines of all processes.
    settings = {"MLFLOW_BACKEND_STORE_URI": uri, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    os.execvpe(command[0], command, {**environment, **settings})  # noqa: S606


def first_page(database: str) -> str:
    """Return the place of the view of all trainings in a store that is a file.

    It is empty for other stores, and if nothing was collected into the file.
    """
    query = "SELECT experiment_id FROM experiments WHERE name = ? AND lifecycle_stage = 'active'"
    if not database:
        return ""
    try:
        address = f"{Path(database).resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as store:
            found = store.execute(query, (experiment_from_environment(),)).fetchone()
    except sqlite3.Error:
        return ""  # MLflow says what is wrong
    return page_of(str(found[0])) if found else ""


def where(port: int, environment: Mapping[str, str], page: str = "") -> list[str]:
    """Return the address of the pages, and of a login node also the command that leads there."""
    lines = [f"MLflow   http://{HERE}:{port}/{page}     Ctrl-C ends it"]
    if environment.get("SSH_CONNECTION"):
        host = f"{getpass.getuser()}@{socket.getfqdn()}"
        lines += [
            f"         on your own computer: ssh -L {port}:{HERE}:{port} {host}",
            f"         while this runs, all users of {socket.gethostname()} can read these pages",
        ]
    return lines


def server(port: int) -> list[str]:
    """Return the command that serves the pages, in the image where MLflow is not installed."""
    options = ["server", "--host", HERE, "--port", str(port), "--workers", "1"]
    if importlib.util.find_spec("mlflow"):
        return [sys.executable, "-m", "mlflow", *options]
    return ["calobatch", "contain", "train", "--", "mlflow", *options]


def free_port(first: int = FIRST_PORT) -> int:
    """Return the first port from ``first`` on that no program listens on."""
    for port in range(first, first + PORTS):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HERE, port))
            except OSError:
                continue
            return port
    raise UserError(f"ports {first} to {first + PORTS - 1} of {HERE} are in use; end a program")
