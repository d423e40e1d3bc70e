import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from calobatch.run.decision import (
    SMALLEST_PROBABILITY,
    called_class,
    is_constant,
    log_loss,
    missing_classes,
    number_of_classes,
)

events = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1, width=32)), min_size=1, max_size=50)


def arrays(label, score):
    return np.array(label, dtype=np.uint8), np.array(score, dtype=np.float32)


def test_the_log_loss_of_four_events_is_the_one_computed_by_hand():
    label, score = arrays([1, 1, 0, 0], [0.5, 0.25, 0.5, 0.75])
    by_hand = (math.log(2) + math.log(4) + math.log(2) + math.log(4)) / 4
    assert log_loss(label, score) == pytest.approx(by_hand, rel=1e-12)


@given(events)
def test_the_log_loss_agrees_with_the_definition(drawn):
    label, score = arrays(*zip(*drawn, strict=True))
    bounded = np.clip(score.astype(float), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    of_true_class = np.where(label == 1, bounded, 1 - bounded)
    assert log_loss(label, score) == pytest.approx(-np.log(of_true_class).mean(), rel=1e-9)


def test_the_log_loss_agrees_with_sklearn():
    random = np.random.default_rng(1)
    label, score = arrays(random.integers(2, size=1000), random.uniform(0.01, 0.99, 1000))
    expected = sklearn.metrics.log_loss(label, score.astype(np.float64))
    assert log_loss(label, score) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("label", "score"), [(1, 0.0), (0, 1.0)])
def test_the_loss_of_one_event_is_at_most_27_6(label, score):
    assert log_loss(*arrays([label], [score])) == pytest.approx(27.63, abs=0.01)


@pytest.mark.parametrize(("label", "score"), [(1, 1.0), (0, 0.0)])
def test_the_loss_of_a_certain_and_correct_event_is_nearly_zero(label, score):
    assert 0 <= log_loss(*arrays([label], [score])) < 1e-11


def test_the_log_loss_of_events_of_one_class_is_defined():
    assert log_loss(*arrays([1, 1], [0.5, 0.5])) == pytest.approx(math.log(2))


def test_a_score_is_called_signal_if_it_is_above_one_half():
    just_above = np.nextafter(np.float32(0.5), np.float32(1))
    score = np.array([0.0, 0.49, 0.5, just_above, 1.0], dtype=np.float32)
    assert called_class(score).tolist() == [0, 0, 0, 1, 1]


@given(events)
def test_the_fraction_of_correct_calls_is_the_accuracy_of_sklearn(drawn):
    label, score = arrays(*zip(*drawn, strict=True))
    expected = sklearn.metrics.accuracy_score(label, score > 0.5)
    assert np.mean(called_class(score) == label) == pytest.approx(expected)


def probabilities(events, classes, seed=2):
    random = np.random.default_rng(seed)
    label = random.integers(classes, size=events).astype(np.uint8)
    weight = random.random((events, classes)) + np.eye(classes)[label]
    return label, (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("classes", [3, 7])
def test_of_several_classes_the_most_probable_is_called_and_the_loss_is_that_of_sklearn(classes):
    label, score = probabilities(500, classes)
    assert number_of_classes(score) == classes
    np.testing.assert_array_equal(called_class(score), score.argmax(axis=1))
    expected = sklearn.metrics.log_loss(label, score.astype(np.float64))
    assert log_loss(label, score) == pytest.approx(expected, rel=1e-6)


def test_two_classes_in_two_columns_have_the_loss_of_one_column():
    label, score = probabilities(500, 2)
    assert log_loss(label, score) == pytest.approx(log_loss(label, score[:, 1]), rel=1e-6)
    np.testing.assert_array_equal(called_class(score), called_class(score[:, 1]))


def test_scores_are_constant_only_if_all_of_them_are():
    _, score = probabilities(10, 3)
    assert not is_constant(score)
    assert not is_constant(np.column_stack([np.full(10, 0.2, np.float32), score[:, 1:]]))
    assert is_constant(np.tile(score[:1], (10, 1)))
    assert is_constant(np.full(10, 0.3, np.float32))


def test_classes_without_an_event_are_named():
    assert missing_classes(np.array([0, 2, 2], dtype=np.uint8), 4) == [1, 3]
