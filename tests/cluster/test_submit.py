"""The head process as a SLURM job, which goes on after a logout and after its job is requeued."""

import re

import pytest

from tests.cluster.own_crops import DATASET
from tests.cluster.testbed import wait_until

SCENARIO = f"""title: Submitted
datasets:
  electron_photon: {DATASET}
tasks:
  electron_photon_two_branch: {{epochs: 1, batch_size: 32, device: cpu}}
"""


def submit_and_log_out(testbed):
    """Type `make submit` in a session on the login node, end the session, and return the answer.

    The session ends as on a node that kills all processes of a user at the end of his last session.
    """
    session = testbed.start("make submit SCENARIO=submitted && sleep infinity")
    printed = ""
    while not re.search(r"^Stop ", printed, re.MULTILINE):
        line = session.stdout.readline()
        assert line, printed
        printed += line
    testbed.node("login", "exec", "pkill", "-KILL", "--uid", "physicist")
    session.communicate(timeout=60)
    return printed


@pytest.fixture
def submitted(ready):
    """The testbed, the job of a head process that is running there, and its log."""
    ready.write("config/submitted.yaml", SCENARIO)
    ready.write_crops()
    output = submit_and_log_out(ready)
    job, log = re.search(r"submitted as job (\d+).*\nLog +(\S+)", output).groups()
    yield ready, job, ready.folder / log
    ready.shell("scancel --user physicist", check=False)


def test_a_head_process_whose_user_logged_out_and_whose_job_is_requeued_finishes_the_run(submitted):
    testbed, job, log = submitted
    wait_until(lambda: log.exists() and "start   pack" in log.read_text(), "the start of pack")
    again = testbed.shell("make submit SCENARIO=submitted", check=False)
    assert f"submitted already has a head process in this folder, job {job}" in again.stderr
    testbed.shell(f"scontrol requeue {job}")
    report = testbed.folder / "results/submitted/report.html"
    wait_until(report.exists, "the report")
    wait_until(lambda: testbed.sacct_state(job) == "COMPLETED", "the end of the head")
    assert (testbed.folder / "results/submitted/leaderboard.csv").read_text().count("\n") == 4
