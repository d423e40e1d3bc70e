"""Runs of the workflow on this machine: two of one scenario, and one that was killed."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

TARGET = "data/test/packed/electron_photon/manifest.json"
RUN = (TARGET, "--profile", "cluster/local", "--config", "scenario=test")


@pytest.fixture
def running(fresh):
    """The workflow, and a run of it that has started its first jobs."""
    process = started(fresh.folder)
    assert any("start   simulate" in line for line in process.stderr)
    yield fresh, process
    process.kill()
    process.wait()
    process.stderr.close()


def started(folder):
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", *RUN],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def jobs_of(head):
    """Wait until a head process has jobs that simulate, and return their processes."""
    while head.poll() is None:
        children = psutil.Process(head.pid).children(recursive=True)
        if found := [child for child in children if is_simulation(child)]:
            return found
        time.sleep(0.1)
    raise AssertionError("the head process ended, and no job of it was seen")


def suspended(jobs):
    """Return the jobs, stopped: on a busy machine they could end before the next step."""
    for job in jobs:
        job.suspend()
    return jobs


def is_simulation(process):
    try:
        return "simulate" in process.cmdline()
    except psutil.Error:
        return False


def test_without_its_environment_a_run_says_how_to_activate_it(fresh):
    answer = subprocess.run(
        [sys.executable, "-m", "snakemake", *RUN],
        cwd=fresh.folder,
        env={**os.environ, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 2
    assert "calobatch is not on PATH" in answer.stderr
    assert f"source {Path(sys.executable).with_name('activate')}" in answer.stderr


def test_a_second_run_of_a_scenario_is_refused_and_the_first_goes_on(running):
    workflow, first = running
    jobs = suspended(jobs_of(first))
    second = workflow.snakemake(*RUN, check=False)
    assert second.returncode == 2
    assert f"already has a head process in this folder, process {first.pid} on" in second.stderr
    for job in jobs:
        job.resume()
    first.communicate(timeout=300)
    assert first.returncode == 0


def test_after_a_kill_the_same_command_ends_the_orphans_and_goes_on(running):
    workflow, first = running
    jobs = suspended(jobs_of(first))
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = started(workflow.folder)
    named = re.compile(
        rf"ending processes that an earlier head process left behind: .*{jobs[0].pid} \("
    )
    assert any(named.search(line) for line in second.stderr)
    # They get the signal to end when they go on.
    for job in jobs:
        with suppress(psutil.NoSuchProcess):
            job.resume()
    second.communicate(timeout=300)
    assert second.returncode == 0
    assert not any(job.is_running() for job in jobs)
    assert (workflow.folder / TARGET).exists()


def test_a_closed_terminal_ends_the_run_with_its_jobs_and_the_same_command_goes_on(fresh):
    ours, theirs = os.openpty()
    head = subprocess.Popen(
        [sys.executable, "-m", "snakemake", *RUN],
        cwd=fresh.folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        # The terminal of a session sends its processes SIGHUP when it is closed.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    printed = b""
    while b"start   simulate" not in printed:
        printed += os.read(ours, 1000)
    jobs = jobs_of(head)
    os.close(ours)
    head.wait(timeout=60)
    psutil.wait_procs(jobs, timeout=60)
    assert not any(job.is_running() for job in jobs)
    fresh.snakemake(*RUN)
    assert (fresh.folder / TARGET).exists()
