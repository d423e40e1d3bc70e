"""Small files of the kinds that are public, and rows of the dataset table that describe them."""

from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calobatch.public.table import RemoteFile

VALUES = 40_000  # float64 noise: 320 kB that do not compress


@pytest.fixture(scope="session")
def hdf5() -> bytes:
    buffer = BytesIO()
    with h5py.File(buffer, "w") as file:
        file["X"] = np.random.default_rng(1).random(VALUES)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def parquet() -> bytes:
    buffer = BytesIO()
    pq.write_table(pa.table({"X": np.random.default_rng(2).random(VALUES)}), buffer)
    return buffer.getvalue()


@pytest.fixture
def pin(tmp_path: Path) -> Path:
    return tmp_path / "pins" / "electrons.hdf5.json"


def remote_file(
    *urls: str, file: str = "electrons.hdf5", size: int | None = None, sha256: str | None = None
) -> RemoteFile:
    return RemoteFile("electron_photon", file, urls, size, sha256, label=1)
