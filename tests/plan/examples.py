"""Made-up measurements of a machine whose speed is known exactly."""

from hypothesis import strategies as st

from calobatch.plan.allreduce import Network
from calobatch.plan.measurements import Measurements, Message, Sweep, TrainingSpeed

networks = st.builds(
    Network,
    call=st.floats(0, 1e-2),
    latency=st.floats(0, 1e-3),
    per_byte=st.floats(1e-12, 1e-8),
    algorithm=st.sampled_from(["ring", "tree"]),
    agreement=st.floats(0, 1e-3),
)
SIZES = (8, 512, 16384, 2**20, 2**24, 2**26)


def sweep(network, ranks, nodes=2, noise=lambda: 1.0, backend="horovod"):
    messages = tuple(
        Message(bytes=size, seconds=network.allreduce(size, ranks) * noise()) for size in SIZES
    )
    return Sweep(
        ranks=ranks,
        nodes=nodes,
        backend=backend,
        device="cpu",
        interface="ib0",
        link_mbit=100_000,
        hosts=("c1", "c2"),
        messages=messages,
    )


def training(step, batch, ranks=1, task="electron_photon_cnn", parameters=1_000_000):
    return TrainingSpeed(
        task=task,
        ranks=ranks,
        nodes=1,
        batch_size=batch,
        step_events=batch,
        events=100_000,
        epochs=3,
        parameters=parameters,
        events_per_second=step.events_per_second(batch, ranks),
        device="cpu",
        hosts=("c1",),
    )


def measurements(step):
    return Measurements(
        machine="made up",
        taken="2026-01-01",
        sweeps=(sweep(step.network, 2), sweep(step.network, 4)),
        trainings=(training(step, 256), training(step, 64), training(step, 256, ranks=2)),
    )
