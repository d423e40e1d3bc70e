import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.config.dataset import SPLITS, Split
from calobatch.errors import UserError
from calobatch.pack.split import TEST, assign_groups, assign_splits, check_groups

# Of two or three classes.
LABELS = st.tuples(st.lists(st.integers(40, 200), min_size=2, max_size=3), st.integers(0, 9)).map(
    lambda drawn: np.random.default_rng(drawn[1]).permutation(
        np.repeat(np.arange(len(drawn[0])).astype(float), drawn[0])
    )
)
SHARES = st.floats(0.05, 0.4)
CLASSES = ("photon", "electron", "muon")


def split_of(labels, official=None, **settings):
    official = np.zeros(len(labels), dtype=bool) if official is None else official
    return assign_splits(labels, official, Split(**settings), CLASSES[: int(labels.max()) + 1])


def count(assigned, labels, name, label):
    return np.sum((assigned == SPLITS.index(name)) & (labels == label))


@given(LABELS, SHARES, SHARES, st.integers(0, 100))
def test_shares_hold_in_each_class_to_within_one_event(labels, validation, test, seed):
    assigned = split_of(labels, validation=validation, test=test, seed=seed)
    for label in np.unique(labels):
        events = np.sum(labels == label)
        tests = count(assigned, labels, "test", label)
        assert abs(tests - test * events) <= 1
        validations = count(assigned, labels, "validation", label)
        assert abs(validations - validation * (events - tests)) <= 1


@given(LABELS, st.integers(0, 100))
def test_the_split_depends_only_on_labels_shares_and_seed(labels, seed):
    first = split_of(labels, seed=seed)
    np.random.default_rng().random()
    np.testing.assert_array_equal(first, split_of(labels.copy(), seed=seed))


def test_a_different_seed_gives_a_different_split_of_the_same_sizes():
    labels = np.tile([0.0, 1.0], 100)
    first, second = split_of(labels, seed=1), split_of(labels, seed=2)
    assert np.any(first != second)
    np.testing.assert_array_equal(np.bincount(first), np.bincount(second))


@pytest.mark.parametrize("sorted_by_class", [True, False])
def test_the_split_does_not_depend_on_the_position_in_the_file(sorted_by_class):
    labels = np.repeat([0.0, 1.0], 500) if sorted_by_class else np.tile([0.0, 1.0], 500)
    for name in SPLITS:
        place = np.flatnonzero(split_of(labels) == SPLITS.index(name))
        assert place.mean() == pytest.approx(500, abs=5 * 289 / np.sqrt(len(place)))


@given(LABELS, SHARES)
def test_the_test_split_is_exactly_the_official_test_events(labels, test):
    official = np.arange(len(labels)) % 3 == 0
    assigned = split_of(labels, official, test=test)
    np.testing.assert_array_equal(assigned == TEST, official)


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"validation": 0.0}, "validation"), ({"test": 0.0}, "test"), ({"test": 0.99}, "train")],
)
def test_an_empty_split_is_an_error_that_names_it(settings, name):
    with pytest.raises(UserError, match=f"the {name} split .*use more events"):
        split_of(np.tile([0.0, 1.0], 10), **settings)


def test_an_official_test_file_of_one_class_is_an_error():
    labels = np.repeat([0.0, 1.0], 20)
    with pytest.raises(UserError, match="the test split would have no event of class 0"):
        split_of(labels, np.arange(40) >= 30)


BY_RUN = {"by": "column", "column": "run"}


def groups_of(labels, runs, **settings):
    return assign_groups(labels, runs, Split(**BY_RUN, **settings), CLASSES[:2])


@given(st.lists(st.integers(10, 60), min_size=12, max_size=30), SHARES, SHARES, st.integers(0, 100))
def test_a_run_is_in_one_split_and_the_shares_hold_to_within_a_run(sizes, validation, test, seed):
    runs = np.repeat(np.arange(len(sizes)) * 7.0, sizes)
    labels = np.arange(len(runs)) % 2.0
    assigned = groups_of(labels, runs, validation=validation, test=test, seed=seed)
    for run in np.unique(runs):
        assert len(np.unique(assigned[runs == run])) == 1
    tests, validations = (np.sum(assigned == SPLITS.index(s)) for s in ("test", "validation"))
    for found, wanted in (
        (tests, test * len(runs)),
        (validations, validation * (len(runs) - tests)),
    ):
        assert wanted <= found < wanted + max(sizes)


def test_the_split_of_runs_does_not_depend_on_the_order_of_their_events():
    random = np.random.default_rng(1)
    runs = np.repeat(np.arange(20.0), 10)
    labels = np.tile([0.0, 1.0], 100)
    order = random.permutation(200)
    found = groups_of(labels[order], runs[order])
    np.testing.assert_array_equal(found, groups_of(labels, runs)[order])


def test_too_few_runs_and_a_run_that_is_no_number_are_refused():
    labels = np.tile([0.0, 1.0], 10)
    with pytest.raises(UserError, match="split would have no event of class 0"):
        groups_of(labels, np.repeat([1.0, 2.0], 10))
    with pytest.raises(UserError, match="run is nan in event 3 of all files together; correct it"):
        check_groups(np.where(np.arange(20) == 3, np.nan, 1.0), Split(**BY_RUN))


@pytest.mark.parametrize("settings", [{"by": "column"}, {"column": "run"}])
def test_a_column_goes_with_by_column(settings):
    with pytest.raises(ValueError, match="set both by: column and column, or neither"):
        Split(**settings)
