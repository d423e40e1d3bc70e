"""Fit a few coefficients, none of which may be negative, by least squares."""

import itertools

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def fit_relative(terms: Values, measured: Values) -> Values:
    """Return the x >= 0 that minimise the sum of squares of (terms @ x - measured) / measured.

    ``terms`` has shape (points, unknowns); ``measured`` has shape (points,) and is positive. The
    errors are relative because the measured times span five orders of magnitude: with absolute
    errors only the longest times would count.

    At the minimum, some unknowns are 0, and the others have the values of an unbounded fit of these
    others alone. So this function fits every subset of the unknowns without bounds, and keeps the
    best fit that has no negative value. There are at most three unknowns, so the subsets are few.
    """
    scaled = terms / measured[:, None]
    unknowns = terms.shape[1]
    best, least = np.zeros(unknowns), np.inf
    for count in range(1, unknowns + 1):
        for free in map(list, itertools.combinations(range(unknowns), count)):
            values = np.zeros(unknowns)
            values[free] = np.linalg.lstsq(scaled[:, free], np.ones(len(measured)))[0]
            squares = float(np.sum((scaled @ values - 1) ** 2))
            if (values >= 0).all() and squares < least:
                best, least = values, squares
    return best
