"""Turn columns of Arrow, as parquet and ROOT files have them, into dense images and numbers.

An image is three nested lists, with its channels first or last; or each event has lists of
its hits, one list for each coordinate.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from calobatch.arrow_view import view
from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.raw.interface import (
    Block,
    Plane,
    as_floating,
    has_channels_last,
    joined,
    labels_of,
    planes,
    side_by_side,
)

NESTED_IMAGE = pa.list_(pa.list_(pa.list_(pa.float64())))


class Nested:
    """Reads the columns of one file. Each message names the file ``path``."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self.layout = path, layout

    def check_types(self, type_of: Callable[[str], pa.DataType]) -> None:
        """Raise a UserError unless images are lists as deep as the layout needs them, of numbers.

        Labels and scalars must be numbers.
        """
        expected: dict[str, tuple[str, Sequence[int]]] = {}
        if self.layout.hits is not None:
            for key in self.layout.image_keys:
                expected[key] = (str(pa.list_(pa.float64())), (1,))
        else:
            # An image with one channel needs no axis for it.
            depths = {plane.key: (2, 3) if plane.layout.shape[0] == 1 else (3,)
                      for plane in planes(self.layout)}  # fmt: skip
            expected = {key: (str(NESTED_IMAGE), depths[key]) for key in depths}
        for key, (example, allowed) in expected.items():
            kind = type_of(key)
            if depth(kind) not in allowed or not _is_number(_innermost(kind)):
                raise self._fault(f"{key} has type {kind}, expected {example}; {self.check_layout}")
        for key in self.layout.number_keys:
            kind = type_of(key)
            names_classes = key == self.layout.label and _is_text(kind)
            if not (_is_number(kind) or pa.types.is_boolean(kind) or names_classes):
                raise self._fault(f"{key} has type {kind}, expected a number; {self.check_layout}")

    def block(self, events: int, column: Callable[[str], pa.Array]) -> Block:
        """Return events; ``column`` returns that of a key."""
        scalars = [self.numbers(column(s.in_file), s.in_file) for s in self.layout.scalars]
        return Block(self.images(column), side_by_side(scalars, events))

    def images(self, column: Callable[[str], pa.Array]) -> NDArray[np.floating]:
        """Return the images of some events, shape (B, C, H, W)."""
        if self.layout.hits is not None:
            return self._of_hits(column)
        return joined([self._plane(column(plane.key), plane) for plane in planes(self.layout)])

    def numbers(self, column: pa.Array, key: str) -> NDArray[np.float64]:
        """Return numbers, shape (events); names of classes become labels."""
        self._refuse_nulls(column, key)
        if _is_text(column.type):
            return labels_of(column.to_pylist(), self.path, self.layout)
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.uint8())
        values: NDArray[np.float64] = view(column).astype(np.float64)
        return values

    def _plane(self, lists: pa.Array, plane: Plane) -> NDArray[np.floating]:
        """Return nested lists as an array (B, C, H, W) without copying a pixel.

        The lists may be nested as (H, W, C) too. Raises a UserError if a list does not have the
        layout's length, or if a value is null.
        """
        events, (key, layout) = len(lists), plane
        channels, height, width = layout.shape
        self._refuse_nulls(lists, key)
        outermost, levels = _lengths(lists), depth(lists.type)
        shape = layout.shape
        last = (int(outermost[0]), width, channels) if events and levels == 3 else ()
        if has_channels_last(last, layout):
            shape = (height, width, channels)
        for length in shape[len(shape) - levels :]:
            # Each level is checked: an image with the right number of pixels may still have one row
            # with a pixel too many and one with a pixel too few.
            self._refuse_nulls(lists, key)
            counts = _lengths(lists)
            if np.any(counts != length):
                raise self._fault(
                    f"{key} has a list of length {int(counts[counts != length][0])}, expected "
                    f"{length}; {self.check_layout}, and remove events with other shapes from it"
                )
            lists = lists.flatten()  # removes one level of nesting
        self._refuse_nulls(lists, key)
        images = as_floating(view(lists)).reshape(events, *shape)
        return images if shape == layout.shape else np.moveaxis(images, -1, 1)

    def _of_hits(self, column: Callable[[str], pa.Array]) -> NDArray[np.float64]:
        """Return images made from the lists of hits of each event."""
        hits = self.layout.hits
        assert hits is not None
        lists = {key: column(key) for key in hits.keys}
        for key, of_key in lists.items():
            self._refuse_nulls(of_key, key)
        per_event = _lengths(lists[hits.value])
        for key, of_key in lists.items():
            if np.any(odd := _lengths(of_key) != per_event):
                raise self._fault(
                    f"{key} and {hits.value} have different numbers of hits in {int(odd.sum())} "
                    "events; write the file again"
                )
        flat = {key: of_key.flatten() for key, of_key in lists.items()}
        for key, values in flat.items():
            self._refuse_nulls(values, key)
        event = np.repeat(np.arange(len(per_event)), per_event)
        index = np.zeros(len(event), np.int64)
        for key, size in zip(hits.coordinates, self._sizes(), strict=True):
            index = index * size + self._coordinate(flat[key], key, size)
        place = event * self.layout.pixels + index
        value = view(flat[hits.value]).astype(np.float64)
        if hits.twice == "refuse" and len(np.unique(place)) < len(place):
            raise self._fault(
                "an event has two hits in the same pixel; set hits.twice to add in the layout if "
                "their values belong together, or write the file again"
            )
        pixels = len(per_event) * self.layout.pixels
        images = np.bincount(place, value, pixels).astype(np.float64, copy=False)
        return images.reshape(len(per_event), *self.layout.shape)

    def _sizes(self) -> Iterable[int]:
        """Return the numbers of channels, rows and columns; without a key of channels, only two."""
        assert self.layout.hits is not None
        return self.layout.shape[3 - len(self.layout.hits.coordinates) :]

    def _coordinate(self, values: pa.Array, key: str, size: int) -> NDArray[np.int64]:
        found = view(values)
        with np.errstate(invalid="ignore"):  # not a number, which is refused below
            index: NDArray[np.int64] = found.astype(np.int64)
        wrong = (index != found) | (index < 0) | (index >= size)
        if wrong.any():
            raise self._fault(
                f"{key} has a hit at {found[wrong][0]:g}, expected a whole number from 0 to "
                f"{size - 1}; {self.check_layout}"
            )
        return index

    def _refuse_nulls(self, values: pa.Array, key: str) -> None:
        if values.null_count:
            raise self._fault(
                f"{key} has missing values ({values.null_count} nulls); remove the affected events "
                "from the file"
            )

    @property
    def check_layout(self) -> str:
        """The advice of most messages."""
        return f"check that the file has the layout {self.layout.name}"

    def _fault(self, text: str) -> UserError:
        return UserError(f"{self.path}: {text}")


def depth(kind: pa.DataType) -> int:
    """Return how deep lists are nested."""
    return 1 + depth(kind.value_type) if _is_list(kind) else 0


def _innermost(kind: pa.DataType) -> pa.DataType:
    return _innermost(kind.value_type) if _is_list(kind) else kind


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_list(kind: pa.DataType) -> bool:
    tests = (
        pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list,
        pa.types.is_list_view, pa.types.is_large_list_view,
    )  # fmt: skip
    return any(test(kind) for test in tests)


def _lengths(lists: pa.Array) -> NDArray[np.int64]:
    """Return the length of each list."""
    if pa.types.is_fixed_size_list(lists.type):
        return np.full(len(lists), lists.type.list_size)
    if pa.types.is_list_view(lists.type) or pa.types.is_large_list_view(lists.type):
        return view(lists.sizes)
    return np.diff(view(lists.offsets))
