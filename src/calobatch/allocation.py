"""What SLURM allocated to a job at its request: time, cores, memory and GPUs.

`calobatch contain` asks SLURM for it and hands it into the image in environment variables, because
the image has none of SLURM's programs.
"""

import os
from collections.abc import Mapping

from calobatch.record import Record

PREFIX = "CALOBATCH_ALLOCATED_"


class Allocation(Record):
    """What all nodes of a job have together.

    ``started`` is when SLURM last started the job, in seconds since 1970 (UTC), and ``seconds`` the
    walltime from then on, None if it is unlimited. ``memory_mb`` is in MB of 1,000,000 bytes, None
    if SLURM did not limit it.
    """

    started: float
    seconds: float | None = None
    nodes: int
    cores: int
    memory_mb: float | None = None
    gpus: int

    def as_environment(self) -> dict[str, str]:
        """Return the environment variables from which :func:`allocation` restores this object."""
        given = self.model_dump(exclude_none=True)
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in given.items()}


def allocation(environment: Mapping[str, str] = os.environ) -> Allocation | None:
    """Return the allocation of this process's job, or None if `calobatch contain` knew of none."""
    given = {
        name: environment[variable]
        for name in Allocation.model_fields
        if (variable := f"{PREFIX}{name.upper()}") in environment
    }
    return Allocation.model_validate(given) if given else None
