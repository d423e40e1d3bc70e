"""The learning rate at each step: scaled with the batch size, warmed up, then on its schedule.

Scaling and warm-up follow Goyal et al., arXiv:1706.02677, sections 2.1 and 2.2.
"""

import math

import torch

from calobatch.config.training import Cosine, Plateau, Training

# A smaller gain in AUC does not count as progress: `min_delta` of Keras' ReduceLROnPlateau, which
# the reference of the Vision Transformer was trained with.
LEAST_GAIN = 1e-4


class LearningRate:
    """The learning rate as a function of progress and of the validation AUC of each past epoch.

    Progress is the number of epochs since the start, with fractions: 1.5 is the middle of the
    second epoch.
    """

    def __init__(self, settings: Training, ranks: int) -> None:
        growth = settings.global_batch(ranks) // settings.batch_size
        scale = {"none": 1.0, "sqrt": math.sqrt(growth), "linear": float(growth)}
        self.peak = settings.learning_rate * scale[settings.learning_rate_scaling]
        # Warm-up starts from the unscaled rate if scaling raised it (Goyal et al.), or else from 0.
        self.start = settings.learning_rate if self.peak > settings.learning_rate else 0.0
        self.settings = settings
        self.reduction = 1.0
        self.best_auc = -math.inf
        self.epochs_without_progress = 0

    def set(self, optimizer: torch.optim.Optimizer, progress: float) -> float:
        """Set the learning rate of ``optimizer`` for ``progress`` (epochs), and return it."""
        rate = self.at(progress)
        for group in optimizer.param_groups:
            group["lr"] = rate
        return rate

    def at(self, progress: float) -> float:
        """Return the rate after ``progress`` epochs."""
        warmup = self.settings.warmup_epochs
        if progress < warmup:
            return self.start + (self.peak - self.start) * progress / warmup
        if isinstance(self.settings.schedule, Cosine):
            share = (progress - warmup) / max(self.settings.epochs - warmup, 1e-9)
            return self.peak * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
        return self.peak * self.reduction

    def epoch_ended(self, validation_auc: float) -> None:
        """Lower the rate of a plateau schedule if the AUC has stopped improving, as Keras does."""
        schedule = self.settings.schedule
        if not isinstance(schedule, Plateau):
            return
        if validation_auc > self.best_auc + LEAST_GAIN:
            self.best_auc, self.epochs_without_progress = validation_auc, 0
            return
        self.epochs_without_progress += 1
        if self.epochs_without_progress >= schedule.patience:
            self.reduction *= schedule.factor
            self.epochs_without_progress = 0
