"""The temperature that is fitted is the one with which the scores were changed."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from calobatch.ensemble.temperature import HIGHEST, LOWEST, fit_temperature
from calobatch.run.auc import auc
from calobatch.run.decision import log_loss
from calobatch.run.temperature import at_temperature


def two_classes(events, sharpness, seed=1):
    """Labels drawn from probabilities, and the probabilities as a too sure model has them."""
    random = np.random.default_rng(seed)
    logit_N = random.normal(size=events)
    label = (random.random(events) < expit(logit_N)).astype(np.uint8)
    return label, expit(sharpness * logit_N)


def three_classes(events, sharpness, seed=1):
    random = np.random.default_rng(seed)
    logit_NK = random.normal(size=(events, 3))
    below = softmax(logit_NK, axis=1).cumsum(axis=1) < random.random((events, 1))
    return below.sum(axis=1).astype(np.uint8), softmax(sharpness * logit_NK, axis=1)


@pytest.mark.parametrize("drawn", [two_classes, three_classes])
@pytest.mark.parametrize("sharpness", [0.5, 1, 3])
def test_the_temperature_of_the_scores_is_found_within_its_error(drawn, sharpness):
    found = fit_temperature(*drawn(20_000, sharpness))
    assert abs(found.value - sharpness) < 3 * found.error
    assert found.error < 0.1 * sharpness


def test_the_error_is_the_spread_of_the_fits():
    fits = [fit_temperature(*two_classes(1_000, 2, seed)) for seed in range(300)]
    spread = np.std([fit.value for fit in fits])
    assert np.mean([fit.error for fit in fits]) == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("drawn", [two_classes, three_classes])
def test_no_other_temperature_has_a_smaller_loss(drawn):
    label, score = drawn(1_000, 2)
    best = fit_temperature(label, score).value

    def loss(temperature):
        return log_loss(label, at_temperature(score, temperature))

    assert loss(best) < min(loss(0.99 * best), loss(1.01 * best), loss(1))


def test_it_is_the_temperature_that_scikit_learn_fits():
    class Model(ClassifierMixin, BaseEstimator):
        """Its decision is its only feature."""

        def fit(self, logit_N1, label):
            self.classes_ = np.unique(label)
            return self

        def decision_function(self, logit_N1):
            return logit_N1[:, 0]

        def predict(self, logit_N1):
            return self.classes_[(logit_N1[:, 0] > 0).astype(int)]

    label, score = two_classes(2_000, 2.5)
    logit_N1 = np.log(score / (1 - score))[:, None]
    model = FrozenEstimator(Model().fit(logit_N1, label))
    peer = CalibratedClassifierCV(model, method="temperature")
    peer.fit(logit_N1, label)
    found = at_temperature(score, fit_temperature(label, score).value)
    assert found == pytest.approx(peer.predict_proba(logit_N1)[:, 1], abs=1e-3)


def test_a_weight_of_two_is_the_event_twice():
    label, score = two_classes(500, 2)
    weight = np.random.default_rng(2).integers(1, 4, 500)
    repeated = np.repeat(np.arange(500), weight)
    weighted = fit_temperature(label, score, weight.astype(float))
    assert weighted.value == pytest.approx(fit_temperature(label[repeated], score[repeated]).value)
    # Repeated events say nothing new, so they must not make the error smaller.
    assert weighted.error > fit_temperature(label[repeated], score[repeated]).error


def test_the_auc_stays_as_it_is():
    label, score = two_classes(500, 2)
    assert auc(label, at_temperature(score, 3.0)) == auc(label, score)


def test_scores_that_are_always_right_or_wrong_end_at_the_bounds():
    label = np.array([0, 1, 0, 1], dtype=np.uint8)
    score = np.array([0.1, 0.9, 0.2, 0.8])
    assert fit_temperature(label, score) == (LOWEST, None)
    assert fit_temperature(1 - label, score) == (HIGHEST, None)
