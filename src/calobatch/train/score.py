"""Score events with the current weights: each rank scores a part and gets the scores of all."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import nn

from calobatch.communicator.interface import Communicator
from calobatch.run.decision import called_signal, log_loss
from calobatch.train.batches import BatchMaker
from calobatch.train.heartbeat import Heartbeat
from calobatch.train.order import rank_share

# A batch has 244 crops or 10 jets, about as many as in training. Larger batches are not faster, and
# the intermediate results of a Vision Transformer take a hundred times the memory of its input.
PIXELS_PER_BATCH = 500_000


class Validation(NamedTuple):
    """The results on the validation split. ``scores`` has one score per event; loss is in nats."""

    loss: float
    auc: float
    accuracy: float
    scores: NDArray[np.float32]

    @property
    def finite(self) -> bool:
        """Whether every score is a number."""
        return bool(np.isfinite(self.scores).all())

    @property
    def constant(self) -> bool:
        """Whether all events have the same score, so that the model separates nothing."""
        return is_constant(self.scores)


def is_constant(scores: NDArray[np.float32]) -> bool:
    """Return whether all scores are the same."""
    return bool(np.ptp(scores) == 0)


def validate(
    model: nn.Module,
    maker: BatchMaker,
    events: NDArray[np.int64],
    communicator: Communicator,
    heartbeat: Heartbeat,
) -> Validation:
    """Score ``events`` and compute loss, AUC and accuracy; all are NaN if a score is not finite."""
    scores = score_events(model, maker, events, communicator, heartbeat)
    label = maker.store.label[events]
    if not np.isfinite(scores).all():
        return Validation(np.nan, np.nan, np.nan, scores)
    return Validation(
        loss=log_loss(label, scores),
        auc=float(roc_auc_score(label, scores)),
        accuracy=float(np.mean(called_signal(scores) == label)),
        scores=scores,
    )


def score_events(
    model: nn.Module,
    maker: BatchMaker,
    events: NDArray[np.int64],
    communicator: Communicator,
    heartbeat: Heartbeat,
) -> NDArray[np.float32]:
    """Return the probability of class 1 for each of ``events``, shape (events), on every rank.

    Every event is scored exactly once, and ``heartbeat`` moves with every batch. The scores are
    computed in float32, even if the training uses bfloat16.
    """
    share = rank_share(events, communicator.rank, communicator.size)
    step = max(PIXELS_PER_BATCH // maker.store.layout.pixels, 1)
    model.eval()
    scores = [np.zeros(0, dtype=np.float32)]  # a rank may have no events
    with torch.no_grad():
        for start in range(0, len(share), step):
            batch = maker.batch(share[start : start + step])
            probability_B2 = torch.softmax(model(*batch.inputs).float(), dim=1)
            scores.append(probability_B2[:, 1].cpu().numpy())
            heartbeat.move()
    model.train()
    return np.concatenate(communicator.allgather(np.concatenate(scores)))
