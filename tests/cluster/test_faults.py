"""What happens to trainings on a cluster, and that each ends as if it had not.

Every fault is a real one: signals and a walltime from SLURM, a killed rank, a preempting job, a
node that is gone, a head process that is gone.
"""

import json
import shutil

import pytest

from tests.checkout import CHECKOUT, Workflow
from tests.cluster.testbed import SITE, wait_until

TASK = "electron_photon_cnn"
# A user's own model: slow without a load on the machine, with random numbers and buffers to keep.
MODEL = CHECKOUT / "tests/train/slow_dropout.py"
SCENARIO = """title: Trainings that are disturbed
datasets:
  electron_photon: {source: simulate, events: 400}
tasks:
  electron_photon_cnn: {model: slow_dropout, epochs: 30, batch_size: 8, device: cpu}
seeds: [1, 2, 3]
"""
RUN = (
    "snakemake --profile slurm --slurm-init-seconds-before-status-checks 5"
    " --until train --config scenario=faults"
    # Of the memory that trainings ask for one would fill a node: all three run at once.
    " --set-resources train:mem_mb_per_cpu=1500"
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The predictions of each seed, from a run on this machine."""
    workflow = Workflow(tmp_path_factory.mktemp("undisturbed"))
    (workflow.folder / "config/faults.yaml").write_text(SCENARIO)
    shutil.copy(MODEL, workflow.folder / "src/calobatch/models/slow_dropout.py")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(workflow.folder / "src"))
        workflow.snakemake(
            *("--cores", "8", "--until", "train", "--config", "scenario=faults"), timeout=900
        )
    return {seed: predictions(workflow, seed) for seed in (1, 2, 3)}


@pytest.fixture
def faults(ready):
    """The testbed with the scenario in it, and no results of it."""
    ready.write("config/faults.yaml", SCENARIO)
    ready.write("src/calobatch/models/slow_dropout.py", MODEL.read_text())
    ready.shell("rm -rf results/faults .snakemake/locks")
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
    """The job and the node of the running training of a seed, or nothing."""
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
    said, _ = run.communicate(timeout=900)
    assert run.returncode == 0, said
    return said


def test_a_signal_a_killed_rank_and_the_walltime(faults, undisturbed):
    """Seed 1 is asked to stop, seed 2 loses a rank, seed 3 (and whoever is slow) gets its
    walltime's signal, some two minutes before the fourth.
    """
    run = faults.start(f"{RUN} train:runtime=4")
    job, _ = wait_for_epochs(faults, 1, 2)
    faults.shell(f"scancel --signal=USR1 {job}")
    wait_until(lambda: job_of(faults, 1) is None, "seed 1 to leave")
    _, node = wait_for_epochs(faults, 2, 2)
    faults.node(node, "exec", "pkill", "-9", "--newest", "-f", "bin/calobatch train .*--seed 2 ")
    finish(run)
    for seed in (1, 2, 3):
        assert predictions(faults, seed) == undisturbed[seed]
    assert record(faults, 1)["resumed_after_epoch"] >= 2
    assert record(faults, 2)["resumed_after_epoch"] >= 2
    assert record(faults, 3)["resumed_after_epoch"] + record(faults, 3)["resumed_at_step"] > 0
    assert "rank" in (faults.folder / f"logs/faults/train/{TASK}/seed1.log").read_text()


def test_preemption_a_node_that_is_gone_and_a_head_that_is_gone(faults, undisturbed):
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
    faults.shell("snakemake --unlock --config scenario=faults")
    said = finish(faults.start(one))
    assert f"ending jobs of a head process that is gone: {job} (train)" in said
    assert predictions(faults, 1) == undisturbed[1]
