"""A tracking server that is away is noticed before the first job, not after the last training."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from calobatch.errors import UserError
from calobatch.workflow.tracking_server import require_tracking_server


class LogIn(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(401)

    def log_message(self, *_):
        pass


def test_a_server_that_answers_in_any_way_is_there(capsys):
    server = HTTPServer(("127.0.0.1", 0), LogIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    require_tracking_server(address.replace("//", "//ann:hidden@"))
    server.shutdown()
    assert capsys.readouterr().err == f"calobatch: asking MLflow's server {address}\n"


def test_a_server_that_is_away_is_named_with_what_to_do():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UserError, match=r"127.0.0.1:\d+ does not answer .*; start it, or") as e:
        require_tracking_server(f"http://ann:hidden@127.0.0.1:{port}")
    assert "hidden" not in str(e.value)


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "postgresql://a/b", "mlruns"])
def test_other_stores_are_not_asked(uri, capsys):
    require_tracking_server(uri)
    assert capsys.readouterr().err == ""
