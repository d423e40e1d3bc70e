"""A rank that hangs is ended with a message; one that waits, works or is stopped is not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from calobatch.config.training import Training
from calobatch.run.training import RunRecord
from calobatch.train.heartbeat import Heartbeat, Phase, Place
from tests.train.test_ranks import children_of, command, wait_until

SETTINGS = Training(
    model="tests.train.stuck", epochs=3, batch_size=64, learning_rate=2e-3, ranks=2
)  # fmt: skip


# Three times as long is enough for the compilation in the first step, even on a busy machine.
HANG_SECONDS = 8


def ranks(store, output, hang_seconds):
    return [*command(SETTINGS, store, output), "--hang-seconds", str(hang_seconds)]


def test_a_rank_that_hangs_is_ended_and_the_same_command_continues(crops_store, tmp_path):
    undisturbed, hung = tmp_path / "undisturbed", tmp_path / "hung"
    subprocess.run(ranks(crops_store, undisturbed, "never"), check=True, timeout=300)
    wish = tmp_path / "wish"
    wish.touch()
    first = subprocess.Popen(
        ranks(crops_store, hung, HANG_SECONDS),
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"HANG_IF_THIS_EXISTS": str(wish)},
    )
    wait_until(lambda: not wish.exists(), seconds=120)
    started = children_of(first.pid)
    watchdogs = [child for rank in started for child in children_of(rank)]
    assert (len(started), len(watchdogs)) == (2, 2)
    _, log = first.communicate(timeout=180)
    assert first.returncode == 1
    # An epoch has four steps.
    place = f"rank 1 on {os.uname().nodename} has been in step 3 of epoch 2 for"
    assert log.count("without progress") == log.count(place) == 1
    stack = log[log.index(place) :]
    assert stack.index("in hang_once") < stack.index("in forward") < stack.index("in train")
    assert "rank 1 was killed by SIGALRM and the other ranks were stopped; run the same" in log
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in (*started, *watchdogs)))
    subprocess.run(ranks(crops_store, hung, "never"), check=True, timeout=300)
    assert RunRecord.read(hung / "run.json").resumed_after_epoch == 1
    ends = [(folder / "predictions.parquet").read_bytes() for folder in (undisturbed, hung)]
    assert ends[0] == ends[1]


# The limit, and several times as much: how long the processes below do not move.
LIMIT, LONG = 0.3, 2.0
PROGRAM = """
import ctypes, sys, time
from calobatch.train.heartbeat import Phase
from calobatch.train.watchdog import watching

with watching({limit}, rank=3) as heartbeat:
    heartbeat.at(Phase.PREPARING)
    for step in (1, 2, 3):
        heartbeat.at(Phase.TRAINING, 1, step)
        time.sleep(0.15)
    print("ready", flush=True)
    {body}
print("finished", flush=True)
"""


def program(body, limit=LIMIT):
    """Start a process that does what ``body`` says in the third step."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(body=body, limit=limit)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    "body",
    [
        "time.sleep(1000)",
        "while True: pass",
        # PyDLL, unlike CDLL, keeps Python's lock, so that no other thread can run.
        "ctypes.PyDLL(None).sleep(1000)",
        "heartbeat.at(Phase.FINISHING); time.sleep(1000)",
    ],
)
def test_whatever_does_not_return_is_found_with_its_place_and_its_stack(body):
    output, log = program(body).communicate(timeout=180)
    assert output == "ready\n"
    place = "the end, where" if "FINISHING" in body else "step 3 of epoch 1"
    assert f"rank 3 on {os.uname().nodename} has been in {place}" in log
    assert 'File "<string>", line 12 in <module>' in log


def test_it_is_ended_by_the_signal():
    process = program("time.sleep(1000)")
    process.communicate(timeout=180)
    assert process.returncode == -signal.SIGALRM


@pytest.mark.parametrize(
    "body",
    [
        # It moves, within a place.
        "for _ in range(20): time.sleep({long} / 20); heartbeat.move()",
        # It waits for other ranks.
        "with heartbeat.waiting(): time.sleep({long})",
        # The first validation may take three times as long.
        "heartbeat.at(Phase.VALIDATING, 1); time.sleep(2 * {limit})",
        # Somebody sits at a breakpoint.
        "breakpoint(); time.sleep({long}); heartbeat.move()",
    ],
)
def test_what_is_no_hang_goes_on(body):
    process = program(body.format(long=LONG, limit=LIMIT))
    output, log = process.communicate("continue\n", timeout=180)
    assert output.endswith("finished\n"), log
    assert process.returncode == 0


def test_a_stopped_process_goes_on():
    process = program("time.sleep(0.05); sys.stdin.readline()", limit=1)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGSTOP)
    time.sleep(3)
    process.send_signal(signal.SIGCONT)
    output, log = process.communicate("go on\n", timeout=180)
    assert (output, log, process.returncode) == ("finished\n", "", 0)


def test_the_watchdog_does_not_outlive_its_rank():
    process = program("time.sleep(1000)", limit=500)
    assert process.stdout.readline() == "ready\n"
    (watchdog,) = children_of(process.pid)
    process.kill()
    process.communicate()
    wait_until(lambda: not Path(f"/proc/{watchdog}").exists(), seconds=180)


def test_a_place_is_described_in_words():
    heartbeat = Heartbeat()
    heartbeat.at(Phase.VALIDATING, 4)
    assert heartbeat.place == Place(Phase.VALIDATING, 4, 0)
    assert str(heartbeat.place) == "the validation after epoch 4"
