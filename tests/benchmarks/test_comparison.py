import itertools

import pytest

from benchmarks.comparison import Goal, compare, rate, take_turns


def counted(calls, name):
    """Return a work that returns the number of times it was done before."""
    numbers = itertools.count()

    def work():
        calls.append(name)
        return float(next(numbers))

    return work


def test_warm_up_rounds_are_done_but_not_returned():
    calls = []
    took = take_turns("test", {"ours": counted(calls, "ours")}, repeats=5, warm_up=2)
    assert len(calls) == 7
    assert took["ours"] == [2.0, 3.0, 4.0, 5.0, 6.0]


def test_works_take_turns_and_none_always_follows_the_same_one():
    calls = []
    works = {name: counted(calls, name) for name in "ab"}
    take_turns("test", works, repeats=3, warm_up=1)
    assert "".join(calls) == "abbaabba"


def test_the_ratio_is_ours_over_theirs_per_round():
    # Both slow down in the last round, so the ratio there is the same as in the first.
    row = compare("ours", "peer", [20.0, 22.0, 2.0], [10.0, 10.0, 1.0], Goal(2.0))
    assert (row.value, row.low, row.high) == pytest.approx((2.0, 2.0, 2.2))
    assert (row.ours, row.theirs) == (20.0, 10.0)
    assert row.reached


def test_both_must_have_the_same_number_of_rounds():
    with pytest.raises(ValueError, match="argument 2"):
        compare("ours", "peer", [1.0, 2.0], [1.0], None)


def test_rate_is_events_per_second(monkeypatch):
    clock = iter([10.0, 14.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    assert rate(lambda: None, events=100)() == 25.0


@pytest.mark.parametrize(
    ("goal", "value", "reached"),
    [
        (Goal(0.9), 0.9, True),
        (Goal(0.9), 0.89, False),
        (Goal(1.3, at_most=True), 1.2, True),
        (Goal(1.3, at_most=True), 1.4, False),
        (None, 5.0, None),
    ],
)
def test_a_goal_is_a_lower_or_an_upper_bound(goal, value, reached):
    assert compare("ours", "peer", [value], [1.0], goal).reached is reached


def test_the_share_of_a_goal_is_above_1_if_it_is_exceeded():
    assert Goal(2.0).share(4.0) == Goal(4.0, at_most=True).share(2.0) == 2.0


def test_zero_and_less_reach_a_limit_with_a_share_of_100():
    limit = Goal(1.5, at_most=True)
    assert limit.reached(-0.1)
    assert limit.share(-0.1) == limit.share(0.0) == 100
