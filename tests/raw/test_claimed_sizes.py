"""A small file that claims to be large is refused before memory is taken for what it claims."""

import subprocess
import sys

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calobatch.errors import UserError
from calobatch.raw import thrift
from calobatch.raw.footer import MAGIC, NUM_ROWS, Footer
from calobatch.raw.open_raw import open_raw
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON
from tests.raw_files import nested_lists, random_events, write_hdf5, write_parquet

CLAIMED = 10**9
MOST_MB = 60
# Open the file as pack does, then report the message and how much the peak memory has grown.
READ = """
import sys
from pathlib import Path
import h5py, pyarrow.parquet
from calobatch.errors import UserError
from tests.layouts import LAYOUTS
from calobatch.raw.open_raw import open_raw

def peak_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024

path, layout = Path(sys.argv[1]), LAYOUTS[sys.argv[2]]
message, before = "", peak_mb()
try:
    raw = open_raw(path, layout)
    raw.labels()
    for piece in raw.pieces(100):
        for block in piece.blocks(100):
            pass
except UserError as error:
    message = str(error)
print(round(peak_mb() - before), message)
"""


def reading(path, layout):
    """Return the growth of peak memory in MB, and the message, of a process that reads ``path``."""
    command = [sys.executable, "-c", READ, str(path), layout.name]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    megabytes, _, message = answer.stdout.strip().partition(" ")
    return int(megabytes), message


def claiming_hdf5(path, chunks):
    with h5py.File(path, "w") as file:
        file.create_dataset("X", (CLAIMED, 32, 32, 2), "f4", chunks=chunks and (chunks, 32, 32, 2))
        file.create_dataset("y", (CLAIMED,), "f4", chunks=chunks and (chunks,))
    return path


def claiming_parquet(path):
    """Write 2 jets, then change the footer: the file and its one row group claim 10^9 rows."""
    write_parquet(path, QUARK_GLUON, random_events(QUARK_GLUON, [0, 1], seed=1), row_group_size=2)
    footer, content = Footer(path), path.read_bytes()
    start = footer.offset + int(footer.place[0])
    group = content[start : footer.offset + int(footer.place[1])]
    at = number = 0
    while number != NUM_ROWS:
        field = thrift.next_field(group, at, number)
        number, at = field.number, thrift.end_of(group, field)
    rows = thrift.integer(CLAIMED)
    group = group[: field.start] + rows + group[at:]
    header = thrift.list_header(1, thrift.STRUCT)
    changed = footer.before_rows + rows + footer.before_groups + header + group
    changed += footer.after_groups
    end = len(changed).to_bytes(4, "little") + MAGIC
    path.write_bytes(content[: footer.offset] + changed + end)
    assert pq.read_metadata(path).num_rows == CLAIMED
    return path


@pytest.mark.parametrize("chunks", [None, 3000])
def test_a_small_hdf5_file_that_claims_a_billion_events_takes_no_memory(tmp_path, chunks):
    megabytes, message = reading(claiming_hdf5(tmp_path / "a.h5", chunks), ELECTRON_PHOTON)
    assert "a.h5 is damaged: it claims to have 1000000000 events and has only" in message
    assert megabytes < MOST_MB


def test_a_small_parquet_file_that_claims_a_billion_events_takes_no_memory(tmp_path):
    megabytes, message = reading(claiming_parquet(tmp_path / "a.parquet"), QUARK_GLUON)
    assert "a.parquet is damaged: it claims to have 1000000000 events and has only" in message
    assert megabytes < MOST_MB


def test_a_few_bytes_of_parquet_that_stand_for_a_huge_image_take_no_memory(tmp_path):
    events = random_events(QUARK_GLUON, [0, 1], seed=1)
    image = nested_lists(np.zeros((1, 1, 1, 3 * 10**7)))
    columns = {QUARK_GLUON.image: image, QUARK_GLUON.label: pa.array([1.0])}
    columns |= {s.name: pa.array(events.scalars_BS[:1, 0]) for s in QUARK_GLUON.scalars}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", compression="zstd")
    assert (tmp_path / "a.parquet").stat().st_size < 100_000
    megabytes, message = reading(tmp_path / "a.parquet", QUARK_GLUON)
    assert "a.parquet is damaged (30000000 pixels in 1 events)" in message
    assert megabytes < MOST_MB


def test_honest_files_are_read_within_the_same_memory(tmp_path):
    crops = random_events(ELECTRON_PHOTON, [0, 1] * 20, seed=1)
    jets = random_events(QUARK_GLUON, [0, 1] * 5, seed=1)
    for path, layout in (
        (write_hdf5(tmp_path / "a.h5", ELECTRON_PHOTON, crops), ELECTRON_PHOTON),
        (write_parquet(tmp_path / "a.parquet", QUARK_GLUON, jets), QUARK_GLUON),
    ):
        megabytes, message = reading(path, layout)
        assert message == ""
        assert megabytes < MOST_MB


def unwritten(path, other):
    with h5py.File(path, "r+") as file:
        shape = file["X"].shape
        del file["X"]
        file.create_dataset("X", shape, "f4", chunks=(4, 32, 32, 2))[:4] = 1


def never_written(path, other):
    with h5py.File(path, "r+") as file:
        shape = file["X"].shape
        del file["X"]
        file.create_dataset("X", shape, "f4")


def virtual(path, other):
    with h5py.File(path, "r+") as file:
        shape = file["X"].shape
        del file["X"]
        layout = h5py.VirtualLayout(shape, "f4")
        layout[:] = h5py.VirtualSource(other, "X", shape)
        file.create_virtual_dataset("X", layout)


def external_storage(path, other):
    with h5py.File(path, "r+") as file:
        shape = file["X"].shape
        del file["X"]
        size = 4 * int(np.prod(shape))
        file.create_dataset("X", shape, "f4", external=[(other, 0, size)])


def external_link(path, other):
    with h5py.File(path, "r+") as file:
        del file["X"]
        file["X"] = h5py.ExternalLink(other, "X")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (unwritten, "X has only 1 of its 10 chunks; the file was not written to its end"),
        (never_written, "X was never written; the file was not written to its end"),
        (virtual, "the values of X are in other files"),
        (external_storage, "the values of X are in other files"),
        (external_link, "the values of X are in other files"),
    ],
)
def test_images_that_are_not_in_the_file_are_not_read_as_images_without_hits(
    tmp_path, change, message
):
    events = random_events(ELECTRON_PHOTON, [0, 1] * 20, seed=1)
    path = write_hdf5(tmp_path / "a.h5", ELECTRON_PHOTON, events)
    other = write_hdf5(tmp_path / "b.h5", ELECTRON_PHOTON, events)
    change(path, str(other))
    with pytest.raises(UserError, match=message):
        open_raw(path, ELECTRON_PHOTON)


def test_a_chunk_that_needs_gigabytes_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("y", data=np.zeros(10, "f4"))
        images = file.create_dataset(
            "X", (10, 32, 32, 2), "f4", chunks=(140_000, 32, 32, 2), maxshape=(None, 32, 32, 2)
        )
        images.id.write_direct_chunk((0, 0, 0, 0), b"few bytes")
    megabytes, message = reading(path, ELECTRON_PHOTON)
    assert "X is in chunks of 1.1 GB, expected at most 1 GB" in message
    assert megabytes < MOST_MB
