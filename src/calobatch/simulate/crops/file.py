"""Crops in the public HDF5 layout: X (events, 32, 32, 2) and y (events), float32, LZF, chunked."""

from collections.abc import Iterable
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from calobatch.simulate.stand_in import STATEMENT
from calobatch.written_file import written_file

# As in the public files, so that pack meets the same chunks in a simulated file.
EVENTS_PER_CHUNK = 3000


def write_crops(path: Path, events: int, label: int, blocks: Iterable[NDArray[np.float32]]) -> None:
    """Write ``events`` crops of class ``label``, given in ``blocks`` of shape (B, 32, 32, 2)."""
    chunk = min(EVENTS_PER_CHUNK, events)
    with written_file(path) as target, h5py.File(target, "w") as file:
        file.attrs["simulation"] = STATEMENT
        images = file.create_dataset(
            "X", (events, 32, 32, 2), "f4", chunks=(chunk, 32, 32, 2), compression="lzf"
        )
        file.create_dataset(
            "y", data=np.full(events, label, "f4"), chunks=(chunk,), compression="lzf"
        )
        waiting: list[NDArray[np.float32]] = []
        written = count = 0
        for block in blocks:
            waiting.append(block)
            count += len(block)
            # HDF5 compresses the whole chunk again at each write into it, so blocks wait until
            # they fill a chunk.
            if count >= chunk or written + count == events:
                images[written : written + count] = np.concatenate(waiting)
                # If the disk is full, stop now and do not simulate the remaining events in vain.
                target.check()
                written, count = written + count, 0
                waiting.clear()
