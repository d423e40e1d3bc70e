"""The testbed itself: its daemons can be stopped and started again."""

from contextlib import contextmanager

import pytest

from tests.cluster.testbed import wait_until


@contextmanager
def without(testbed, *daemons):
    """Stop daemons of the login node, and start them again at the end, the first one last."""
    for daemon in daemons:
        testbed.stop_daemon(daemon)
    try:
        yield
    finally:
        for daemon in reversed(daemons):
            testbed.start_daemon(daemon)


@pytest.mark.parametrize(
    ("daemon", "question"),
    [("slurmctld", "scontrol ping"), ("slurmdbd", "sacct"), ("mariadbd", "sacct")],
)
def test_a_daemon_that_is_stopped_does_not_answer_until_it_is_started(testbed, daemon, question):
    with without(testbed, daemon):
        assert testbed.shell(question, check=False).returncode
    testbed.shell(question)


def test_a_job_goes_on_without_controller_and_accounting(testbed):
    job = testbed.shell(
        "sbatch --parsable --account physics --output /dev/null --wrap 'sleep 3'"
    ).stdout.strip()
    wait_until(lambda: testbed.sacct_state(job) == "RUNNING", "the job")
    with without(testbed, "slurmctld", "slurmdbd"):
        pass
    wait_until(lambda: testbed.sacct_state(job) == "COMPLETED", "the end of the job")
