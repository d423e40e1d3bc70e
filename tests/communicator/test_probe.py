"""The probe of how fast ranks communicate, with real ranks, and the line that it prints."""

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
def test_two_ranks_measure_and_one_prints_the_result(backend):
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


def test_a_wrong_sum_over_ranks_is_an_error():
    with pytest.raises(
        JobError,
        match=r"the sum of 1 over 2 ranks is 1\.0, so the communicator single does not work",
    ):
        probe.measure(SingleCommunicator(), Placement(size=2), CPU, "single")


def test_the_first_rounds_are_ignored():
    calls = []
    probe.median_seconds(lambda: calls.append(1), 10)
    assert len(calls) == 12


def test_the_measurement_is_found_among_other_lines():
    speed = Speed(2, 2, "horovod", "cpu", "ib0", 100000, 12.5, 9000.0)
    assert Speed.in_output(f"a warning\n{speed.as_line()}\nanother\n") == speed


def test_ranks_without_a_measurement_are_an_error():
    with pytest.raises(JobError, match="without printing a measurement"):
        Speed.in_output("a warning\n")


@pytest.mark.parametrize("interface", ["lo", "nowhere0"])
def test_an_interface_without_a_known_speed_has_speed_0(interface):
    assert probe.link_mbit(interface) == 0
