"""The probe of how fast ranks talk, with real ranks; and what is read back from its line."""

import subprocess
import sys

import pytest
import torch

from calobatch.communicator import probe
from calobatch.communicator.placement import Placement
from calobatch.communicator.single import SingleCommunicator
from calobatch.communicator.speed import Speed
from calobatch.errors import JobError

CPU = torch.device("cpu")


@pytest.mark.parametrize("backend", ["horovod", "torch"])
def test_two_ranks_measure_and_one_of_them_tells(backend):
    launch = [sys.executable, "-m", "calobatch.cli", "launch", "-n", "2"]
    answer = subprocess.run(
        [*launch, sys.executable, "-m", "calobatch.communicator.probe", backend, "cpu"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert answer.stdout.count("latency_us") == 1
    speed = Speed.in_output(answer.stdout)
    assert (speed.ranks, speed.nodes, speed.backend, speed.device) == (2, 1, backend, "cpu")
    assert speed.interface == "lo"
    assert 0 < speed.latency_us < 1e6
    assert 1 < speed.megabytes_per_second < 1e6


def test_ranks_that_add_up_wrongly_are_no_measurement():
    with pytest.raises(JobError, match=r"2 ranks added up to 1\.0"):
        probe.measure(SingleCommunicator(), Placement(size=2), CPU, "single")


def test_first_rounds_are_left_out():
    calls = []
    probe.median_seconds(lambda: calls.append(1), 10)
    assert len(calls) == 12


def test_a_line_is_read_back_from_among_others():
    speed = Speed(2, 2, "horovod", "cpu", "ib0", 100000, 12.5, 9000.0)
    assert Speed.in_output(f"a warning\n{speed.as_line()}\nanother\n") == speed


def test_ranks_that_told_nothing_are_an_error():
    with pytest.raises(JobError, match="without a measurement"):
        Speed.in_output("a warning\n")


@pytest.mark.parametrize("interface", ["lo", "nowhere0"])
def test_an_interface_without_a_speed_has_0(interface):
    assert probe.link_mbit(interface) == 0
