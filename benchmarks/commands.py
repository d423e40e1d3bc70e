"""How the benchmarks start this project's programs: those beside their own Python."""

import sys
from pathlib import Path

PYTHON = Path(sys.executable)
CALOBATCH = PYTHON.with_name("calobatch")
SNAKEMAKE = PYTHON.with_name("snakemake")
CHECKOUT = Path(__file__).resolve().parents[1]
