"""Show MLflow's pages of the store that runs are collected in."""

import getpass
import importlib.util
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

from calobatch.errors import UserError
from calobatch.tracking.view import page_of
from calobatch.tracking_uri import experiment_from_environment, shown, sqlite_file

FIRST_PORT, PORTS = 5000, 100
HERE = "127.0.0.1"
SECONDS_BETWEEN_TRIES = 0.2


def ui(uri: str, environment: Mapping[str, str] = os.environ) -> None:
    """Say where the pages of the store ``uri`` are, and serve them until the user ends this.

    A server has pages of its own, so only their address is printed. Raises UserError if there is no
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
    print("ui: starting MLflow's server, which takes some seconds", file=sys.stderr)
    with serving(uri, port, environment) as process:
        print("\n".join(where(port, environment, first_page(database))), flush=True)
        process.wait()


@contextmanager
def serving(
    uri: str, port: int, environment: Mapping[str, str] = os.environ
) -> Iterator[subprocess.Popen[bytes]]:
    """Serve the pages of the store ``uri``; yield the server once it answers, and end it at last.

    Raises UserError if the server ends before it answers.
    """
    # The address is not an option, because it may contain a password, and every user of a machine
    # can read the command lines of all processes.
    settings = {"MLFLOW_BACKEND_STORE_URI": uri, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    # In a session of its own, so that Ctrl-C does not reach the server, which would answer it with
    # tracebacks. On stdout it only describes itself; errors are on stderr.
    settings["PYTHONWARNINGS"] = "ignore"
    process = subprocess.Popen(
        server(port),
        env={**environment, **settings},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    hangup = signal.signal(signal.SIGHUP, lambda *_: sys.exit())
    end = signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        _wait_for_answer(process, port)
        yield process
    except KeyboardInterrupt:
        print("", file=sys.stderr)
    finally:
        signal.signal(signal.SIGHUP, hangup)
        signal.signal(signal.SIGTERM, end)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _wait_for_answer(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the server answers; raise UserError if it ends instead."""
    while process.poll() is None:
        try:
            with urlopen(f"http://{HERE}:{port}/health", timeout=5):
                return
        except OSError:
            time.sleep(SECONDS_BETWEEN_TRIES)
    raise UserError(
        f"MLflow's server ended with exit code {process.returncode}; its messages are above"
    )


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
    # Otherwise it writes a line for every request.
    options += ["--uvicorn-opts", "--log-level warning"]
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
    raise UserError(f"ports {first} to {first + PORTS - 1} of {HERE} are in use; free one of them")
