"""Describe the machine and the code that are measured."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.workload import CORES
from calobatch.provenance import provenance

GIB = 2**30


def description() -> dict[str, Any]:
    """Return the date, the processor, the memory, the versions of packages and the commit."""
    code = provenance()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": CORES,
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "python": code.python,
        "packages": code.packages,
        "git_commit": code.git_commit,
        "git_dirty": code.git_dirty,
    }


def processor() -> str:
    """Return the name of the processor that Linux reports."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"
