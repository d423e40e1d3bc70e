"""The meeting of the ranks: late ranks, ranks that never come, and networks that lead nowhere."""

import socket
import subprocess
import sys
import threading
import time

import pytest

from calobatch.communicator import meeting
from calobatch.communicator.meeting import LIMIT_SECONDS, LIMIT_VARIABLE, find_rank_0, meet
from calobatch.communicator.placement import Placement
from calobatch.communicator.rendezvous import Rendezvous
from calobatch.errors import JobError, UserError
from tests.checkout import environment_with_this_code

PROBE = [sys.executable, "-m", "calobatch.communicator.probe"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


SECRET = "known to the ranks of one job"


def place(rank, size, port):
    return Placement(
        rank=rank, size=size, local_rank=rank, local_size=size, port=port, secret=SECRET
    )


def start(backend, where, limit, environment):
    """Start a real rank that sums over all ranks and exits."""
    given = where.as_environment() | {LIMIT_VARIABLE: str(limit)}
    return subprocess.Popen(
        [*PROBE, backend, "cpu"],
        env=environment | given,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def environment():
    return environment_with_this_code()


@pytest.mark.parametrize("backend", ["horovod", "torch"])
@pytest.mark.parametrize("late", [0, 1])
def test_ranks_that_start_apart_meet(environment, backend, late):
    port = free_port()
    first = start(backend, place(1 - late, 2, port), 200, environment)
    time.sleep(3)
    assert first.poll() is None
    second = start(backend, place(late, 2, port), 200, environment)
    outputs = [rank.communicate(timeout=200) for rank in (first, second)]
    assert [rank.returncode for rank in (first, second)] == [0, 0], outputs
    assert "latency_us" in outputs[1 - late][0]  # rank 0 prints the result


@pytest.mark.parametrize("backend", ["horovod", "torch"])
def test_a_rank_that_never_comes_is_named_in_one_line(environment, backend):
    port = free_port()
    ranks = [start(backend, place(rank, 3, port), 3, environment) for rank in (0, 2)]
    _, errors = ranks[0].communicate(timeout=100)
    ranks[1].kill()
    ranks[1].communicate()
    assert ranks[0].returncode == JobError.exit_code
    assert "rank 1 did not start within 3 s; see the lines of the missing" in errors
    assert f"(rank 0 waited at 127.0.0.1:{port})" in errors
    assert len(errors.splitlines()) == 1


def find(where, limit):
    return find_rank_0(where, Rendezvous(where).find, limit)


class Shelf:
    """A board in memory, for ranks that are threads."""

    def __init__(self):
        self.names = set()

    def put(self, name):
        self.names.add(name)
        return True

    def has(self, name):
        return name in self.names


def test_all_missing_ranks_are_named(monkeypatch):
    monkeypatch.setattr(meeting, "SHORTEST_PAUSE_SECONDS", 0.01)
    board = Shelf()
    board.put("2")
    with pytest.raises(JobError, match=r"^ranks 1, 3 and 4 did not start within 0 s; "):
        meet(place(0, 5, 1), board, 0.2)


def test_a_long_wait_is_reported_once(monkeypatch, capsys):
    monkeypatch.setattr(meeting, "SHORTEST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(meeting, "SECONDS_WITHOUT_A_LINE", 0.1)
    board = Shelf()
    other = threading.Timer(0.5, lambda: meet(place(1, 2, 1), board, 60))
    other.start()
    meet(place(0, 2, 1), board, 60)
    other.join()
    assert capsys.readouterr().err == "rank 0 waits for rank 1 to start, for at most 60 s\n"


def test_a_rank_0_that_does_not_listen_is_waited_for_up_to_the_limit(monkeypatch):
    """Its node refuses connections, so it can be reached and rank 0 may still start."""
    monkeypatch.setattr(meeting, "UNREACHABLE_SECONDS", 0.1)
    begun = time.monotonic()
    with pytest.raises(JobError, match=r"^rank 0 did not start within 1 s"):
        find(place(1, 2, free_port()), 1)
    assert time.monotonic() - begun >= 1


def test_an_address_that_does_not_exist_is_named_long_before_the_limit(monkeypatch):
    monkeypatch.setattr(meeting, "UNREACHABLE_SECONDS", 0.5)
    nowhere = Placement(rank=1, size=2, address="node.invalid", port=9)
    begun = time.monotonic()
    with pytest.raises(JobError, match=r"rank 1 cannot reach rank 0 at node\.invalid:9 "):
        find(nowhere, 600)
    assert time.monotonic() - begun < 60


def test_a_rank_0_that_leaves_before_all_have_met_ends_the_wait(monkeypatch):
    monkeypatch.setattr(meeting, "UNREACHABLE_SECONDS", 0.2)

    class Gone(Shelf):
        def has(self, name):
            raise ConnectionRefusedError("Connection refused")

    with pytest.raises(JobError, match=r"rank 1 cannot reach rank 0 .*refused"):
        meet(place(1, 3, 9), Gone(), 600)


def test_the_user_can_set_the_limit():
    assert meeting.limit_seconds({}) == LIMIT_SECONDS
    assert meeting.limit_seconds({LIMIT_VARIABLE: "90"}) == 90


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "ten"])
def test_a_limit_that_is_no_number_of_seconds_is_refused(text):
    with pytest.raises(UserError, match=f"{LIMIT_VARIABLE} is '{text}'; set it to a whole number"):
        meeting.limit_seconds({LIMIT_VARIABLE: text})
