"""Copy one file from a folder of this machine.

The file is not linked, because a link would change when its target changes.
"""

from pathlib import Path

from calobatch.fetch.partial import PIECE_BYTES, Partial
from calobatch.progress import Progress
from calobatch.public.address import AddressError
from calobatch.public.pins import Expected


def copy(source: Path, partial: Partial, expected: Expected) -> None:
    """Copy ``source`` to ``partial``, always from the beginning.

    Raises an AddressError if there is no such file or it cannot be read, and a UserError if its
    size is not the expected one or the disk is full.
    """
    if not source.is_file():
        raise AddressError("there is no such file")
    size = source.stat().st_size
    expected.check_size(size, str(source), "set `location` to another folder")
    partial.begin(size)
    try:
        reader = source.open("rb")
    except OSError as error:
        raise AddressError(f"it cannot be read ({error.strerror})") from error
    with (
        reader,
        partial.path.open("ab") as writer,
        Progress(partial.destination.name, size, "B") as progress,
    ):
        while piece := reader.read(PIECE_BYTES):
            writer.write(piece)
            progress.advance(len(piece))
