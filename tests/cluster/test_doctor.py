"""The doctor on a real cluster: with everything working, and with things broken on purpose."""

import re

import pytest

from tests.cluster.testbed import SITE

LINE = re.compile(r"^(ok|warning|FAILED|skipped) +(.+?)  ", re.MULTILINE)
DOCTOR = ".venv/bin/calobatch doctor --patience 60"


def marks(output):
    """Return the mark of each check by its name."""
    return {name.strip(): mark for mark, name in LINE.findall(output)}


def test_a_working_cluster_passes(ready):
    found = marks(ready.shell(DOCTOR).stdout)
    # Two containers on one machine may talk slowly; that is not a fault of the cluster.
    assert {name for name, mark in found.items() if mark in ("warning", "FAILED")} <= {"ranks"}
    assert {"SLURM", "accounting", "images", "shared folder", "image mount"} <= set(found)


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ("partition: nowhere", "partitions"),
        ("images: elsewhere", "images"),
        ("network_interface: ib7", "ranks"),
    ],
)
def test_a_broken_site_file_is_named_with_the_fix(ready, change, failed):
    ready.write("cluster/slurm/site.yaml", f"{SITE}{change}\n")
    try:
        answer = ready.shell(DOCTOR, check=False)
    finally:
        ready.write("cluster/slurm/site.yaml", SITE)
    assert answer.returncode == 2
    assert marks(answer.stdout)[failed] == "FAILED"
    assert "->" in answer.stdout


# Modules whose function reads an unset variable, which a strict bash does not forgive.
CARELESS = 'module() { [ -n "$NO_SUCH_VARIABLE" ]; false; return 0; }'
# Variables of a user that would hide jobs, or break each image.
OF_A_USER = (
    "export BASH_ENV=/home/physicist/modules.sh SQUEUE_STATES=R APPTAINER_BIND=/no/such "
    "APPTAINERENV_LD_PRELOAD=/no.so MLFLOW_TRACKING_URI=sqlite:////home/physicist/m.db"
)
KEYS = "constraint: fast\nqos: normal\nexclude: [c2]\nmodules: [apptainer]\n"
SCENARIO = """title: Data elsewhere
datasets:
  electron_photon: {source: simulate, events: 200}
tasks:
  electron_photon_two_branch: {epochs: 1, batch_size: 32, device: cpu}
"""
RUN = (
    "snakemake --profile slurm --config scenario=elsewhere --until simulate "
    "--slurm-keep-successful-logs"
)


def set_feature(testbed, name):
    """Give both nodes a feature, or none, as only the administrator may."""
    features = (f"availablefeatures={name}", f"activefeatures={name}")
    testbed.node("login", "exec", "scontrol", "update", "nodename=c1,c2", *features)


@pytest.fixture
def unusual(ready):
    """The testbed with all keys of the site file in use, and `data` outside of the project."""
    ready.write("config/elsewhere.yaml", SCENARIO)
    ready.write("cluster/slurm/site.yaml", SITE + KEYS)
    set_feature(ready, "fast")
    ready.shell(
        "mkdir -p data && mv data data.kept && rm -rf ~/data && mkdir ~/data && "
        f"ln -s ~/data data && echo '{CARELESS}' > ~/modules.sh"
    )
    yield ready
    ready.shell("rm -rf data && mv data.kept data; rm -r ~/data")
    set_feature(ready, "")
    ready.write("cluster/slurm/site.yaml", SITE)


def test_after_a_green_doctor_a_job_runs_with_all_keys_modules_and_links(unusual):
    found = marks(unusual.shell(f"{OF_A_USER}; {DOCTOR} --scenario elsewhere").stdout)
    # One node is left: for both ranks of the trial, and too small for a head process beside a
    # training.
    warned = {name for name, mark in found.items() if mark == "warning"}
    assert warned == {"ranks", "submitted head"}
    assert found["links"] == found["linked folders"] == found["compute node"] == "ok"
    run = unusual.shell(f"{OF_A_USER}; {RUN}")
    jobs = re.findall(r"SLURM jobid (\d+)", run.stdout + run.stderr)
    where = "sacct -X -n -P --format=nodelist,constraints,qos,state --jobs=" + ",".join(jobs)
    assert set(unusual.shell(where).stdout.split()) == {"c1|fast|normal|COMPLETED"}
    assert len(unusual.shell("find ~/data -type f -size +0").stdout.split()) == len(jobs)


def test_a_link_that_leads_nowhere_is_named_by_the_doctor(ready):
    ready.shell("ln -s /no/such/place data/broken")
    try:
        answer = ready.shell(DOCTOR, check=False)
    finally:
        ready.shell("rm data/broken")
    assert marks(answer.stdout)["links"] == "FAILED"
    assert "data/broken leads to /no/such/place" in answer.stdout
