"""The course of a training: its finished epochs, and the best weights so far."""

import statistics
from dataclasses import dataclass, field

from torch import Tensor, nn

from calobatch.run.history import Epoch, best_epoch


@dataclass
class Course:
    """What a training has reached. ``started`` is in seconds since 1970 (UTC).

    ``best_model`` has the weights after the best epoch of ``history``; without an epoch, those that
    the training starts from. An earlier attempt made ``resumed_after`` epochs and ``resumed_at``
    steps of the next one.
    """

    started: float
    best_model: dict[str, Tensor]
    history: list[Epoch] = field(default_factory=list)
    resumed_after: int = 0
    resumed_at: int = 0

    def add(self, epoch: Epoch, model: nn.Module) -> None:
        """Add a finished epoch, after which ``model`` was validated."""
        self.history.append(epoch)
        if best_epoch(self.history) is epoch:
            self.best_model = copy_of_weights(model)

    def should_stop(self, patience: int | None) -> bool:
        """Return whether ``patience`` epochs have passed since the best one; False if it is None.

        A training without an epoch goes on.
        """
        if not patience or not self.history:
            return False
        return len(self.history) - best_epoch(self.history).epoch >= patience

    def typical_speed(self) -> float:
        """Return the median of the epochs' events per second, without the first, slower epoch."""
        return statistics.median(
            epoch.events_per_second for epoch in self.history[1:] or self.history
        )


def copy_of_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the state of ``model``, which does not change when the model does."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}
