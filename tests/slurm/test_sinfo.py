"""What sinfo lists is read right, and partitions are found by the name that the site file gives."""

import math

import pytest

from calobatch.errors import UserError
from calobatch.slurm.sinfo import partition_named, read_gpus, read_minutes, read_partitions

LISTED = """short*|up|04:00:00|c1|4|8000|idle|(null)|(null)
short*|up|04:00:00|c2|4|8000|idle|(null)|(null)
long|down|2-00:00:00|c2|4|8000|idle|(null)|(null)
long|down|2-00:00:00|c3|4|16000|idle|(null)|(null)
"""


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("1-00:00:00", 1440),
        ("2-12:30:00", 3630),
        ("12:00:00", 720),
        ("30:00", 30),
        ("0:30", 0.5),
        ("infinite", math.inf),
        ("n/a", math.inf),
    ],
)
def test_time_limits_as_sinfo_writes_them(text, minutes):
    assert read_minutes(text) == minutes


@pytest.mark.parametrize(
    ("text", "gpus"),
    [
        ("(null)", {}),
        ("gpu:4", {"": 4}),
        ("gpu:2(S:0)", {"": 2}),
        ("gpu:2080ti:4(S:0-1)", {"2080ti": 4}),
        ("gpu:a100:3,gpu:a100_1g.5gb:7,shard:8", {"a100": 3, "a100_1g.5gb": 7}),
    ],
)
def test_gpus_as_sinfo_writes_them(text, gpus):
    assert read_gpus(text) == gpus


def test_partitions_have_their_nodes_and_one_is_the_default():
    found = read_partitions(LISTED + "low|inact|infinite|c1|4|8000+|drain~|(null)|(null)\n")
    assert [(p.name, p.default, p.up, len(p.nodes)) for p in found.values()] == [
        ("short", True, True, 2),
        ("long", False, False, 2),
        ("low", False, False, 1),
    ]
    assert not found["low"].nodes[0].available


def test_a_list_of_partitions_has_the_nodes_and_the_longest_walltime_of_all():
    found = partition_named(read_partitions(LISTED), "short,long")
    assert found.name == "short,long"
    assert [node.name for node in found.nodes] == ["c1", "c2", "c3"]
    assert found.minutes == 2 * 24 * 60
    assert found.up


def test_no_name_means_the_default_partition():
    assert partition_named(read_partitions(LISTED), "").name == "short"


@pytest.mark.parametrize("name", ["gpu", "short,gpu"])
def test_a_partition_that_slurm_does_not_have_is_named_with_those_that_it_has(name):
    with pytest.raises(UserError, match="no partition 'gpu'; it has: short, long"):
        partition_named(read_partitions(LISTED), name)


def test_a_cluster_without_default_partition_says_so():
    with pytest.raises(UserError, match="no default partition; it has: long"):
        partition_named(read_partitions(LISTED.split("\n", 2)[2]), "")
