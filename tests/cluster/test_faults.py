"""Trainings that are disturbed on a cluster end with the same predictions as undisturbed ones.

Every fault is real: signals and a walltime from SLURM, a killed rank, a killed srun, a job that
preempts another, a node that fails and a head process that is killed.
"""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.checkout import CHECKOUT, Workflow
from tests.cluster.testbed import SITE, wait_until

TASK = "electron_photon_cnn"
# A model of a user: it sleeps, so that training is slow without loading the machine, and it has
# random numbers and buffers that a checkpoint must keep.
MODEL = CHECKOUT / "tests/train/slow_dropout.py"
SCENARIO = """title: Trainings that are disturbed
datasets:
  electron_photon: {source: simulate, events: 400}
tasks:
  electron_photon_cnn: {model: slow_dropout, epochs: 30, batch_size: 8, device: cpu}
seeds: [1, 2, 3, 4]
"""
SEEDS = (1, 2, 3, 4)
RUN = (
    "snakemake --profile slurm"
    " --until train --config scenario=faults"
    # By default the memory of one training fills a node. With less, all four run at the same time.
    " --set-resources train:mem_mb_per_cpu=1500"
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A function that returns the predictions for a seed from a run on this machine.

    That run goes on beside those on the cluster. It does not sleep and trains one seed at a time,
    so that it leaves the machine to them.
    """
    workflow = Workflow(tmp_path_factory.mktemp("undisturbed"))
    (workflow.folder / "config/faults.yaml").write_text(SCENARIO)
    shutil.copy(MODEL, workflow.folder / "src/calobatch/models/slow_dropout.py")
    command = ("--cores", "2", "--until", "train", "--config", "scenario=faults")
    with pytest.MonkeyPatch.context() as patched, ThreadPoolExecutor(1) as pool:
        patched.setenv("PYTHONPATH", str(workflow.folder / "src"))
        patched.setenv("SLOW_DROPOUT_SECONDS", "0")
        run = pool.submit(workflow.snakemake, *command, timeout=900)

        def predictions_of(seed):
            run.result()
            return predictions(workflow, seed)

        yield predictions_of


@pytest.fixture
def faults(ready):
    """The testbed with the scenario, and without results of it."""
    ready.write("config/faults.yaml", SCENARIO)
    ready.write("src/calobatch/models/slow_dropout.py", MODEL.read_text())
    ready.shell("rm -rf results/faults")
    yield ready
    ready.write("cluster/slurm/site.yaml", SITE)
    ready.shell(
        "scancel --user physicist; scontrol update nodename=c1,c2 state=resume", check=False
    )


def predictions(place, seed):
    return (place.folder / f"results/faults/{TASK}/seed{seed}/predictions.parquet").read_bytes()


def record(place, seed):
    return json.loads((place.folder / f"results/faults/{TASK}/seed{seed}/run.json").read_text())


def job_of(testbed, seed):
    """Return the job and the node of the running training of a seed, or None."""
    listed = testbed.shell("squeue --me --noheader --states=RUNNING --format='%i|%k|%N'").stdout
    for line in listed.splitlines():
        job, comment, node = line.split("|")
        if comment.startswith("rule_train") and comment.endswith(f"_{seed}"):
            return job, node
    return None


def epochs_done(testbed, seed):
    history = testbed.folder / f"results/faults/{TASK}/seed{seed}/checkpoint/history.jsonl"
    return len(history.read_text().splitlines()) if history.exists() else 0


def wait_for_epochs(testbed, seed, epochs):
    wait_until(lambda: epochs_done(testbed, seed) >= epochs, f"epoch {epochs} of seed {seed}")
    return wait_until(lambda: job_of(testbed, seed), f"the job of seed {seed}")


def finish(run):
    output, _ = run.communicate(timeout=900)
    assert run.returncode == 0, output
    return output


def ranks_of(testbed, seed):
    """Return the ranks of a seed that run on either node, as pairs of node and process id."""
    # The brackets keep the shell itself out, whose command has the pattern.
    find = f"pgrep -f 'bin/[c]alobatch train .*--seed {seed} ' || true"
    return {
        (node, pid)
        for node in ("c1", "c2")
        for pid in testbed.node(node, "exec", "bash", "-c", find).split()
    }


def wait_for_the_next_attempt(testbed, seed, first):
    """Wait until a seed has ranks that are not in ``first``; none of those may still be there."""

    def started():
        now = ranks_of(testbed, seed)
        assert not (now & first and now - first), f"two attempts of seed {seed} train side by side"
        return now - first

    wait_until(started, f"the next attempt of seed {seed}")


def test_a_signal_a_killed_rank_a_killed_srun_and_the_walltime(faults, undisturbed):
    """Seed 1 is asked to stop, seed 2 loses a rank and seed 4 its srun; seed 3 is left alone.

    It reaches its walltime of 4 minutes: SLURM signals it, and any other that is still running,
    about 2 minutes after its start.
    """
    run = faults.start(f"{RUN} train:runtime=4")
    job, _ = wait_for_epochs(faults, 1, 2)
    faults.shell(f"scancel --signal=USR1 {job}")
    wait_until(lambda: job_of(faults, 1) is None, "seed 1 to leave")
    _, node = wait_for_epochs(faults, 2, 2)
    faults.node(node, "exec", "pkill", "-9", "--newest", "-f", "bin/calobatch train .*--seed 2 ")
    _, node = wait_for_epochs(faults, 4, 2)
    ranks = ranks_of(faults, 4)
    assert len(ranks) == 2
    # Only srun itself: the ranks are children of SLURM's daemon on their node.
    faults.node(node, "exec", "pkill", "-9", "-f", "^srun .*--seed 4 ")
    wait_for_the_next_attempt(faults, 4, ranks)
    finish(run)
    for seed in SEEDS:
        assert predictions(faults, seed) == undisturbed(seed)
    assert record(faults, 1)["resumed_after_epoch"] >= 2
    assert record(faults, 2)["resumed_after_epoch"] >= 2
    assert record(faults, 4)["resumed_after_epoch"] >= 2
    assert record(faults, 3)["resumed_after_epoch"] + record(faults, 3)["resumed_at_step"] > 0
    assert "rank" in (faults.folder / f"logs/faults/train/{TASK}/seed1.log").read_text()


def test_preemption_a_failed_node_and_a_killed_head_process(faults, undisturbed):
    faults.write("cluster/slurm/site.yaml", SITE + "partition: low\n")
    one = RUN.replace("scenario=faults", "scenario=faults 'set=seeds=[1]'")
    run = faults.start(one)

    wait_for_epochs(faults, 1, 2)
    faults.shell(
        "sbatch --partition normal --nodes 2 --exclusive --output /dev/null --wrap 'sleep 5'"
    )
    wait_until(lambda: not job_of(faults, 1), "the preemption")
    job, node = wait_for_epochs(faults, 1, 4)

    faults.node(node, "kill")
    other = wait_until(
        lambda: (found := job_of(faults, 1)) and found[1] != node and found, "the other node"
    )
    assert other[1] != node
    faults.node(node, "start")
    job, _ = wait_for_epochs(faults, 1, epochs_done(faults, 1) + 2)

    faults.shell("pkill -9 -f 'bin/snakemake --profile slurm'", check=False)
    run.communicate(timeout=60)
    assert job_of(faults, 1) == (job, other[1])
    output = finish(faults.start(one))
    assert f"ending jobs that an earlier head process left behind: {job} (train)" in output
    assert predictions(faults, 1) == undisturbed(1)
