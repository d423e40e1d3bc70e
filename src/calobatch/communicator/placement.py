"""The placement of a rank: its number, its node, where rank 0 listens, and the job's secret.

The launcher passes it to each rank in environment variables.
"""

import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from calobatch.errors import UserError

PREFIX = "CALOBATCH_"
SECRET_VARIABLE = f"{PREFIX}SECRET"
_TEXTS = ("address", "interface", "secret")


@dataclass(frozen=True)
class Placement:
    """The placement of one rank. The defaults are those of a process without a launcher."""

    rank: int = 0  # number of this rank among all ranks
    size: int = 1  # number of all ranks
    local_rank: int = 0  # number of this rank among the ranks of its node
    local_size: int = 1  # number of ranks per node
    node: int = 0  # number of this rank's node
    nodes: int = 1  # number of nodes
    address: str = "127.0.0.1"  # where this rank reaches rank 0, and where rank 0 listens
    port: int = 0  # 0: rank 0 chooses a free port
    interface: str = "lo"  # network interface that leads to the other ranks
    # What only the ranks of this job know. It is passed on by the environment, which other users
    # cannot read, never on a command line, which they can. It is never sent or printed.
    secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False, compare=False)

    def as_environment(self) -> dict[str, str]:
        """Return the environment variables from which :func:`placement` restores this object."""
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in asdict(self).items()}

    def derived(self, purpose: str) -> bytes:
        """Return 32 bytes for one purpose, from which nobody can compute the secret."""
        return hmac.digest(self.secret.encode(), purpose.encode(), "sha256")


def placement(environment: Mapping[str, str] = os.environ) -> Placement:
    """Return the placement of this process; without a launcher it is the only rank.

    Raises a UserError if one of the environment variables should be a number and is not, or if the
    secret is missing that the ranks of one job share.
    """
    given = {
        name: environment[f"{PREFIX}{name.upper()}"]
        for name in Placement.__dataclass_fields__
        if f"{PREFIX}{name.upper()}" in environment
    }
    try:
        numbers = {name: int(value) for name, value in given.items() if name not in _TEXTS}
    except ValueError as error:
        raise UserError(
            f"an environment variable {PREFIX}* is not a number ({error}); unset it, or start the "
            "ranks with `calobatch launch` or srun"
        ) from None
    texts = {name: value for name, value in given.items() if name in _TEXTS and value}
    place = Placement(**numbers, **texts)  # type: ignore[arg-type]
    if place.size > 1 and "secret" not in texts:
        raise UserError(
            f"{SECRET_VARIABLE}, which the ranks of one training share, is not set; start the "
            "ranks with `calobatch launch`, or with srun and `calobatch contain`"
        )
    return place
