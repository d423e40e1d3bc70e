"""What the statistics of the training split are made of: sums of a block, which add up."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from calobatch.layouts import Layout
from calobatch.pack.sparsify import Hits


class Sums(NamedTuple):
    """Of some events: their number, and over the pixels of each channel, (C), what is named."""

    events: int
    hits: NDArray[np.int64]
    sum: NDArray[np.float64]
    square: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]

    @classmethod
    def of_none(cls, channels: int) -> Self:
        """Return the sums of no event."""
        return cls(
            events=0,
            hits=np.zeros(channels, dtype=np.int64),
            sum=np.zeros(channels),
            square=np.zeros(channels),
            minimum=np.full(channels, np.inf),
            maximum=np.full(channels, -np.inf),
        )

    @classmethod
    def of(cls, hits: Hits, counted_B: NDArray[np.bool_], layout: Layout) -> Self:
        """Return the sums of those events of a block that count; zeros have no part in them."""
        counted = np.repeat(counted_B, hits.per_event)
        channel = hits.pixel[counted] // (layout.height * layout.width)
        value = hits.value[counted].astype(np.float64)
        sums = cls.of_none(len(layout.channels))
        for number in range(len(layout.channels)):
            of_channel = value[channel == number]
            # A negative zero is a hit, so that it is kept, and yet a zero.
            sums.hits[number] = np.count_nonzero(of_channel)
            sums.sum[number] = of_channel.sum()
            # Not a dot product: that of a BLAS takes all cores, and its last bit depends on them.
            sums.square[number] = np.square(of_channel).sum()
            sums.minimum[number] = of_channel.min(initial=np.inf)
            sums.maximum[number] = of_channel.max(initial=-np.inf)
        return sums._replace(events=int(counted_B.sum()))

    def plus(self, other: "Sums") -> "Sums":
        """Return the sums of the events of both."""
        return Sums(
            events=self.events + other.events,
            hits=self.hits + other.hits,
            sum=self.sum + other.sum,
            square=self.square + other.square,
            minimum=np.minimum(self.minimum, other.minimum),
            maximum=np.maximum(self.maximum, other.maximum),
        )
