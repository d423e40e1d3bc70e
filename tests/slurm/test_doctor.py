"""The doctor with stand-ins for the programs of SLURM and Apptainer, working and broken ones.

A stand-in for srun starts here what srun would start on a compute node.
"""

import inspect
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from calobatch.checkout import CHECKOUT
from calobatch.communicator.speed import Speed
from calobatch.config.load import load_scenario
from calobatch.slurm import profile, trial
from calobatch.slurm.checks import compute_node, ranks, storage
from calobatch.slurm.checks.case import Case
from calobatch.slurm.checks.finding import Mark
from calobatch.slurm.doctor import CHECKS, doctor, examine
from calobatch.slurm.images import NAMES, image_path
from calobatch.slurm.sinfo import ask_partitions
from calobatch.slurm.site import read_site

SITE = """account: physics
cpus_per_node: 4
mb_per_node: 8000
"""
SPEED = Speed(2, 2, "horovod", "cpu", "eth0", 10000, 400.0, 900.0)
NODES = (
    "normal*|up|1-00:00:00|c1|4|8000|idle|gpu:2|fast,ib\n"
    "normal*|up|1-00:00:00|c2|4|8000|idle|gpu:2|fast"
)
START = 'while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"'
GOOD = {
    "scontrol": "echo 'Slurmctld(primary) at login is UP'",
    "sinfo": f"[ $1 = --version ] && echo slurm 26.05.5 || printf '{NODES}\\n'",
    "sacct": "echo 1",
    "sacctmgr": "echo physics",
    "sbatch": "echo 'sbatch: Job 7 to start at 2026-11-24T14:00:00 using 2 processors on nodes c1'",
    "srun": START,
    "squeue": "true",
    "scancel": "echo $* >> scancelled",
    "lfs": "exit 1",
    "quota": "exit 1",
    "apptainer": f"""case "$*" in
        --version) echo apptainer version 1.4.5;;
        *communicator.probe*) echo '{SPEED.as_line()}';;
        esac""",
}


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return a function that replaces a program by a shell script. At first all programs work."""
    folder = tmp_path / "programs"
    folder.mkdir()

    def replace(name, script):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    for name, script in GOOD.items():
        replace(name, script)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return replace


@pytest.fixture
def project(tmp_path, monkeypatch, programs):
    """A folder with a site file, a profile and images."""
    folder = tmp_path / "project"
    (folder / "cluster/slurm").mkdir(parents=True)
    (folder / "cluster/slurm/site.yaml").write_text(SITE)
    shutil.copy(CHECKOUT / "cluster/slurm/config.yaml", folder / "cluster/slurm")
    shutil.copytree(CHECKOUT / "config", folder / "config")
    images = folder / "containers/images"
    images.mkdir(parents=True)
    for name in NAMES:
        image_path(images, name, "cpu").touch()
    monkeypatch.chdir(folder)
    return folder


def findings(patience=60.0):
    with ExitStack() as leftovers:
        case = Case(load_scenario("quickstart"), patience, leftovers)
        found = list(examine(case, CHECKS))
    return {check.name: finding for check, finding in zip(CHECKS, found, strict=True)}


def leftovers(folder):
    return list(folder.glob(".calobatch-doctor-*"))


def test_on_a_working_cluster_every_check_passes_and_nothing_is_left_behind(project, capsys):
    assert doctor(load_scenario("quickstart"), 60.0)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed[:-2]] == [
        "skipped" if check.name in ("quota", "GPUs in image") else "ok" for check in CHECKS
    ]
    nodes = "1 node needed; 2 in normal are large enough, 2 of them available"
    assert f"ok       nodes             {nodes}" in printed
    assert printed[-1] == f"doctor: {len(CHECKS) - 2} ok, 2 skipped; jobs can be submitted"
    assert not leftovers(project)
    assert not (project / "scancelled").exists()


SLOW = Speed(2, 2, "horovod", "cpu", "eth0", 1000, 900.0, 110.0)
LOOP = Speed(2, 2, "horovod", "cpu", "lo", 0, 400.0, 900.0)
BROKEN = [
    ("scontrol", "echo 'Slurmctld(primary) at login is DOWN'; exit 1", "SLURM", "FAILED", "DOWN"),
    ("scontrol", "exit 127", "SLURM", "FAILED", "exit code 127"),
    ("sacct", "echo 'accounting storage is disabled' >&2; exit 1", "accounting", "FAILED", "disab"),
    ("sacctmgr", "echo chemistry", "account", "FAILED", "accounts of .*: chemistry"),
    ("sinfo", "exit 0", "partitions", "FAILED", "no default partition"),
    ("sinfo", f"printf '{NODES.replace('|up', '|down')}\\n'", "partitions", "FAILED", "closed"),
    ("sinfo", f"printf '{NODES.replace('|4|', '|1|')}\\n'", "nodes", "FAILED", "2 cores .* 1, 1"),
    ("sinfo", f"printf '{NODES.replace('8000', '6000')}\\n'", "nodes", "FAILED", "8000 MB"),
    ("sinfo", f"printf '{NODES.replace('idle', 'down*')}\\n'", "nodes", "warning", r"c1 down\*"),
    (
        "sinfo",
        f"printf '{NODES.replace('1-00', '00')}\\n'",
        "time limit",
        "FAILED",
        "jobs .* normal allows 0",
    ),
    ("sinfo", f"printf '{NODES.replace('1-00', '08')}\\n'", "time limit", "warning", "1440"),
    ("sbatch", "echo 'allocation failure: Invalid qos' >&2; exit 1", "sbatch", "FAILED", "qos"),
    ("srun", "exit 97", "compute node", "FAILED", "the folder .* does not exist"),
    ("srun", "exit 98", "compute node", "FAILED", "python.* does not exist"),
    ("srun", "echo 'srun: error: no way' >&2; exit 1", "compute node", "FAILED", "no way"),
    ("quota", "echo '/home 12G* 10G'", "quota", "warning", "above the limit"),
    ("apptainer", "echo no setuid >&2; exit 1", "Apptainer", "FAILED", "no setuid"),
    (
        "apptainer",
        "[ $1 = --version ] || { echo 'FATAL: no squashfuse found' >&2; exit 255; }",
        "image mount",
        "FAILED",
        "no squashfuse",
    ),
    (
        "apptainer",
        f"echo 'INFO: Converting SIF file to temporary sandbox' >&2; echo '{SPEED.as_line()}'",
        "image mount",
        "warning",
        "unpacked at each start",
    ),
    ("apptainer", f"echo '{SLOW.as_line()}'", "ranks", "warning", "110 MB/s .* slow"),
    (
        "apptainer",
        f"echo '{LOOP.as_line()}'",
        "ranks",
        "warning",
        "this interface does not connect nodes",
    ),
    (
        "apptainer",
        'case "$*" in *probe*) echo rank 1 cannot reach rank 0 >&2; exit 1;; esac',
        "ranks",
        "FAILED",
        "cannot reach rank 0",
    ),
]


@pytest.mark.parametrize(("program", "script", "check", "mark", "message"), BROKEN)
def test_a_broken_program_is_found_by_its_own_check_which_says_the_fix(
    project, programs, program, script, check, mark, message
):
    programs(program, script)
    found = findings()
    assert found[check].mark == mark
    assert re.search(message, found[check].result)
    assert found[check].fix
    earlier = list(found)[: list(found).index(check)]
    assert not [name for name in earlier if found[name].mark is Mark.FAILED]
    assert not leftovers(project)


def test_every_job_has_what_the_site_file_names_and_both_kinds_of_jobs_are_tried(project, programs):
    extra = "constraint: fast\nqos: long\nreservation: course\nexclude: [c3]\n"
    (project / "cluster/slurm/site.yaml").write_text(SITE + extra)
    programs("sbatch", "echo $* >> asked")
    programs("srun", f"echo $* >> asked; {START}")
    assert findings()["sbatch"].result == "the jobs are accepted"
    calls = (project / "asked").read_text().splitlines()
    options = "--account=physics --constraint=fast --qos=long --reservation=course --exclude=c3"
    assert len(calls) == 4
    assert all(options in call for call in calls)


@pytest.mark.parametrize(
    ("keys", "left"),
    [
        ("constraint: ib", 1),
        ("constraint: fast", 2),
        ("constraint: ib|fast", 2),
        ("exclude: [c1]", 1),
        ("exclude: ['c[1-2]']", 0),
    ],
)
def test_only_nodes_on_which_jobs_may_run_are_counted(project, programs, keys, left):
    programs("scontrol", "echo c1; echo c2")
    (project / "cluster/slurm/site.yaml").write_text(f"{SITE}{keys}\n")
    found = ask_partitions(read_site())
    assert len(found["normal"].nodes) == left


def test_links_that_lead_out_are_listed_and_a_node_that_lacks_one_is_named(
    project, programs, tmp_path
):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (project / "data").symlink_to(scratch)
    found = findings()
    assert str(scratch) in found["links"].result
    assert found["linked folders"].mark is Mark.OK
    programs("srun", f"mv {scratch} {scratch}.away; {START}")
    found = findings()
    assert found["linked folders"].mark is Mark.FAILED
    assert str(scratch) in found["linked folders"].result
    found = findings()
    assert f"data leads to {scratch}" in found["links"].result
    assert found["compute node"].result == "not checked because of links (FAILED)"


def test_modules_that_cannot_be_loaded_are_named(project, monkeypatch):
    (project / "cluster/slurm/site.yaml").write_text(SITE + "modules: [apptainer/1.4]\n")
    assert "no command `module`" in findings()["compute node"].result
    # The stand-in for srun is no bash, so it would not pass an exported function on.
    definition = project / "modules.sh"
    monkeypatch.setenv("BASH_ENV", str(definition))
    definition.write_text("module() { echo Lmod: unknown module >&2; return 1; }\n")
    assert "Lmod: unknown module" in findings()["compute node"].result
    definition.write_text('module() { [ -n "$NO_SUCH_VARIABLE" ]; return 0; }\n')
    assert findings()["compute node"].mark is Mark.OK


def test_a_submitted_head_that_keeps_the_largest_training_waiting_gives_a_warning(
    project, programs
):
    one = NODES.split("\n")[0].replace("|4|", "|2|")
    programs("sinfo", f"[ $1 = --version ] && echo slurm 26.05.5 || printf '{one}\\n'")
    found = findings()["submitted head"]
    assert found.mark is Mark.WARNING
    assert "wait for ever" in found.result


def test_variables_that_change_jobs_are_named(project, monkeypatch):
    monkeypatch.setenv("SBATCH_QOS", "long")
    assert "SBATCH_QOS" in findings()["variables"].result


def test_a_wrong_site_file_is_named_with_the_fix(project):
    site = project / "cluster/slurm/site.yaml"
    site.write_text(SITE + "partition: gpu_long\n")
    assert "'gpu_long'" in findings()["partitions"].result
    site.write_text("account: physics\n")
    assert "cpus_per_node" in findings()["site file"].result
    site.unlink()
    assert findings()["site file"].fix.startswith("copy cluster/slurm/site.example.yaml")


def test_an_image_built_from_other_package_versions_is_not_used(project):
    image = image_path(project / "containers/images", "train", "cpu")
    image.rename(image.with_name("train-cpu-000000000000.sif"))
    found = findings()
    assert "built from other package versions" in found["images"].result
    assert found["images"].fix == "run `make images`"
    assert found["ranks"].result == "not checked because of images (FAILED)"


def test_a_profile_that_cannot_be_read_is_named(project):
    config = project / "cluster/slurm/config.yaml"
    config.write_text("default-resources: {runtime: 6h}\n")
    assert "no valid runtime for train" in findings()["largest training"].result
    config.write_text("default-resources: {runtime: 60}\nlatency-wait: a minute\n")
    assert "no valid latency-wait" in findings()["largest training"].result


def test_without_slurm_every_check_that_needs_it_is_skipped_and_says_why(project, programs, capsys):
    programs("scontrol", "exit 1")
    assert not doctor(load_scenario("quickstart"), 60.0)
    skipped = [line for line in capsys.readouterr().out.splitlines() if "because of" in line]
    assert len(skipped) > 10
    assert all(line.endswith("not checked because of SLURM (FAILED)") for line in skipped)


def test_gpus_are_requested_and_must_work_in_the_image(project, programs, monkeypatch):
    (project / "cluster/slurm/site.yaml").write_text(SITE + "gpus_per_node: 2\nvariant: cuda\n")
    for name in NAMES:
        image_path(project / "containers/images", name, "cuda").touch()
    (project / "config/quickstart.yaml").write_text(
        (project / "config/quickstart.yaml").read_text().replace("device: cpu", "device: auto")
    )
    programs("srun", f"echo $* >> asked; export CUDA_VISIBLE_DEVICES=0; {START}")
    sees = f"case \"$*\" in *--nv*device_count*) echo 1 H100;; *) echo '{SPEED.as_line()}';; esac"
    programs("apptainer", sees)
    assert "computes on 1 H100" in findings()["GPUs in image"].result
    assert "--gres=gpu:1" in (project / "asked").read_text()
    programs("apptainer", sees.replace("1 H100", "0"))
    assert findings()["GPUs in image"].mark is Mark.FAILED


PENDING = "[ -s scancelled ] || echo 'PENDING|Priority'"


def test_a_job_that_does_not_start_is_cancelled_and_gives_a_warning_with_the_reason(
    project, programs
):
    programs("srun", "exec sleep 60")
    programs("squeue", PENDING)
    begun = time.monotonic()
    found = findings(patience=0.5)
    assert time.monotonic() - begun < 20
    assert found["compute node"].mark is Mark.WARNING
    assert "Priority" in found["compute node"].result
    assert found["shared folder"].mark is Mark.SKIPPED
    assert "--name=calobatch-doctor-" in (project / "scancelled").read_text()
    assert not leftovers(project)


def test_a_job_that_never_ends_is_cancelled(project, programs, monkeypatch):
    monkeypatch.setattr(compute_node, "NODE_JOB_SECONDS", 0.5)
    programs("srun", "exec sleep 60")
    programs("squeue", "echo 'RUNNING|None'")
    assert "was still running" in findings()["compute node"].result
    assert (project / "scancelled").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_leaves_no_job_and_no_file_behind(project, programs, number):
    programs("srun", "echo $$ > pid; exec sleep 60")
    programs("squeue", PENDING)
    process = subprocess.Popen([sys.executable, "-m", "calobatch.cli", "doctor"], text=True)
    pid = project / "pid"
    deadline = time.monotonic() + 180
    while not (pid.exists() and pid.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    assert process.wait(timeout=30) == 130
    assert not leftovers(project)
    assert (project / "scancelled").exists()
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()


def test_a_signal_that_comes_while_srun_starts_is_acted_on_when_srun_can_be_ended():
    """It came between the start of srun and the block that ends srun, and srun and job stayed."""

    def act(number, frame):
        raise KeyboardInterrupt

    def run():
        with trial.signals_held() as release:
            signal.raise_signal(signal.SIGTERM)
            seen.append("started")
            try:
                release()
                seen.append("ran")
            finally:
                seen.append("ended")

    seen = []
    before = signal.signal(signal.SIGTERM, act)
    try:
        with pytest.raises(KeyboardInterrupt):
            run()
        assert seen == ["started", "ended"]
        assert signal.getsignal(signal.SIGTERM) is act
    finally:
        signal.signal(signal.SIGTERM, before)


def test_locks_that_a_node_does_not_see_give_a_warning():
    node = SimpleNamespace(host="c1", locks={"flock": "not seen", "lockf": "seen"})
    finding = compute_node.file_locks(SimpleNamespace(node=node))
    assert finding.mark is Mark.WARNING
    assert "(flock: not seen)" in finding.result


@pytest.mark.parametrize(("scenario", "needed"), [("quickstart", "2 GB"), ("cms", "31 GB")])
def test_the_disk_needs_room_for_this_scenario_and_not_for_the_largest(
    monkeypatch, scenario, needed
):
    case = SimpleNamespace(scenario=load_scenario(scenario))
    marks = {}
    for free in (1, 3, 32):
        disk = SimpleNamespace(f_bavail=free * 10**9, f_frsize=1, f_favail=0, f_files=0)
        monkeypatch.setattr(storage.os, "statvfs", lambda path, disk=disk: disk)
        finding = storage.disk_space(case)
        marks[free] = finding.mark
        assert f"this scenario may need {needed}" in f"{finding.result} {finding.fix}"
    assert marks == {
        1: Mark.WARNING,
        3: Mark.WARNING if scenario == "cms" else Mark.OK,
        32: Mark.OK,
    }


def test_a_different_folder_of_the_same_name_is_noticed(project):
    node = SimpleNamespace(host="c1", token="another", write_error="")
    case = SimpleNamespace(node=node, trial_folder=project / "trial")
    assert "is not the same folder" in compute_node.shared_folder(case).result


def test_every_check_comes_after_the_checks_that_it_needs():
    seen = set()
    for check in CHECKS:
        assert set(check.needs) <= seen, check.name
        seen.add(check.name)


@pytest.mark.parametrize(
    ("available", "gpus", "shape"), [(2, 2, (2, 1, 1)), (1, 2, (1, 2, 2)), (0, 1, (1, 2, 0))]
)
def test_two_ranks_are_on_two_nodes_if_two_are_available(monkeypatch, available, gpus, shape):
    nodes = [SimpleNamespace(available=number < available) for number in range(3)]
    monkeypatch.setattr(ranks, "nodes_for_training", lambda case: nodes)
    case = SimpleNamespace(
        request=SimpleNamespace(shape=SimpleNamespace(gpus_per_node=2)),
        site=SimpleNamespace(gpus_per_node=gpus, cpus_per_rank=4),
    )
    assert ranks.shape_of_two(case) == (*shape, 4)


def test_inside_a_job_trials_are_still_jobs_of_their_own():
    kept = trial.environment_of_trial({"SLURM_JOB_ID": "1", "SLURM_CONF": "/etc", "PATH": "/bin"})
    assert kept == {"SLURM_CONF": "/etc", "PATH": "/bin"}


def test_a_trial_has_the_wishes_that_the_user_s_variables_add_to_jobs_of_the_run():
    given = {"SBATCH_ACCOUNT": "a", "SBATCH_PARTITION": "p", "SLURM_ACCOUNT": "b", "SRUN_X": "c"}
    kept = trial.environment_of_trial(given)
    assert kept == {"SBATCH_ACCOUNT": "a", "SLURM_ACCOUNT": "a"}


def test_times_come_from_the_profile():
    assert profile.minutes_of("train", CHECKOUT / profile.PROFILE)[:2] == (360, 720)
    assert profile.minutes_of("pack", CHECKOUT / profile.PROFILE)[:2] == (60, 120)
    assert profile.latency_wait(CHECKOUT / profile.PROFILE) == 60


def test_a_file_that_never_becomes_visible_is_waited_for_as_long_as_the_profile_says(project):
    (project / "trial").mkdir()
    node = SimpleNamespace(host="c1", token="trial", write_error="")
    case = SimpleNamespace(node=node, trial_folder=project / "trial", latency_wait=0.2)
    assert "not visible on this machine" in compute_node.shared_folder(case).result


def test_nothing_heavy_is_imported_on_the_login_node():
    code = inspect.cleandoc("""
        import sys
        import calobatch.slurm.doctor, calobatch.slurm.checks.node_facts
        sys.exit(", ".join({"torch", "numpy"} & set(sys.modules)) or 0)
    """)
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_machine_without_slurm_is_told_that_it_needs_none(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    scenario = load_scenario("quickstart", folder=CHECKOUT / "config")
    monkeypatch.chdir(tmp_path)
    assert not doctor(scenario, 60.0)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 3
    assert "this machine has no SLURM" in said[0]
    assert "`make run`: it needs neither" in said[1]
