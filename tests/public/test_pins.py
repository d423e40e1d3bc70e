import json

import pytest

from calobatch.errors import UserError
from calobatch.public.pins import Pin, expected_of, read_pin, write_pin
from tests.public_files import remote_file

A, B = "a" * 64, "b" * 64
PIN = Pin(bytes=10, sha256=A, url="https://x.org/a", fetched="2026-01-01T00:00:00Z")


def test_a_pin_can_be_read_as_it_was_written(pin):
    assert read_pin(pin) is None
    write_pin(pin, PIN)
    assert read_pin(pin) == PIN
    assert json.loads(pin.read_text())["sha256"] == A


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "not json",
        '{"bytes": "x", "sha256": 1, "url": "", "fetched": ""}',
        '{"bytes": 10, "sha256": "abc", "url": "", "fetched": ""}',
    ],
)
def test_a_damaged_pin_is_refused_and_named(pin, text):
    pin.parent.mkdir()
    pin.write_text(text)
    with pytest.raises(UserError, match=r"electrons\.hdf5\.json.*delete it"):
        read_pin(pin)


def test_the_table_has_priority_over_the_pin(pin):
    by_table = expected_of(remote_file("/a", sha256=B), PIN, pin)
    assert (by_table.bytes, by_table.sha256) == (None, B)
    by_both = expected_of(remote_file("/a", size=11), PIN, pin)
    assert (by_both.bytes, by_both.sha256) == (11, A)
    by_pin = expected_of(remote_file("/a"), PIN, pin)
    assert (by_pin.bytes, by_pin.sha256) == (10, A)


def test_the_error_names_the_place_that_holds_the_checksum(pin):
    with pytest.raises(UserError, match=rf"delete {pin}; if not, pray"):
        expected_of(remote_file("/a"), PIN, pin).check(PIN._replace(sha256=B), "pray")
    with pytest.raises(UserError, match="correct its line in the dataset table"):
        expected_of(remote_file("/a", sha256=B), PIN, pin).check(PIN, "pray")


def test_without_table_and_pin_any_file_is_accepted(pin):
    expected_of(remote_file("/a"), None, pin).check(PIN, "")
