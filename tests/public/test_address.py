from pathlib import Path

import pytest

from calobatch.public.address import fault_of, inside, local_path, without_credentials


@pytest.mark.parametrize(
    ("location", "address"),
    [
        ("/srv/my data", "/srv/my data/a.hdf5"),
        ("folder/", "folder/a.hdf5"),
        ("file:///srv/my%20data/", "file:///srv/my%20data/a.hdf5"),
        ("http://x.org/base", "http://x.org/base/a.hdf5"),
    ],
)
def test_a_location_is_a_folder_that_holds_the_file(location, address):
    assert inside(location, "a.hdf5") == address
    assert fault_of(address) is None


def test_file_urls_and_plain_paths_are_local_paths():
    assert local_path("file:///srv/my%20data/a.h5") == Path("/srv/my data/a.h5")
    assert local_path("data/a.h5") == Path("data/a.h5")
    assert local_path("~/a.h5") == Path.home() / "a.h5"
    assert local_path("https://x.org/a.h5") is None


def test_credentials_are_not_shown():
    shown = without_credentials("https://ann:secret@x.org:8443/a?id=1")
    assert shown == "https://x.org:8443/a?id=1"
