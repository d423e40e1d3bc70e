"""The rendezvous, and the attacks on it: a foreign process gets nothing and changes nothing."""

import http.client
import json
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from calobatch.communicator.meeting import LIMIT_VARIABLE
from calobatch.communicator.placement import Placement
from calobatch.communicator.rendezvous import Rendezvous, horovod_environment, serve
from calobatch.errors import JobError
from tests.checkout import environment_with_this_code

SECRET = "known to the ranks of one job"
EXERCISE = Path(__file__).with_name("exercise.py")


@pytest.fixture
def served():
    return serve(Placement(size=2, secret=SECRET))


def answer(place, method, path, body=b"", **headers):
    connection = http.client.HTTPConnection(place.address, place.port, timeout=100)
    try:
        connection.request(method, path, body=body, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def foreign(place):
    """Return the rendezvous as a process sees it that does not know the secret."""
    return Rendezvous(Placement(size=2, address=place.address, port=place.port, secret="guessed"))


def test_ranks_read_what_ranks_have_written_and_no_value_is_replaced(served):
    rank = Rendezvous(served)
    assert rank.find() == "127.0.0.1"
    assert rank.read("global_/1") is None
    assert rank.write("global_/1", b"\x00address")
    assert rank.write("global_/1", b"\x00address")
    assert not rank.write("global_/1", b"another address")
    assert rank.read("global_/1") == b"\x00address"
    assert rank.read("global_/2") is None


def test_horovod_reads_and_writes_the_same_values(served):
    """Horovod's C++ code joins ADDR, PORT, scope and key to an address in this way."""
    given = horovod_environment(served)
    address = "{HOROVOD_GLOO_RENDEZVOUS_ADDR}:{HOROVOD_GLOO_RENDEZVOUS_PORT}".format(**given)
    host, _, path = f"{address}/global_/0".partition("/")
    assert host == f"127.0.0.1:{served.port}"
    assert answer(served, "PUT", f"/{path}", b"of rank 0") == (200, b"")
    assert Rendezvous(served).read("global_/0") == b"of rank 0"
    assert answer(served, "DELETE", f"/{path}") == (200, b"")
    assert Rendezvous(served).read("global_/0") == b"of rank 0"


def test_without_the_secret_nothing_is_read_and_nothing_is_written(served):
    Rendezvous(served).write("global_/1", b"address")
    stranger = foreign(served)
    with pytest.raises(ConnectionError, match="does not know this job's secret"):
        stranger.find()
    assert stranger.read("global_/1") is None
    assert not stranger.write("global_/1", b"address")
    assert not stranger.write("global_/0", b"address")
    paths = ["/", "/global_/1", "//global_/1", "/proof/", "/proof/../global_/1", "/x:1/global_/1"]
    for method in ("GET", "PUT", "DELETE", "POST", "HEAD"):
        for path in paths:
            status, body = answer(served, method, path, b"evil")
            assert status in (403, 501)
            assert b"address" not in body
    assert Rendezvous(served).read("global_/1") == b"address"
    assert Rendezvous(served).read("global_/0") is None


@pytest.mark.parametrize("length", ["-1", "x", "", str(2**40)])
def test_a_value_of_no_or_too_great_length_is_refused(served, length):
    path = f"/{horovod_environment(served)['HOROVOD_GLOO_RENDEZVOUS_ADDR'].partition('/')[2]}"
    status, _ = answer(
        served, "PUT", f"{path}:{served.port}/global_/0", **{"Content-Length": length}
    )
    assert status == 400


def test_a_process_that_has_taken_the_port_of_rank_0_learns_nothing():
    seen = []

    class Impostor(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "32")
            self.end_headers()
            self.wfile.write(b"0" * 32)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Impostor)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = Placement(rank=1, size=2, port=server.server_address[1], secret=SECRET)
    with pytest.raises(ConnectionError, match="does not know this job's secret"):
        Rendezvous(place).find()
    server.shutdown()
    known = [SECRET, place.derived("rendezvous").hex()]
    assert len(seen) == 1
    assert not any(text in seen[0] for text in known)


def test_an_address_that_this_machine_does_not_have_is_named():
    with pytest.raises(JobError, match=r"rank 0 cannot listen on port 9 \(.*\); run the same"):
        serve(Placement(address="192.0.2.1", port=9))


def test_a_client_that_breaks_off_leaves_no_line_in_the_log(served, capfd):
    for said in (b"", b"GET", b"PUT /x HTTP/1.0\r\nContent-Length: 9\r\n\r\nab", b"\xff" * 99):
        with socket.create_connection((served.address, served.port)) as connection:
            connection.sendall(said)
    assert Rendezvous(served).find()
    assert capfd.readouterr().err == ""


# ---- Real ranks under attack ----


class Evil:
    """An object that runs code where it is unpickled."""

    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return os.system, (f"touch {self.witness}",)


def start(backend, rank, port, size=2):
    place = Placement(
        rank=rank, size=size, local_rank=rank, local_size=size, port=port, secret=SECRET
    )
    return subprocess.Popen(
        [sys.executable, str(EXERCISE), backend],
        env=environment_with_this_code() | place.as_environment() | {LIMIT_VARIABLE: "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, process):
    """Wait until ``condition`` returns true; fail if the process ends before."""
    deadline = time.monotonic() + 200
    while not condition():
        assert process.poll() is None, "the process has ended"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def listeners(process):
    connections = psutil.Process(process.pid).net_connections(kind="inet")
    return [c.laddr for c in connections if c.status == psutil.CONN_LISTEN]


@pytest.mark.parametrize("backend", ["horovod", "torch"])
def test_a_foreign_process_gets_nothing_and_changes_nothing(backend, tmp_path):
    """It comes before rank 1, and tries to take its place with an object that runs code."""
    witness = tmp_path / "code_ran_in_rank_0"
    evil = pickle.dumps(Evil(witness))
    port = free_port()
    ranks = [start(backend, 0, port)]
    try:
        wait_for(lambda: port in [address.port for address in listeners(ranks[0])], ranks[0])
        assert {address.ip for address in listeners(ranks[0])} == {"127.0.0.1"}
        place = Placement(rank=1, size=2, port=port, secret="guessed")
        prefix = horovod_environment(place)["HOROVOD_GLOO_RENDEZVOUS_ADDR"].partition("/")[2]
        for scope in ("meeting", "global_", "local_node0", "cross_0", "torch"):
            for key in ("0", "1", "all"):
                for path in (f"/{scope}/{key}", f"/{prefix}:{port}/{scope}/{key}"):
                    assert answer(place, "PUT", path, evil) == (403, b"")
                    assert answer(place, "GET", path) == (403, b"")
        # Rank 0 still waits for the true rank 1.
        time.sleep(0.5)
        assert ranks[0].poll() is None
        ranks.append(start(backend, 1, port))
        outputs = [rank.communicate(timeout=200) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
            rank.communicate()
    assert [rank.returncode for rank in ranks] == [0, 0], outputs
    assert [seen["gathered"] for seen in json.loads(outputs[0][0])] == 2 * [["", "x"]]
    assert not witness.exists()


@pytest.mark.parametrize("backend", ["horovod", "torch"])
def test_a_rank_with_another_secret_is_refused_in_one_line(backend, tmp_path):
    """It never meets the others; the ranks of the job go on without having noticed it."""
    port = free_port()
    rank_0 = start(backend, 0, port)
    place = Placement(rank=1, size=2, local_rank=1, local_size=2, port=port, secret="guessed")
    code = (
        "from calobatch.communicator import meeting\n"
        "from calobatch.communicator.interface import connect\n"
        "from calobatch.communicator.placement import placement\n"
        "from calobatch.errors import exiting\n"
        "import torch\n"
        "meeting.UNREACHABLE_SECONDS = 5\n"
        f"with exiting('probe'): connect({backend!r}, placement(), torch.device('cpu'))"
    )
    intruder = subprocess.run(
        [sys.executable, "-c", code],
        env=environment_with_this_code() | place.as_environment(),
        capture_output=True,
        text=True,
        timeout=200,
    )
    try:
        assert intruder.returncode == JobError.exit_code
        assert "does not know this job's secret" in intruder.stderr
        assert rank_0.poll() is None
    finally:
        rank_0.kill()
        rank_0.communicate()


@pytest.mark.parametrize("backend", ["horovod", "torch"])
def test_ranks_of_one_machine_listen_on_its_loopback_interface_only(backend, tmp_path):
    code = (
        "import sys, time, torch; from pathlib import Path\n"
        "from calobatch.communicator.interface import connect\n"
        "from calobatch.communicator.placement import placement\n"
        f"c = connect({backend!r}, placement(), torch.device('cpu'))\n"
        f"Path({str(tmp_path)!r}, str(c.rank)).touch()\n"
        f"while not Path({str(tmp_path)!r}, 'end').exists(): time.sleep(0.05)\n"
        "c.broadcast(None); c.close()"
    )
    launcher = subprocess.Popen(
        [sys.executable, "-m", "calobatch.cli", "launch", "-n", "2", sys.executable, "-c", code]
    )
    try:
        wait_for(lambda: all((tmp_path / rank).exists() for rank in "01"), launcher)
        ranks = psutil.Process(launcher.pid).children()
        found = [address.ip for rank in ranks for address in listeners(rank)]
        secrets = {rank.environ()["CALOBATCH_SECRET"] for rank in ranks}
        processes = [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]
    finally:
        (tmp_path / "end").touch()
        launcher.wait(timeout=100)
    assert set(found) == {"127.0.0.1"}
    assert len(secrets) == 1
    # No command line of this machine has the secret, or what the ranks send of it.
    (secret,) = secrets
    word = Placement(secret=secret).derived("rendezvous").hex()
    assert not [words for words in processes if secret in str(words) or word in str(words)]
