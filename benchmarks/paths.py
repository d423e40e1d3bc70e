"""Folders that the benchmarks use, and programs that they start from the same environment."""

import sys
from pathlib import Path

from calobatch.checkout import CHECKOUT

PYTHON = Path(sys.executable)
CALOBATCH = PYTHON.with_name("calobatch")
SNAKEMAKE = PYTHON.with_name("snakemake")
CACHE = CHECKOUT / ".cache/bench"
