"""Runs of the workflow on this machine: two of one scenario, and one that was killed."""

import signal
import subprocess
import sys

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
    assert any("rule simulate" in line for line in process.stderr)
    yield fresh, process
    process.kill()
    process.wait()
    process.stderr.close()


def test_a_second_run_of_a_scenario_is_refused_and_the_first_goes_on(running):
    workflow, first = running
    second = workflow.snakemake(*RUN, check=False)
    assert second.returncode == 2
    assert f"already has a head process in this folder, process {first.pid} on" in second.stderr
    first.communicate(timeout=300)
    assert first.returncode == 0


def test_after_a_kill_the_same_command_goes_on_without_an_unlock(running):
    workflow, first = running
    jobs = psutil.Process(first.pid).children(recursive=True)
    first.send_signal(signal.SIGKILL)
    first.wait()
    for job in jobs:
        job.kill()
    workflow.snakemake(*RUN)
    assert (workflow.folder / TARGET).exists()
