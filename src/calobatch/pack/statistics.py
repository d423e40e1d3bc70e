"""Compute the statistics of the training split that the manifest records."""

import numpy as np
from numpy.typing import NDArray

from calobatch.layouts import Layout
from calobatch.pack.sums import Sums
from calobatch.scalars import ScalarStatistics
from calobatch.store import ChannelStatistics


def channel_statistics(layout: Layout, sums: Sums) -> tuple[ChannelStatistics, ...]:
    """Return the statistics of each channel over all pixels, zeros included."""
    pixels = sums.events * layout.height * layout.width  # per channel
    mean = sums.sum / pixels
    # Rounding can make the variance of a nearly constant channel slightly negative.
    std = np.sqrt(np.maximum(sums.square / pixels - mean**2, 0.0))
    # The sums cover only hits. If there are other pixels, they are zero and belong to the range.
    has_zeros = sums.hits < pixels
    minimum = np.where(has_zeros, np.minimum(sums.minimum, 0.0), sums.minimum)
    maximum = np.where(has_zeros, np.maximum(sums.maximum, 0.0), sums.maximum)
    return tuple(
        ChannelStatistics(
            name=channel.name,
            unit=channel.unit,
            fill=float(sums.hits[i] / pixels),
            mean=float(mean[i]),
            std=float(std[i]),
            minimum=float(minimum[i]),
            maximum=float(maximum[i]),
        )
        for i, channel in enumerate(layout.channels)
    )


def scalar_statistics(
    layout: Layout, scalars_BS: NDArray[np.float64]
) -> tuple[ScalarStatistics, ...]:
    """Return mean and standard deviation of each scalar over ``scalars_BS``, training events."""
    return tuple(
        ScalarStatistics(
            name=scalar.name,
            unit=scalar.unit,
            mean=float(scalars_BS[:, i].mean()),
            std=float(scalars_BS[:, i].std()),
        )
        for i, scalar in enumerate(layout.scalars)
    )
