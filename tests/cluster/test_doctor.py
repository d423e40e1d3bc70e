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
