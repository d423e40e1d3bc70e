"""The time in which ranks average a message: latency, bandwidth, and what a call costs anyway.

A ring sends 2 (p - 1) messages of n / p bytes, one after the other: Patarasuk and Yuan, "Bandwidth
optimal all-reduce algorithms for clusters of workstations", J. Parallel Distrib. Comput. 69 (2009).
Halving and doubling needs 2 log2(p) messages for the same bytes: Thakur, Rabenseifner and Gropp,
"Optimization of collective communication operations in MPICH", Int. J. High Perform. Comput. Appl.
19(1) (2005), on allreduce of long messages. Gloo uses the ring; NCCL a ring or trees, by its own
estimate of which is faster. Before it averages, Horovod has its ranks agree on what is ready: small
messages in a ring over Gloo, whatever averages (its GlooController::CrossRankBitwiseAnd).
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from calobatch.plan.fit import fit_relative
from calobatch.plan.measurements import Sweep

Algorithm = Literal["ring", "tree"]


class Network(NamedTuple):
    """A network and the library on it, in seconds a call, a message, and a byte.

    ``agreement``: seconds a message in which ranks agree; a fit cannot tell it from ``latency``.
    """

    call: float
    latency: float
    per_byte: float
    algorithm: Algorithm = "ring"
    agreement: float = 0.0

    def allreduce(self, size: float, ranks: int) -> float:
        """Return the seconds in which ``ranks`` average ``size`` bytes; nothing with one rank."""
        if ranks == 1:
            return 0.0
        messages = messages_in_turn(ranks, self.algorithm)
        sending = messages * self.latency + bytes_sent(size, ranks) * self.per_byte
        return self.call + self.agreeing(ranks) + sending

    def agreeing(self, ranks: int) -> float:
        """Return the part of it in which the ranks agree on what is ready."""
        return messages_in_turn(ranks, "ring") * self.agreement

    @property
    def gigabit(self) -> float:
        """The bandwidth in Gbit/s."""
        return 8e-9 / self.per_byte if self.per_byte else np.inf


def messages_in_turn(ranks: int, algorithm: Algorithm) -> float:
    """Return how many messages wait for one another."""
    return 2.0 * (ranks - 1) if algorithm == "ring" else 2.0 * np.ceil(np.log2(ranks))


def bytes_sent(size: float, ranks: int) -> float:
    """Return the bytes that each rank sends, the fewest that any algorithm can do with."""
    return 2 * (ranks - 1) / ranks * size


def fit_network(sweeps: Sequence[Sweep]) -> Network:
    """Return the network whose ring fits ``sweeps``, all of one kind, with least relative errors.

    With a single number of ranks the cost of a call cannot be told from that of its messages. It is
    then all counted as latency, which exaggerates the cost for more ranks.
    """
    points = [
        (sweep.ranks, message.bytes, message.seconds)
        for sweep in sweeps
        for message in sweep.messages
    ]
    terms = np.array(
        [[1.0, messages_in_turn(p, "ring"), bytes_sent(size, p)] for p, size, _ in points]
    )
    if not tells_calls_from_messages(sweeps):
        terms[:, 0] = 0.0
    seconds = np.array([seconds for _, _, seconds in points])
    call, latency, per_byte = map(float, fit_relative(terms, seconds))
    return Network(call, latency, per_byte)


def tells_calls_from_messages(sweeps: Sequence[Sweep]) -> bool:
    """Return whether several numbers of ranks were measured."""
    return len({sweep.ranks for sweep in sweeps}) > 1


def typical_error(network: Network, sweeps: Sequence[Sweep]) -> float:
    """Return the root mean square of the fit's relative errors."""
    errors = [
        network.allreduce(message.bytes, sweep.ranks) / message.seconds - 1
        for sweep in sweeps
        for message in sweep.messages
    ]
    return float(np.sqrt(np.mean(np.square(errors))))
