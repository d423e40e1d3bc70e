"""All back ends, with real ranks: the same answers on every rank, the same as by hand."""

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
def test_every_rank_sees_what_was_sent(backend, ranks):
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
        # Rank 0's weights (zeros) minus the gradient (1, 2) * (rank + 1), added up over ranks.
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


def test_one_process_refuses_to_be_many():
    with pytest.raises(UserError, match="'single' has one rank, but 2 were started"):
        connect("single", Placement(size=2), device=None)
