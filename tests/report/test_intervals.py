import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.report.intervals import MARGIN, WIDTH, Axis, axis_for, chart_of_run
from calobatch.report.rows import task_rows
from calobatch.run.folder import read_run
from calobatch.run.leaderboard import read_leaderboard
from tests.report.page import read_page


@pytest.fixture(scope="module")
def rows(results):
    runs = [read_run(run) for run in results.runs]
    colours = dict.fromkeys(results.scenario.tasks, "#123456")
    return task_rows(results.scenario, runs, read_leaderboard(results.leaderboard), colours)


def test_the_axis_contains_every_value(rows):
    axis = axis_for(rows)
    for row in rows:
        published = [auc for split, auc in row.task.reference_auc.items() if split != "train"]
        for run in row.runs:
            for value in (run.test.auc_low, run.test.auc_high, run.validation.auc, *published):
                assert MARGIN - 0.1 <= axis.place(value) <= WIDTH - MARGIN + 0.1


def test_dots_are_at_their_positions_on_the_axis(rows):
    axis = axis_for(rows)
    for row in rows:
        for run in row.runs:
            circles = read_page(chart_of_run(axis, row, run)).all("circle")
            found = {"validation" in c.classes: float(c.attributes["cx"]) for c in circles}
            assert found[False] == axis.place(run.test.auc)
            assert found[True] == axis.place(run.validation.auc)


@given(st.floats(0.5, 1), st.floats(0.5, 1))
def test_a_larger_auc_is_further_right(one, other):
    axis = Axis(0.5, 1.0, 0.1)
    assert (axis.place(one) <= axis.place(other)) or one > other


def test_the_distances_between_grid_lines_are_equal():
    ticks = Axis(0.6, 0.8, 0.05).ticks()
    assert ticks == [0.6, 0.65, 0.7, 0.75, 0.8]
