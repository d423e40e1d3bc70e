import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.errors import UserError
from calobatch.report.leaderboard import read_leaderboard, spread


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_the_spread_is_mean_and_sample_deviation(values):
    mean, deviation = spread(values)
    assert mean == pytest.approx(statistics.fmean(values))
    assert deviation == pytest.approx(statistics.variance(values) ** 0.5, abs=1e-7)


def test_one_value_has_no_spread():
    assert spread([0.7]) == (0.7, None)


def test_each_line_is_found_by_task_seed_and_split(results):
    lines = read_leaderboard(results.leaderboard)
    assert len(lines) == 3 * len(results.runs)
    assert all((line.task, line.seed, line.split) == key for key, line in lines.items())


@pytest.mark.parametrize(
    "content", ["task,seed\ncrops,1\n", "task,seed,split,auc\ncrops,1,test,high\n"]
)
def test_a_damaged_leaderboard_is_named(tmp_path, content):
    (tmp_path / "leaderboard.csv").write_text(content)
    with pytest.raises(UserError, match=r"leaderboard\.csv .* auc, .*collect"):
        read_leaderboard(tmp_path / "leaderboard.csv")


def test_a_missing_leaderboard_is_named(tmp_path):
    with pytest.raises(UserError, match=r"absent\.csv"):
        read_leaderboard(tmp_path / "absent.csv")
