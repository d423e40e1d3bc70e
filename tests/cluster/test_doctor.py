"""The preflight on a real cluster: all well, and with things broken on purpose."""

import re

import pytest

from tests.cluster.testbed import SITE

LINE = re.compile(r"^(ok|warning|FAILED|skipped) +(.+?)  ", re.MULTILINE)
DOCTOR = ".venv/bin/calobatch doctor --patience 60"


def marks(said):
    """The mark of each check, by its name."""
    return {name.strip(): mark for mark, name in LINE.findall(said)}


def test_a_cluster_that_is_well_passes(ready):
    found = marks(ready.shell(DOCTOR).stdout)
    # How fast two containers on one machine talk is no matter of health.
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
def test_what_is_broken_is_named_with_the_mend(ready, change, failed):
    ready.write("cluster/slurm/site.yaml", f"{SITE}{change}\n")
    try:
        answer = ready.shell(DOCTOR, check=False)
    finally:
        ready.write("cluster/slurm/site.yaml", SITE)
    assert answer.returncode == 2
    assert marks(answer.stdout)[failed] == "FAILED"
    assert "->" in answer.stdout
