"""Write the same arrays as raw files of every format, by the names of their keys."""

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uproot

from tests.raw_files import nested_lists


def hdf5(path, arrays):
    with h5py.File(path, "w") as file:
        for key, values in arrays.items():
            file[key] = values
    return path


def parquet(path, arrays, text=None):
    """Write a column per array; those of text have the type ``text``."""
    columns = {key: _column(values, text or pa.string()) for key, values in arrays.items()}
    pq.write_table(pa.table(columns), path)
    return path


def _column(values, text):
    if isinstance(values, list):
        return pa.array(values).cast(text)
    return nested_lists(values) if values.ndim > 1 else pa.array(values)


def npz(path, arrays):
    np.savez(path, **arrays)
    return path


def root(path, arrays):
    with uproot.recreate(path) as file:
        file.mkrntuple("events", arrays)
    return path


WRITERS = {"a.hdf5": hdf5, "a.parquet": parquet, "a.npz": npz, "a.root": root}
