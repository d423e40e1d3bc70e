import pytest

from calobatch.errors import UserError
from calobatch.run.leaderboard import read_leaderboard


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
