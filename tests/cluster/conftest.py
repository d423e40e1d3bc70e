"""The testbed, started once for all tests in this folder, with images that its user has built.

If this machine cannot run it (no root, no podman), the tests are skipped with the reason; with
CALOBATCH_REQUIRE_CLUSTER=1 they fail instead.

CALOBATCH_TESTBED and CALOBATCH_TESTBED_FOLDER give the cluster another name and another shared
folder, so that two runs of the tests can go on side by side. With several workers of pytest-xdist,
each has a testbed of its own; `--dist loadfile --no-loadscope-reorder` keeps the order below.
"""

import os
import shutil
import stat
import subprocess

import pytest

from tests.checkout import Workflow, files_of_the_checkout
from tests.cluster.testbed import TESTBED, USER, Testbed, one_worker_builds, shared_folder

# The order in which workers get the files. Each of three workers takes one of the first three. A
# worker with one or two tests left takes the next file, so the second and the third worker take the
# fourth and the fifth at once.
ORDER = (
    "test_bundle",
    "test_faults",
    "test_submit",
    "test_testbed",
    "test_head",
    "test_doctor",
    "test_ranks",
)


def pytest_collection_modifyitems(items):
    """Put the files into the order that keeps three workers busy for the same time."""
    place = {name: number for number, name in enumerate(ORDER)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


def why_not_here(shared):
    """Return why the testbed cannot run on this machine, or an empty text."""
    able = subprocess.run([TESTBED / "check_host"], capture_output=True, text=True)
    closed = [str(f) for f in shared.parents if f.exists() and not f.stat().st_mode & stat.S_IXOTH]
    if able.returncode:
        return able.stderr.strip()
    return (
        f"other users cannot enter {closed[-1]}; clone to a folder that they can" if closed else ""
    )


@pytest.fixture(scope="session")
def testbed():
    """A running cluster whose shared folder has this checkout, with nothing set up or built."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    shared = shared_folder(worker)
    if reason := why_not_here(shared):
        if os.environ.get("CALOBATCH_REQUIRE_CLUSTER"):
            pytest.fail(f"the tests on the cluster cannot run here: {reason}")
        pytest.skip(reason)
    cluster = Testbed(shared, worker)
    cluster.bring(files_of_the_checkout())
    with one_worker_builds():
        cluster.call("up")
    yield cluster
    cluster.call("down")


@pytest.fixture(scope="session")
def ready(testbed):
    """The testbed after the README's first steps for a new user."""
    testbed.set_up()
    return testbed


@pytest.fixture(scope="session")
def repository(testbed):
    """A git repository of this checkout that the user can clone, with what is not committed yet."""
    folder = testbed.folder / ".cache/repository"
    shutil.rmtree(folder, ignore_errors=True)
    Workflow(folder)
    git = ["git", "-C", folder, "-c", "user.name=tests", "-c", "user.email=tests@localhost"]
    for command in ("init --quiet", "add --all", "commit --quiet --message tests"):
        subprocess.run([*git, *command.split()], check=True)
    subprocess.run(["chown", "-R", f"{USER}:{USER}", folder], check=True)
    return folder
