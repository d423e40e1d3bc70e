"""The folders that the benchmarks use, and the programs they start: those beside their Python."""

import sys
from pathlib import Path

PYTHON = Path(sys.executable)
CALOBATCH = PYTHON.with_name("calobatch")
SNAKEMAKE = PYTHON.with_name("snakemake")
CHECKOUT = Path(__file__).resolve().parents[1]
CACHE = CHECKOUT / ".cache/bench"
