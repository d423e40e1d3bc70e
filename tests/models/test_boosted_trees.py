"""The trees in torch give the probabilities of the trees in scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from calobatch.errors import UserError
from calobatch.models.build import build_model, example_inputs, parameter_count
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON, THREE_CLASSES

SMALL = {"trees": 12, "leaves": 5, "depth": 3, "fewest_events": 5}


def fitted(model, feature, label, **changes):
    """Return scikit-learn's classifier after the model has taken its trees."""
    classifier = HistGradientBoostingClassifier(
        max_iter=model.number, early_stopping=False, **(model.growth | changes)
    ).fit(feature, label)
    model.take(classifier)
    return classifier


def probabilities(model, feature):
    with torch.no_grad():
        return torch.softmax(model.logits_of(torch.from_numpy(feature)), dim=1).numpy()


@pytest.mark.parametrize("store", ["packed_crops", "packed_jets"])
def test_the_probabilities_of_real_events_are_those_of_scikit_learn(store, request):
    store = request.getfixturevalue(store)
    model = build_model("boosted_trees", store.layout, SMALL)
    events = np.arange(len(store))
    inputs = [torch.from_numpy(np.nan_to_num(store.dense(events)))]
    if store.layout.scalars:
        inputs.append(torch.from_numpy(store.scalars_BS.astype(np.float32)))
    feature = model.features(*inputs).numpy()
    classifier = fitted(model, feature, store.label)
    with torch.no_grad():
        found = torch.softmax(model(*inputs), dim=1).numpy()
    assert found == pytest.approx(classifier.predict_proba(feature), abs=1e-6)
    assert np.ptp(found[:, 1]) > 0.1


@pytest.mark.parametrize(("layout", "classes"), [(ELECTRON_PHOTON, 2), (THREE_CLASSES, 3)])
def test_trees_of_all_forms_give_the_probabilities_of_scikit_learn(layout, classes):
    """Trees of unequal depth, of fewer leaves than they could have, and of one leaf."""
    rng = np.random.default_rng(1)
    feature = rng.normal(size=(300, 4)).astype(np.float32)
    label = (feature[:, 0] > 1).astype(int) + (feature[:, 1] + feature[:, 2] > 1) * (classes - 2)
    for options in ({"leaves": 20, "depth": 19, "fewest_events": 1}, {"fewest_events": 150}):
        model = build_model("boosted_trees", layout, SMALL | options)
        classifier = fitted(model, feature, label)
        expected = classifier.predict_proba(feature)
        assert probabilities(model, feature) == pytest.approx(expected, abs=1e-6)


def test_a_threshold_between_neighbouring_numbers_divides_them():
    """In float32 there is no number between two such ones, and in float64 there is."""
    step = np.spacing(np.float32(1))
    number = np.arange(40) % 4
    feature, label = (1 + step * number.astype(np.float32))[:, None], (number == 2).astype(int)
    model = build_model("boosted_trees", ELECTRON_PHOTON, SMALL)
    classifier = fitted(model, feature, label, min_samples_leaf=1)
    found = probabilities(model, feature)
    assert found == pytest.approx(classifier.predict_proba(feature), abs=1e-6)
    assert ((found[:, 1] > 0.5) == label).all()


@pytest.mark.parametrize(("layout", "logits"), [(QUARK_GLUON, 1), (THREE_CLASSES, 3)])
def test_the_parameters_are_the_values_of_the_leaves(layout, logits):
    model = build_model("boosted_trees", layout, SMALL)
    assert parameter_count(model) == SMALL["trees"] * SMALL["leaves"] * logits


@pytest.mark.parametrize("layout", [ELECTRON_PHOTON, QUARK_GLUON, THREE_CLASSES])
def test_without_trees_all_classes_are_equally_probable(layout):
    model = build_model("boosted_trees", layout, SMALL)
    assert not model(*example_inputs(model, layout)).any()


@pytest.mark.parametrize("options", [{"trees": 0}, {"leaves": 1}, {"depth": 0}])
def test_trees_that_cannot_be_are_refused_with_what_to_set(options):
    with pytest.raises(UserError, match="set trees and depth to 1 or more, and leaves to 2"):
        build_model("boosted_trees", ELECTRON_PHOTON, options)
