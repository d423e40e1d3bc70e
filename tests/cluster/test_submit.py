"""The head process as a job of SLURM: it survives that its own job is put back into the queue."""

import re

import pytest

from tests.cluster.testbed import wait_until

SCENARIO = """title: Submitted
datasets:
  electron_photon: {source: simulate, events: 200}
tasks:
  electron_photon_two_branch: {epochs: 1, batch_size: 32, device: cpu}
"""
PROFILE = "cluster/slurm/config.yaml"


@pytest.fixture
def submitted(ready):
    """The testbed, the job of a head that is at work there, and its log."""
    ready.write("config/submitted.yaml", SCENARIO)
    original = (ready.folder / PROFILE).read_text()
    ready.write(PROFILE, re.sub("(before-status-checks): .*", r"\1: 2", original))
    said = ready.shell("make submit SCENARIO=submitted").stdout
    job, log = re.search(r"submitted as job (\d+).*\nLog +(\S+)", said).groups()
    yield ready, job, ready.folder / log
    ready.shell("scancel --user physicist", check=False)
    ready.write(PROFILE, original)


def test_a_head_that_is_requeued_goes_on_to_the_end(submitted):
    testbed, job, log = submitted
    wait_until(lambda: log.exists() and "rule pack" in log.read_text(), "the rule pack")
    again = testbed.shell("make submit SCENARIO=submitted", check=False)
    assert f"job {job} is the head of this folder already" in again.stderr
    testbed.shell(f"scontrol requeue {job}")
    report = testbed.folder / "results/submitted/report.html"
    wait_until(report.exists, "the report")
    ended = f"sacct --noheader --parsable2 --allocations --format=State --jobs={job}"
    wait_until(lambda: testbed.shell(ended).stdout.split() == ["COMPLETED"], "the head to end")
    assert (testbed.folder / "results/submitted/leaderboard.csv").read_text().count("\n") == 4
