"""PostgreSQL, and MLflow's server on it, which asks for a name and a password."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from mlflow.server.auth.client import AuthServiceClient

from calobatch.tracking.ui import free_port

HERE = "127.0.0.1"
SECONDS_TO_START = 120
ADMIN = "admin"
# Nobody needs the content after the tests, so PostgreSQL does not wait for the disk.
FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
# MLflow wants at least twelve characters.
PASSWORD = secrets.token_urlsafe(12)


def postgresql_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, which Debian does not put on PATH."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@contextmanager
def postgresql() -> Iterator[str]:
    """Run PostgreSQL; yield the address of its databases, without the name of a database.

    PostgreSQL refuses to run as root, so it then runs as the user postgres, in a folder of its own.
    """
    programs = postgresql_programs()
    if programs is None:
        reason = "there is no PostgreSQL; install the package postgresql"
        if os.environ.get("CALOBATCH_REQUIRE_POSTGRESQL"):
            pytest.fail(reason)
        pytest.skip(reason)
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    port = free_port(5432)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        password = folder / "password"
        password.write_text(PASSWORD)
        if as_user:
            shutil.chown(folder, "postgres")
        subprocess.run(
            [*as_user, programs / "initdb", "--pgdata", folder / "data", "--username", "mlflow",
             "--auth", "scram-sha-256", "--pwfile", password, "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, cwd=folder,
        )  # fmt: skip
        settings = (f"port={port}", f"listen_addresses={HERE}", "unix_socket_directories=", *FAST)
        process = subprocess.Popen(
            [*as_user, programs / "postgres", "-D", folder / "data",
             *(word for setting in settings for word in ("-c", setting))],
            cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        address = f"postgresql://mlflow:{PASSWORD}@{HERE}:{port}"
        try:
            _create_databases(address, process)
            yield address
        finally:
            process.terminate()
            process.wait()


def _create_databases(address: str, process: subprocess.Popen[bytes]) -> None:
    """Create a database for runs and one for users, as soon as PostgreSQL answers."""
    import psycopg2

    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            connection = psycopg2.connect(f"{address}/postgres")
            break
        except psycopg2.OperationalError:
            assert process.poll() is None, "PostgreSQL has ended"
            assert time.monotonic() < deadline
            time.sleep(0.1)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for name in ("runs", "users"):
            cursor.execute(f"CREATE DATABASE {name}")
    connection.close()


class MlflowServer:
    """MLflow's server, which can be stopped and started again. Its first user is the admin."""

    def __init__(self, databases: str, folder: Path, permission: str = "READ") -> None:
        self.databases, self.folder = databases, folder
        self.port = free_port()
        self.uri = f"http://{HERE}:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "auth.ini").write_text(
            f"[mlflow]\ndefault_permission = {permission}\ndatabase_uri = {databases}/users\n"
            f"admin_username = {ADMIN}\nadmin_password = {PASSWORD}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
            # Otherwise every request takes a sixth of a second to hash the password.
            "auth_cache_ttl_seconds = 600\n"
        )

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        environment = {
            **os.environ,
            "MLFLOW_AUTH_CONFIG_PATH": str(self.folder / "auth.ini"),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": PASSWORD,
            "MLFLOW_BACKEND_STORE_URI": f"{self.databases}/runs",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth",
                 "--host", HERE, "--port", str(self.port), "--workers", "2",
                 "--artifacts-destination", str(self.folder / "artifacts")],
                cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                if requests.get(f"{self.uri}/health", timeout=5).ok:
                    return
            except requests.ConnectionError:
                pass
            said = (self.folder / "log").read_text()
            assert self.process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop the server; what it has is kept."""
        if self.process:
            os.killpg(self.process.pid, 15)
            self.process.wait()
            self.process = None

    def add_users(self, *names: str) -> None:
        """Create users, all with the same password; the environment must have the admin's login."""
        for name in names:
            AuthServiceClient(self.uri).create_user(name, PASSWORD)

    def permit(self, experiment_id: str, name: str, permission: str) -> None:
        """Give a user a permission; the environment must have the login of the creator."""
        client = AuthServiceClient(self.uri)
        client.grant_user_permission(name, "experiment", experiment_id, permission)
