"""The fit of the simulation of crops, and the measure of what a classifier learns from it."""

import numpy as np
import pytest

from benchmarks.simulation.crops_transfer import auc_with_error, features
from benchmarks.simulation.fit_crops import PARAMETERS, Fit
from calobatch.run.auc import auc


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_every_fitted_parameter_is_a_constant_of_the_simulation(parameter):
    """A new name would be set without an error and change nothing."""
    assert isinstance(getattr(parameter.module, parameter.name), float)
    assert abs(getattr(parameter.module, parameter.name) - parameter.start) < 3 * parameter.step


def test_pulls_are_the_same_each_time_and_change_with_each_parameter(monkeypatch):
    for parameter in PARAMETERS:
        current = getattr(parameter.module, parameter.name)
        monkeypatch.setattr(parameter.module, parameter.name, current)
    fit = Fit(events=60, seed=3)
    start = np.array([parameter.start for parameter in PARAMETERS])
    first = fit.pulls(start)
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, fit.pulls(start))
    for index, parameter in enumerate(PARAMETERS):
        moved = start.copy()
        moved[index] += parameter.step
        of_crops = slice(len(PARAMETERS), None)
        assert not np.array_equal(fit.pulls(moved)[of_crops], first[of_crops])


def test_the_auc_of_a_classifier_is_that_of_the_metrics_and_its_error_falls_with_events():
    rng = np.random.default_rng(0)
    few, many = ([rng.normal(0, 1, n), rng.normal(1, 1, n)] for n in (100, 10_000))
    value, error = auc_with_error(few)
    label = np.repeat([0, 1], 100).astype(np.uint8)
    assert value == pytest.approx(auc(label, np.concatenate(few).astype(np.float32)), abs=1e-6)
    assert error / auc_with_error(many)[1] == pytest.approx(10, rel=0.2)


def test_the_features_of_an_image_do_not_depend_on_the_other_images():
    energy = np.random.default_rng(1).exponential(0.1, (5, 32, 32))
    energy[:, 16, 16] = 30
    together = features(energy)
    assert together.shape[0] == 5
    np.testing.assert_allclose(together[2:3], features(energy[2:3]), rtol=1e-6)
