import io
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import pytest

from calobatch.own_gpus import own_gpus, visible_gpus


@pytest.mark.parametrize(
    ("chosen", "gpus"),
    [
        ("0,1", ["0", "1"]),
        (" 2 , GPU-8f0c ", ["2", "GPU-8f0c"]),
        ("MIG-GPU-8f0c/1/0", ["MIG-GPU-8f0c/1/0"]),
        ("", []),
        ("-1", []),
        ("0,-1,1", ["0"]),
        ("NoDevFiles", []),
    ],
)
def test_gpus_that_the_environment_names(chosen, gpus):
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": chosen}) == gpus


def test_without_a_choice_all_devices_count(tmp_path):
    assert visible_gpus({}, tmp_path) == []
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert visible_gpus({}, tmp_path) == ["0", "1"]


def test_launchers_have_gpus_of_their_own(tmp_path):
    gpus = ["0", "1", "2"]
    with own_gpus(2, gpus, tmp_path) as first, own_gpus(1, gpus, tmp_path) as second:
        assert (first, second) == (["0", "1"], ["2"])
    with own_gpus(1, gpus, tmp_path) as again:
        assert again == ["0"]


def test_a_launcher_waits_until_enough_gpus_are_free_and_says_so(tmp_path, monkeypatch):
    # Not capsys, which can lose what a thread prints while it is read.
    got, said = [], io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)

    def wait():
        with own_gpus(2, ["0", "1"], tmp_path) as gpus:
            got.extend(gpus)

    with ExitStack() as busy:
        busy.enter_context(own_gpus(1, ["0", "1"], tmp_path))
        waiting = threading.Thread(target=wait)
        waiting.start()
        deadline = time.monotonic() + 180
        while not said.getvalue():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert not got
    waiting.join(timeout=180)
    assert sorted(got) == ["0", "1"]
    assert said.getvalue().count("waiting for 2 of 2 GPUs") == 1


def test_with_fewer_gpus_than_ranks_none_is_chosen(tmp_path):
    with own_gpus(2, ["0"], tmp_path) as gpus:
        assert gpus == []


def test_two_launchers_never_give_their_ranks_the_same_gpu(tmp_path):
    """Each rank makes a file for its GPU, which must not exist, and removes it at its end."""
    rank = (
        "import os, pathlib, time; gpus = os.environ['CUDA_VISIBLE_DEVICES'].split(',');"
        f"path = pathlib.Path({str(tmp_path)!r}, gpus[int(os.environ['CALOBATCH_LOCAL_RANK'])]);"
        "path.touch(exist_ok=False); time.sleep(1); path.unlink()"
    )
    launch = [sys.executable, "-m", "calobatch.cli", "launch", "-n", "2"]
    environment = os.environ | {
        "CUDA_VISIBLE_DEVICES": "5,6",
        "XDG_RUNTIME_DIR": str(tmp_path),
    }
    started = [
        subprocess.Popen([*launch, sys.executable, "-c", rank], env=environment) for _ in range(3)
    ]
    assert [process.wait(timeout=180) for process in started] == [0, 0, 0]


def test_a_training_on_the_cpu_leaves_gpus_alone(tmp_path):
    show = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])"
    launch = [sys.executable, "-m", "calobatch.cli", "launch", "-n", "1", "--device", "cpu"]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "5,6", "XDG_RUNTIME_DIR": str(tmp_path)}
    answer = subprocess.run(
        [*launch, sys.executable, "-c", show], env=environment, capture_output=True, text=True
    )
    assert answer.stdout == "5,6\n"
