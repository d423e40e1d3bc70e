"""The testbed, started once for all tests in this folder, with images that its user has built.

If this machine cannot run it (no root, no podman), the tests are skipped with the reason; with
CALOBATCH_REQUIRE_CLUSTER=1 they fail instead.

CALOBATCH_TESTBED and CALOBATCH_TESTBED_FOLDER give the cluster another name and another shared
folder, so that two runs of the tests can go on side by side.
"""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.checkout import files_of_the_checkout
from tests.cluster.testbed import CHECKOUT, TESTBED, Testbed


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
    default = (CHECKOUT / ".cache").resolve() / "testbed" / "checkout"
    shared = Path(os.environ.get("CALOBATCH_TESTBED_FOLDER", default))
    if reason := why_not_here(shared):
        if os.environ.get("CALOBATCH_REQUIRE_CLUSTER"):
            pytest.fail(f"the tests on the cluster cannot run here: {reason}")
        pytest.skip(reason)
    cluster = Testbed(shared)
    cluster.bring(files_of_the_checkout())
    cluster.call("up")
    yield cluster
    cluster.call("down")


@pytest.fixture(scope="session")
def ready(testbed):
    """The testbed after the first steps of a new user: the environment and the images exist.

    The wheels come from this machine: the wheelhouse is built here and copied.
    """
    subprocess.run(["make", "wheelhouse"], cwd=CHECKOUT, check=True)
    wheels = testbed.folder / ".cache" / "wheelhouse"
    wheels.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-ru", CHECKOUT / ".cache/wheelhouse/cpu", wheels], check=True)
    subprocess.run(["chown", "-R", "1000:1000", testbed.folder / ".cache"], check=True)
    testbed.shell("PYTHON=python3.11 make head")
    testbed.shell("make images", timeout=1800)
    return testbed
