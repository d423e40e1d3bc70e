"""The record of an epoch, which all ranks agree on."""

import time
from collections.abc import Iterable

import numpy as np
from torch import Tensor
from torch.nn.utils import get_total_norm

from calobatch.communicator.interface import Communicator
from calobatch.run.history import Epoch
from calobatch.run.training import PHASES
from calobatch.train.epoch_sums import EpochMeans
from calobatch.train.score import Validation
from calobatch.train.stopwatch import Seconds


def epoch_record(
    number: int,
    means: EpochMeans,
    validation: Validation,
    *,
    learning_rate: float,
    events: int,
    seconds: float,
    phases: Seconds,
    weights: Iterable[Tensor],
    communicator: Communicator,
) -> Epoch:
    """Return the record of epoch ``number``, the same on all ranks; every rank calls this.

    ``events`` is the number of training events over all ranks. ``seconds`` is the time of the
    steps, and ``phases`` divides that of this rank. ``weights`` are those that were validated.
    """
    per_phase = np.array([phases[phase] for phase in PHASES])
    data, compute, communication = communicator.allreduce(per_phase) / communicator.size
    epoch = Epoch(
        epoch=number,
        time=time.time(),
        train_loss=means.loss,
        validation_loss=validation.loss,
        validation_auc=validation.auc,
        validation_accuracy=validation.accuracy,
        learning_rate=learning_rate,
        seconds=seconds,
        data_seconds=data,
        compute_seconds=compute,
        communication_seconds=communication,
        events_per_second=events / seconds,
        gradient_norm=means.gradient_norm,
        weight_norm=float(get_total_norm([weight.detach() for weight in weights])),
        skipped_steps=means.skipped_steps,
    )
    # The ranks' clocks differ. All ranks keep rank 0's times, because the history is in the
    # checkpoint and must be the same on all ranks.
    return Epoch.model_validate(communicator.broadcast(epoch.model_dump()))
