"""Small trainings on raw files, with a model that takes images and scalars."""

import numpy as np

from calobatch.config.dataset import Split
from calobatch.config.training import Training
from calobatch.pack.pack import pack
from calobatch.train.train import train
from tests.layouts import SMALL_JETS, THREE_CLASSES
from tests.raw_files import Events, random_events, write_hdf5, write_parquet

SETTINGS = Training(
    model="tests.predict.small_net", epochs=2, batch_size=16, learning_rate=1e-2, ranks=1,
    communicator="single",
)  # fmt: skip
JETS = SMALL_JETS.model_copy(update={"official_test_mark": None, "shares": None})
THREE = THREE_CLASSES


def sizes(layout, labels, seed):
    """Random events without the values near the limits of float32, which no model survives."""
    events = random_events(layout, labels, seed)
    image = np.nan_to_num(np.clip(events.image_BCHW, -10, 10))
    return Events(image, events.label, events.scalars_BS)


def trained(layout, labels, folder, zero_below, **changes):
    events = sizes(layout, labels, seed=4)
    half = len(labels) // 2
    parts = [Events(*(array[of] for array in events)) for of in (slice(half), slice(half, None))]
    files = [
        write_parquet(folder / "first.parquet", layout, parts[0]),
        write_hdf5(folder / "second.hdf5", layout, parts[1]),
    ]
    pack("data", layout, files, folder / "store", split=Split(), zero_below=zero_below)
    train("task", SETTINGS.model_copy(update=changes), 1, folder / "store", folder / "run")
    return folder / "run", files, events
