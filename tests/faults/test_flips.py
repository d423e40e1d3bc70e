import subprocess
import sys

from tests.checkout import CHECKOUT

FLIPS = 20  # one per part of a file


def test_no_flipped_bit_gives_other_numbers_or_a_crash():
    """A small part of what `python -m tests.faults.flips` does."""
    command = [sys.executable, "-m", "tests.faults.flips", "--flips", str(FLIPS), "--seed", "2"]
    answer = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=600)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    flips, same, refused, *faults, name = answer.stdout.splitlines()[-1].split()
    assert (name, int(flips), set(faults)) == ("all", FLIPS, {"0"})
    assert int(refused) > int(same)
