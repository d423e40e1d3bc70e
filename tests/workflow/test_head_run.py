"""Runs of the workflow on this machine: two of one scenario, and one that was killed."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import termios
import time

import psutil
import pytest

TARGET = "data/test/packed/electron_photon/manifest.json"
RUN = (TARGET, "--profile", "cluster/local", "--config", "scenario=test")


@pytest.fixture
def running(fresh):
    """The workflow, and a run of it that has started its first jobs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", *RUN],
        cwd=fresh.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert any("start   simulate" in line for line in process.stderr)
    yield fresh, process
    process.kill()
    process.wait()
    process.stderr.close()


def jobs_of(head):
    """Wait until a head process has jobs that simulate, and return their processes."""
    while True:
        children = psutil.Process(head.pid).children(recursive=True)
        if found := [child for child in children if is_simulation(child)]:
            return found
        time.sleep(0.1)


def is_simulation(process):
    try:
        return "simulate" in process.cmdline()
    except psutil.Error:
        return False


def test_a_second_run_of_a_scenario_is_refused_and_the_first_goes_on(running):
    workflow, first = running
    second = workflow.snakemake(*RUN, check=False)
    assert second.returncode == 2
    assert f"already has a head process in this folder, process {first.pid} on" in second.stderr
    first.communicate(timeout=300)
    assert first.returncode == 0


def test_after_a_kill_the_same_command_ends_the_orphans_and_goes_on(running):
    workflow, first = running
    jobs = jobs_of(first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert all(job.is_running() for job in jobs)
    said = workflow.snakemake(*RUN).stderr
    assert re.search(
        rf"ending processes that an earlier head process left behind: .*{jobs[0].pid} \(", said
    )
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
