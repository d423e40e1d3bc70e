"""Files from an XRootD server: Debian's own, behind a connection that can be cut."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from calobatch.errors import UserError
from calobatch.fetch import xrootd
from calobatch.fetch.fetch import fetch
from calobatch.fetch.partial import Partial
from calobatch.fetch.retries import Interrupted, RetryPolicy
from calobatch.public.address import AddressError, fault_of, inside
from calobatch.public.pins import expected_of
from tests.public_files import remote_file

POLICY = RetryPolicy(
    connect_timeout=5.0, read_timeout=10.0, first_wait=0.01, longest_wait=0.1, patience=20.0
)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """An XRootD server that exports a folder of its own."""

    def __init__(self, folder, user):
        self.folder, self.port = folder, free_port()
        config = folder.with_name("xrootd.cfg")
        config.write_text(
            f"xrd.port {self.port}\nall.export /data\noss.localroot {folder.parent}\n"
            f"all.adminpath {folder.parent}/admin\nxrd.protocol xroot *\n"
        )
        log = folder.with_name("xrootd.log")
        # A server must not run as root.
        as_user = ["-R", user] if os.getuid() == 0 else []
        self.process = subprocess.Popen(
            ["xrootd", *as_user, "-c", config, "-l", log], cwd=folder.parent
        )
        deadline = time.monotonic() + 180
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            assert time.monotonic() < deadline, log.read_text()
            assert self.process.poll() is None, log.read_text()
            time.sleep(0.05)

    def address(self, name="electrons.hdf5", port=None):
        return f"root://127.0.0.1:{port or self.port}//data/{name}"

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def server():
    if not shutil.which("xrootd"):
        say = pytest.fail if os.environ.get("CALOBATCH_REQUIRE_XROOTD") else pytest.skip
        say("there is no XRootD server on this machine (Debian: apt-get install xrootd-server)")
    # Not tmp_path, which other users cannot enter.
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o777)
        (place / "data").mkdir()
        running = Server(place / "data", "nobody")
        yield running
        running.stop()


@pytest.fixture
def served(server, hdf5):
    (server.folder / "electrons.hdf5").write_bytes(hdf5)
    return server


class CutLine:
    """Forwards connections to a server, and cuts the first ones after a number of bytes."""

    def __init__(self, server_port, cuts, after):
        self.server_port, self.cuts, self.after, self.sent = server_port, cuts, after, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.server_port))
            limit = self.after if self.cuts > 0 else None
            self.cuts -= 1
            for source, target, counted in ((client, server, False), (server, client, True)):
                forward = (source, target, limit if counted else None, counted)
                threading.Thread(target=self._forward, args=forward, daemon=True).start()

    def _forward(self, source, target, limit, counted):
        passed = 0
        try:
            while (data := source.recv(4096)) and (limit is None or passed < limit):
                target.sendall(data)
                passed += len(data)
                self.sent += len(data) if counted else 0
        except OSError:
            pass  # the other direction has ended the connection
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def test_a_file_is_fetched_and_pinned(served, destination, pin, hdf5):
    address = served.address()
    recorded = fetch(remote_file(address), destination, pin, policy=POLICY)
    assert destination.read_bytes() == hdf5
    assert recorded.url == address == json.loads(pin.read_text())["url"]
    assert not list(destination.parent.glob(".*"))


def test_a_folder_of_a_server_is_a_location(served, destination, pin, hdf5):
    (served.folder / "more files").mkdir(exist_ok=True)
    (served.folder / "more files/electrons.hdf5").write_bytes(hdf5)
    elsewhere = remote_file("https://127.0.0.1:9/electrons.hdf5")
    fetch(elsewhere, destination, pin, location=served.address("more files"), policy=POLICY)
    assert destination.read_bytes() == hdf5


def test_a_copy_goes_on_after_cuts_and_fetches_few_bytes_twice(
    served, destination, pin, hdf5, monkeypatch
):
    monkeypatch.setattr(xrootd, "PIECE_BYTES", 20_000)
    line = CutLine(served.port, cuts=3, after=90_000)
    fetch(remote_file(served.address(port=line.port)), destination, pin, policy=POLICY)
    line.listener.close()
    assert destination.read_bytes() == hdf5
    assert line.cuts < 0
    assert line.sent < len(hdf5) + 4 * 20_000


def test_a_killed_copy_is_resumed_by_the_next_call(served, destination, hdf5):
    address, partial = served.address(), Partial(destination)
    destination.parent.mkdir()
    copy_all(address, partial)
    partial.path.write_bytes(b"x" * 100 + hdf5[100:200])
    copy_all(address, partial)
    assert partial.path.read_bytes() == b"x" * 100 + hdf5[100:], "it did not go on at byte 200"


def test_bytes_of_a_file_that_has_changed_since_are_dropped(served, destination, hdf5):
    address, partial = served.address(), Partial(destination)
    destination.parent.mkdir()
    copy_all(address, partial)
    partial.path.write_bytes(b"x" * 200)
    os.utime(served.folder / "electrons.hdf5", (1, 1))
    copy_all(address, partial)
    assert partial.path.read_bytes() == hdf5


def copy_all(address, partial):
    xrootd.copy(address, partial, expected_of(remote_file(address), None, Path("pin")), POLICY)


def test_a_file_that_is_not_there_is_named_and_the_next_address_is_tried(
    served, destination, pin, hdf5, capsys
):
    missing = served.address("missing.hdf5")
    fetch(remote_file(missing, served.address()), destination, pin, policy=POLICY)
    assert destination.read_bytes() == hdf5
    assert "no such file" in capsys.readouterr().err
    destination.unlink()
    with pytest.raises(UserError, match=rf"(?s)any address:.*{missing}: .*no such file"):
        fetch(remote_file(missing), destination, pin, policy=POLICY)


def test_a_file_of_another_size_is_refused_before_it_is_copied(served, destination, pin):
    with pytest.raises(UserError, match="expected 7 bytes"):
        fetch(remote_file(served.address(), size=7), destination, pin, policy=POLICY)
    assert not destination.exists()


def test_a_server_that_does_not_answer_is_given_up_after_the_patience(destination, pin):
    policy = RetryPolicy(connect_timeout=1.0, read_timeout=2.0, first_wait=0.1, patience=3.0)
    began = time.monotonic()
    with pytest.raises(UserError, match=r"gave up after \d+ attempts? without a new byte"):
        fetch(remote_file("root://127.0.0.1:9//data/a.hdf5"), destination, pin, policy=policy)
    assert time.monotonic() - began < 120


def test_without_the_package_the_message_names_it(destination, pin, monkeypatch):
    monkeypatch.setitem(sys.modules, "XRootD", None)
    with pytest.raises(UserError, match=r"pip install .*constraints\.txt xrootd"):
        fetch(remote_file("root://127.0.0.1:9//data/a.hdf5"), destination, pin, policy=POLICY)


def test_an_address_with_a_user_name_is_refused_with_what_works():
    fault = fault_of("root://me:secret@eos.example//data/a.hdf5")
    assert "root://eos.example//data/a.hdf5" in fault
    assert "secret" not in fault
    assert "X509_USER_PROXY" in fault
    assert fault_of("root://eos.example//data/a.hdf5") is None


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("root://eos.example/data/a.hdf5", "write root://eos.example//path"),
        ("roots://eos.example//data/a.hdf5", "write root://host//path"),
        ("xroot://eos.example//data/a.hdf5", "write root://host//path"),
    ],
)
def test_other_forms_of_an_address_are_refused_with_the_right_one(address, fault):
    assert fault in fault_of(address)


def test_files_of_a_whole_server_have_two_slashes():
    assert inside("root://eos.example//", "a.hdf5") == "root://eos.example//a.hdf5"
    assert inside("root://eos.example//data/", "a.hdf5") == "root://eos.example//data/a.hdf5"


@pytest.mark.parametrize(
    ("code", "errno", "error"),
    [
        (400, 3011, AddressError),
        (400, 3024, Interrupted),
        (204, 0, AddressError),
        (108, 0, Interrupted),
    ],
)
def test_errors_that_may_pass_are_told_from_those_that_do_not(code, errno, error):
    status = SimpleNamespace(ok=False, code=code, errno=errno, message="[ERROR] it failed")
    with pytest.raises(error, match=r"^it failed$"):
        xrootd._answered((status, None))


def test_a_server_that_stops_answering_is_left_after_the_time_out(served, destination, pin):
    policy = RetryPolicy(connect_timeout=1.0, read_timeout=2.0, first_wait=0.1, patience=1.0)
    served.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    try:
        with pytest.raises(UserError, match="gave up after 1 attempt"):
            fetch(remote_file(served.address()), destination, pin, policy=policy)
    finally:
        served.process.send_signal(signal.SIGCONT)
    assert time.monotonic() - began < 60
