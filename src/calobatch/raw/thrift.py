"""Find where the fields of data in Thrift's compact protocol begin and end, without decoding them.

footer.py uses this to cut the footers of parquet files. The Thrift library is of no use here: it
decodes whole structures into objects, which takes the memory that is to be saved.

A value can also be turned into a regular expression that matches all values with the same structure
(:func:`pattern_of`). It steps over such a value 30 times as fast as the functions here do.

Specification: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
Bytes that do not follow it lead to an IndexError or a ValueError.
"""

import re
from typing import NamedTuple

# The types of the specification. A field of type TRUE or FALSE has its value in the type and no
# further bytes. MAP is not supported, because parquet does not use it.
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
# The type in the one byte that ends a struct.
STOP = 0
# An integer of variable length: 7 bits per byte; the highest bit says that another byte follows.
# *+ is possessive: without it a failed match would be tried again with fewer bytes.
VARINT = rb"[\x80-\xff]*+[\x00-\x7f]"


class Field(NamedTuple):
    """The header of a field: its number, its type, and the index where its value starts.

    The type is ``STOP`` at the end of a struct.
    """

    number: int
    kind: int
    start: int


def next_field(data: bytes, at: int, number: int) -> Field:
    """Return the field whose header is at ``at``.

    ``number`` is the number of the previous field of the struct, or 0 for the first field.
    """
    header = data[at]
    at += 1
    # The upper four bits are the difference to the previous number. If they are 0, the number
    # itself follows as an integer.
    if header >> 4:
        if header & 15 == STOP:
            raise _numbered_stop()
        return Field(number + (header >> 4), header & 15, at)
    if header != STOP:
        number, at = read_integer(data, at)
    return Field(number, header, at)


def read_integer(data: bytes, at: int) -> tuple[int, int]:
    """Return the signed integer at ``at``, and where it ends."""
    value, at = _read_varint(data, at)
    # Zigzag: 0, 1, 2, 3 stand for 0, -1, 1, -2, so that small negative numbers are short too.
    return (value >> 1) ^ -(value & 1), at


def integer(value: int) -> bytes:
    """Return the bytes of a signed integer field; ``value`` must not be negative."""
    return _varint(value << 1)


def read_list(data: bytes, at: int) -> tuple[int, int, int]:
    """Return the length of a list, the type of its elements, and where the first one begins."""
    header = data[at]
    at += 1
    length = header >> 4
    # Lengths from 15 on follow the header as an integer.
    if length == 15:
        length, at = _read_varint(data, at)
    return length, header & 15, at


def list_header(length: int, kind: int) -> bytes:
    """Return the bytes with which a list of this length and element type begins."""
    return bytes([length << 4 | kind]) if length < 15 else bytes([0xF0 | kind]) + _varint(length)


def end_of(data: bytes, field: Field) -> int:
    """Return where the value of a field ends, which is where the next field begins."""
    in_header = field.kind in (TRUE, FALSE)
    return field.start if in_header else _skip(data, field.start, field.kind)


def pattern_of(data: bytes, at: int, kind: int, captured: int = 0) -> tuple[bytes, int]:
    """Return a regular expression made from the value at ``at``, and where that value ends.

    The expression matches every value with the same fields and the same lengths of lists and texts;
    integers and the contents of texts may differ. If the value is a struct, the integer field with
    the number ``captured`` is a group of the expression.
    """
    if kind == STRUCT:
        return _pattern_of_struct(data, at, captured)
    if kind in (LIST, SET):
        return _pattern_of_list(data, at)
    end = _skip(data, at, kind)
    if I16 <= kind <= I64:
        return VARINT, end
    # Only a text has a length, which must be the same. All other bytes of the value may differ.
    first = _read_varint(data, at)[1] if kind == BINARY else at
    return re.escape(data[at:first]) + b".{%d}" % (end - first), end


def _pattern_of_struct(data: bytes, at: int, captured: int) -> tuple[bytes, int]:
    pattern, number = b"", 0
    while (field := next_field(data, at, number)).kind != STOP:
        pattern += re.escape(data[at : field.start])
        number, at = field.number, field.start
        if field.kind > FALSE:
            value, at = pattern_of(data, at, field.kind)
            pattern += b"(%b)" % value if number == captured else value
    return pattern + re.escape(data[at : field.start]), field.start


def _pattern_of_list(data: bytes, at: int) -> tuple[bytes, int]:
    length, kind, first = _elements(data, at)
    pattern, at = re.escape(data[at:first]), first
    if kind in (TRUE, FALSE):
        return pattern + b".{%d}" % length, at + length
    for _ in range(length):
        value, at = pattern_of(data, at, kind)
        pattern += value
    return pattern, at


def _skip(data: bytes, at: int, kind: int) -> int:
    if kind == STRUCT:
        return _skip_struct(data, at)
    if I16 <= kind <= I64:
        return _skip_varint(data, at)
    if kind == BINARY:
        length, at = _read_varint(data, at)
        return at + length
    if kind in (LIST, SET):
        return _skip_list(data, at)
    if kind in (BYTE, DOUBLE):
        return at + (1 if kind == BYTE else 8)
    raise ValueError(f"unknown Thrift type {kind}")


def _skip_struct(data: bytes, at: int) -> int:
    # Not next_field: a footer has millions of fields, and creating a Field for each takes time.
    while header := data[at]:
        at = at + 1 if header > 15 else _skip_varint(data, at + 1)
        kind = header & 15
        if kind > FALSE:
            at = _skip(data, at, kind)
        elif kind == STOP:
            raise _numbered_stop()
    return at + 1


def _numbered_stop() -> ValueError:
    return ValueError("the end of a Thrift struct has a field number")


def _skip_list(data: bytes, at: int) -> int:
    length, kind, at = _elements(data, at)
    if kind in (TRUE, FALSE):
        return at + length
    for _ in range(length):
        at = _skip(data, at, kind)
    return at


def _elements(data: bytes, at: int) -> tuple[int, int, int]:
    """Return what :func:`read_list` returns.

    Raises a ValueError if the list claims more elements than there are bytes.
    """
    length, kind, at = read_list(data, at)
    # Each element takes at least one byte. Damaged data could otherwise loop for a very long time.
    if length > len(data) - at:
        raise ValueError(f"a Thrift list has {length} elements in {len(data) - at} bytes")
    return length, kind, at


def _skip_varint(data: bytes, at: int) -> int:
    while data[at] > 127:
        at += 1
    return at + 1


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while (byte := data[at]) > 127:
        value |= (byte & 127) << shift
        shift += 7
        at += 1
    return value | byte << shift, at + 1


def _varint(value: int) -> bytes:
    low = bytearray()
    while value > 127:
        low.append(value & 127 | 128)
        value >>= 7
    return bytes(low) + bytes([value])
