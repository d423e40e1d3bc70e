"""Model the time in which ranks average a message: cost per call, per message and per byte.

With p ranks and n bytes, a ring sends 2 (p - 1) messages of n / p bytes, one after the other:
Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations",
J. Parallel Distrib. Comput. 69 (2009). Halving and doubling sends the same bytes in 2 log2(p)
messages: Thakur, Rabenseifner and Gropp, "Optimization of collective communication operations in
MPICH", Int. J. High Perform. Comput. Appl. 19(1) (2005), section on allreduce of long messages.

Gloo uses the ring. NCCL uses a ring or trees, whichever it estimates to be faster. Before Horovod
averages, its ranks agree on which tensors are ready. They do so with small messages in a ring over
Gloo, even if NCCL averages the tensors (GlooController::CrossRankBitwiseAnd in Horovod's source).
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from calobatch.plan.fit import fit_relative
from calobatch.plan.measurements import Sweep

Algorithm = Literal["ring", "tree"]


class Network(NamedTuple):
    """A network and the library that uses it.

    ``call`` is in seconds per call, ``latency`` and ``agreement`` in seconds per message,
    ``per_byte`` in seconds per byte. ``agreement`` counts for the messages in which ranks agree on
    what is ready; a fit cannot separate it from ``latency`` and leaves it 0.
    """

    call: float
    latency: float
    per_byte: float
    algorithm: Algorithm = "ring"
    agreement: float = 0.0

    def allreduce(self, size: float, ranks: int) -> float:
        """Return the seconds that ``ranks`` need to average ``size`` bytes; 0 with one rank."""
        if ranks == 1:
            return 0.0
        messages = messages_in_turn(ranks, self.algorithm)
        sending = messages * self.latency + bytes_sent(size, ranks) * self.per_byte
        return self.call + self.agreeing(ranks) + sending

    def agreeing(self, ranks: int) -> float:
        """Return the seconds of an average in which the ranks agree on what is ready."""
        return messages_in_turn(ranks, "ring") * self.agreement

    @property
    def gigabit(self) -> float:
        """Return the bandwidth in Gbit/s."""
        return 8e-9 / self.per_byte if self.per_byte else np.inf


def messages_in_turn(ranks: int, algorithm: Algorithm) -> float:
    """Return the number of messages that are sent one after the other."""
    return 2.0 * (ranks - 1) if algorithm == "ring" else 2.0 * np.ceil(np.log2(ranks))


def bytes_sent(size: float, ranks: int) -> float:
    """Return the number of bytes that each rank sends; no algorithm can send fewer."""
    return 2 * (ranks - 1) / ranks * size


def fit_network(sweeps: Sequence[Sweep]) -> Network:
    """Return the network, with a ring, that fits ``sweeps`` with the least relative errors.

    All sweeps must use one back end on one number of nodes. If they all have the same number of
    ranks, the cost of a call cannot be separated from the cost of its messages. Both are then
    counted as latency, which exaggerates the cost for more ranks.
    """
    points = [
        (sweep.ranks, message.bytes, message.seconds)
        for sweep in sweeps
        for message in sweep.messages
    ]
    # One line per point. The columns count calls, messages in turn and bytes, so the fit returns
    # seconds per call, per message and per byte.
    terms = np.array(
        [[1.0, messages_in_turn(p, "ring"), bytes_sent(size, p)] for p, size, _ in points]
    )
    if not tells_calls_from_messages(sweeps):
        terms[:, 0] = 0.0
    seconds = np.array([seconds for _, _, seconds in points])
    call, latency, per_byte = map(float, fit_relative(terms, seconds))
    return Network(call, latency, per_byte)


def tells_calls_from_messages(sweeps: Sequence[Sweep]) -> bool:
    """Return whether more than one number of ranks was measured, as a fit of both costs needs."""
    return len({sweep.ranks for sweep in sweeps}) > 1


def typical_error(network: Network, sweeps: Sequence[Sweep]) -> float:
    """Return the root mean square of the relative errors of the fit."""
    errors = [
        network.allreduce(message.bytes, sweep.ranks) / message.seconds - 1
        for sweep in sweeps
        for message in sweep.messages
    ]
    return float(np.sqrt(np.mean(np.square(errors))))
