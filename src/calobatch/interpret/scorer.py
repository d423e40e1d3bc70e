"""Score events with a trained model, also events that were changed."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from calobatch.layouts import Layout
from calobatch.models.build import build_model, load_weights
from calobatch.models.inputs import ModelInputs
from calobatch.models.scoring import events_per_batch
from calobatch.progress import Progress
from calobatch.run.files import WEIGHTS_FILE
from calobatch.run.folder import RunFolder


class Scorer:
    """A model with what makes its inputs."""

    def __init__(self, model: nn.Module, layout: Layout) -> None:
        self.model = model.eval()
        self.inputs = ModelInputs.of_model(model, layout)
        self.batch = events_per_batch(layout)
        self.classes = len(layout.classes)

    def score(
        self, image_BCHW: NDArray[np.float32], scalars_BS: NDArray[np.float32], progress: Progress
    ) -> NDArray[np.float32]:
        """Return the probabilities (B, K) of events, given their standardised scalars."""
        found = [np.zeros((0, self.classes), dtype=np.float32)]
        with torch.inference_mode():
            for start in range(0, len(image_BCHW), self.batch):
                part = slice(start, start + self.batch)
                inputs = self.inputs.of(image_BCHW[part], scalars_BS[part])
                found.append(torch.softmax(self.model(*inputs).float(), dim=1).numpy())
                progress.advance(len(found[-1]))
        return np.concatenate(found)


def scorer_of(run: RunFolder) -> Scorer:
    """Return the model of a run, with its weights; raise UserError if they are damaged."""
    layout, training = run.record.layout, run.record.training
    model = build_model(training.model, layout, training.model_options)
    load_weights(model, run.file(WEIGHTS_FILE))
    return Scorer(model, layout)
