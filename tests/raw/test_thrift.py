import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.raw import thrift
from calobatch.raw.thrift import Field


@given(st.integers(0, 2**63 - 1), st.binary())
def test_a_written_integer_is_read_back(value, after):
    data = thrift.integer(value) + after
    assert thrift.read_integer(data, 0) == (value, len(data) - len(after))


@pytest.mark.parametrize(("data", "value"), [("00", 0), ("01", -1), ("02", 1), ("d704", -300)])
def test_integers_are_zigzag(data, value):
    assert thrift.read_integer(bytes.fromhex(data), 0)[0] == value


@given(st.integers(0, 2**31), st.integers(1, 12), st.binary())
def test_a_written_list_header_is_read_back(length, kind, after):
    data = thrift.list_header(length, kind) + after
    assert thrift.read_list(data, 0) == (length, kind, len(data) - len(after))


# Values in hexadecimal, as the specification of the compact protocol encodes them.
VALUES = {
    "byte": (thrift.BYTE, "ff"),
    "i16": (thrift.I16, "ffff03"),
    "i32": (thrift.I32, "02"),
    "i64": (thrift.I64, "ffffffffffffffffff01"),
    "double": (thrift.DOUBLE, "00" * 8),
    "text": (thrift.BINARY, "03616263"),
    "long_text": (thrift.BINARY, "8001" + "61" * 128),
    "no_text": (thrift.BINARY, "00"),
    "no_struct": (thrift.STRUCT, "00"),
    "flags": (thrift.STRUCT, "1112" + "00"),
    "far_fields": (thrift.STRUCT, "05c80102" + "0564" + "02" + "00"),
    "nested": (thrift.STRUCT, "1c" + "15021801aa00" + "1502" + "00"),
    "list_of_bools": (thrift.LIST, "31" + "010201"),
    "list_of_lists": (thrift.LIST, "29" + "150e" + "2801410142"),
    "long_list": (thrift.LIST, "f511" + "02" * 17),
    "set": (thrift.SET, "23" + "0102"),
}


@pytest.mark.parametrize(("kind", "data"), VALUES.values(), ids=VALUES)
def test_the_end_of_a_value_follows_the_specification(kind, data):
    value = bytes.fromhex(data)
    assert thrift.end_of(value + b"\x15\x15", Field(1, kind, 0)) == len(value)


def test_a_flag_is_in_the_header_of_its_field():
    assert thrift.end_of(b"\x11\x00", Field(1, thrift.TRUE, 1)) == 1


def test_a_field_number_is_relative_to_the_previous_one_or_given():
    data = bytes.fromhex("150205c8010200")
    assert thrift.next_field(data, 0, 7) == Field(8, thrift.I32, 1)
    assert thrift.next_field(data, 2, 8) == Field(100, thrift.I32, 5)
    assert thrift.next_field(data, 6, 100).kind == thrift.STOP


@pytest.mark.parametrize("kind", [0, 11, 13, 14, 15])
def test_types_that_parquet_does_not_use_are_refused(kind):
    with pytest.raises(ValueError, match=f"unknown Thrift type {kind}"):
        thrift.end_of(b"\0" * 20, Field(1, kind, 0))


def test_a_list_longer_than_the_data_is_refused_immediately():
    with pytest.raises(ValueError, match="elements in 0 bytes"):
        thrift.end_of(bytes.fromhex("f380d3e129"), Field(1, thrift.LIST, 0))


@pytest.mark.parametrize(
    "read",
    [
        lambda data: thrift.end_of(data, Field(1, thrift.STRUCT, 0)),
        lambda data: thrift.pattern_of(data, 0, thrift.STRUCT),
        lambda data: thrift.next_field(data, 0, 0),
    ],
)
def test_every_reader_refuses_a_struct_end_with_a_field_number(read):
    with pytest.raises(ValueError, match="has a field number"):
        read(b"\x10\x00")


@given(st.binary(max_size=40), st.sampled_from([thrift.STRUCT, thrift.LIST]))
def test_arbitrary_bytes_have_an_end_or_are_refused(data, kind):
    with suppress(IndexError, ValueError):
        assert thrift.end_of(data, Field(1, kind, 0)) > 0


@pytest.mark.parametrize(("kind", "data"), VALUES.values(), ids=VALUES)
def test_the_pattern_of_a_value_ends_where_the_value_does(kind, data):
    value = bytes.fromhex(data) + b"\x15\x15"
    pattern, end = thrift.pattern_of(value, 0, kind)
    assert end == len(value) - 2
    assert re.match(pattern, value, re.DOTALL).end() == end


def test_a_pattern_matches_other_integers_and_texts_but_no_other_structure():
    one = bytes.fromhex("1502" + "2603" + "18026162" + "00")  # two integers and a text of two
    pattern, _ = thrift.pattern_of(one, 0, thrift.STRUCT, captured=3)
    pattern = re.compile(pattern, re.DOTALL)
    alike = bytes.fromhex("15ffff03" + "268080808001" + "1802000a" + "00")
    found = pattern.fullmatch(alike)
    assert found
    assert thrift.read_integer(alike, found.start(1)) == (2**27, 10)
    for other in ("1502" + "2603" + "1803616263" + "00", "1502" + "18026162" + "00"):
        assert not pattern.match(bytes.fromhex(other))


@given(st.binary(max_size=40), st.sampled_from([thrift.STRUCT, thrift.LIST]))
def test_the_pattern_of_arbitrary_bytes_has_the_same_end_as_the_value(data, kind):
    with suppress(IndexError, ValueError):
        end = thrift.end_of(data, Field(1, kind, 0))
        if end <= len(data):
            pattern, of_pattern = thrift.pattern_of(data, 0, kind)
            assert of_pattern == end
            assert re.match(pattern, data, re.DOTALL).end() == end
