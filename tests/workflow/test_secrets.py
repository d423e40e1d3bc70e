"""Passwords of file servers and of MLflow reach nothing that a run leaves, and no command line.

The servers are real and ask for the passwords: a file server, and MLflow's behind a proxy, as
sites run it. Every process of the machine and every file is searched for the passwords.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from typing import NamedTuple

import pytest

from tests.workflow.marks import CommandLines, Files, Proxy, authorization, files_with, serving
from tests.workflow.test_fetch_run import TABLE, write_crops

SCENARIO = """
title: Files behind a password, {{braces}} and $p_{{T}}$
datasets:
  electron_photon: {{source: fetch, location: "{location}"}}
all_tasks: {{epochs: 1, batch_size: 64, ranks: 1, communicator: single, device: cpu}}
tasks:
  electron_photon_cnn:
seeds: [1]
"""
CHOSEN = ("--printshellcmds", "--profile", "cluster/local", "--config", "scenario=own")
SECONDS_TO_START = 120


class Passwords(NamedTuple):
    """Texts that exist nowhere else on this machine."""

    of_files: str
    of_mlflow: str
    of_git: str


@pytest.fixture
def passwords():
    return Passwords(*(secrets.token_hex(16) for _ in range(3)))


@pytest.fixture
def home(tmp_path, passwords, monkeypatch):
    """Return a home folder whose .netrc has the password of the file server."""
    folder = tmp_path / "home"
    folder.mkdir()
    netrc = folder / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login ann password {passwords.of_files}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(folder))
    # A test that logs in at MLflow with a password leaves this variable set in the process.
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


@pytest.fixture
def file_server(tmp_path_factory, passwords):
    """Serve two raw files to who knows the password, and return the address."""
    folder = tmp_path_factory.mktemp("raw")
    write_crops(folder / "electrons.hdf5", 1)
    write_crops(folder / "photons.hdf5", 0)
    with serving(Files, authorization("ann", passwords.of_files), directory=str(folder)) as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture
def mlflow_server(tmp_path_factory, passwords):
    """Start MLflow's server behind a proxy that asks for the password.

    Return the address of the proxy and the folder of the server.
    """
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
               "--workers", "1", "--backend-store-uri", "sqlite:///mlflow.db",
               "--artifacts-destination", str(folder / "artifacts")]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    behind = f"http://127.0.0.1:{port}"
    login = authorization("bob", passwords.of_mlflow)
    try:
        _wait_for(f"{behind}/health")
        with serving(Proxy, login, behind=behind) as port:
            yield f"127.0.0.1:{port}", folder
    finally:
        # The process that answers is a child of the one that was started.
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _wait_for(address):
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            with urllib.request.urlopen(address):
                return
        except OSError:
            assert time.monotonic() < deadline, f"{address} does not answer"
        time.sleep(0.1)


@pytest.fixture
def checkout(fresh, passwords):
    """Return a checkout whose remote has a token in its address, as many have; MLflow knows it."""
    remote = f"https://ann:{passwords.of_git}@example.org/calobatch.git"
    for command in (["init", "-q"], ["remote", "add", "origin", remote]):
        subprocess.run(["git", *command], cwd=fresh.folder, check=True)
    (fresh.folder / "config/datasets.csv").write_text(TABLE)
    return fresh


def test_a_run_leaves_no_password_anywhere(
    checkout, home, file_server, mlflow_server, passwords, monkeypatch
):
    (address, server_folder), folder = mlflow_server, checkout.folder
    (folder / "config/own.yaml").write_text(SCENARIO.format(location=f"http://{file_server}"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://bob:{passwords.of_mlflow}@{address}")
    with CommandLines(passwords) as commands:
        answer = checkout.snakemake(*CHOSEN, tracked=True)
    assert commands.verbs == {b"fetch", b"collect", b"report"}
    assert commands.seen == set()
    assert [p for p in passwords if p in answer.stdout + answer.stderr] == []
    # What was looked for can be found, and the run came to where it was sent.
    assert files_with(["calobatch.key"], server_folder)
    assert list(server_folder.rglob("scenario.json"))
    kept = {home / ".netrc", folder / ".git/config"}
    assert files_with(passwords, home, folder, server_folder) == kept


@pytest.mark.parametrize("login", ["ann:{}", "{}"])
def test_a_location_with_a_password_is_refused_before_anything_can_show_it(
    checkout, home, passwords, login
):
    location = f"https://{login.format(passwords.of_files)}@example.org/files"
    scenario = checkout.folder / "config/own.yaml"
    scenario.write_text(SCENARIO.format(location=location))
    answer = checkout.snakemake(*CHOSEN, check=False)
    assert answer.returncode == 2
    assert "datasets.electron_photon.location: an address must not" in answer.stderr
    assert (
        "write https://example.org/files here, add the line `machine example.org" in answer.stderr
    )
    assert passwords.of_files not in answer.stdout + answer.stderr
    kept = {home / ".netrc", scenario}
    assert files_with([passwords.of_files], home, checkout.folder) == kept
