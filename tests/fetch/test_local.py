import hashlib

import pytest

from calobatch.errors import UserError
from calobatch.fetch.fetch import fetch
from tests.public_files import remote_file


@pytest.fixture
def source(tmp_path, hdf5):
    path = tmp_path / "my files" / "electrons.hdf5"
    path.parent.mkdir()
    path.write_bytes(hdf5)
    return path


@pytest.mark.parametrize("as_address", [str, lambda path: path.as_uri()])
def test_a_file_of_this_machine_is_copied(as_address, source, destination, pin, hdf5):
    address = as_address(source)
    found = fetch(remote_file(address), destination, pin)
    assert destination.read_bytes() == hdf5
    assert (found.bytes, found.url) == (len(hdf5), address)
    assert found.sha256 == hashlib.sha256(hdf5).hexdigest()


@pytest.mark.parametrize("as_location", [str, lambda path: path.as_uri() + "/"])
def test_a_location_replaces_the_addresses(as_location, source, destination, pin, hdf5):
    remote = remote_file("http://127.0.0.1:9/nobody-listens")
    fetch(remote, destination, pin, location=as_location(source.parent))
    assert destination.read_bytes() == hdf5


def test_the_copy_does_not_change_with_its_source(source, destination, pin, hdf5):
    fetch(remote_file(str(source)), destination, pin)
    with source.open("r+b") as file:
        file.write(b"changed")
    assert destination.read_bytes() == hdf5
    assert not destination.is_symlink()


def test_a_missing_file_is_named_with_what_to_do(tmp_path, destination, pin):
    with pytest.raises(UserError, match=r"nowhere/electrons\.hdf5: there is no such file") as error:
        fetch(remote_file("/a"), destination, pin, location=str(tmp_path / "nowhere"))
    assert "set `location`" in str(error.value)
    assert not destination.exists()


def test_a_truncated_file_is_refused(source, destination, pin, hdf5):
    source.write_bytes(hdf5[:-1000])
    with pytest.raises(UserError, match="not a complete HDF5 file"):
        fetch(remote_file(str(source)), destination, pin)
    assert list(destination.parent.iterdir()) == []
    assert not pin.exists()


def test_a_file_of_the_wrong_size_is_refused_before_it_is_copied(source, destination, pin, hdf5):
    with pytest.raises(UserError, match=f"found    {len(hdf5)} bytes\n"):
        fetch(remote_file(str(source), size=len(hdf5) + 1), destination, pin)
    assert list(destination.parent.iterdir()) == []


def test_the_next_address_is_tried_after_a_missing_file(source, destination, pin, hdf5):
    fetch(remote_file("/no/such/electrons.hdf5", str(source)), destination, pin)
    assert destination.read_bytes() == hdf5
