"""The testbed, up once for all tests of this folder, with the images built by its user.

Where this machine cannot run it (no root, no podman) the tests are skipped, and say why; with
CALOBATCH_REQUIRE_CLUSTER=1 they fail instead.
"""

import os
import stat
import subprocess

import pytest

from tests.checkout import files_of_the_checkout
from tests.cluster.testbed import CHECKOUT, TESTBED, Testbed


def why_not_here(shared):
    """Return what keeps the testbed from running on this machine, or nothing."""
    able = subprocess.run([TESTBED / "check_host"], capture_output=True, text=True)
    closed = [str(f) for f in shared.parents if f.exists() and not f.stat().st_mode & stat.S_IXOTH]
    if able.returncode:
        return able.stderr.strip()
    return f"others may not enter {closed[-1]}; clone to a folder that they may" if closed else ""


@pytest.fixture(scope="session")
def testbed():
    """A running cluster whose shared folder has this checkout, its environment and its images."""
    shared = (CHECKOUT / ".cache").resolve() / "testbed" / "checkout"
    if reason := why_not_here(shared):
        if os.environ.get("CALOBATCH_REQUIRE_CLUSTER"):
            pytest.fail(f"the cluster's tests cannot run here: {reason}")
        pytest.skip(reason)
    subprocess.run(["make", "wheelhouse"], cwd=CHECKOUT, check=True)
    cluster = Testbed(shared)
    cluster.bring(files_of_the_checkout())
    wheels = cluster.folder / ".cache" / "wheelhouse"
    wheels.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-ru", CHECKOUT / ".cache/wheelhouse/cpu", wheels], check=True)
    subprocess.run(["chown", "-R", "1000:1000", cluster.folder], check=True)
    cluster.call("up")
    yield cluster
    cluster.call("down")


@pytest.fixture(scope="session")
def ready(testbed):
    """The testbed after a new user's first steps: the environment, and the images."""
    testbed.shell("PYTHON=python3.11 make head")
    testbed.shell("make images", timeout=1800)
    return testbed
