"""Write the store: stream the hits to disk, then assemble them into one Arrow record batch.

With a single record batch every column is one contiguous array that can be memory-mapped. Its size
is known only at the end, so the hits go to plain files first, and Arrow copies them from there
(from the page cache, if memory suffices).
"""

import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from calobatch.checksum import sha256_of
from calobatch.layouts import Layout
from calobatch.pack.sparsify import Hits
from calobatch.store import Manifest, events_schema, hit_type
from calobatch.store_files import EVENTS_FILE, MANIFEST_FILE


class StoreWriter:
    """Collects hits in a scratch folder inside ``folder``, and publishes the store at the end.

    Leaving the ``with`` block removes the scratch folder. A store that was not published leaves
    nothing behind, and an older store in ``folder`` stays as it was.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scratch = folder / ".partial"
        self.counts: list[NDArray[np.int64]] = []
        self.scalar_blocks: list[NDArray[np.float64]] = []

    def __enter__(self) -> Self:
        shutil.rmtree(self.scratch, ignore_errors=True)  # left by a pack that was killed
        self.scratch.mkdir(parents=True)
        self.pixel_file = (self.scratch / "pixel").open("wb")
        self.value_file = (self.scratch / "value").open("wb")
        return self

    def __exit__(
        self,
        exception: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Closing a file writes what is left in its buffer, which fails again on a full disk.
        with suppress(OSError):
            self.pixel_file.close()
        with suppress(OSError):
            self.value_file.close()
        shutil.rmtree(self.scratch)

    def add(self, hits: Hits, scalars_BS: NDArray[np.float64]) -> None:
        """Append a block of events."""
        self.counts.append(hits.per_event)
        self.scalar_blocks.append(scalars_BS)
        # Not tofile, whose error does not say why a write failed.
        self.pixel_file.write(np.ascontiguousarray(hits.pixel).data)
        self.value_file.write(np.ascontiguousarray(hits.value).data)

    def hits_per_event(self) -> NDArray[np.int64]:
        """Return the number of hits of all events added so far, shape (events)."""
        return np.concatenate(self.counts)

    def scalars(self) -> NDArray[np.float64]:
        """Return the scalars of all events added so far, shape (events, S)."""
        return np.concatenate(self.scalar_blocks)

    def finish_events(
        self,
        layout: Layout,
        label: NDArray[np.uint8],
        split: NDArray[np.uint8],
        weight: NDArray[np.float64] | None = None,
    ) -> str:
        """Assemble ``events.arrow`` in the scratch folder; return its SHA-256."""
        self.pixel_file.close()
        self.value_file.close()
        # Event k has the hits start[k] up to start[k + 1].
        start = np.concatenate([[0], np.cumsum(self.hits_per_event())]).astype(np.int64)
        kind = hit_type(layout)
        hit = pa.StructArray.from_arrays(
            [
                _mapped(self.scratch / "pixel", kind.field("pixel").type, int(start[-1])),
                _mapped(self.scratch / "value", pa.float32(), int(start[-1])),
            ],
            fields=list(kind),
        )
        hits = pa.LargeListArray.from_arrays(pa.array(start), hit)
        weights = [] if weight is None else [pa.array(weight)]
        scalars = map(pa.array, self.scalars().T.copy())
        columns = [hits, pa.array(label), pa.array(split), *weights, *scalars]
        schema = events_schema(layout, weighted=weight is not None)
        batch = pa.record_batch(columns, schema=schema)
        path = self.scratch / EVENTS_FILE
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)
        return sha256_of(path)

    def publish(self, manifest: Manifest) -> None:
        """Give the events their final name, then write the manifest with their SHA-256.

        The older manifest is deleted first. A process that is killed in between then leaves events
        without a manifest, which open_store refuses, and never a manifest of different events.
        """
        (self.folder / MANIFEST_FILE).unlink(missing_ok=True)
        (self.scratch / EVENTS_FILE).replace(self.folder / EVENTS_FILE)
        manifest.write(self.folder / MANIFEST_FILE)


def _mapped(path: Path, kind: pa.DataType, length: int) -> pa.Array:
    """Return a file's content as an Arrow array of ``length``, memory-mapped instead of read."""
    # An empty file cannot be mapped.
    if length == 0:
        return pa.array([], kind)
    with pa.memory_map(str(path)) as file:
        return pa.Array.from_buffers(kind, length, [None, file.read_buffer()])
