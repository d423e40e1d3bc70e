"""A rank's place from SLURM's variables; a stand-in for scontrol expands the node list."""

import os
import socket

import pytest

from calobatch.errors import JobError
from calobatch.slurm.place import interface_to_others, place_of_rank, rendezvous_port

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


def test_ranks_agree_on_where_rank_0_listens_and_each_has_its_own_place():
    places = [place_of_rank(variables(rank), "eth7") for rank in range(4)]
    assert [(p.rank, p.node, p.local_rank) for p in places] == [
        (0, 0, 0),
        (1, 0, 1),
        (2, 1, 0),
        (3, 1, 1),
    ]
    assert {(p.address, p.port, p.size, p.local_size, p.nodes) for p in places} == {
        ("c1", rendezvous_port(4711, 0), 4, 2, 2)
    }
    assert {p.interface for p in places} == {"eth7"}


def test_ranks_on_one_node_use_its_loopback_interface():
    place = place_of_rank(variables(1, nodes=1))
    assert (place.address, place.interface) == ("127.0.0.1", "lo")


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
