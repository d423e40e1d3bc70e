"""The testbed itself: its daemons can be stopped and started, and jobs are held in cgroups."""

import os
import re
import shutil
import subprocess
import time

import pytest

from tests.cluster.testbed import TESTBED, wait_until

SBATCH = "sbatch --parsable --account physics --nodelist c1 --output /dev/null"


@pytest.mark.parametrize(
    ("daemon", "question"),
    [("slurmctld", "scontrol ping"), ("slurmdbd", "sacct"), ("mariadbd", "sacct")],
)
def test_a_daemon_that_is_stopped_does_not_answer_until_it_is_started(testbed, daemon, question):
    with testbed.without(daemon):
        assert testbed.shell(question, check=False).returncode
    testbed.shell(question)


def test_a_job_goes_on_without_controller_and_accounting(testbed):
    job = testbed.shell(f"{SBATCH} --wrap 'sleep 10'").stdout.strip()
    wait_until(lambda: testbed.sacct_state(job) == "RUNNING", "the job")
    with testbed.without("slurmctld", "slurmdbd"):
        time.sleep(10)
    wait_until(lambda: testbed.sacct_state(job) == "COMPLETED", "the end of the job")


def track_jobs(cgroups, folder, **environment):
    """Let a node with these cgroups choose how it holds jobs together, and return its files."""
    subprocess.run([TESTBED / "node/track_jobs", cgroups, folder], env=environment, check=True)
    return (folder / "tracking.conf").read_text(), (folder / "cgroup.conf").read_text()


def test_a_node_that_may_not_create_cgroups_says_so_and_uses_the_process_tree(tmp_path):
    tracking, cgroup = track_jobs(tmp_path / "none", tmp_path)
    assert tracking.startswith("# jobs have no cgroups (")
    assert "ProctrackType=proctrack/linuxproc" in tracking
    assert cgroup == "CgroupPlugin=disabled\n"


def test_cgroups_can_be_turned_off(tmp_path):
    (tmp_path / "freezer").mkdir()
    (tmp_path / "memory").mkdir()
    assert "proctrack/cgroup" in track_jobs(tmp_path, tmp_path)[0]
    tracking, _ = track_jobs(tmp_path, tmp_path, TESTBED_CGROUPS="no")
    assert "CALOBATCH_TESTBED_CGROUPS is no" in tracking
    assert "proctrack/linuxproc" in tracking


@pytest.mark.parametrize(
    ("controllers", "plugin"), [("cpu memory", "cgroup/v2"), ("cpu", "disabled")]
)
def test_cgroups_of_version_2_are_used_if_they_can_limit_memory(tmp_path, controllers, plugin):
    (tmp_path / "cgroup.controllers").write_text(controllers)
    (tmp_path / "cgroup.procs").write_text("1\n")
    assert f"CgroupPlugin={plugin}" in track_jobs(tmp_path, tmp_path)[1]


@pytest.fixture
def cgroups(testbed):
    """The testbed, if this machine lets its nodes create cgroups."""
    first, *_ = testbed.node("c1", "exec", "cat", "/etc/slurm/tracking.conf").splitlines()
    if "has its own cgroup" not in first:
        pytest.skip(first)
    return testbed


# Two processes that leave the process tree of their step: one of a rank, one of the batch script.
ORPHANS = "(setsid sleep 4001 &); srun bash -c '(setsid sleep 4002 &); sleep 4003'"


def sleepers(testbed):
    """Return the processes of ORPHANS that run on c1."""
    listed = testbed.node("c1", "exec", "ps", "-e", "-o", "args=").splitlines()
    return [line for line in listed if line.startswith("sleep 400")]


@pytest.mark.parametrize("end", ["srun is killed", "scancel", "the batch script ends"])
def test_all_processes_end_with_their_job(cgroups, end):
    foreground = "& sleep 2" if end == "the batch script ends" else ""
    cgroups.write("orphans.sh", f"#!/bin/bash\n{ORPHANS} {foreground}\n")
    job = cgroups.shell(f"{SBATCH} orphans.sh").stdout.strip()
    wait_until(lambda: len(sleepers(cgroups)) == 3, "the processes of the job")
    if end == "srun is killed":
        cgroups.node("c1", "exec", "pkill", "-9", "srun")
    elif end == "scancel":
        cgroups.shell(f"scancel {job}")
    wait_until(lambda: not sleepers(cgroups), "the end of the processes")
    wait_until(lambda: cgroups.sacct_state(job) not in ("RUNNING", "PENDING"), "the end of the job")


def test_a_job_that_uses_more_memory_than_it_asked_for_is_ended(cgroups):
    hungry = "python3 -c 'bytearray(400_000_000)'"
    submitted = cgroups.shell(f'{SBATCH} --wait --mem 200 --wrap "{hungry}"', check=False)
    job = submitted.stdout.strip()
    wait_until(lambda: cgroups.sacct_state(job) == "OUT_OF_MEMORY", "the job to be ended")


def test_the_first_commands_of_the_readme_work_with_that_folder_alone(testbed, tmp_path):
    shutil.copytree(TESTBED, tmp_path / "testbed")
    block = re.search(r"(?:^    .+\n)+", (TESTBED / "README.md").read_text(), re.MULTILINE)
    environment = {name: value for name, value in os.environ.items() if "TESTBED" not in name}
    answer = subprocess.run(
        ["bash", "-ec", block[0]],
        cwd=tmp_path,
        env=environment | {"CALOBATCH_TESTBED": f"{testbed.cluster}-readme"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    assert {"c1", "c2"} <= set(answer.stdout.splitlines())
    assert re.search(r"hostname.* COMPLETED ", answer.stdout)


def test_a_folder_that_jobs_cannot_write_to_is_refused_with_the_command_that_fixes_it(tmp_path):
    tmp_path.chmod(0o755)
    refused = subprocess.run([TESTBED / "check_folder", tmp_path], capture_output=True, text=True)
    assert refused.returncode == 2
    command = f"chown -R 1000:1000 {tmp_path}"
    assert f"run {command}, or" in refused.stderr
    if os.getuid() == 0:
        subprocess.run(command.split(), check=True)
        subprocess.run([TESTBED / "check_folder", tmp_path], check=True)
