import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.report.rows import spread
from calobatch.run.leaderboard import read_leaderboard


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_the_spread_is_mean_and_sample_deviation(values):
    mean, deviation = spread(values)
    assert mean == pytest.approx(statistics.fmean(values))
    assert deviation == pytest.approx(statistics.variance(values) ** 0.5, abs=1e-7)


def test_one_value_has_no_spread():
    assert spread([0.7]) == (0.7, None)


def test_there_is_one_line_per_run_and_split(results):
    lines = read_leaderboard(results.leaderboard)
    assert len({(line.task, line.seed, line.split) for line in lines}) == len(lines)
    assert len(lines) == 3 * len(results.runs)
