from collections.abc import Iterator
from pathlib import Path

import pytest

from calobatch.fetch.retries import RetryPolicy
from tests.fetch.bad_server import BadServer
from tests.public_files import hdf5, parquet, pin

__all__ = ["hdf5", "parquet", "pin"]


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
