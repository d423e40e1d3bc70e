"""What each job requests from the cluster, and the command that starts it."""

import subprocess
from types import SimpleNamespace

import pytest

from calobatch.slurm.geometry import TRAINING_MB, launcher, resources
from calobatch.slurm.site import Site
from calobatch.workflow.jobs import (
    MOST_CORES,
    RESOURCES_OF_EVERY_JOB,
    RESOURCES_OF_TRAINING,
    Jobs,
    cores_of_training,
    shell_prefix,
    store_of,
)
from tests.workflow.setups import SITE, setup, task

# 1, 2 and 8 ranks on GPUs (8 of them on two nodes), and 4 on CPUs with more threads than usual.
TASKS = {
    "one": task(ranks=1),
    "two": task(ranks=2),
    "eight": task(ranks=8),
    "on_cpus": task(ranks=4, device="cpu", threads=4),
}
SETUP = setup(**TASKS)
HERE = Jobs(SETUP, on_cluster=lambda: False)
CLUSTER = Jobs(SETUP, on_cluster=lambda: True)


def requested(resource, task="eight", **more):
    """Evaluate a resource as Snakemake does: with the wildcards, and what else its function has."""
    names = resource.__code__.co_varnames[: resource.__code__.co_argcount]
    wildcards = SimpleNamespace(task=task, seed="1", dataset="electron_photon")
    return resource(wildcards, **{name: more[name] for name in names if name in more})


def all_requested(made, **more):
    return {name: requested(resource, **more) for name, resource in made.items()}


def test_a_data_job_on_this_machine_requests_nothing():
    made = all_requested(HERE.of("data", mb=2000), threads=2, attempt=1)
    assert made.pop("start") == ""
    assert set(made.values()) == {None}


@pytest.mark.parametrize("name", TASKS)
def test_a_training_on_this_machine_requests_nothing_and_starts_its_ranks(name):
    made = all_requested(HERE.of_training(), task=name, attempt=1)
    task = TASKS[name]
    assert made.pop("start") == f"calobatch launch -n {task.ranks} --device {task.device}"
    assert made.pop("hang_seconds") == "600"
    assert set(made.values()) == {None}


@pytest.mark.parametrize(("seconds", "option"), [(None, "never"), (90.5, "90.5"), (7200, "7200")])
def test_the_watchdog_s_limit_is_an_option_of_the_training(seconds, option):
    """It is not a parameter of the rule or a setting of the training, which would be repeated."""
    task = TASKS["two"].model_copy(update={"hang_seconds": seconds})
    scenario = SETUP.scenario.model_copy(update={"tasks": TASKS | {"two": task}})
    made = Jobs(SETUP._replace(scenario=scenario), on_cluster=lambda: True).of_training()
    assert requested(made["hang_seconds"], task="two") == option
    assert task.training() == TASKS["two"].training()


def test_a_data_job_on_the_cluster_has_what_the_site_file_names_for_every_job():
    made = all_requested(CLUSTER.of("data", mb=2000), threads=2, attempt=1)
    assert made == {
        "start": "calobatch contain data --",
        "mem_mb_per_cpu": 2000,
        "slurm_account": "physics",
        "slurm_partition": "batch",
        "constraint": "a100",
        "qos": None,
        "slurm_extra": "--exclude=node07 --licenses=scratch",
    }


def test_what_the_site_file_leaves_empty_is_left_to_slurm():
    plain = Site(cpus_per_node=4)
    made = Jobs(setup(plain), on_cluster=lambda: True).of("data", mb=2000)
    for name in (*RESOURCES_OF_EVERY_JOB, "slurm_partition"):
        assert requested(made[name]) is None


def test_memory_grows_with_the_attempt_up_to_what_a_node_has():
    """The node has 32,000 MB: 4,000 for each of 8 cores."""
    resource = CLUSTER.of("data", mb=1500)["mem_mb_per_cpu"]
    asked = [requested(resource, threads=8, attempt=attempt) for attempt in (1, 2, 3, 4)]
    assert asked == [1500, 3000, 4000, 4000]


def test_a_training_s_memory_grows_with_the_attempt_up_to_what_a_node_has():
    """Eight ranks: 4 per node with 2 cores each. Two ranks: 4 cores, so 8,000 MB for each core."""
    resource = CLUSTER.of_training()["mem_mb_per_cpu"]
    for name, expected in (("eight", [4000, 4000]), ("two", [TRAINING_MB, 2 * TRAINING_MB])):
        assert [requested(resource, task=name, attempt=n) for n in (1, 2)] == expected


def test_a_training_on_gpus_goes_to_the_gpu_partition_and_others_do_not():
    partition = CLUSTER.of_training()["slurm_partition"]
    found = {name: requested(partition, task=name) for name in TASKS}
    assert found == {"one": "gpu", "two": "gpu", "eight": "gpu", "on_cpus": "batch"}


@pytest.mark.parametrize("name", TASKS)
def test_a_training_requests_the_shape_that_geometry_computes(name):
    made = all_requested(CLUSTER.of_training(), task=name, attempt=1)
    shape = resources(SETUP.shapes[name], SITE)
    assert {key: made[key] for key in RESOURCES_OF_TRAINING if made[key] is not None} == shape
    assert set(shape) <= set(RESOURCES_OF_TRAINING)


@pytest.mark.parametrize("name", TASKS)
def test_the_ranks_are_started_by_the_srun_line_of_geometry(name):
    srun = launcher(SETUP.shapes[name])
    assert bool(srun) == (name != "one")
    start = requested(CLUSTER.of_training()["start"], task=name)
    assert start == f"calobatch requeue -- {srun} calobatch contain train --"


def test_a_job_of_the_head_process_requests_nothing_from_the_cluster():
    assert all_requested(CLUSTER.here("train")) == {"start": "calobatch contain train --"}
    assert all_requested(HERE.here("train")) == {"start": ""}


@pytest.mark.parametrize(("cpus", "cores"), [(4, 4), (8, 8), (64, MOST_CORES)])
def test_a_data_job_has_no_more_cores_than_a_node(cpus, cores):
    small = setup(SITE.model_copy(update={"cpus_per_node": cpus}))
    assert Jobs(small, on_cluster=lambda: True).cores() == cores
    # On this machine Snakemake itself lowers the number.
    assert Jobs(small, on_cluster=lambda: False).cores() == MOST_CORES


def test_whether_jobs_run_on_a_cluster_is_asked_for_each_job():
    answers = iter([False, True])
    start = Jobs(SETUP, on_cluster=lambda: next(answers)).here("data")["start"]
    assert [requested(start), requested(start)] == ["", "calobatch contain data --"]


def test_a_training_on_this_machine_occupies_the_cores_of_all_its_ranks():
    assert cores_of_training(SETUP.scenario, "on_cpus") == 16
    assert cores_of_training(SETUP.scenario, "two") == 2


def test_modules_are_loaded_before_each_command_of_a_job():
    site = Site(account="physics", cpus_per_node=4, modules=("apptainer/1.4", "cuda"))
    assert "module" not in shell_prefix(site, in_slurm=False)
    loaded = shell_prefix(site, in_slurm=True)
    assert "module load apptainer/1.4 cuda; " in loaded
    assert loaded.index("module load") < loaded.index("; set -euo pipefail; ")


NO_MODULES = Site(account="physics", cpus_per_node=4)


@pytest.fixture(params=[False, True], ids=["here", "in_slurm"])
def line_of(request, tmp_path, monkeypatch):
    """A function that returns what Snakemake starts for a command of a rule and its log."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    prefix = (
        shell_prefix(Site(account="physics", cpus_per_node=4), in_slurm=request.param)
        .replace("{{", "{")
        .replace("}}", "}")
    )
    return lambda command, log: f"{prefix}{command} 2>&1 | into_log {log}"


@pytest.fixture
def run_logged(line_of):
    """A function that runs a command of a rule as Snakemake does, and returns what it answers."""

    def run(command, log):
        return subprocess.run(["bash", "-c", line_of(command, log)], capture_output=True, text=True)

    return run


def test_the_log_and_the_terminal_get_what_a_command_prints(run_logged, tmp_path):
    answer = run_logged("(echo out; echo error >&2)", tmp_path / "log")
    assert answer.stdout == (tmp_path / "log").read_text() == "out\nerror\n"
    assert run_logged("(exit 3)", tmp_path / "log").returncode == 3


def test_the_log_of_an_earlier_try_is_kept(run_logged, tmp_path):
    run_logged("(echo first; exit 1)", tmp_path / "log")
    run_logged("(echo second)", tmp_path / "log")
    assert (tmp_path / "log").read_text() == "second\n"
    assert (tmp_path / "log.before").read_text() == "first\n"


@pytest.mark.parametrize("log", ["/dev/full", "/proc/no_such_folder/log"])
def test_a_log_that_cannot_be_written_fails_no_job(run_logged, log):
    answer = run_logged("(head -c 1000000 /dev/zero; echo end)", log)
    assert answer.returncode == 0
    assert answer.stdout.endswith("end\n")
    assert run_logged("(exit 3)", log).returncode == 3


def test_a_command_goes_on_if_the_reader_of_its_output_or_tee_itself_is_gone(line_of, tmp_path):
    """Its log is complete in the first case; in the second it ends where tee was killed."""
    log = tmp_path / "log"
    command = "(echo begin; sleep 1; head -c 1000000 /dev/zero; echo end)"
    line = line_of(command, log)
    with subprocess.Popen(["bash", "-c", line], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait() == 0
    assert log.read_text().endswith("end\n")
    with subprocess.Popen(["bash", "-c", line], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        subprocess.run(["pkill", "-9", "-f", f"^tee -p {log}"], check=True)
        process.communicate()
        assert process.returncode == 0


def test_a_training_reads_the_store_of_its_dataset():
    assert store_of(SETUP.scenario, "two") == {
        "events": "data/small/packed/electron_photon/events.arrow",
        "manifest": "data/small/packed/electron_photon/manifest.json",
    }
