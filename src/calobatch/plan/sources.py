"""The two inputs of a plan, computing and network, each with a line that names its source."""

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
from calobatch.words import counted

# Microseconds per call, and per message in which the ranks agree on what is ready. Horovod looks
# for work once per cycle, which is a millisecond by default, and its ranks agree over TCP, where a
# message usually takes 25 us. torch.distributed starts at once, and its ranks need not agree.
COSTS_OF_BACKENDS = {"horovod": (1000.0, 25.0), "torch": (0.0, 0.0), "single": (0.0, 0.0)}
HOW_TO_STATE = "state it as --network LATENCY_US,GBIT, for example --network 5,100"


def stated_network(text: str, backend: str, algorithm: Algorithm) -> tuple[Network, str]:
    """Return the network that the option --network states, and the line that describes it.

    ``text`` is "latency_us,gbit" or "latency_us,gbit,call_us,agreement_us"; the last two default to
    the usual costs of ``backend``. Raises UserError if it is anything else.
    """
    try:
        latency, gigabit, *costs = [float(word) for word in text.split(",")]
        call, agreement = costs or COSTS_OF_BACKENDS[backend]
        if not (min(latency, call, agreement) >= 0 and gigabit > 0):
            raise ValueError
    except ValueError:
        raise UserError(f"--network {text} is not a network; {HOW_TO_STATE}") from None
    network = Network(
        call=call * 1e-6,
        latency=latency * 1e-6,
        per_byte=8e-9 / gigabit,
        algorithm=algorithm,
        agreement=agreement * 1e-6,
    )
    return network, (
        f"network    stated: {latency:g} µs per message, {gigabit:g} Gbit/s, algorithm {algorithm}"
        f"; {backend} adds {call:g} µs per call and {agreement:g} µs per message with which "
        "the ranks agree on what is ready"
    )


def measured_network(
    sweeps: Sequence[Sweep], backend: str, algorithm: Algorithm
) -> tuple[Network, str]:
    """Return the network fitted to the sweeps of ``backend``, and the line that describes it.

    Sweeps between nodes are preferred; sweeps within one node count only if there are no others.
    Raises UserError if no sweep is of ``backend``.
    """
    chosen = [sweep for sweep in sweeps if sweep.backend == backend]
    between = [sweep for sweep in chosen if sweep.nodes > 1]
    chosen = between or chosen
    if not chosen:
        raise UserError(
            f"no file of --measurements has a network measured with {backend}; name one written by "
            f"`python -m calobatch.plan.sweep`, or {HOW_TO_STATE}"
        )
    network = fit_network(chosen)._replace(algorithm=algorithm)
    ranks = ", ".join(str(count) for count in sorted({sweep.ranks for sweep in chosen}))
    hosts = ", ".join(sorted({host for sweep in chosen for host in sweep.hosts}))
    caution = (
        ""
        if between
        else "; measured within one node, so it does not describe a network between nodes"
    )
    if not tells_calls_from_messages(chosen):
        caution += (
            "; only one number of ranks was measured, so the fixed cost of a call counts as "
            "latency and predictions for many GPUs are pessimistic"
        )
    return network, (
        f"network    measured with {ranks} ranks on {hosts} ({backend}, {chosen[0].device}, "
        f"{chosen[0].interface}): {network.latency * 1e6:.3g} µs per message, "
        f"{network.gigabit:.3g} Gbit/s, {network.call * 1e6:.3g} µs per call, typical error of the "
        f"fit {typical_error(network, chosen):.0%}{caution}"
    )


def measured_compute(speeds: Sequence[TrainingSpeed], faster: float) -> tuple[Compute, str]:
    """Return the computing fitted to trainings of one task, and the line that describes it.

    ``faster``: the factor by which a GPU is assumed to compute faster than what was measured.
    """
    chosen = fewest_ranks(speeds)
    compute = fit_compute(chosen).times(1 / faster)
    batches = ", ".join(f"{size:.3g}" for size in sorted({speed.local_batch for speed in chosen}))
    hosts = ", ".join(sorted({host for speed in chosen for host in speed.hosts}))
    assumed = f", ASSUMED {faster:g} times as fast" if faster != 1 else ""
    caution = ""
    if not tells_steps_from_events(chosen):
        caution += (
            "; only one batch size was measured, so the fixed cost of a step is unknown and "
            "predictions for many GPUs are optimistic"
        )
    if chosen[0].ranks > 1:
        caution += "; no training with 1 rank was measured, so this includes averaging gradients"
    return compute, (
        f"computing  measured with {counted(chosen[0].ranks, 'rank')} on {hosts} "
        f"({chosen[0].device}), batches of {batches} events per rank{assumed}: "
        f"{compute.per_step * 1e3:.3g} ms per step plus {compute.per_event * 1e6:.3g} µs per event"
        f"{caution}"
    )
