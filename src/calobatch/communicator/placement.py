"""Where a rank stands among all ranks, and where rank 0 listens, as the launcher tells it."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from calobatch.errors import UserError

PREFIX = "CALOBATCH_"


@dataclass(frozen=True)
class Placement:
    """One rank's place. ``nodes`` counts machines, ``node`` is this rank's among them."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    node: int = 0
    nodes: int = 1
    address: str = "127.0.0.1"
    port: int = 0
    interface: str = "lo"

    def as_environment(self) -> dict[str, str]:
        """Return the environment variables from which :func:`placement` reads it back."""
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in asdict(self).items()}


def placement(environment: Mapping[str, str] = os.environ) -> Placement:
    """Return this process's place; a process that no launcher started is alone."""
    given = {
        name: environment[f"{PREFIX}{name.upper()}"]
        for name in Placement.__dataclass_fields__
        if f"{PREFIX}{name.upper()}" in environment
    }
    try:
        numbers = {name: int(value) for name, value in given.items() if name not in _TEXTS}
    except ValueError as error:
        raise UserError(f"the environment's {PREFIX}* variables are not numbers: {error}") from None
    texts = {name: value for name, value in given.items() if name in _TEXTS}
    return Placement(**numbers, **texts)  # type: ignore[arg-type]


_TEXTS = ("address", "interface")
