"""The offline bundle: a cluster without a network runs a scenario to its end from it alone.

The bundle is made on the login node, with the images and the wheels of the fixture `ready`. Then
the nodes lose their route to everything but each other.
"""

import pytest

from tests.checkout import Workflow
from tests.cluster.readme import commands
from tests.cluster.testbed import PROFILE, SITE
from tests.workflow.test_run import TASKS

NODES = ("login", "c1", "c2")


def at(folder: str, command: str) -> str:
    """Return a command that runs in another folder, without the environment of the checkout."""
    return f"deactivate; cd {folder} && {command}"


@pytest.fixture(scope="module")
def bundle(ready, repository):
    """The folder of a bundle that `make bundle` made in a clone."""
    ready.shell(at("~", f"rm -rf origin bundle && git clone --quiet {repository} origin"))
    ready.shell("mkdir -p ~/origin/.cache && ln -s $PWD/.cache/wheelhouse ~/origin/.cache")
    ready.shell("ln -s $PWD/containers/images ~/origin/containers/images")
    # With the environment of the checkout, so that the clone needs none of its own.
    ready.shell("cd ~/origin && make bundle TO=~/bundle")
    yield "~/bundle"
    ready.shell("rm -rf ~/origin ~/bundle")


@pytest.fixture(scope="module")
def offline(ready, bundle):
    """The testbed without a network beyond its own nodes."""
    routes = {node: ready.node(node, "exec", "ip", "route", "show", "default") for node in NODES}
    for node in NODES:
        ready.node(node, "exec", "ip", "route", "delete", "default")
    yield ready
    for node, route in routes.items():
        ready.node(node, "exec", "ip", "route", "add", *route.split())


@pytest.fixture(scope="module")
def installed(offline, bundle):
    """The folder that the bundle was installed to, with a site file."""
    folder = "~/from_bundle"
    offline.shell(at("~", f"rm -rf {folder} && {bundle}/install {folder}"))
    offline.shell(at(folder, f"cat >cluster/slurm/site.yaml <<'END'\n{SITE}END\n"))
    # Snakemake looks at its jobs as early as in the other tests.
    offline.shell(f"cp {offline.folder / PROFILE} {folder}/{PROFILE}")
    yield folder
    offline.shell(f"rm -rf {folder}")


def test_the_nodes_reach_nothing_but_each_other(offline):
    """192.0.2.1 is an address for documentation, to which every other machine has a route."""
    for node in NODES:
        with pytest.raises(AssertionError, match="unreachable"):
            offline.node(node, "exec", "ip", "route", "get", "192.0.2.1")


def test_a_whole_scenario_runs_from_the_bundle_with_the_same_predictions(
    offline, installed, finished: Workflow
):
    doctor, run = commands()[-2:]
    for command in (doctor, run):
        offline.shell(at(installed, f"source .venv/bin/activate && {command}"))
    results = f"{installed}/results/test"
    offline.shell(f"test -s {results}/report.html && test -s {results}/leaderboard.csv")
    for task in TASKS:
        name = f"{task}/seed1/predictions.parquet"
        expected = finished.folder / "results/test" / name
        copied = offline.folder / ".cache/predictions.parquet"
        offline.shell(f"cp {results}/{name} {copied}")
        assert copied.read_bytes() == expected.read_bytes()
