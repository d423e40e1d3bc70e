"""A training in its job: requeued if it stopped, alone in its folder, and ended with its srun.

Stand-ins for SLURM's programs print what files say, and note how they were called.
"""

import os
import sys
import threading
import time

import pytest

from calobatch.errors import JobError
from calobatch.slurm import requeue as module
from calobatch.slurm.requeue import requeue

TASK = "head-1|rule_train_wildcards_electron_photon_cnn_1"
OWN = f"4711|RUNNING|2026-11-26T10:00:00|{TASK}\n"
PROGRAMS = {
    "scontrol": 'echo "scontrol $*" >>asked',
    "squeue": """
        [ ! -e away ] || { echo "slurm_load_jobs error: Connection refused" >&2; exit 1; }
        case "$*" in
            *--steps*) cat steps ;;
            *--me*) cat queue ;;
            *) cat state ;;
        esac""",
    # Ranks that are asked for a checkpoint leave, unless they are stuck. Nothing survives a kill.
    "scancel": """
        echo "scancel $*" >>asked
        case "$*" in
            *USR1*) [ -e stuck ] || sed -i '/[.]0/d' steps ;;
            *) sed -i '/[.]0/d' steps ;;
        esac""",
}


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """The folder of the stand-ins, which is the working folder: job 4711 runs alone."""
    (tmp_path / "bin").mkdir()
    for name, text in PROGRAMS.items():
        program = tmp_path / "bin" / name
        program.write_text(f"#!/bin/bash\n{text}\n")
        program.chmod(0o755)
    for name, text in (("queue", OWN), ("state", "RUNNING\n"), ("steps", "4711.batch\n")):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.delenv("SLURM_STEP_ID", raising=False)
    for limit in (
        "SECONDS_UNTIL_SLURM_ENDS_THE_JOB",
        "SECONDS_FOR_AN_ANSWER",
        "SECONDS_TO_LEAVE",
        "SECONDS_AFTER_KILL",
    ):
        monkeypatch.setattr(module, limit, 0)
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LOOKS", 0.05)
    monkeypatch.setattr(module, "SECONDS_FOR_EARLIER_JOB", 1.0)
    return tmp_path


def asked(slurm):
    """Return how scontrol and scancel were called."""
    calls = slurm / "asked"
    return calls.read_text().splitlines() if calls.exists() else []


def run(code="pass"):
    """Run Python code as the ranks, and return the exit code of requeue."""
    with pytest.raises(SystemExit) as ended:
        requeue([sys.executable, "-c", code])
    return ended.value.code


@pytest.mark.parametrize(("code", "requeued"), [(0, False), (1, False), (2, False), (75, True)])
def test_only_a_stopped_training_is_requeued_and_the_exit_code_is_kept(slurm, code, requeued):
    assert run(f"raise SystemExit({code})") == code
    assert asked(slurm) == ["scontrol requeue 4711"] * requeued


def test_a_training_killed_by_a_signal_is_a_failure(slurm):
    assert run("import os; os.kill(os.getpid(), 9)") == 137
    assert not asked(slurm)


def test_a_training_whose_job_was_cancelled_does_not_come_back(slurm):
    (slurm / "state").write_text("COMPLETING\n")
    assert run("raise SystemExit(75)") == 75
    assert not asked(slurm)


def test_a_controller_that_is_away_for_a_moment_does_not_fail_a_stopped_training(
    slurm, monkeypatch
):
    monkeypatch.setattr(module, "SECONDS_FOR_AN_ANSWER", 60)
    back = threading.Timer(1.0, (slurm / "away").unlink)
    back.start()
    assert run("open('away', 'w').close(); raise SystemExit(75)") == 75
    back.join()
    assert asked(slurm) == ["scontrol requeue 4711"]


def test_without_slurm_only_the_command_runs(slurm, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID")
    (slurm / "away").touch()
    assert run("raise SystemExit(75)") == 75
    assert not asked(slurm)


def test_the_ranks_of_a_killed_srun_are_asked_for_a_checkpoint(slurm, capsys):
    (slurm / "steps").write_text("4711.batch\n4711.extern\n4711.0\n")
    assert run("import os; os.kill(os.getpid(), 9)") == 137
    assert asked(slurm) == ["scancel --signal=USR1 4711.0"]
    told = "job 4711 are still running after their srun; ending them (step 4711.0)"
    assert told in capsys.readouterr().err


def test_ranks_that_do_not_leave_are_killed(slurm):
    (slurm / "stuck").touch()
    (slurm / "steps").write_text("4711.0\n")
    assert run("raise SystemExit(1)") == 1
    assert asked(slurm) == ["scancel --signal=USR1 4711.0", "scancel 4711.0"]


def test_line_breaks_in_the_comments_of_other_jobs_do_no_harm(slurm):
    other = "4000|RUNNING|2026-11-26T09:00:00|mine|two\nlines\nand|a|third|one\n"
    (slurm / "queue").write_text(other + OWN)
    assert run() == 0


def test_a_command_inside_of_a_step_never_ends_its_own_step(slurm, monkeypatch):
    monkeypatch.setenv("SLURM_STEP_ID", "0")
    (slurm / "steps").write_text("4711.0\n")
    assert run("raise SystemExit(1)") == 1
    assert not asked(slurm)


@pytest.mark.parametrize("state", ["RUNNING", "COMPLETING"])
def test_an_earlier_attempt_of_the_same_training_is_waited_for(slurm, capsys, state):
    earlier = f"4700|{state}|2026-11-26T09:00:00|{TASK}\n"
    (slurm / "queue").write_text(OWN + earlier)
    end = threading.Timer(0.6, lambda: (slurm / "queue").write_text(OWN))
    end.start()
    begun = time.monotonic()
    assert run() == 0
    end.join()
    assert time.monotonic() - begun >= 0.6
    assert capsys.readouterr().err == (
        "job 4711 waits until an earlier attempt of this training has ended: job 4700\n"
    )


def test_an_earlier_attempt_that_does_not_end_is_an_error_and_nothing_is_started(slurm):
    (slurm / "queue").write_text(f"4700|COMPLETING|2026-11-26T09:00:00|{TASK}\n{OWN}")
    with pytest.raises(JobError, match=r"not ended within 0 minutes: job 4700; its node may not"):
        requeue(["touch", "started"])
    assert not (slurm / "started").exists()


@pytest.mark.parametrize(
    "other",
    [
        "4700|RUNNING|2026-11-26T09:00:00|head-1|rule_train_wildcards_electron_photon_cnn_2",
        "4700|RUNNING|2026-11-26T09:00:00|head-2|rule_train_wildcards_electron_photon_cnn_1",
        f"4700|PENDING|N/A|{TASK}",
        f"4712|RUNNING|2026-11-26T10:00:00|{TASK}",
        f"4700|RUNNING|2026-11-26T10:00:01|{TASK}",
    ],
    ids=["another seed", "another head", "waiting", "same second", "requeued and started later"],
)
def test_other_jobs_are_not_waited_for(slurm, capsys, other):
    """Of two attempts that start together only one waits, so that they cannot block each other."""
    (slurm / "queue").write_text(f"{other}\n{OWN}")
    assert run() == 0
    assert capsys.readouterr().err == ""
