"""The launcher: every rank knows its placement, and if one fails the others are stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from calobatch.errors import JobError, UserError
from calobatch.launch import launch

SHOW_PLACE = (
    "import os; place = {k: v for k, v in os.environ.items() if k.startswith('CALOBATCH_')};"
    "open(os.environ['FOLDER'] + '/' + place['CALOBATCH_RANK'], 'w').write(repr(place))"
)


def test_ranks_have_different_placements_and_one_port(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDER", str(tmp_path))
    launch([sys.executable, "-c", SHOW_PLACE], ranks=3)
    places = [eval((tmp_path / str(rank)).read_text()) for rank in range(3)]
    assert [place["CALOBATCH_LOCAL_RANK"] for place in places] == ["0", "1", "2"]
    assert {place["CALOBATCH_SIZE"] for place in places} == {"3"}
    assert len({place["CALOBATCH_PORT"] for place in places}) == 1


FAIL_OR_SLEEP = (
    "import os, sys, time\n"
    "if os.environ['CALOBATCH_RANK'] == '1': sys.exit({code})\n"
    "time.sleep(1000)"
)


@pytest.mark.parametrize("code", [1, 77])
def test_a_rank_that_fails_is_named_and_the_others_are_stopped(code):
    start = time.monotonic()
    message = f"rank 1 failed with exit code {code} and the other ranks were stopped; run the same"
    with pytest.raises(JobError, match=message):
        launch([sys.executable, "-c", FAIL_OR_SLEEP.format(code=code)], ranks=3)
    assert time.monotonic() - start < 30


def test_a_mistake_of_the_user_is_reported_once_with_exit_code_2(tmp_path):
    rank = [sys.executable, "-m", "calobatch.cli", "train", "task", "--run", "seed1", "--store"]
    settings = '{"model": "cnn", "epochs": 1, "batch_size": 8, "learning_rate": 1, "ranks": 3}'
    command = [*rank, "/nowhere", "--output", str(tmp_path), "--settings", settings]
    launcher = [sys.executable, "-m", "calobatch.cli", "launch", "-n", "3"]
    answer = subprocess.run([*launcher, *command], capture_output=True, text=True, timeout=180)
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1
    assert answer.stderr.startswith("calobatch train: cannot read /nowhere/manifest.json")


def test_a_missing_program_is_named():
    with pytest.raises(UserError, match="program 'calobach' was not found; correct its name"):
        launch(["calobach", "train"], ranks=2)


def test_a_command_may_follow_a_double_dash():
    launcher = [sys.executable, "-m", "calobatch.cli", "launch", "-n", "2", "--"]
    # One call writes the whole line; print may write its end in a second one, after another rank.
    program = "import sys; sys.stdout.write(f'{sys.argv[1:]}\\n')"
    echo = [sys.executable, "-c", program, "a", "--", "b"]
    answer = subprocess.run([*launcher, *echo], capture_output=True, text=True, timeout=180)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == 2 * "['a', '--', 'b']\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ranks_do_not_outlive_the_launcher(tmp_path, number):
    command = [sys.executable, "-m", "calobatch.cli", "launch", "-n", "2", "sleep", "1000"]
    launcher = subprocess.Popen(command)
    ranks = wait_for_children(launcher.pid, 2)
    launcher.send_signal(number)
    launcher.wait(timeout=180)
    deadline = time.monotonic() + 180
    while any(alive(rank) for rank in ranks):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_for_children(pid, count):
    deadline = time.monotonic() + 180
    while True:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        children = [int(child) for child in listed]
        if len(children) == count:
            return children
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


needs_two_cores = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="one core cannot be divided"
)


@needs_two_cores
def test_ranks_run_on_cores_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("FOLDER", str(tmp_path))
    launch([sys.executable, "-c", SHOW_CORES], ranks=2)
    first, second = (eval((tmp_path / str(rank)).read_text()) for rank in range(2))
    assert first
    assert second
    assert not first & second


@needs_two_cores
def test_two_launchers_at_once_use_different_cores(tmp_path, monkeypatch):
    """Each starts one rank, which shows its cores and then keeps them until it may go on."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    launcher = [sys.executable, "-m", "calobatch.cli", "launch", "-n", "1"]
    started, shown = [], []
    for name in ("one", "two", "three"):
        monkeypatch.setenv("FOLDER", str(tmp_path / name))
        (tmp_path / name).mkdir()
        started.append(
            subprocess.Popen([*launcher, sys.executable, "-c", f"{SHOW_CORES}; input()"],
                             stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        )  # fmt: skip
        shown.append(read_when_written(tmp_path / name / "0"))
    cores = os.sched_getaffinity(0)
    assert shown[0] == cores
    assert shown[1] == cores - {min(cores)}
    if len(cores) == 2:
        # None is left, so the third may use all of them.
        assert shown[2] == cores
    # A launcher that is killed gives its core back.
    started[0].kill()
    started[0].wait()
    (tmp_path / "four").mkdir()
    monkeypatch.setenv("FOLDER", str(tmp_path / "four"))
    launch([sys.executable, "-c", SHOW_CORES], ranks=1)
    assert min(cores) in read_when_written(tmp_path / "four" / "0")
    for process in started[1:]:
        process.communicate(b"\n", timeout=180)
        assert process.returncode == 0


SHOW_CORES = (
    "import os; place = os.environ['FOLDER'] + '/' + os.environ['CALOBATCH_RANK'];"
    "open(place + '.part', 'w').write(repr(os.sched_getaffinity(0)));"
    "os.rename(place + '.part', place)"
)


def read_when_written(path):
    deadline = time.monotonic() + 180
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return eval(path.read_text())
