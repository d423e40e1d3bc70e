"""What pack needs from a raw file of any format: its labels, and dense images block by block."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.public.content import MAGIC, PAGE_BYTES, kind_of, other_kind


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
    events: int
    simulated: bool

    def labels(self) -> NDArray[np.floating]:
        """Return the labels of all events, shape (events), without checking their values."""

    def pieces(self, events: int) -> Iterator[Piece]:
        """Yield all events in order, in pieces of at most ``events`` where the file allows it.

        A chunk of HDF5 or a row group of parquet is never divided between pieces.
        """


def has_channels_last(shape: Sequence[int], layout: Layout) -> bool:
    """Return whether images of ``shape`` have their channels last, as (H, W, C).

    The images of a layout with as many channels as rows and columns have them first.
    """
    channels, height, width = layout.shape
    return tuple(shape) == (height, width, channels) != layout.shape


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
