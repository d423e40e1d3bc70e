"""What SLURM allocated to a job: asked once per job, handed into the image, and never required."""

import os
from datetime import datetime

import pytest

from calobatch.allocation import Allocation, allocation
from calobatch.slurm.allocated import ask_allocation, read_allocation
from calobatch.slurm.contain import handed_in
from calobatch.slurm.site import Site

START = "2026-11-26T10:00:00"
# As squeue of SLURM 22.05 prints a job of two nodes with GPUs; columns are filled with spaces.
JOB = f"{'6:00:00':32}{START:32}{'cpu=8,mem=31250M,node=2,billing=8,gres/gpu=4':256}\n"
FOUND = Allocation(
    started=datetime.fromisoformat(START).timestamp(),
    seconds=6 * 3600,
    nodes=2,
    cores=8,
    memory_mb=32768,
    gpus=4,
)
IN_JOB = {"SLURM_JOB_ID": "4711", "SLURM_PROCID": "0"}


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """A stand-in for squeue that notes how it was called and prints a file, or fails without it."""
    program = tmp_path / "squeue"
    program.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\ncat {tmp_path}/job\n')
    program.chmod(0o755)
    (tmp_path / "job").write_text(JOB)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def inside(environment):
    """Return the allocation as a process in the image finds it."""
    given = handed_in({"PATH": os.environ["PATH"], **environment}, Site(cpus_per_node=4))
    return allocation({name.removeprefix("APPTAINERENV_"): value for name, value in given.items()})


def test_a_training_in_the_image_knows_what_its_job_was_allocated(squeue):
    assert inside(IN_JOB) == FOUND
    assert "--jobs=4711" in (squeue / "calls").read_text()


@pytest.mark.parametrize("environment", [{}, IN_JOB | {"SLURM_PROCID": "3"}])
def test_only_the_first_rank_of_a_job_asks(squeue, environment):
    assert inside(environment) is None
    assert not (squeue / "calls").exists()


def test_a_job_starts_without_an_answer(squeue):
    (squeue / "job").unlink()
    assert inside(IN_JOB) is None
    assert ask_allocation(IN_JOB | {"PATH": "/nowhere"}) is None


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("UNLIMITED", {"seconds": None}),
        ("2-00:30:00", {"seconds": 48.5 * 3600}),
        ("cpu=8,node=2,billing=8,gres/gpu:a100=4", {"memory_mb": None}),
        ("cpu=8,mem=31250M,node=2,billing=8", {"gpus": 0}),
    ],
)
def test_what_is_unlimited_or_absent_is_told_apart(words, change):
    old = JOB.split()[2 if "=" in words else 0]
    found = read_allocation(JOB.replace(old, words))
    assert found == FOUND.model_copy(update=change)
    assert allocation(found.as_environment()) == found


@pytest.mark.parametrize("output", ["", JOB + JOB, "6:00:00 N/A N/A\n", JOB.replace(START, "N/A")])
def test_what_is_no_running_job_is_nothing(output):
    assert read_allocation(output) is None
