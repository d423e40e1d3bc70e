from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calobatch.fetch.retries import RetryPolicy
from calobatch.fetch.table import RemoteFile
from tests.fetch.bad_server import BadServer

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


@pytest.fixture(scope="session")
def brisk() -> RetryPolicy:
    """Return a policy with very short waits, but with time-outs that suit a slow machine."""
    return RetryPolicy(
        connect_timeout=5.0, read_timeout=5.0, first_wait=0.001, longest_wait=0.01, patience=10.0
    )


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BadServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with BadServer() as running:
        yield running


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    return tmp_path / "raw" / "electrons.hdf5"


@pytest.fixture
def pin(tmp_path: Path) -> Path:
    return tmp_path / "pins" / "electrons.hdf5.json"


def remote_file(
    *urls: str, file: str = "electrons.hdf5", size: int | None = None, sha256: str | None = None
) -> RemoteFile:
    return RemoteFile("electron_photon", file, urls, size, sha256, label=1)
