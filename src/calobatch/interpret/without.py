"""How the AUC changes if an input is taken away from a trained model."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.compare.paired_bootstrap import paired_differences
from calobatch.interpret.scorer import Scorer
from calobatch.layouts import Layout
from calobatch.models.inputs import ModelInputs
from calobatch.progress import Progress
from calobatch.run.auc import mean_auc
from calobatch.run.decision import as_scores
from calobatch.run.interpretation import Without
from calobatch.run.predictions import Predictions
from calobatch.scalars import standardised
from calobatch.store import Store

SAMPLES = 500  # replicas of the bootstrap


class Seen(NamedTuple):
    """What a model gets of each event; scalars have a mean of 0 over the training split."""

    image_BCHW: NDArray[np.float32]
    scalars_BS: NDArray[np.float32]


def names_of(layout: Layout, inputs: ModelInputs) -> list[str]:
    """Return the names of the channels and scalars that a model takes."""
    channels = [channel.name for channel in layout.channels if inputs.from_images]
    return channels + [scalar.name for scalar in layout.scalars if inputs.from_scalars]


def without_inputs(
    store: Store,
    events: NDArray[np.int64],
    scorer: Scorer,
    progress: Progress,
    confidence: float,
) -> tuple[float, tuple[Without, ...]]:
    """Return the AUC of ``events``, and how it changes without each input of the model."""
    scalars_BS = standardised(store.scalars_BS[events], store.manifest.scalars)
    seen = Seen(store.dense(events), scalars_BS)

    def predictions(changed: Seen) -> Predictions:
        score = as_scores(scorer.score(*changed, progress))
        weight = None if store.weight is None else store.weight[events]
        return Predictions(store.label[events], score, weight)

    whole = predictions(seen)
    auc = mean_auc(*whole)
    tail = (1 - confidence) / 2
    found = []
    changes = _changes(seen, scorer.inputs)
    for name, changed in zip(names_of(store.layout, scorer.inputs), changes, strict=True):
        left = predictions(changed)
        low, high = np.quantile(paired_differences([whole], [left], SAMPLES), [tail, 1 - tail])
        auc_left = mean_auc(*left)
        found.append(
            Without(
                name=name, auc=auc_left, difference=auc_left - auc, low=float(low), high=float(high)
            )
        )
    return auc, tuple(found)


def _changes(seen: Seen, inputs: ModelInputs) -> Iterator[Seen]:
    """Yield what is seen without each channel, then those without each scalar."""
    for channel in range(seen.image_BCHW.shape[1] if inputs.from_images else 0):
        image_BCHW = seen.image_BCHW.copy()
        image_BCHW[:, channel] = 0
        yield seen._replace(image_BCHW=image_BCHW)
    for scalar in range(seen.scalars_BS.shape[1] if inputs.from_scalars else 0):
        scalars_BS = seen.scalars_BS.copy()
        scalars_BS[:, scalar] = 0
        yield seen._replace(scalars_BS=scalars_BS)
