import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from calobatch.errors import UserError
from calobatch.fetch.fetch import fetch
from tests.fetch.bad_server import Answer
from tests.public_files import remote_file

NAME = "electrons.hdf5"


@pytest.fixture
def altered(hdf5):
    """Return a file of the same size with one byte changed."""
    return hdf5[:200_000] + bytes([hdf5[200_000] ^ 1]) + hdf5[200_001:]


def test_the_first_fetch_pins_what_it_found(server, destination, pin, hdf5):
    remote = remote_file(server.serve(NAME, hdf5))
    found = fetch(remote, destination, pin)
    assert json.loads(pin.read_text()) == found._asdict()
    assert found.bytes == len(hdf5)


def test_a_file_that_is_already_there_and_matches_its_pin_is_not_fetched_again(
    server, destination, pin, hdf5
):
    remote = remote_file(server.serve(NAME, hdf5))
    first = fetch(remote, destination, pin)
    assert fetch(remote, destination, pin) == first
    assert len(server.log[NAME]) == 1


def test_a_fetch_that_matches_the_pin_leaves_the_pin_as_it_was(server, destination, pin, hdf5):
    first = fetch(remote_file(server.serve(NAME, hdf5)), destination, pin)
    destination.unlink()
    again = fetch(remote_file(server.serve("mirror", hdf5)), destination, pin)
    assert again == first


def test_a_file_that_is_already_there_but_differs_from_its_pin_is_refused_and_kept(
    server, destination, pin, hdf5, altered
):
    remote = remote_file(server.serve(NAME, hdf5))
    fetch(remote, destination, pin)
    destination.write_bytes(altered)
    with pytest.raises(UserError, match=f"delete {destination} to fetch it again"):
        fetch(remote, destination, pin)
    assert destination.read_bytes() == altered


def test_a_file_put_in_place_by_hand_is_checked_and_pinned(destination, pin, hdf5):
    destination.parent.mkdir()
    destination.write_bytes(hdf5[:-100])
    with pytest.raises(UserError, match="not a complete HDF5 file"):
        fetch(remote_file("/nowhere"), destination, pin)
    destination.write_bytes(hdf5)
    assert fetch(remote_file("/nowhere"), destination, pin).url == str(destination)
    assert pin.exists()


def test_a_file_that_differs_from_its_pin_is_refused_and_removed(
    server, destination, pin, hdf5, altered
):
    first = fetch(remote_file(server.serve(NAME, hdf5)), destination, pin)
    destination.unlink()
    url = server.serve("mirror", altered)
    with pytest.raises(UserError) as error:
        fetch(remote_file(url), destination, pin)
    for part in (NAME, url, first.sha256, str(pin), f"delete {pin}", "location"):
        assert part in str(error.value)
    assert list(destination.parent.iterdir()) == []
    fetch(remote_file(f"{server.url}/{NAME}"), destination, pin)
    assert destination.read_bytes() == hdf5


def test_a_checksum_in_the_table_is_compared_with_the_file_s(
    server, destination, pin, hdf5, altered
):
    sha256 = fetch(remote_file(server.serve(NAME, hdf5)), destination, pin).sha256
    destination.unlink()
    pin.unlink()
    with pytest.raises(UserError, match=f"(?s){sha256}.*the dataset table"):
        fetch(remote_file(server.serve(NAME, altered), sha256=sha256), destination, pin)
    assert list(destination.parent.iterdir()) == []
    assert not pin.exists()


def test_a_mirror_with_the_right_bytes_replaces_an_altered_file(
    server, destination, pin, hdf5, altered
):
    sha256 = fetch(remote_file(server.serve(NAME, hdf5)), destination, pin).sha256
    destination.unlink()
    urls = server.serve("altered", altered), f"{server.url}/{NAME}"
    assert fetch(remote_file(*urls), destination, pin).sha256 == sha256
    assert destination.read_bytes() == hdf5


def test_a_changed_file_is_accepted_after_its_pin_is_deleted(
    server, destination, pin, hdf5, altered
):
    first = fetch(remote_file(server.serve(NAME, hdf5)), destination, pin)
    destination.unlink()
    pin.unlink()
    second = fetch(remote_file(server.serve(NAME, altered)), destination, pin)
    assert second.sha256 != first.sha256
    assert destination.read_bytes() == altered


PROGRAM = """
import sys
from pathlib import Path
from calobatch.fetch.fetch import fetch
from calobatch.public.table import RemoteFile
url, destination, pin = sys.argv[1:]
remote = RemoteFile("electron_photon", "electrons.hdf5", (url,), None, None, 1)
fetch(remote, Path(destination), Path(pin))
"""


def test_a_killed_fetch_is_resumed_by_the_next_call(server, destination, pin, hdf5):
    url = server.serve(NAME, hdf5, Answer(cut=30_000), Answer(stall=150_000))
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, url, destination, pin])
    partial = destination.with_name(".electrons.hdf5.partial")
    deadline = time.monotonic() + 180
    while not partial.exists() or partial.stat().st_size < 150_000:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not destination.exists()
    assert not pin.exists()
    here = partial.stat().st_size
    fetch(remote_file(url), destination, pin)
    assert destination.read_bytes() == hdf5
    assert server.log[NAME][-1].start == here
    assert server.log[NAME][-1].sent == len(hdf5) - here


LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, -1))\n" + PROGRAM


def test_a_full_disk_stops_the_fetch_and_the_bytes_that_arrived_stay(
    server, destination, pin, hdf5
):
    url = server.serve(NAME, hdf5)
    command = [sys.executable, "-c", LIMITED, url, destination, pin]
    run = subprocess.run(command, capture_output=True, text=True)
    assert f"UserError: {destination}" in run.stderr
    assert "File too large" in run.stderr
    fetch(remote_file(url), destination, pin)
    assert destination.read_bytes() == hdf5
    assert server.log[NAME][-1].start == 100_000


def test_a_fetch_killed_after_its_last_byte_needs_no_further_transfer(
    server, destination, pin, hdf5, brisk
):
    url = server.serve(NAME, hdf5, Answer(cut=100_000))
    # A pin that cannot be written stops the fetch between the last byte and the final name.
    pin.parent.write_text("in the way")
    with pytest.raises(UserError, match=f"{pin.parent}.*run the same command again"):
        fetch(remote_file(url), destination, pin, policy=brisk)
    assert not destination.exists()
    requests = len(server.log[NAME])
    pin.parent.unlink()
    fetch(remote_file(url), destination, pin)
    assert destination.read_bytes() == hdf5
    assert len(server.log[NAME]) == requests


def test_several_files_are_fetched_at_once(server, tmp_path, hdf5, parquet, brisk):
    contents = {f"{n}.hdf5": hdf5 + bytes([n]) for n in range(4)}
    contents |= {f"{n}.parquet": parquet for n in range(4)}

    def one(name: str) -> bytes:
        cuts = [Answer(cut=40_000)] * 5
        remote = remote_file(server.serve(name, contents[name], *cuts), file=name)
        fetch(remote, tmp_path / name, tmp_path / f"{name}.json", policy=brisk)
        return (tmp_path / name).read_bytes()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, contents)) == list(contents.values())
    for name in contents:
        assert [r.start for r in server.log[name]] == [None, *range(40_000, 200_001, 40_000)]


def test_one_file_that_several_scenarios_fetch_at_once_is_transferred_once(
    server, destination, pin, hdf5
):
    remote = remote_file(server.serve(NAME, hdf5))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: fetch(remote, destination, pin), range(4)))
    assert destination.read_bytes() == hdf5
    assert set(found) == {found[0]}
    assert len(server.log[NAME]) == 1
    assert [path.name for path in destination.parent.iterdir()] == [NAME]


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path, pin, hdf5):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    with pytest.raises(UserError, match=f"{blocked / NAME}: .*fix this and run"):
        fetch(remote_file(server.serve(NAME, hdf5)), blocked / NAME, pin)


def test_a_location_with_an_unknown_scheme_is_refused(destination, pin):
    with pytest.raises(UserError, match=r"location of the dataset electron_photon: .*s3"):
        fetch(remote_file("/a"), destination, pin, location="s3://bucket")


def test_a_location_on_a_web_server_replaces_the_addresses(server, destination, pin, hdf5):
    server.serve("site/electrons.hdf5", hdf5)
    fetch(remote_file("/nowhere"), destination, pin, location=f"{server.url}/site/")
    assert destination.read_bytes() == hdf5
