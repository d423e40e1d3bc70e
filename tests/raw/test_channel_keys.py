"""Each channel may have a key of its own, in every format."""

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calobatch.errors import UserError
from calobatch.raw.open_raw import open_raw
from tests.layouts import SMALL_JETS
from tests.raw_files import nested_lists, random_events, read_whole

KEYS = ("tracks", "ecal", "hcal")
LAYOUT = SMALL_JETS.model_copy(
    update={
        "image": None,
        "channels": tuple(
            channel.model_copy(update={"key": key})
            for channel, key in zip(SMALL_JETS.channels, KEYS, strict=True)
        ),
    }
)


def columns_of(events):
    return {"y": events.label, "pt": events.scalars_BS[:, 0], "m0": events.scalars_BS[:, 1]}


def write_hdf5(path, events):
    with h5py.File(path, "w") as file:
        for number, key in enumerate(KEYS):
            # Chunks of different sizes; the last channel has an axis of length 1.
            image = events.image_BCHW[:, number]
            image = image[..., None] if key == "hcal" else image
            file.create_dataset(key, data=image, chunks=(7 + number, *image.shape[1:]))
        for key, values in columns_of(events).items():
            file[key] = values


def write_parquet(path, events):
    columns = {
        key: nested_lists(events.image_BCHW[:, number : number + 1]).flatten()
        if key == "ecal"
        else nested_lists(events.image_BCHW[:, number : number + 1])
        for number, key in enumerate(KEYS)
    }
    columns |= {key: pa.array(values) for key, values in columns_of(events).items()}
    pq.write_table(pa.table(columns), path, row_group_size=9)


def write_npz(path, events):
    images = {key: events.image_BCHW[:, number] for number, key in enumerate(KEYS)}
    np.savez(path, **images, **columns_of(events))


WRITERS = {"a.hdf5": write_hdf5, "a.parquet": write_parquet, "a.npz": write_npz}


@pytest.mark.parametrize("at_a_time", [1, 10, 1000])
@pytest.mark.parametrize("name", WRITERS)
def test_channels_under_keys_of_their_own_are_one_image(tmp_path, name, at_a_time):
    events = random_events(LAYOUT, [0, 1] * 20, seed=3)
    WRITERS[name](tmp_path / name, events)
    raw = open_raw(tmp_path / name, LAYOUT)
    block = read_whole(raw, at_a_time)
    np.testing.assert_array_equal(
        np.ascontiguousarray(block.image_BCHW, np.float32).view(np.uint32),
        events.image_BCHW.view(np.uint32),
    )
    np.testing.assert_array_equal(block.scalars_BS, events.scalars_BS)
    np.testing.assert_array_equal(raw.labels(), events.label)


@pytest.mark.parametrize("name", WRITERS)
def test_a_missing_channel_is_named(tmp_path, name):
    WRITERS[name](tmp_path / name, random_events(LAYOUT, [0, 1] * 5, seed=3))
    channels = (*LAYOUT.channels[:2], LAYOUT.channels[2].model_copy(update={"key": "towers"}))
    with pytest.raises(UserError, match=rf"{name} has no (key|column|array) towers"):
        open_raw(tmp_path / name, LAYOUT.model_copy(update={"channels": channels}))
