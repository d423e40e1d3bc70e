"""The stores of small results, opened."""

import pytest

from calobatch.store import Store, open_store
from tests.small_results import html, results, scenario, stores

__all__ = ["html", "results", "scenario", "stores"]


@pytest.fixture(scope="session")
def crops(stores) -> Store:
    return open_store(stores["electron_photon"])


@pytest.fixture(scope="session")
def jets(stores) -> Store:
    return open_store(stores["quark_gluon"])
