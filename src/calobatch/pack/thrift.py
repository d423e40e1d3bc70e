"""Steps through Thrift's compact protocol without decoding it: where each field begins and ends.

What is alike is stepped over at once: a value can be made into a regular expression of all that
have its structure (:func:`pattern_of`), thirty times as fast as the steps.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md. An IndexError or
a ValueError says that the bytes are not of this protocol.
"""

import re
from typing import NamedTuple

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
STOP = 0
# Possessive: a byte once taken is not tried otherwise.
VARINT = rb"[\x80-\xff]*+[\x00-\x7f]"


class Field(NamedTuple):
    """The header of a field: its number, its type (``STOP`` at a struct's end), where it begins."""

    number: int
    kind: int
    start: int


def next_field(data: bytes, at: int, number: int) -> Field:
    """Return the field whose header is at ``at``; ``number`` is that of the field before it."""
    header = data[at]
    at += 1
    if header >> 4:
        if header & 15 == STOP:
            raise _numbered_stop()
        return Field(number + (header >> 4), header & 15, at)
    if header != STOP:
        number, at = read_integer(data, at)
    return Field(number, header, at)


def read_integer(data: bytes, at: int) -> tuple[int, int]:
    """Return the signed integer (zigzag) at ``at``, and where it ends."""
    value, at = _read_varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def integer(value: int) -> bytes:
    """Return the bytes of an integer that is not negative."""
    return _varint(value << 1)


def read_list(data: bytes, at: int) -> tuple[int, int, int]:
    """Return the length of a list, the type of its elements, and where the first one begins."""
    header = data[at]
    at += 1
    length = header >> 4
    if length == 15:
        length, at = _read_varint(data, at)
    return length, header & 15, at


def list_header(length: int, kind: int) -> bytes:
    """Return the bytes that begin a list."""
    return bytes([length << 4 | kind]) if length < 15 else bytes([0xF0 | kind]) + _varint(length)


def end_of(data: bytes, field: Field) -> int:
    """Return where the value of a field ends, and the next field begins."""
    in_header = field.kind in (TRUE, FALSE)
    return field.start if in_header else _skip(data, field.start, field.kind)


def pattern_of(data: bytes, at: int, kind: int, captured: int = 0) -> tuple[bytes, int]:
    """Return a pattern of the values with the structure of the one at ``at``, and where that ends.

    They have the same fields and lengths; integers and what texts contain may differ. The integer
    field ``captured`` of a struct is a group of the pattern.
    """
    if kind == STRUCT:
        return _pattern_of_struct(data, at, captured)
    if kind in (LIST, SET):
        return _pattern_of_list(data, at)
    end = _skip(data, at, kind)
    if I16 <= kind <= I64:
        return VARINT, end
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
    raise ValueError(f"a field of type {kind}")


def _skip_struct(data: bytes, at: int) -> int:
    # A footer has millions of fields: no Field is made for them.
    while header := data[at]:
        at = at + 1 if header > 15 else _skip_varint(data, at + 1)
        kind = header & 15
        if kind > FALSE:
            at = _skip(data, at, kind)
        elif kind == STOP:
            raise _numbered_stop()
    return at + 1


def _numbered_stop() -> ValueError:
    return ValueError("a struct's end that has the number of a field")


def _skip_list(data: bytes, at: int) -> int:
    length, kind, at = _elements(data, at)
    if kind in (TRUE, FALSE):
        return at + length
    for _ in range(length):
        at = _skip(data, at, kind)
    return at


def _elements(data: bytes, at: int) -> tuple[int, int, int]:
    """Read the header of a list; each of its elements takes at least a byte."""
    length, kind, at = read_list(data, at)
    if length > len(data) - at:
        raise ValueError(f"a list of {length} elements in {len(data) - at} bytes")
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
