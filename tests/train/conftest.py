"""A small packed store with separable classes, and settings of a quick training."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from calobatch.config.dataset import Split
from calobatch.config.training import Training
from calobatch.pack.pack import pack
from tests.layouts import ELECTRON_PHOTON

EVENTS_PER_CLASS = 150


@pytest.fixture(scope="session")
def crops_store(tmp_path_factory) -> Path:
    """Crops of 40 hits round the centre; electrons (class 1) spread wider along phi."""
    folder = tmp_path_factory.mktemp("crops")
    rng = np.random.default_rng(7)
    files = []
    for label, width in ((1, 4.0), (0, 2.0)):
        image = np.zeros((EVENTS_PER_CLASS, 32, 32, 2), dtype=np.float32)
        for event in image:
            eta = np.clip(rng.normal(16, 1, 40), 0, 31).astype(int)
            phi = np.clip(rng.normal(16, width, 40), 0, 31).astype(int)
            event[eta, phi, 0] = rng.exponential(0.1, 40)
            event[eta, phi, 1] = rng.normal(0, 0.1, 40)
        files.append(folder / f"class{label}.hdf5")
        with h5py.File(files[-1], "w") as file:
            file["X"] = image
            file["y"] = np.full(EVENTS_PER_CLASS, label, dtype=np.float32)
    pack("electron_photon", ELECTRON_PHOTON, files, folder / "store", split=Split(), zero_below=0.0)
    return folder / "store"


@pytest.fixture(scope="session")
def quick():
    """Return a function that makes settings of a quick training, with changes."""

    def settings(**changes: object) -> Training:
        base: dict[str, object] = {
            "model": "two_branch_cnn",
            "epochs": 3,
            "batch_size": 32,
            "learning_rate": 2e-3,
            "ranks": 1,
            "communicator": "single",
        }
        return Training(**(base | changes))

    return settings
