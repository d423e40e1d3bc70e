"""What a task will take on a number of GPUs, and how many GPUs a target time takes."""

from collections.abc import Iterator
from typing import NamedTuple

from calobatch.errors import UserError
from calobatch.plan.step import Step

MOST_GPUS = 1024


class Work(NamedTuple):
    """A training to be planned: a step of it, the events it goes through, and their batches."""

    step: Step
    batch_size: int
    grows: bool  # the batch with the GPUs: weak scaling
    events: int  # of the training split
    epochs: int
    gpus_per_node: int

    def batch(self, gpus: int) -> int:
        """Return the events of a step, over all GPUs; never more than there are."""
        return min(self.batch_size * (gpus if self.grows else 1), self.events)


class Forecast(NamedTuple):
    """What is expected of a number of GPUs. ``communication``: its share of the time."""

    gpus: int
    nodes: int
    local_batch: float
    events_per_second: float
    efficiency: float
    hours: float
    communication: float

    @property
    def node_hours(self) -> float:
        """Hours of all nodes together, whole nodes counted."""
        return self.hours * self.nodes


def forecast(work: Work, gpus: int) -> Forecast:
    """Return what ``gpus`` will do; a UserError if there are not enough events for them."""
    batch = work.batch(gpus)
    if gpus > batch:
        raise UserError(_too_many(work, gpus))
    speed = work.step.events_per_second(batch, gpus)
    return Forecast(
        gpus=gpus,
        nodes=-(-gpus // work.gpus_per_node),
        local_batch=batch / gpus,
        events_per_second=speed,
        efficiency=work.step.efficiency(batch, gpus, work.batch(1)),
        hours=work.epochs * work.events / speed / 3600,
        communication=work.step.communication(gpus) / work.step.seconds(batch, gpus),
    )


def _too_many(work: Work, gpus: int) -> str:
    if work.grows:
        return f"{gpus} GPUs, but only {work.events} training events; plan fewer GPUs"
    return (
        f"a batch of {work.batch(gpus)} events cannot be shared by {gpus} GPUs; plan fewer, raise "
        "batch_size, or set grow_batch_with_ranks (--set tasks.TASK.grow_batch_with_ranks=true)"
    )


def possible_gpus(work: Work) -> Iterator[int]:
    """Yield the numbers of GPUs that are laid out evenly, up to what the batch or 1,024 allows."""
    for gpus in range(1, MOST_GPUS + 1):
        fills_nodes = gpus <= work.gpus_per_node or gpus % work.gpus_per_node == 0
        if fills_nodes and gpus <= work.batch(gpus):
            yield gpus


def fewest_for(work: Work, hours: float) -> Forecast | None:
    """Return the forecast of the fewest GPUs that take at most ``hours``, or None."""
    forecasts = (forecast(work, gpus) for gpus in possible_gpus(work))
    return next((found for found in forecasts if found.hours <= hours), None)


def fastest(work: Work) -> Forecast:
    """Return the forecast of the number of GPUs that is done first."""
    return min((forecast(work, gpus) for gpus in possible_gpus(work)), key=lambda f: f.hours)


def most_efficient_up_to(work: Work, efficiency: float) -> Forecast:
    """Return the forecast of the most GPUs up to which all reach ``efficiency``."""
    last = forecast(work, 1)
    for gpus in possible_gpus(work):
        this = forecast(work, gpus)
        if this.efficiency < efficiency:
            break
        last = this
    return last


def bound(work: Work, at: Forecast) -> str:
    """Return in words what keeps more GPUs than those of ``at`` from being faster."""
    compute, network = work.step.compute, work.step.network
    if at.gpus == max(possible_gpus(work)):
        return (
            f"{MOST_GPUS} GPUs are the most that is planned"
            if at.gpus * 2 > MOST_GPUS
            else f"a GPU then has {at.local_batch:.3g} events of a batch of {work.batch(at.gpus)}"
        )
    parts = {
        "what a step computes whatever its batch": compute.per_step,
        "the fixed cost of averaging gradients": network.call,
        "Horovod's agreement on what is ready": network.agreeing(at.gpus),
        "the latency of averaging gradients": network.allreduce(0, at.gpus)
        - network.call
        - network.agreeing(at.gpus),
        "the bandwidth of averaging gradients": work.step.communication(at.gpus)
        - network.allreduce(0, at.gpus),
    }
    longest = max(parts, key=lambda part: parts[part])
    return f"what more GPUs do not shorten is mostly {longest}"
