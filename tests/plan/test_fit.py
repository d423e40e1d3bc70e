import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.plan.fit import fit_relative


@given(st.lists(st.floats(0, 10), min_size=2, max_size=3), st.integers(0, 10**6))
def test_exact_points_give_the_known_coefficients(known, seed):
    known = np.array(known) + 0.1
    terms = np.random.default_rng(seed).uniform(0.1, 1, (8, len(known)))
    assert fit_relative(terms, terms @ known) == pytest.approx(known, rel=1e-3)


def test_a_coefficient_that_would_be_negative_is_zero():
    terms = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])
    fitted = fit_relative(terms, terms @ np.array([-0.5, 1.0]))
    assert fitted[0] == 0
    assert fitted[1] > 0


def test_a_short_time_counts_as_much_as_a_long_one():
    terms = np.array([[1.0], [1.0]])
    fitted = fit_relative(terms, np.array([1.0, 1000.0]))
    assert fitted[0] < 2
