from pathlib import Path

import pytest

from calobatch.credentials import without_credentials
from calobatch.public.address import fault_of, fault_of_folder, inside, local_path


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


def test_no_address_in_a_message_shows_its_credentials():
    message = "https://ann:se:cr@et@x.org/a failed, trying ftp://tok@y.org; write to ann@z.org"
    assert without_credentials(message) == (
        "https://x.org/a failed, trying ftp://y.org; write to ann@z.org"
    )


@pytest.mark.parametrize(
    "address",
    ["https://ann:hidden@x.org/a.h5", "https://hidden@x.org:8443", "s3://ann:hidden@bucket/a.h5",
     "file://ann:hidden@host/a.h5", "https://ann:hid@hidden@x.org/", "https://ann:hidden@:x/a"],
)  # fmt: skip
def test_an_address_with_a_password_is_refused_without_showing_it(address):
    fault = fault_of(address)
    assert "hidden" not in fault
    assert f"write {without_credentials(address)} here" in fault
    assert "~/.netrc" in fault


@pytest.mark.parametrize("address", ["https://ann:hid/den@x.org/a.h5", "https://[hidden/a.h5"])
def test_an_address_that_is_not_well_formed_is_not_quoted(address):
    assert "hid" not in fault_of(address)


def test_the_address_of_a_folder_has_no_query():
    fault = fault_of_folder("https://x.org/share?token=hidden")
    assert fault.startswith("https://x.org/share is followed by a query")
    assert "hidden" not in fault
    assert fault_of_folder("/srv/what?") is None
    assert fault_of("https://x.org/a?id=1") is None
