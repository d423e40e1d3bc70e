"""The sweep with real ranks and few sizes, and the file that it writes for `plan`."""

import subprocess
import sys

from calobatch.plan.measurements import Measurements

# The same as `python -m calobatch.plan.sweep`, with fewer sizes.
SHORT = """
import sys
from calobatch.plan import sweep
sweep.SIZES, sweep.MOST_ROUNDS = (8, 2**20), 8
sweep.main(*sys.argv[1:])
"""


def test_two_ranks_measure_and_one_writes(tmp_path):
    output = tmp_path / "sweep.json"
    launch = [sys.executable, "-m", "calobatch.cli", "launch", "-n", "2"]
    subprocess.run(
        [*launch, sys.executable, "-c", SHORT, "torch", "cpu", str(output)],
        capture_output=True,
        timeout=120,
        check=True,
    )
    (sweep,) = Measurements.read(output).sweeps
    assert (sweep.ranks, sweep.nodes, sweep.backend, sweep.device) == (2, 1, "torch", "cpu")
    assert {message.bytes for message in sweep.messages} <= {8, 2**20}


def test_a_single_rank_is_an_error_that_says_to_start_two(tmp_path):
    answer = subprocess.run(
        [sys.executable, "-m", "calobatch.plan.sweep", "single", "cpu", str(tmp_path / "x.json")],
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 2
    assert "start two with `calobatch launch -n 2 python" in answer.stderr
