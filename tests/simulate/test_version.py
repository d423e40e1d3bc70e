"""A simulation that gives other events than it did has a version of its own."""

import json

import numpy as np
import pytest

from calobatch.checkout import CHECKOUT
from calobatch.config.load import load_scenario
from calobatch.errors import UserError
from calobatch.simulate.crops.crops import simulate_crops
from calobatch.simulate.jets.jets import simulate_jets
from calobatch.simulate.version import VERSIONS, without_version
from calobatch.workflow import datasets
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON

# Of the first events of a seed: the sum of all pixels, and the number of those that are not zero.
SAMPLES = {
    ("crops", 2): (124.2666, 5069),
    ("jets", 1): (2015.426, 4186),
}


def sample(simulator):
    if simulator == "crops":
        image = simulate_crops("electron", 100, np.random.default_rng(1))[..., 0]
    else:
        image = simulate_jets(3, 3, seed=1).image_BCHW
    return float(image.sum(dtype=np.float64)), int(np.count_nonzero(image))


@pytest.mark.parametrize("simulator", VERSIONS)
def test_a_version_gives_the_events_that_it_gave(simulator):
    """If this fails, raise the version in simulate/version.py, and write down what it gives."""
    total, pixels = SAMPLES[simulator, VERSIONS[simulator]]
    found = sample(simulator)
    # Processors differ in the last digits of a logarithm, which can move a hit across a threshold.
    assert found[0] == pytest.approx(total, rel=1e-3)
    assert found[1] == pytest.approx(pixels, rel=1e-3)


def test_snakemake_simulates_again_with_a_new_version_only(monkeypatch):
    scenario = load_scenario("test", folder=CHECKOUT / "config")
    before = datasets.simulate_settings(scenario, "quark_gluon")
    monkeypatch.setitem(VERSIONS, "crops", 7)
    assert datasets.simulate_settings(scenario, "quark_gluon") == before
    assert json.loads(datasets.simulate_settings(scenario, "electron_photon"))["version"] == 7


def test_the_verb_takes_the_settings_that_the_workflow_gives():
    scenario = load_scenario("test", folder=CHECKOUT / "config")
    for name, layout in (("electron_photon", ELECTRON_PHOTON), ("quark_gluon", QUARK_GLUON)):
        settings = json.loads(datasets.simulate_settings(scenario, name))
        expected = scenario.datasets[name].model_dump(
            mode="json", exclude_unset=True, exclude={"split"}
        )
        assert expected.items() <= without_version(settings, layout).items()


def test_code_of_another_version_refuses_to_simulate():
    settings = {"events": 3, "version": VERSIONS["crops"] + 1}
    with pytest.raises(UserError, match=r"ask for version 3 .* has version 2; check out"):
        without_version(settings, ELECTRON_PHOTON)


@pytest.mark.parametrize("layout", [ELECTRON_PHOTON, QUARK_GLUON], ids=lambda layout: layout.name)
def test_the_version_may_be_left_out_or_named(layout):
    for settings in ({}, {"version": VERSIONS[layout.simulator]}):
        assert without_version(settings, layout) == {}
