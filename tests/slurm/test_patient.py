"""Snakemake and its SLURM plugin, with stand-ins for SLURM that answer late, or something else.

The stand-in for sbatch runs no job. It soon writes the file that the job would write.
"""

import asyncio
import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from calobatch.slurm import patient
from calobatch.slurm.ended import Ended

PROGRAMS = {
    "sbatch": """
        call="$*"
        name=${call#*rule_make_wildcards_}; name=${name%% *}
        id=$(flock names sh -c "echo $name >>names; wc -l <names")
        echo RUNNING >jobs/$id
        (sleep 0.2
        cat end.$name >jobs/$id || { touch $name; echo COMPLETED >jobs/$id; }
        touch ended.$name) &>/dev/null &
        echo $id""",
    "sacct": """
        [ ! -e accounting_away ] || { echo "sacct: error: Connection refused" >&2; exit 1; }
        for job in jobs/*; do [ ! -e $job ] || echo "${job#jobs/}|$(cat $job)"; done""",
    "squeue": "cat queue 2>/dev/null || true",
    "scontrol": """
        case $1 in
            ping) [ -e controller_away ] && echo "at login is DOWN" || echo "at login is UP" ;;
            *) echo "MinJobAge = 300 sec"; echo "MaxArraySize = 1000" ;;
        esac""",
    "sinfo": "echo 'normal*'",
    "sacctmgr": "exit 1",
    "sshare": "exit 1",
    "scancel": "exit 0",
}
SNAKEFILE = """
import asyncio
from calobatch.slurm import patient
patient.SECONDS_BETWEEN_QUESTIONS = 0.5
patient.SECONDS_UNTIL_LOST = 4

rule all:
    input: "first", "second"

rule make:
    output: "{name}"
    wildcard_constraints: name="first|second"
    resources: slurm_account="physics", slurm_partition="normal"
    shell: "false"

onstart:
    patient.adopt(workflow.scheduler._executor)
    # The plugin's own intervals grow by 10 s.
    patient.PatientExecutor.sleep = lambda executor: asyncio.sleep(1)
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with a workflow of two jobs, and stand-ins for SLURM's programs in bin/."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "jobs").mkdir()
    for name, text in PROGRAMS.items():
        program = tmp_path / "bin" / name
        program.write_text(f"#!/bin/bash\n{text}\n")
        program.chmod(0o755)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    return tmp_path


def start(folder: Path) -> subprocess.Popen[str]:
    options = ["--executor", "slurm", "--jobs", "2", "--retries", "1", "--keep-going"]
    quick = ["--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "1"]
    with (folder / "printed").open("w") as printed:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *options, *quick],
            cwd=folder,
            env={**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"},
            stdout=printed,
            stderr=subprocess.STDOUT,
            text=True,
        )


def end_of(run, folder):
    """Wait for the end of a run, and return its exit status and what it printed."""
    status = run.wait(timeout=120)
    return status, (folder / "printed").read_text()


def wait_for_text(folder, text):
    wait_for(lambda: text in (folder / "printed").read_text())


def submitted(folder):
    """Return the name of each job that was submitted."""
    names = folder / "names"
    return names.read_text().split() if names.exists() else []


def wait_for(condition):
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_no_job_is_lost_while_slurm_is_away(folder):
    for away in ("controller_away", "accounting_away"):
        (folder / away).touch()
    run = start(folder)
    wait_for_text(folder, "SLURM's controller does not answer")
    assert run.poll() is None
    assert submitted(folder) == []
    (folder / "controller_away").unlink()
    wait_for(lambda: (folder / "first").exists() and (folder / "second").exists())
    wait_for_text(folder, "SLURM's accounting does not answer")
    assert run.poll() is None
    (folder / "accounting_away").unlink()
    status, output = end_of(run, folder)
    assert status == 0, output
    assert sorted(submitted(folder)) == ["first", "second"]
    for part in ("SLURM's controller", "SLURM's accounting"):
        assert output.count(f"calobatch: {part} does not answer") == 1
        assert output.count(f"calobatch: {part} answers again, after") == 1


@pytest.fixture
def seconds_asleep(tmp_path, monkeypatch):
    """A function that returns how long a head process with job 7 sleeps between two questions."""
    monkeypatch.setattr(patient, "SECONDS_BETWEEN_QUICK_QUESTIONS", 0.1)

    def sleep(interval, told=(), wait=True):
        executor = object.__new__(patient.PatientExecutor)
        executor.wait, executor._next_seconds_between_status_checks = wait, interval
        executor.active_jobs = [SimpleNamespace(external_jobid="7")]
        executor._ended = Ended(tmp_path)
        for job in told:
            (tmp_path / job).touch()
        begin = time.monotonic()
        asyncio.run(executor.sleep())
        return time.monotonic() - begin

    return sleep


def test_the_end_of_a_job_ends_the_sleep_between_two_questions(seconds_asleep):
    assert seconds_asleep(60, told=["7"]) < 30


def test_the_end_of_a_job_of_others_does_not_end_it(seconds_asleep):
    assert seconds_asleep(1.5, told=["8"]) >= 1.5


def test_the_end_of_the_run_ends_it(seconds_asleep):
    assert seconds_asleep(60, wait=False) < 30


def test_an_interrupt_ends_a_head_process_that_waits_for_the_controller(folder):
    (folder / "controller_away").touch()
    run = start(folder)
    wait_for_text(folder, "does not answer")
    run.send_signal(signal.SIGINT)
    status, output = end_of(run, folder)
    assert status != 0, output
    assert submitted(folder) == []


def test_a_cancelled_job_is_reported_and_not_submitted_again_but_a_failed_one_is(folder):
    (folder / "end.first").write_text(f"CANCELLED by {os.getuid()}\n")
    (folder / "end.second").write_text("FAILED\n")
    status, output = end_of(start(folder), folder)
    assert status == 1, output
    assert sorted(submitted(folder)) == ["first", "second", "second"]
    name = pwd.getpwuid(os.getuid()).pw_name
    assert f"was cancelled by {name} and is not submitted again" in " ".join(output.split())


def test_the_files_of_a_job_that_vanished_decide_whether_it_is_submitted_again(folder):
    """Accounting lists it as running for ever, but the queue no longer has it."""
    (folder / "end.first").write_text("RUNNING\n")
    run = start(folder)
    wait_for(lambda: (folder / "ended.first").exists() and (folder / "second").exists())
    (folder / "end.first").unlink()
    status, output = end_of(run, folder)
    assert status == 0, output
    assert sorted(submitted(folder)) == ["first", "first", "second"]
    assert "accounting lists it as RUNNING" in output


def test_without_accounting_and_scontrol_the_files_of_jobs_decide(folder):
    (folder / "accounting_away").touch()
    (folder / "bin/scontrol").write_text("#!/bin/sh\necho 'not permitted' >&2; exit 1\n")
    status, output = end_of(start(folder), folder)
    assert status == 0, output
    assert sorted(submitted(folder)) == ["first", "second"]
