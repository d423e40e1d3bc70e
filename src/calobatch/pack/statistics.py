"""Statistics of the training split, summed block by block."""

import numpy as np
from numpy.typing import NDArray

from calobatch.layouts import Layout
from calobatch.pack.sparsify import Hits
from calobatch.store import ChannelStatistics, ScalarStatistics


class RunningStatistics:
    """Sums over the training events seen so far, for each channel and each scalar."""

    def __init__(self, layout: Layout) -> None:
        channels = len(layout.channels)
        self.layout = layout
        self.events = 0
        self.hits = np.zeros(channels, dtype=np.int64)
        self.sum = np.zeros(channels)
        self.square = np.zeros(channels)
        self.minimum = np.full(channels, np.inf)
        self.maximum = np.full(channels, -np.inf)

    def add(self, hits: Hits, training: NDArray[np.bool_]) -> None:
        """Add the hits of a block; ``training`` says which of its events count, (B)."""
        counted = np.repeat(training, hits.per_event)
        channel = hits.pixel[counted] // (self.layout.height * self.layout.width)
        value = hits.value[counted].astype(np.float64)
        self.events += int(training.sum())
        for number in range(len(self.hits)):
            of_channel = value[channel == number]
            # A negative zero is a hit, so that it is kept, and yet a zero.
            self.hits[number] += np.count_nonzero(of_channel)
            self.sum[number] += of_channel.sum()
            self.square[number] += of_channel @ of_channel
            self.minimum[number] = of_channel.min(initial=self.minimum[number])
            self.maximum[number] = of_channel.max(initial=self.maximum[number])

    def channels(self) -> tuple[ChannelStatistics, ...]:
        """Return the statistics over all pixels, zeros included."""
        pixels = self.events * self.layout.height * self.layout.width
        mean = self.sum / pixels
        std = np.sqrt(np.maximum(self.square / pixels - mean**2, 0.0))
        has_zeros = self.hits < pixels
        minimum = np.where(has_zeros, np.minimum(self.minimum, 0.0), self.minimum)
        maximum = np.where(has_zeros, np.maximum(self.maximum, 0.0), self.maximum)
        return tuple(
            ChannelStatistics(
                name=channel.name,
                unit=channel.unit,
                fill=float(self.hits[i] / pixels),
                mean=float(mean[i]),
                std=float(std[i]),
                minimum=float(minimum[i]),
                maximum=float(maximum[i]),
            )
            for i, channel in enumerate(self.layout.channels)
        )


def scalar_statistics(
    layout: Layout, scalars_BS: NDArray[np.float64]
) -> tuple[ScalarStatistics, ...]:
    """Return mean and standard deviation of each scalar; ``scalars_BS`` are training events."""
    return tuple(
        ScalarStatistics(
            name=scalar.name,
            unit=scalar.unit,
            mean=float(scalars_BS[:, i].mean()),
            std=float(scalars_BS[:, i].std()),
        )
        for i, scalar in enumerate(layout.scalars)
    )
