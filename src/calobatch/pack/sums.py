"""Sums over the training events of a block; the statistics of the training split come from them."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from calobatch.layouts import Layout
from calobatch.pack.sparsify import Hits


class Sums(NamedTuple):
    """The number of some events, and for each channel, shape (C), sums over their hits."""

    events: int
    hits: NDArray[np.int64]  # number of pixels that are not zero
    sum: NDArray[np.float64]  # sum of the values
    square: NDArray[np.float64]  # sum of the squared values
    minimum: NDArray[np.float64]  # smallest value, infinity if there is no hit
    maximum: NDArray[np.float64]  # largest value, minus infinity if there is no hit

    @classmethod
    def of_none(cls, channels: int) -> Self:
        """Return the sums over no event: the neutral element of :meth:`plus`."""
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
        """Return the sums over the events of a block for which ``counted_B`` is true."""
        counted = np.repeat(counted_B, hits.per_event)
        channel = hits.pixel[counted] // (layout.height * layout.width)
        value = hits.value[counted].astype(np.float64)
        sums = cls.of_none(len(layout.channels))
        for number in range(len(layout.channels)):
            of_channel = value[channel == number]
            # Not len(of_channel): a negative zero is stored as a hit, but its value is zero.
            sums.hits[number] = np.count_nonzero(of_channel)
            sums.sum[number] = of_channel.sum()
            # Not a dot product: BLAS uses all cores, and the last bits of the sum then depend on
            # their number.
            sums.square[number] = np.square(of_channel).sum()
            sums.minimum[number] = of_channel.min(initial=np.inf)
            sums.maximum[number] = of_channel.max(initial=-np.inf)
        return sums._replace(events=int(counted_B.sum()))

    def plus(self, other: "Sums") -> "Sums":
        """Return the sums over the events of both."""
        return Sums(
            events=self.events + other.events,
            hits=self.hits + other.hits,
            sum=self.sum + other.sum,
            square=self.square + other.square,
            minimum=np.minimum(self.minimum, other.minimum),
            maximum=np.maximum(self.maximum, other.maximum),
        )
