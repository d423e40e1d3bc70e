"""Read quantities as SLURM's programs print them."""

import re
from collections.abc import Mapping
from datetime import datetime

# Memory in MB of 1024 * 1024 bytes, as SLURM counts it, by the letter of its unit.
MB = {"": 1 / 1024**2, "K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0**2, "P": 1024.0**3}
# One of these MB in MB of 1,000,000 bytes, in which run.json counts memory.
SLURM_MB = 1024**2 / 1e6


def read_resources(text: str) -> dict[str, str]:
    """Return the resources in a text such as "cpu=4,gres/gpu=2,mem=4000M,node=2"."""
    pairs = (pair.partition("=") for pair in text.split(",") if pair)
    return {name: value for name, _, value in pairs}


def number_of_gpus(given: Mapping[str, str]) -> int:
    """Return the number of GPUs. Where "gres/gpu" is missing, only types of GPUs are accounted."""
    if "gres/gpu" in given:
        return int(given["gres/gpu"])
    return sum(int(count) for name, count in given.items() if name.startswith("gres/gpu:"))


def read_memory(text: str) -> float | None:
    """Return the MB in a text such as "3752K" or "1.5G"; None if it is empty or zero."""
    found = re.fullmatch(r"([\d.]+)([KMGTP]?)\w*", text)
    return (float(found[1]) * MB[found[2]] or None) if found else None


def read_time(text: str) -> float | None:
    """Return a time such as "2026-01-31T09:15:00" in seconds since 1970; None for "Unknown"."""
    # SLURM's programs print the local time of this machine.
    return datetime.fromisoformat(text).timestamp() if text[:1].isdigit() else None
