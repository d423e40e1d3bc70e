"""Scores of events under the current weights: each rank a part, gathered to whole."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from calobatch.communicator.interface import Communicator
from calobatch.train.batches import BatchMaker
from calobatch.train.order import rank_share

# 244 crops or 10 jets, as many as a batch to train on: what a Vision Transformer makes of a crop
# is a hundred times the crop itself, and larger batches are no faster.
PIXELS_A_BATCH = 500_000


def score_events(
    model: nn.Module,
    maker: BatchMaker,
    events: NDArray[np.int64],
    communicator: Communicator,
) -> NDArray[np.float32]:
    """Return the probability of class 1 of each of ``events``, (events), on every rank.

    Every event is scored exactly once, in float32.
    """
    share = rank_share(events, communicator.rank, communicator.size)
    step = max(PIXELS_A_BATCH // maker.store.layout.pixels, 1)
    model.eval()
    scores = [np.zeros(0, dtype=np.float32)]
    with torch.no_grad():
        for start in range(0, len(share), step):
            batch = maker.batch(share[start : start + step])
            probability_B2 = torch.softmax(model(*batch.inputs).float(), dim=1)
            scores.append(probability_B2[:, 1].cpu().numpy())
    model.train()
    return np.concatenate(communicator.allgather(np.concatenate(scores)))
