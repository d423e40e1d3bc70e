"""A tracking server that is away is noticed before the first job, not after the last training."""

import os
import socket
import sqlite3
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from calobatch.errors import UserError
from calobatch.tracking.ask import require_tracking_store


class OfAnotherVersion(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404)

    def log_message(self, *_):
        pass


def test_a_server_that_does_not_refuse_is_there(capsys):
    server = HTTPServer(("127.0.0.1", 0), OfAnotherVersion)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    require_tracking_store(address.replace("//", "//ann:hidden@"))
    server.shutdown()
    assert capsys.readouterr().err == f"calobatch: asking MLflow's server {address}\n"


@pytest.fixture
def refusing():
    """The address of a server that accepts no login."""
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


class Refusing(OfAnotherVersion):
    def do_GET(self):
        self.send_error(401)


def test_a_refused_login_is_told_unless_mlflow_has_a_plugin_for_it(refusing):
    with pytest.raises(UserError, match="does not accept this login"):
        require_tracking_store(refusing, {})
    require_tracking_store(refusing, {"MLFLOW_TRACKING_AUTH": "of_my_group"})


def test_a_server_that_is_away_is_named_with_what_to_do():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UserError, match=r"127.0.0.1:\d+ does not answer .*; start it, or") as e:
        require_tracking_store(f"http://ann:hidden@127.0.0.1:{port}")
    assert "hidden" not in str(e.value)


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "postgresql://a/b", "mlruns"])
def test_stores_that_are_not_there_yet_and_other_databases_are_not_asked(
    uri, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    require_tracking_store(uri)
    assert capsys.readouterr().err == ""
    assert not list(tmp_path.iterdir())


def test_the_file_of_another_program_is_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE notes (text TEXT)")
        other.commit()
    before = (tmp_path / "other.db").read_bytes()
    with pytest.raises(UserError, match="the database of another program, with the tables notes"):
        require_tracking_store(f"sqlite:///{tmp_path}/other.db")
    assert (tmp_path / "other.db").read_bytes() == before


def test_a_file_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
        store.execute("CREATE TABLE experiments (name TEXT)")
        store.commit()
    (tmp_path / "mlflow.db").chmod(0o444)
    # Root may write to every file.
    if os.getuid() == 0:
        monkeypatch.setattr(os, "access", lambda path, mode: not Path(path).match("mlflow.db"))
    with pytest.raises(UserError, match="it cannot be written; correct the permissions"):
        require_tracking_store(f"sqlite:///{tmp_path}/mlflow.db")
