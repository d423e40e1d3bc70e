"""Trainings that are disturbed on a cluster end with the same predictions as undisturbed ones.

Every fault is real: signals and a walltime from SLURM, a killed rank, a killed srun, a job that
preempts another, a node that fails and a head process that is killed.
"""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.checkout import CHECKOUT, Workflow
from tests.cluster.own_crops import DATASET, write_crops
from tests.cluster.testbed import SITE, wait_until

TASK = "electron_photon_cnn"
# A model of a user: it sleeps, so that training is slow without loading the machine, and it has
# random numbers and buffers that a checkpoint must keep.
MODEL = CHECKOUT / "tests/train/slow_dropout.py"
SCENARIO = f"""title: Trainings that are disturbed
datasets:
  electron_photon: {DATASET}
all_tasks: {{model: slow_dropout, model_options: {{seconds: 0.2}}, batch_size: 16, device: cpu}}
tasks:
  electron_photon_cnn: {{epochs: 13}}
  long: {{like: electron_photon_cnn, epochs: 36}}
"""
LONG = "long"
RUN = (
    "snakemake --profile slurm"
    " --until train --config scenario=faults"
    # By default the memory of one training fills a node. With less, both run at the same time.
    " --set-resources train:mem_mb_per_cpu=1500"
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A function that returns the predictions of a task from a run on this machine.

    That run goes on beside those on the cluster. It does not sleep and trains one task at a time,
    so that it leaves the machine to them.
    """
    workflow = Workflow(tmp_path_factory.mktemp("undisturbed"))
    (workflow.folder / "config/faults.yaml").write_text(SCENARIO)
    write_crops(workflow.folder)
    shutil.copy(MODEL, workflow.folder / "src/calobatch/models/slow_dropout.py")
    quick = "set=all_tasks.model_options.seconds=0"
    command = ("--cores", "2", "--until", "train", "--config", "scenario=faults", quick)
    with pytest.MonkeyPatch.context() as patched, ThreadPoolExecutor(1) as pool:
        patched.setenv("PYTHONPATH", str(workflow.folder / "src"))
        run = pool.submit(workflow.snakemake, *command, timeout=1800)

        def predictions_of(task):
            run.result()
            return predictions(workflow, task)

        yield predictions_of


@pytest.fixture
def faults(ready):
    """The testbed with the scenario, and without results of it."""
    ready.write("config/faults.yaml", SCENARIO)
    ready.write_crops()
    ready.write("src/calobatch/models/slow_dropout.py", MODEL.read_text())
    ready.shell("rm -rf results/faults")
    yield ready
    ready.write("cluster/slurm/site.yaml", SITE)
    ready.shell(
        "scancel --user physicist; scontrol update nodename=c1,c2 state=resume", check=False
    )


def predictions(place, task):
    return (place.folder / f"results/faults/{task}/seed1/predictions.parquet").read_bytes()


def record(place, task):
    return json.loads((place.folder / f"results/faults/{task}/seed1/run.json").read_text())


def job_of(testbed, task):
    """Return the job and the node of the running training of a task, or None."""
    listed = testbed.shell("squeue --me --noheader --states=RUNNING --format='%i|%k|%N'").stdout
    for line in listed.splitlines():
        job, comment, node = line.split("|")
        if comment.startswith("rule_train") and comment.endswith(f"_{task}_seed1"):
            return job, node
    return None


def epochs_done(testbed, task):
    history = testbed.folder / f"results/faults/{task}/seed1/checkpoint/history.jsonl"
    return len(history.read_text().splitlines()) if history.exists() else 0


def wait_for_epochs(testbed, task, epochs):
    wait_until(lambda: epochs_done(testbed, task) >= epochs, f"epoch {epochs} of {task}")
    return wait_until(lambda: job_of(testbed, task), f"the job of {task}")


def continued(testbed, task):
    """Wait until an attempt has done its first epoch, and return its job and its node.

    That must be the epoch after those that were done before.
    """
    before = epochs_done(testbed, task)
    now = wait_until(
        lambda: (done := epochs_done(testbed, task)) != before and done, f"an epoch of {task}"
    )
    assert now > before
    return wait_until(lambda: job_of(testbed, task), f"the job of {task}")


def finish(run):
    output, _ = run.communicate(timeout=1800)
    assert run.returncode == 0, output
    return output


def ranks_of(testbed, task):
    """Return the ranks of a task that run on either node, as pairs of node and process id."""
    # The brackets keep the shell itself out, whose command has the pattern.
    find = f"pgrep -f 'bin/[c]alobatch train {task} ' || true"
    return {
        (node, pid)
        for node in ("c1", "c2")
        for pid in testbed.node(node, "exec", "bash", "-c", find).split()
    }


def wait_for_the_next_attempt(testbed, task, first):
    """Wait until a task has ranks that are not in ``first``; none of those may still be there."""

    def started():
        now = ranks_of(testbed, task)
        assert not (now & first and now - first), f"two attempts of {task} train side by side"
        return now - first

    wait_until(started, f"the next attempt of {task}")


def test_a_signal_a_killed_rank_a_killed_srun_and_the_walltime(faults, undisturbed):
    """One task is asked to stop, then loses a rank and then its srun; the long one is left alone.

    That one reaches its walltime of 4 minutes: SLURM signals it about 2 minutes after its start. On
    a busy machine, a shorter time could end before the first step.
    """
    run = faults.start(f"{RUN} train:runtime=4")
    job, _ = wait_for_epochs(faults, TASK, 2)
    before = ranks_of(faults, TASK)
    faults.shell(f"scancel --signal=USR1 {job}")
    wait_for_the_next_attempt(faults, TASK, before)

    _, node = continued(faults, TASK)
    before = ranks_of(faults, TASK)
    faults.node(node, "exec", "pkill", "-9", "--newest", "-f", f"bin/calobatch train {TASK} ")
    wait_for_the_next_attempt(faults, TASK, before)

    _, node = continued(faults, TASK)
    before = ranks_of(faults, TASK)
    assert len(before) == 2
    # Only srun itself: the ranks are children of SLURM's daemon on their node.
    faults.node(node, "exec", "pkill", "-9", "-f", f"^srun .* train {TASK} ")
    wait_for_the_next_attempt(faults, TASK, before)

    finish(run)
    for task in (TASK, LONG):
        assert predictions(faults, task) == undisturbed(task)
    assert record(faults, TASK)["resumed_after_epoch"] >= 4
    assert record(faults, LONG)["resumed_after_epoch"] > 0
    assert "rank" in (faults.folder / f"logs/faults/train/{TASK}/seed1.log").read_text()


def test_preemption_a_failed_node_and_a_killed_head_process(faults, undisturbed):
    faults.write("cluster/slurm/site.yaml", SITE + "partition: low\n")
    # Without the long task.
    one = RUN.replace("--until train", f"results/faults/{TASK}/seed1/run.json")
    run = faults.start(one)

    wait_for_epochs(faults, TASK, 2)
    faults.shell(
        "sbatch --partition normal --nodes 2 --exclusive --output /dev/null --wrap 'sleep 5'"
    )
    wait_until(lambda: not job_of(faults, TASK), "the preemption")
    job, node = wait_for_epochs(faults, TASK, 4)

    faults.node(node, "kill")
    other = wait_until(
        lambda: (found := job_of(faults, TASK)) and found[1] != node and found, "the other node"
    )
    assert other[1] != node
    faults.node(node, "start")
    job, _ = wait_for_epochs(faults, TASK, epochs_done(faults, TASK) + 2)

    faults.shell("pkill -9 -f 'bin/snakemake --profile slurm'", check=False)
    run.communicate(timeout=60)
    assert job_of(faults, TASK) == (job, other[1])
    output = finish(faults.start(one))
    assert f"ending jobs that an earlier head process left behind: {job} (train)" in output
    assert predictions(faults, TASK) == undisturbed(TASK)
