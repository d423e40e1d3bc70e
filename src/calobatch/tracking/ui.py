"""Show MLflow's pages of the store that runs are collected in."""

import getpass
import importlib.util
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from calobatch.errors import UserError
from calobatch.tracking_uri import shown, sqlite_file

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
    print("\n".join(where(port, environment)), flush=True)
    command = server(port)
    # Not an option, because the address may contain a password, and every user of a machine can
    # read the command lines of all processes.
    settings = {"MLFLOW_BACKEND_STORE_URI": uri, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    os.execvpe(command[0], command, {**environment, **settings})  # noqa: S606


def where(port: int, environment: Mapping[str, str]) -> list[str]:
    """Return the address of the pages, and of a login node also the command that leads there."""
    address = f"http://{HERE}:{port}"
    lines = [f"MLflow   {address}     Ctrl-C ends it"]
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
