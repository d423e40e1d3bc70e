"""A rank's place from SLURM's variables; a stand-in for scontrol expands the node list."""

import os
import socket
from types import SimpleNamespace

import pytest

from calobatch.errors import JobError
from calobatch.slurm import place as place_module
from calobatch.slurm.place import (
    address_of_rank_0,
    interface_to_others,
    place_of_rank,
    rendezvous_port,
)

SCONTROL = """#!/bin/sh
[ "$*" = "show hostnames c[1-2]" ] && printf 'c1\\nc2\\n'
[ "$*" = "show hostnames c1" ] && echo c1
"""


@pytest.fixture(autouse=True)
def scontrol(tmp_path, monkeypatch):
    program = tmp_path / "scontrol"
    program.write_text(SCONTROL)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    # The secret of the project is made in the current folder.
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def first_node(monkeypatch):
    """Make this machine the node c1, with one address on a network and one name for each case."""

    def known_as(*addresses):
        interfaces = {"lo": ["127.0.0.1"], "eth0": ["10.0.0.1"], "ib0": ["10.1.0.1"]}
        monkeypatch.setattr(
            place_module.psutil,
            "net_if_addrs",
            lambda: {
                name: [SimpleNamespace(address=address) for address in known]
                for name, known in interfaces.items()
            },
        )
        monkeypatch.setattr(place_module, "_addresses", lambda name: list(addresses))
        monkeypatch.setattr(place_module, "_address_towards", lambda other: "10.0.0.1")

    return known_as


def variables(rank, nodes=2, per_node=2):
    numbers = {
        "PROCID": rank,
        "NTASKS": nodes * per_node,
        "LOCALID": rank % per_node,
        "NODEID": rank // per_node,
        "NNODES": nodes,
        "JOB_ID": 4711,
        "STEP_ID": 0,
    }
    names = {"SLURM_STEP_NODELIST": "c[1-2]" if nodes == 2 else "c1"}
    return {f"SLURM_{name}": str(value) for name, value in numbers.items()} | names


def test_ranks_agree_on_where_rank_0_listens_and_each_has_its_own_place(first_node):
    first_node("10.0.0.1")
    places = [place_of_rank(variables(rank), "eth7") for rank in range(4)]
    assert [(p.rank, p.node, p.local_rank) for p in places] == [
        (0, 0, 0),
        (1, 0, 1),
        (2, 1, 0),
        (3, 1, 1),
    ]
    assert [p.address for p in places] == ["10.0.0.1", "10.0.0.1", "c1", "c1"]
    assert {(p.port, p.size, p.local_size, p.nodes) for p in places} == {
        (rendezvous_port(4711, 0), 4, 2, 2)
    }
    assert len({p.secret for p in places}) == 1
    assert {p.interface for p in places} == {"eth7"}


def test_ranks_on_one_node_use_its_loopback_interface():
    place = place_of_rank(variables(1, nodes=1))
    assert (place.address, place.interface) == ("127.0.0.1", "lo")


@pytest.mark.parametrize(
    ("known_as", "expected"),
    [
        (["10.1.0.1"], "10.1.0.1"),
        # Debian's /etc/hosts gives a machine's own name this address.
        (["127.0.1.1"], "10.0.0.1"),
        (["127.0.1.1", "10.1.0.1"], "10.1.0.1"),
        # An address of another machine, for instance of a router in front of this one.
        (["192.0.2.7"], "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
)
def test_rank_0_listens_where_the_other_nodes_reach_it_and_nowhere_else(
    first_node, known_as, expected
):
    first_node(*known_as)
    assert address_of_rank_0(["c1", "c2"], 0) == expected
    assert address_of_rank_0(["c1", "c2"], 1) == "c1"
    assert address_of_rank_0(["c1"], 0) == "127.0.0.1"


def test_the_interface_that_leads_to_this_machine_is_one_of_its_own():
    names = [name for _, name in socket.if_nameindex()]
    assert interface_to_others(["127.0.0.1", "127.0.0.1"], 0) in names


def test_steps_and_consecutive_jobs_have_different_ports():
    ports = [rendezvous_port(job, step) for job in range(100, 150) for step in range(5)]
    assert len(set(ports)) == len(ports)
    assert all(20_000 <= port < 30_000 for port in ports)


def test_an_unknown_node_is_named_with_the_fix():
    with pytest.raises(JobError, match="set network_interface in the site file"):
        interface_to_others(["nowhere.invalid", "here"], 1)


def test_a_rank_that_srun_did_not_start_is_an_error():
    with pytest.raises(
        JobError, match="srun did not set the variables that give this rank its place"
    ):
        place_of_rank({"SLURM_PROCID": "0"})
