"""How fast ranks talk: what the probe (probe.py) measures, and others read without torch."""

import json
from dataclasses import asdict, dataclass
from typing import Self

from calobatch.errors import JobError


@dataclass(frozen=True)
class Speed:
    """One measurement. ``link_mbit``: what the interface claims, 0 if it does not."""

    ranks: int
    nodes: int
    backend: str
    device: str
    interface: str
    link_mbit: int
    latency_us: float
    megabytes_per_second: float

    def as_line(self) -> str:
        """Return the line from which :meth:`in_output` reads it back."""
        return json.dumps(asdict(self))

    @classmethod
    def in_output(cls, output: str) -> Self:
        """Find the measurement in what the ranks printed; a JobError if there is none."""
        for line in reversed(output.splitlines()):
            if line.startswith("{"):
                return cls(**json.loads(line))
        raise JobError("the ranks ended without a measurement")
