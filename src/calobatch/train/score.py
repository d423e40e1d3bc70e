"""Score events with the current weights: each rank scores a part and gets the scores of all."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from calobatch.communicator.interface import Communicator
from calobatch.models.scoring import events_per_batch
from calobatch.run.auc import mean_auc
from calobatch.run.decision import as_scores, called_class, is_constant, log_loss
from calobatch.store import Store
from calobatch.train.batches import BatchMaker
from calobatch.train.heartbeat import Heartbeat
from calobatch.train.order import by_hits, rank_share


class Validation(NamedTuple):
    """The results on the validation split; ``scores`` are those of ``run/decision.py``.

    Events count with their weights, if they have some. The loss is in nats. The AUC of more than
    two classes is the mean of each against all others.
    """

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


def validate(
    model: nn.Module,
    maker: BatchMaker,
    events: NDArray[np.int64],
    communicator: Communicator,
    heartbeat: Heartbeat,
) -> Validation:
    """Score ``events`` and compute loss, AUC and accuracy; all are NaN if a score is not finite."""
    scores = score_events(model, maker, events, communicator, heartbeat)
    return validation_of(scores, maker.store, events)


def validation_of(
    scores: NDArray[np.float32], store: Store, events: NDArray[np.int64]
) -> Validation:
    """Return the results of the ``scores`` of ``events``; all are NaN if a score is not finite."""
    label = store.label[events]
    weight = None if store.weight is None else store.weight[events]
    if not np.isfinite(scores).all():
        return Validation(np.nan, np.nan, np.nan, scores)
    return Validation(
        loss=log_loss(label, scores, weight),
        auc=mean_auc(label, scores, weight),
        accuracy=float(np.average(called_class(scores) == label, weights=weight)),
        scores=scores,
    )


def score_events(
    model: nn.Module,
    maker: BatchMaker,
    events: NDArray[np.int64],
    communicator: Communicator,
    heartbeat: Heartbeat,
    scored: Callable[[int], object] = lambda number: None,
) -> NDArray[np.float32]:
    """Return the scores of ``events`` on every rank.

    They are the probabilities of class 1, shape (events), or those of all classes if there are more
    than two, shape (events, K). Every event is scored exactly once, and ``heartbeat`` moves with
    every batch. The scores are computed in float32, even if the training uses bfloat16.
    """
    share = rank_share(events, communicator.rank, communicator.size)
    # Events of one batch have similar numbers of hits, so that few zeros make them equally long.
    order = by_hits(share, maker.hit_number)
    step = events_per_batch(maker.store.layout)
    model.eval()
    classes = len(maker.store.layout.classes)
    scores = np.zeros(len(share) if classes == 2 else (len(share), classes), dtype=np.float32)
    with torch.no_grad():
        for start in range(0, len(share), step):
            part = order[start : start + step]
            batch = maker.batch(share[part])
            probability_BK = torch.softmax(model(*batch.inputs).float(), dim=1)
            scores[part] = as_scores(probability_BK.cpu().numpy())
            heartbeat.move()
            scored(len(part))
    model.train()
    return np.concatenate(communicator.allgather(scores))
