"""A training that stopped on request; a stand-in for scontrol records how it was called."""

import os
import sys

import pytest

from calobatch.slurm import requeue as module
from calobatch.slurm.requeue import requeue


def program(path, line):
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """The file in which the stand-in records its arguments."""
    program(tmp_path / "scontrol", f'echo "$@" >>{tmp_path}/asked')
    program(tmp_path / "squeue", "echo RUNNING")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.setattr(module, "SECONDS_UNTIL_SLURM_ENDS_THE_JOB", 0)
    return tmp_path / "asked"


@pytest.mark.parametrize(("code", "requeued"), [(0, False), (1, False), (2, False), (75, True)])
def test_only_a_stopped_training_is_requeued_and_the_exit_code_is_kept(asked, code, requeued):
    with pytest.raises(SystemExit) as ended:
        requeue([sys.executable, "-c", f"raise SystemExit({code})"])
    assert ended.value.code == code
    assert asked.exists() == requeued
    if requeued:
        assert asked.read_text() == "requeue 4711\n"


def test_a_training_killed_by_a_signal_is_a_failure(asked):
    with pytest.raises(SystemExit) as ended:
        requeue([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
    assert ended.value.code == 137
    assert not asked.exists()


def test_a_training_whose_job_was_cancelled_does_not_come_back(asked):
    program(asked.parent / "squeue", "echo COMPLETING")
    with pytest.raises(SystemExit) as ended:
        requeue([sys.executable, "-c", "raise SystemExit(75)"])
    assert ended.value.code == 75
    assert not asked.exists()
