"""The result of the probe (probe.py). It can be read without torch, for instance by the doctor."""

import json
from dataclasses import asdict, dataclass
from typing import Self

from calobatch.errors import JobError


@dataclass(frozen=True)
class Speed:
    """One measurement of how fast ranks communicate."""

    ranks: int
    nodes: int
    backend: str
    device: str
    interface: str
    link_mbit: int  # speed that the network interface claims in Mbit/s, 0 if it claims none
    latency_us: float  # time to sum one number over all ranks, in microseconds
    megabytes_per_second: float  # size of a large message divided by the time to sum it

    def as_line(self) -> str:
        """Return the measurement as one line of JSON, which :meth:`in_output` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def in_output(cls, output: str) -> Self:
        """Return the measurement in what the ranks printed; raise a JobError if there is none."""
        for line in reversed(output.splitlines()):
            if line.startswith("{"):
                return cls(**json.loads(line))
        raise JobError("the ranks exited without printing a measurement")
