"""The ROC AUC of training agrees with scikit-learn's, which the published metrics use."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from calobatch.run.auc import auc, auc_of_counts, mean_auc

events = st.tuples(st.booleans(), st.integers(0, 6), st.integers(1, 4))


def of_both_classes(drawn):
    """Return labels, scores and weights of the events that were drawn."""
    label, score, weight = (np.array(column) for column in zip(*drawn, strict=True))
    if label.all() or not label.any():
        label[0] = not label[0]
    return label, score, weight


@settings(deadline=None)  # sklearn is slow on its first call
@given(st.lists(events, min_size=2, max_size=40))
def test_the_auc_is_that_of_sklearn(drawn):
    label, score, _ = of_both_classes(drawn)
    assert auc(label, score) == pytest.approx(roc_auc_score(label, score), abs=1e-12)


@settings(deadline=None)  # sklearn is slow on its first call
@given(st.lists(events, min_size=2, max_size=40))
def test_the_auc_of_counts_is_the_weighted_auc_of_the_events(drawn):
    label, score, weight = of_both_classes(drawn)
    distinct, rank = np.unique(score, return_inverse=True)
    counts = [
        np.bincount(rank[label == c], weights=weight[label == c], minlength=len(distinct))
        for c in (1, 0)
    ]
    found = auc_of_counts(*(count.astype(np.int64) for count in counts))
    assert found == pytest.approx(roc_auc_score(label, score, sample_weight=weight), abs=1e-12)


@pytest.mark.parametrize("classes", [3, 5])
def test_the_auc_of_several_classes_is_the_mean_of_sklearn_over_each_against_the_others(classes):
    random = np.random.default_rng(3)
    label = random.choice(classes, size=400, p=np.arange(1, classes + 1) / sum(range(classes + 1)))
    weight = random.random((400, classes)).round(1) + np.eye(classes)[label] * 0.2 + 0.01
    score = weight / weight.sum(axis=1, keepdims=True)
    expected = roc_auc_score(label, score, multi_class="ovr", average="macro")
    assert mean_auc(label, score) == pytest.approx(expected, abs=1e-12)


def test_the_mean_auc_of_two_classes_is_their_auc():
    label, score = np.array([0, 1, 1, 0]), np.array([0.1, 0.4, 0.3, 0.35])
    assert mean_auc(label, score) == auc(label, score) == 0.75


def test_large_samples_do_not_overflow():
    counts = np.full(800_000, 1_000, dtype=np.int64)
    assert auc_of_counts(counts, counts) == 0.5


def test_a_rank_does_not_import_sklearn():
    """Its import takes as long as torch's."""
    show = "import sys, calobatch.train.train; print('sklearn' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", show], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "False\n"
