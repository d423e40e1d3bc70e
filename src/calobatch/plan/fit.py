"""Least squares with a few unknowns, none of which may be negative."""

import itertools

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def fit_relative(terms: Values, measured: Values) -> Values:
    """Return the x >= 0 that minimise the sum of squares of (terms @ x - measured) / measured.

    ``terms``: (points, unknowns), ``measured``: (points,), positive. Relative errors, because times
    span five orders of magnitude: with absolute ones only the longest would count. An unknown is
    either 0 or as in a fit without the bound, so trying which are 0 finds the minimum. Exponential
    in the unknowns, of which there are three at most here.
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
