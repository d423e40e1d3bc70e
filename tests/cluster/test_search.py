"""A search that loses its head process and a trial on a cluster ends as if left alone."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster.testbed import SITE, wait_until
from tests.workflow.test_search import COMPARED, MODEL, SCENARIO, TASK, with_search

# Two ranks, and steps slow enough to be killed in the middle of an epoch on a busy machine.
SLOW = (
    SCENARIO.replace("seconds: 0.02", "seconds: 0.2")
    .replace("ranks: 1", "ranks: 2")
    .replace("communicator: single", "communicator: horovod")
)
TARGET = f"{TASK}/seed1/run.json"
RUN = (
    f"snakemake {TARGET} --profile slurm --config scenario=searched"
    # By default the memory of one training fills a node. With less, two run at the same time.
    " --set-resources trial:mem_mb_per_cpu=1500 train:mem_mb_per_cpu=1500"
)
ROUND = "step2"


@pytest.fixture
def cluster(ready):
    ready.write("config/searched.yaml", SLOW)
    ready.write_crops()
    ready.write("src/calobatch/models/slow_dropout.py", MODEL.read_text())
    ready.shell("rm -rf results/searched")
    yield ready
    ready.write("cluster/slurm/site.yaml", SITE)
    ready.shell("scancel --user physicist", check=False)


def jobs_of_trials(testbed):
    """Return the running jobs of trials, by the step and the place of each."""
    listed = testbed.shell("squeue --me --noheader --states=RUNNING --format='%i|%k'").stdout
    jobs = dict(reversed(line.split("|")) for line in listed.splitlines())
    return {of.removeprefix("rule_trial_"): job for of, job in jobs.items() if "rule_trial" in of}


def epochs_of_the_second_round(testbed):
    """Return the number of the trial that has made an epoch of the second round, or None."""
    search = testbed.folder / TASK / "search"
    for history in search.glob("trial*/checkpoint/history.jsonl"):
        if (search / f"{ROUND}.json").exists() and history.read_text().count("\n") in (4, 5):
            return int(history.parts[-3].removeprefix("trial"))
    return None


def test_a_search_that_was_killed_in_its_second_round_goes_on(cluster, tmp_path):
    alone = with_search(tmp_path, SLOW)
    with ThreadPoolExecutor(1) as pool:
        undisturbed = pool.submit(
            alone.snakemake, TARGET, "--cores", "2", "--config", "scenario=searched"
        )
        run = cluster.start(RUN)
        number = wait_until(lambda: epochs_of_the_second_round(cluster), "the second round")
        assert list(jobs_of_trials(cluster)) == [f"wildcards_crops_{ROUND}_1"]
        cluster.shell(f"pkill -9 -f 'bin/[s]nakemake {TARGET}'")
        run.communicate(timeout=60)
        for node in ("c1", "c2"):
            cluster.node(node, "exec", "bash", "-c", "pkill -9 -f 'bin/[c]alobatch trial ' || true")
        again = cluster.start(RUN)
        output, _ = again.communicate(timeout=1800)
        assert again.returncode == 0, output
        undisturbed.result()
    for name in COMPARED:
        expected = (alone.folder / TASK / name).read_bytes()
        assert (cluster.folder / TASK / name).read_bytes() == expected, name
    logs = cluster.folder / "logs/searched/trial/crops"
    assert f"crops_trial{number} seed 0" in (logs / f"{ROUND}_1.log").read_text()
    assert "continued after epoch" in (logs / f"{ROUND}_1.log").read_text()
    # The trials of the first round were not repeated.
    assert f"start   trial crops {ROUND} 1" in output
    assert "start   trial crops step1" not in output
