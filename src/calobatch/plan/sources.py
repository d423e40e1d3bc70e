"""Where a plan's numbers come from, and the words for it."""

from collections.abc import Sequence

from calobatch.errors import UserError
from calobatch.plan.allreduce import (
    Algorithm,
    Network,
    fit_network,
    tells_calls_from_messages,
    typical_error,
)
from calobatch.plan.measurements import Sweep, TrainingSpeed
from calobatch.plan.step import Compute, fewest_ranks, fit_compute, tells_steps_from_events

# Microseconds a call and a message of agreement. Horovod looks for work once a cycle, by default a
# millisecond, and agrees over TCP, of which 25 us are usual. torch.distributed does neither.
COSTS_OF_BACKENDS = {"horovod": (1000.0, 25.0), "torch": (0.0, 0.0), "single": (0.0, 0.0)}
HOW_TO_STATE = "state it as --network LATENCY_US,GBIT, such as --network 5,100"


def stated_network(text: str, backend: str, algorithm: Algorithm) -> tuple[Network, str]:
    """Return the network that "latency_us,gbit" states, or with ",call_us,agreement_us" more."""
    try:
        latency, gigabit, *costs = [float(word) for word in text.split(",")]
        call, agreement = costs or COSTS_OF_BACKENDS[backend]
        if not (min(latency, call, agreement) >= 0 and gigabit > 0):
            raise ValueError
    except ValueError:
        raise UserError(f"--network {text}: not a network; {HOW_TO_STATE}") from None
    network = Network(
        call=call * 1e-6,
        latency=latency * 1e-6,
        per_byte=8e-9 / gigabit,
        algorithm=algorithm,
        agreement=agreement * 1e-6,
    )
    return network, (
        f"network   stated: {latency:g} µs a message and {gigabit:g} Gbit/s in a {algorithm}; of "
        f"{backend}: {call:g} µs a call, {agreement:g} µs a message in which all ranks agree"
    )


def measured_network(
    sweeps: Sequence[Sweep], backend: str, algorithm: Algorithm
) -> tuple[Network, str]:
    """Return the fit of the sweeps of ``backend``, between nodes if there are such."""
    chosen = [sweep for sweep in sweeps if sweep.backend == backend]
    between = [sweep for sweep in chosen if sweep.nodes > 1]
    chosen = between or chosen
    if not chosen:
        raise UserError(
            f"no measurement of a network with {backend} was given: name a file of "
            f"`python -m calobatch.plan.sweep` with --measurements, or {HOW_TO_STATE}"
        )
    network = fit_network(chosen)._replace(algorithm=algorithm)
    ranks = ", ".join(str(count) for count in sorted({sweep.ranks for sweep in chosen}))
    hosts = ", ".join(sorted({host for sweep in chosen for host in sweep.hosts}))
    caution = "" if between else "; within one node, so it says nothing of a network"
    if not tells_calls_from_messages(chosen):
        caution += "; one number of ranks, so all of a call counts as latency: too slow for many"
    return network, (
        f"network   measured with {ranks} ranks on {hosts} ({backend}, {chosen[0].device}, "
        f"{chosen[0].interface}): {network.latency * 1e6:.3g} µs a message, "
        f"{network.gigabit:.3g} Gbit/s, {network.call * 1e6:.3g} µs a call, "
        f"fit within {typical_error(network, chosen):.0%}{caution}"
    )


def measured_compute(speeds: Sequence[TrainingSpeed], faster: float) -> tuple[Compute, str]:
    """Return the fit of trainings of one task, ``faster`` times as fast as it was measured."""
    chosen = fewest_ranks(speeds)
    compute = fit_compute(chosen).times(1 / faster)
    batches = ", ".join(f"{size:.3g}" for size in sorted({speed.local_batch for speed in chosen}))
    hosts = ", ".join(sorted({host for speed in chosen for host in speed.hosts}))
    assumed = f", ASSUMED {faster:g} times as fast" if faster != 1 else ""
    caution = ""
    if not tells_steps_from_events(chosen):
        caution += "; one size of batch, so small ones are taken for as fast: too good for many"
    if chosen[0].ranks > 1:
        caution += "; their averaging of gradients counts as computing"
    return compute, (
        f"computing measured with {chosen[0].ranks} rank(s) on {hosts} ({chosen[0].device}), "
        f"{batches} events a step and rank{assumed}: {compute.per_step * 1e3:.3g} ms a step and "
        f"{compute.per_event * 1e6:.3g} µs an event{caution}"
    )
