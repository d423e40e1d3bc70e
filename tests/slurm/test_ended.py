"""Jobs tell the head process that they have ended."""

import os
import subprocess
import time

import pytest

from calobatch.slurm.ended import MOST_QUESTIONS, Ended, telling_the_end


@pytest.fixture
def run_job(tmp_path):
    """A function that runs a command as a job of SLURM does, in the folder of the project."""

    def run(job, command):
        environment = os.environ | {"SLURM_JOB_ID": job}
        script = f"set -euo pipefail; {telling_the_end()}{command}"
        return subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment).returncode

    return run


@pytest.fixture
def ended(tmp_path):
    return Ended(tmp_path / ".snakemake/calobatch_ended")


@pytest.mark.parametrize("code", [0, 1, 75])
def test_a_job_that_has_ended_is_known_and_its_exit_code_stays(run_job, ended, code):
    assert not ended.any_of(["7", "8"])
    assert run_job("7", f"(exit {code})") == code
    assert ended.any_of(["7", "8"])
    assert not ended.any_of(["8"])


def test_a_job_that_is_terminated_tells_its_end(run_job, ended):
    run_job("7", "kill -TERM $$")
    assert ended.any_of(["7"])


def test_after_some_questions_a_job_that_goes_on_is_left_to_the_usual_intervals(run_job, ended):
    run_job("7", "true")
    assert [ended.any_of(["7"]) for _ in range(MOST_QUESTIONS + 2)] == [
        *[True] * MOST_QUESTIONS,
        *[False] * 2,
    ]
    time.sleep(0.02)  # more than the resolution of a file's time
    run_job("7", "true")
    assert ended.any_of(["7"])


def test_a_job_that_runs_again_has_not_ended(run_job, ended, tmp_path):
    run_job("7", "true")
    run_job("7", "test ! -e .snakemake/calobatch_ended/7 && touch seen")
    assert (tmp_path / "seen").exists()


def test_a_folder_that_cannot_be_written_fails_no_job(run_job, ended, tmp_path):
    (tmp_path / ".snakemake").touch()
    assert run_job("7", "true") == 0
    assert not ended.any_of(["7"])


def test_a_variable_that_is_unset_fails_no_job(tmp_path):
    environment = {name: v for name, v in os.environ.items() if name != "SLURM_JOB_ID"}
    script = f"set -euo pipefail; {telling_the_end()}true"
    subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, check=True)


def test_nothing_is_left_after_the_run(run_job, ended, tmp_path):
    run_job("7", "true")
    ended.any_of(["7"])
    ended.forget()
    assert list((tmp_path / ".snakemake/calobatch_ended").iterdir()) == []
