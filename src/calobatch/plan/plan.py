"""Predict the speed and cost of a task on many GPUs, and find the GPUs for a target time."""

from collections.abc import Iterator
from typing import NamedTuple

from calobatch.errors import UserError
from calobatch.plan.step import Step

MOST_GPUS = 1024


class Work(NamedTuple):
    """The training to be planned. ``batch_size`` and ``grows`` are settings of the task."""

    step: Step
    batch_size: int
    grows: bool  # each GPU has batch_size events (weak scaling), else all GPUs share them
    events: int  # in the training split, per epoch
    epochs: int
    gpus_per_node: int

    def batch(self, gpus: int) -> int:
        """Return the number of events per step on all GPUs together, at most those of an epoch."""
        return min(self.batch_size * (gpus if self.grows else 1), self.events)


class Forecast(NamedTuple):
    """The prediction for a number of GPUs.

    ``hours`` are those of the whole training. ``efficiency`` is relative to one GPU.
    ``communication`` is the fraction of the time in which the GPUs average gradients.
    """

    gpus: int
    nodes: int
    local_batch: float
    events_per_second: float
    efficiency: float
    hours: float
    communication: float

    @property
    def node_hours(self) -> float:
        """Return the hours times the number of nodes; a partly used node counts as a whole one."""
        return self.hours * self.nodes


def forecast(work: Work, gpus: int) -> Forecast:
    """Return the prediction for ``gpus``; raises UserError if that exceeds the events per batch."""
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
        return f"{gpus} GPUs cannot share {work.events} training events; plan fewer GPUs"
    return (
        f"{gpus} GPUs cannot share a batch of {work.batch(gpus)} events; plan fewer GPUs, raise "
        "batch_size, or let the batch grow (--set tasks.TASK.grow_batch_with_ranks=true)"
    )


def possible_gpus(work: Work) -> Iterator[int]:
    """Yield the numbers of GPUs to consider, in ascending order.

    Above one node, only whole nodes are considered. The batch must have an event for each GPU.
    """
    for gpus in range(1, MOST_GPUS + 1):
        fills_nodes = gpus <= work.gpus_per_node or gpus % work.gpus_per_node == 0
        if fills_nodes and gpus <= work.batch(gpus):
            yield gpus


def fewest_for(work: Work, hours: float) -> Forecast | None:
    """Return the forecast of the fewest GPUs that need at most ``hours``, or None."""
    forecasts = (forecast(work, gpus) for gpus in possible_gpus(work))
    return next((found for found in forecasts if found.hours <= hours), None)


def fastest(work: Work) -> Forecast:
    """Return the forecast of the number of GPUs that finishes first."""
    return min((forecast(work, gpus) for gpus in possible_gpus(work)), key=lambda f: f.hours)


def most_efficient_up_to(work: Work, efficiency: float) -> Forecast:
    """Return the forecast of the most GPUs before ``efficiency`` is missed for the first time."""
    last = forecast(work, 1)
    # The first miss ends the search: efficiency falls with the number of GPUs.
    for gpus in possible_gpus(work):
        this = forecast(work, gpus)
        if this.efficiency < efficiency:
            break
        last = this
    return last


def bound(work: Work, at: Forecast) -> str:
    """Return in words why more GPUs than those of ``at`` are no faster."""
    compute, network = work.step.compute, work.step.network
    if at.gpus == max(possible_gpus(work)):
        return (
            f"`calobatch plan` tries no more than {MOST_GPUS} GPUs"
            if at.gpus * 2 > MOST_GPUS
            else f"each GPU then has {at.local_batch:.3g} of the {work.batch(at.gpus)} events of a "
            "batch"
        )
    # These parts of a step do not shrink with more GPUs; only the computing per event does.
    parts = {
        "the computing per step that does not depend on the batch size": compute.per_step,
        "the fixed cost of averaging gradients": network.call,
        "Horovod's agreement on what is ready": network.agreeing(at.gpus),
        "the latency of averaging gradients": network.allreduce(0, at.gpus)
        - network.call
        - network.agreeing(at.gpus),
        "the bandwidth of averaging gradients": work.step.communication(at.gpus)
        - network.allreduce(0, at.gpus),
    }
    longest = max(parts, key=lambda part: parts[part])
    return f"the main limit is {longest}"
