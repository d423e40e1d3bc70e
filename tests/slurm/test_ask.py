"""Programs that are asked something: with a full environment, input, and programs that fail."""

import pytest

from calobatch.slurm.ask import ask


@pytest.mark.parametrize(
    "name",
    [
        "SQUEUE_STATES",
        "SQUEUE_PARTITION",
        "SACCT_FORMAT",
        "SINFO_PARTITION",
        "SCANCEL_INTERACTIVE",
        "SCONTROL_ALL",
        "SLURM_TIME_FORMAT",
    ],
)
def test_variables_that_change_an_answer_do_not_reach_the_program(monkeypatch, name):
    monkeypatch.setenv(name, "anything")
    assert ask(["printenv", name]).code == 1
    assert ask(["printenv", name], environment={"PATH": "/bin:/usr/bin", name: "x"}).code == 1


@pytest.mark.parametrize("name", ["SLURM_CONF", "SLURM_CLUSTERS", "SBATCH_ACCOUNT", "SLURM_JOB_ID"])
def test_variables_that_say_which_cluster_or_belong_to_jobs_are_kept(monkeypatch, name):
    monkeypatch.setenv(name, "this one")
    assert ask(["printenv", name]).output == "this one\n"


def test_a_program_reads_the_given_text_and_otherwise_nothing():
    assert ask(["cat"], text="a script").output == "a script"
    assert ask(["cat"]).output == ""


def test_a_program_that_is_missing_or_does_not_end_is_an_answer_too():
    assert ask(["no-such-program"]).code == 127
    late = ask(["sleep", "60"], timeout=0.2)
    assert (late.code, late.complaint) == (124, "sleep did not answer within 0 s")
