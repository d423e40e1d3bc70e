import os
import shutil
import subprocess
import sys
import threading

import pytest

from calobatch.errors import UserError
from calobatch.fetch.partial import Origin, Partial

ORIGIN = Origin("https://x.org/a", '"tag"', 10)


def test_the_origin_is_kept_on_disk(destination):
    partial = Partial(destination)
    with partial.locked():
        partial.begin(10, ORIGIN)
        partial.path.write_bytes(b"12345")
    again = Partial(destination)
    assert (again.origin, again.size) == (ORIGIN, 5)


def test_a_damaged_record_of_the_origin_counts_as_no_record(destination):
    partial = Partial(destination)
    with partial.locked():
        partial.begin(10, ORIGIN)
        for text in ("", "{}", "[1]", "no json"):
            destination.with_name(".electrons.hdf5.partial.json").write_text(text)
            assert partial.origin is None


def test_beginning_again_drops_the_earlier_bytes(destination):
    partial = Partial(destination)
    with partial.locked():
        partial.begin(10, ORIGIN)
        partial.path.write_bytes(b"12345")
        partial.begin(None)
        assert (partial.origin, partial.size) == (None, 0)


def test_publishing_leaves_the_file_alone_in_its_folder(destination):
    partial = Partial(destination)
    with partial.locked():
        partial.begin(5, ORIGIN)
        partial.path.write_bytes(b"12345")
        partial.publish()
    assert destination.read_bytes() == b"12345"
    assert list(destination.parent.iterdir()) == [destination]


def test_an_empty_partial_file_is_not_left_behind(destination):
    with Partial(destination).locked():
        pass
    assert list(destination.parent.iterdir()) == []


def test_a_file_larger_than_the_free_space_is_refused_and_the_earlier_bytes_stay(destination):
    partial = Partial(destination)
    with partial.locked():
        partial.path.write_bytes(b"12345")
        with pytest.raises(UserError, match=r"electrons\.hdf5 needs .* make room"):
            partial.begin(10**18)
        assert partial.size == 5


def test_bytes_that_have_arrived_need_no_further_room(destination):
    partial = Partial(destination)
    with partial.locked():
        os.truncate(partial.path, 2**40)  # sparse: takes no room itself
        half_the_disk = shutil.disk_usage(destination.parent).free // 2
        partial.check_room(2**40 + half_the_disk)
        partial.discard()


HOLD = """
import sys
from pathlib import Path
from calobatch.fetch.partial import Partial
with Partial(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_waits_until_the_partial_file_is_free(destination, capsys):
    command = [sys.executable, "-c", HOLD, str(destination)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        threading.Timer(2.5, other.stdin.close).start()
        with Partial(destination).locked():
            assert other.wait(timeout=10) == 0
    assert f"waiting for another process that is fetching {destination}" in capsys.readouterr().err
