"""All back ends with real ranks: every rank gets the result that was computed by hand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from calobatch.communicator.interface import connect
from calobatch.communicator.placement import Placement
from calobatch.errors import UserError

EXERCISE = Path(__file__).with_name("exercise.py")


@pytest.mark.parametrize(
    ("backend", "ranks"),
    [("horovod", 3), ("horovod", 1), ("torch", 3), ("torch", 1), ("single", 1)],
)
def test_every_rank_receives_what_was_sent(backend, ranks):
    launch = [sys.executable, "-m", "calobatch.cli", "launch", "-n", str(ranks)]
    answer = subprocess.run(
        [*launch, sys.executable, str(EXERCISE), backend],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    everybody = json.loads(answer.stdout)
    assert [seen["rank"] for seen in everybody] == list(range(ranks))
    for seen in everybody:
        assert seen["size"] == ranks
        assert seen["broadcast"] == {"from": 0}
        assert seen["sum"] == [ranks, sum(range(ranks))]
        assert seen["gathered"] == ["x" * rank for rank in range(ranks)]
        # The weights of rank 0 (zeros) minus the gradients (1, 2) * (rank + 1), summed over ranks.
        total = sum(range(1, ranks + 1))
        assert seen["weight"] == seen["weight_of_compressed"] == [-total, -2 * total]


@pytest.mark.parametrize("backend", ["horovod", "torch", "single"])
def test_a_single_rank_needs_no_launcher(backend):
    answer = subprocess.run(
        [sys.executable, str(EXERCISE), backend],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(answer.stdout)[0]["size"] == 1


def test_the_single_communicator_refuses_several_ranks():
    with pytest.raises(
        UserError, match="'single' is for one rank, but 2 were started; set communicator to"
    ):
        connect("single", Placement(size=2), device=None)
