"""MLflow's pages of the right store, and where to find them."""

import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from mlflow.tracking import MlflowClient

from calobatch.errors import UserError
from calobatch.tracking import ui
from tests.checkout import environment_with_this_code

EXPERIMENT = "an experiment of this test"


@pytest.fixture
def store(tmp_path):
    """The address of a store with one experiment."""
    uri = f"sqlite:///{tmp_path / 'runs.db'}"
    MlflowClient(uri).create_experiment(EXPERIMENT)
    return uri


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_pages_show_the_store_whose_address_is_on_no_command_line(store, tmp_path, stop):
    environment = environment_with_this_code() | {"MLFLOW_TRACKING_URI": store}
    process = subprocess.Popen(
        [sys.executable, "-m", "calobatch.cli", "ui"],
        cwd=tmp_path, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0]
        # The address is said when it can be opened.
        assert EXPERIMENT in answer(f"{address}/api/2.0/mlflow/experiments/search?max_results=9")
        arguments = subprocess.run(
            ["ps", "-o", "args", "--no-headers", "--ppid", str(process.pid)],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert "mlflow" in arguments
        assert "runs.db" not in arguments
    finally:
        process.send_signal(stop)
        out, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out == ""
    assert "Traceback" not in errors
    with pytest.raises(OSError, match="refused"):
        answer(address)


def answer(address):
    with urllib.request.urlopen(address, timeout=10) as page:
        return page.read().decode()


def test_a_server_that_does_not_start_is_told(store, monkeypatch):
    monkeypatch.setattr(ui, "server", lambda port: [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(UserError, match="ended with exit code 3"):
        ui.ui(store)


def test_of_a_server_only_the_address_is_said_without_its_password(capsys):
    ui.ui("https://anna:secret@mlflow.example/x")
    assert capsys.readouterr().out == "MLflow   https://mlflow.example/x\n"


def test_a_store_that_is_not_there_yet_is_named_with_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"no\.db does not exist; run a scenario first: `make run"):
        ui.ui(f"sqlite:///{tmp_path / 'no.db'}")


def test_a_port_in_use_is_passed_over():
    with socket.socket() as taken:
        taken.bind((ui.HERE, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert ui.free_port(port) > port


def test_over_ssh_the_command_that_leads_to_the_pages_is_said():
    assert len(ui.where(5001, {})) == 1
    lines = ui.where(5001, {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"})
    assert "ssh -L 5001:127.0.0.1:5001 " in lines[1]
