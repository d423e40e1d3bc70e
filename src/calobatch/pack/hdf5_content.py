"""Check that an HDF5 file has all the values that it claims to have.

HDF5 returns zeros for values that were never written and for those of a file that is missing. An
image of zeros looks like an event without hits, so nobody would notice.
"""

from math import prod
from pathlib import Path

import h5py

from calobatch.errors import UserError

# HDF5 decodes a whole chunk at once. A chunk of a public file has 25 MB.
MOST_BYTES_PER_CHUNK = 2**30


def refuse_absent_values(path: Path, array: h5py.Dataset) -> None:
    """Raise a UserError unless all values of ``array`` are in the file ``path`` itself.

    The same for chunks that need more than 1 GB of memory. Nothing is decoded for this.
    """
    name = Path(array.name).name
    if array.file.filename != str(path) or array.is_virtual or array.external:
        raise UserError(
            f"{path}: the values of {name} are in other files; write them into this one file"
        )
    if not array.chunks:
        if array.id.get_storage_size() < array.nbytes:
            raise UserError(f"{path}: {name} was never written; {_FIX}")
        return
    bytes_per_chunk = prod(array.chunks) * array.dtype.itemsize
    if bytes_per_chunk > MOST_BYTES_PER_CHUNK:
        raise UserError(
            f"{path}: {name} is in chunks of {bytes_per_chunk / 1e9:.1f} GB, expected at most 1 GB;"
            " write the file again with fewer events per chunk"
        )
    needed = prod(-(-size // part) for size, part in zip(array.shape, array.chunks, strict=True))
    if (written := array.id.get_num_chunks()) < needed:
        raise UserError(f"{path}: {name} has only {written} of its {needed} chunks; {_FIX}")


_FIX = "the file was not written to its end: delete it and fetch it again"
