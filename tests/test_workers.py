import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from calobatch.errors import JobError, UserError
from calobatch.workers import Workers


def results(function, items, workers):
    with Workers(workers) as pool:
        yield from pool.map_in_order(function, items)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers):
    assert list(results(math.factorial, range(20), workers)) == [
        math.factorial(item) for item in range(20)
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_worker_is_raised_in_the_parent(tmp_path, workers):
    with pytest.raises(FileNotFoundError, match="absent"):
        list(results(Path.read_text, [tmp_path / "absent"], workers))


def test_few_results_wait_even_if_they_are_taken_slowly():
    taken = []
    items = (taken.append(item) or item for item in range(100))
    for count, _ in enumerate(results(math.sqrt, items, workers=2), start=1):
        assert len(taken) <= count + 3


def test_a_worker_that_dies_gives_one_message_and_does_not_hang():
    with pytest.raises(JobError, match=r"worker process died.*run the same command again"):
        list(results(os._exit, [3, 3], workers=2))


@pytest.mark.parametrize("workers", [0, -2])
def test_less_than_one_worker_is_refused(workers):
    with pytest.raises(UserError, match="at least one"):
        list(results(math.sqrt, [1.0], workers))


def test_workers_end_with_the_process_that_started_them(tmp_path):
    """A killed job leaves no idle processes that keep memory."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, script], text=True, **PIPES) as parent:
        worker = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 180
    while is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(worker)


PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
PARENT = """
import time
from calobatch.workers import Workers
from multiprocessing import active_children

if __name__ == "__main__":
    with Workers(2) as pool:
        next(pool.map_in_order(str, range(10**6)))
        print(active_children()[0].pid, flush=True)
        time.sleep(1000)
"""


def is_running(pid):
    """Return whether a process runs; a zombie, which waits for its parent, does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
