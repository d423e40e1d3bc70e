"""What pack needs from a raw file of any format: its labels, and dense images block by block."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.public.content import MAGIC, PAGE_BYTES, kind_of, other_kind
from calobatch.words import counted


class Block(NamedTuple):
    """Consecutive events of one file with unchanged values, channels first."""

    image_BCHW: NDArray[np.floating]
    scalars_BS: NDArray[np.float64]


class Piece(Protocol):
    """Consecutive events of one file that one process reads.

    A piece is small, because it is sent to another process; it opens the file there.
    """

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def start(self) -> int:
        """The index of the first event within the file."""

    @property
    def stop(self) -> int:
        """The index after that of the last event."""

    def blocks(self, events: int) -> Iterator[Block]:
        """Yield all events in order, at most ``events`` per block; decode each event once."""


class RawFile(Protocol):
    """A raw file whose structure was checked. The file is closed between calls."""

    path: Path
    layout: Layout
    events: int
    simulated: bool

    def labels(self) -> NDArray[np.floating]:
        """Return the labels of all events, shape (events), without checking their values."""

    def pieces(self, events: int) -> Iterator[Piece]:
        """Yield all events in order, in pieces of at most ``events`` where the file allows it.

        A chunk of HDF5 or a row group of parquet is never divided between pieces.
        """


# The NumPy kinds of numbers: floating point, integers with and without a sign, true or false.
NUMBERS = "fiub"
# Those of text, of which the labels of a file may consist.
TEXT = "US"


class Plane(NamedTuple):
    """Channels that are under one key of a raw file, and the layout of these channels alone."""

    key: str
    layout: Layout


def planes(layout: Layout) -> tuple[Plane, ...]:
    """Return what the images of a layout are read from: one key, or one for each channel.

    Images that are lists of hits have no planes.
    """
    if layout.hits is not None:
        return ()
    if layout.image is not None:
        return (Plane(layout.image, layout),)
    return tuple(
        Plane(channel.key, layout.model_copy(update={"channels": (channel,)}))
        for channel in layout.channels
    )


def joined(parts: Sequence[NDArray[np.floating]]) -> NDArray[np.floating]:
    """Return the images of all planes as one array (B, C, H, W)."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def label_key(layout: Layout) -> str:
    """Return the key of labels; raise ValueError if the files of a layout have none."""
    if layout.label is None:
        raise ValueError(f"layout {layout.name} has no key of labels")
    return layout.label


def labels_of(names: Iterable[str], path: Path, layout: Layout) -> NDArray[np.float64]:
    """Return the labels of events from the names of their classes, shape (events).

    Raises a UserError if a name is not that of a class.
    """
    found = list(names)
    numbers = {name: float(label) for label, name in enumerate(layout.classes)}
    for event, name in enumerate(found):
        if name not in numbers:
            raise UserError(
                f"{path}: event {event} has label {name!r}, expected a number or one of "
                f"{', '.join(layout.classes)}; correct the label, or the classes of layout "
                f"{layout.name}"
            )
    return np.array([numbers[name] for name in found], np.float64)


COUNT_FROM_ONE = "labels count from 0, and these seem to count from 1"


def count_from_one(labels: NDArray[np.floating], classes: int) -> bool:
    """Return whether all ``labels`` are those of ``classes`` classes if the first one is 1."""
    return bool(np.isin(labels, np.arange(1, classes + 1)).all())


def side_by_side(scalars: Sequence[NDArray[np.float64]], events: int) -> NDArray[np.float64]:
    """Return the scalars of a number of events, each (events), as one array (events, S)."""
    return np.stack(scalars, axis=1) if scalars else np.zeros((events, 0))


def image_shapes(layout: Layout) -> list[tuple[int, ...]]:
    """Return the shapes that an image may have in a file: channels last, first, or no such axis."""
    channels, height, width = layout.shape
    shapes: list[tuple[int, ...]] = [(height, width, channels), (channels, height, width)]
    return [*shapes, (height, width)] if channels == 1 else shapes


def refuse_other_shape(
    path: Path, key: str, shape: Sequence[int], shapes: Sequence[tuple[int, ...]], layout: Layout
) -> None:
    """Raise a UserError unless the array ``key`` of all events has one of the ``shapes`` per event.

    A last axis of length 1 is accepted: some writers store numbers as a column.
    """
    expected = [(shape[0], *per_event) for per_event in shapes]
    if tuple(shape) in [*expected, *((*allowed, 1) for allowed in expected)]:
        return
    channels, rows, columns = layout.shape
    of_layout = (
        f", which has {counted(channels, 'channel')}, {rows} rows and {columns} columns"
        if key in layout.image_keys
        else ""
    )
    raise UserError(
        f"{path}: {key} has shape {tuple(shape)}, expected {' or '.join(map(str, expected))}; "
        f"check that the file has the layout {layout.name}{of_layout}"
    )


def has_channels_last(shape: Sequence[int], layout: Layout) -> bool:
    """Return whether images of ``shape`` have their channels last, as (H, W, C).

    The images of a layout with as many channels as rows and columns have them first.
    """
    channels, height, width = layout.shape
    return tuple(shape) == (height, width, channels) != layout.shape


def channels_first(values: NDArray[Any], layout: Layout) -> NDArray[np.floating]:
    """Return images of one of the :func:`image_shapes` as an array (B, C, H, W)."""
    channels, height, width = layout.shape
    if has_channels_last(values.shape[1:4], layout):
        images = np.moveaxis(values.reshape(-1, height, width, channels), -1, 1)
    else:
        images = values.reshape(-1, channels, height, width)
    return as_floating(images)


def as_floating(values: NDArray[np.number[Any] | np.bool_]) -> NDArray[np.floating]:
    """Return ``values`` unchanged if they are floating point, and otherwise as float64."""
    if np.issubdtype(values.dtype, np.floating):
        return cast(NDArray[np.floating], values)
    return values.astype(np.float64)


def refuse_other_kinds(path: Path) -> None:
    """Raise a UserError if ``path`` is not a raw file at all, by its first bytes.

    The readers call this for a file that they cannot open, because the cause decides what to do.
    """
    with path.open("rb") as file:
        head = file.read(PAGE_BYTES)
    if not head:
        raise UserError(f"{path} is empty; delete it and fetch it again")
    if not head.startswith(MAGIC[kind_of(path.name)]) and (fault := other_kind(head)):
        raise UserError(f"{path}: {fault}")


def refuse_more_events_than_bytes(path: Path, events: int) -> None:
    """Raise a UserError if ``path`` claims to have more events than it has bytes.

    No compression stores an image in less than a byte. This is checked before memory is taken for
    ``events``, because a small damaged file can claim any number of them.
    """
    size = path.stat().st_size
    if events > size:
        raise UserError(
            f"{path} is damaged: it claims to have {events} events and has only {size} bytes; "
            "delete it and fetch it again"
        )
