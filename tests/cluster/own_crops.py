"""A raw file of crops for scenarios in which it does not matter where the events come from.

It spares the cluster the jobs that simulate.
"""

from pathlib import Path

import numpy as np

from tests.layouts import ELECTRON_PHOTON
from tests.raw_files import Events, random_events, write_hdf5

FILE = "raw/crops.hdf5"
DATASET = f"{{source: files, files: {FILE}}}"
EVENTS = 400


def write_crops(folder: Path) -> Path:
    """Write the file below ``folder``; it is the same in every folder."""
    events = random_events(ELECTRON_PHOTON, [0, 1] * (EVENTS // 2), seed=1)
    # A model cannot be trained on values near the limits of float32.
    tame = Events(np.clip(events.image_BCHW, -10, 10), events.label, events.scalars_BS)
    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    return write_hdf5(path, ELECTRON_PHOTON, tame)
