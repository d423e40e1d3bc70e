"""The folders that the benchmarks use, and the programs they start: those beside their Python."""

import sys
from pathlib import Path

from calobatch.checkout import CHECKOUT

PYTHON = Path(sys.executable)
CALOBATCH = PYTHON.with_name("calobatch")
SNAKEMAKE = PYTHON.with_name("snakemake")
CACHE = CHECKOUT / ".cache/bench"
