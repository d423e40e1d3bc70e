from benchmarks.chart import draw
from benchmarks.comparison import Goal, compare


def test_a_picture_is_drawn_with_and_without_rows_that_have_a_goal(tmp_path):
    for name, goal in (("with.png", Goal(0.9)), ("without.png", None)):
        row = compare("ours", "theirs", [1.0, 2.0], [2.0, 2.0], goal)
        draw([row], tmp_path / name, "title")
        assert (tmp_path / name).stat().st_size > 1_000
