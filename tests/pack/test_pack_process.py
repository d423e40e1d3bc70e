"""pack as a real process: its memory, and what it leaves behind when it is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from calobatch.store import open_store
from tests.layouts import ELECTRON_PHOTON, QUARK_GLUON, SMALL_JETS
from tests.raw_files import random_events, write_parquet

FINAL_NAMES = ("events.arrow", "manifest.json")
CLI = [sys.executable, "-m", "calobatch.cli"]

PACK_SMALL_JETS = """
import sys
from pathlib import Path
from calobatch.config.dataset import Split
from tests.layouts import SMALL_JETS
from calobatch.pack.pack import pack

path, folder = map(Path, sys.argv[1:])
pack("data", SMALL_JETS, [path], folder, split=Split(), zero_below=0.0, workers=2)
"""
SETTINGS = '{"layout": "%s", "split": {}, "zero_below": 0}'


def big_crops(path, repeats):
    """Write 3000 events ``repeats`` times, without holding all of them in memory."""
    image_BHWC = np.moveaxis(random_events(ELECTRON_PHOTON, [0] * 3000, 0).image_BCHW, 1, -1)
    with h5py.File(path, "w") as file:
        images = file.create_dataset(
            "X", (3000 * repeats, 32, 32, 2), "f4", chunks=(3000, 32, 32, 2), compression="lzf"
        )
        for start in range(0, len(images), 3000):
            images[start : start + 3000] = image_BHWC
        file["y"] = np.arange(len(images)) % 2
    return path


def big_jets(path, repeats):
    """Write 130 jets ``repeats`` times, with one row group per jet."""
    events = random_events(QUARK_GLUON, [0, 1] * 65, 0)
    once = pq.read_table(write_parquet(path, QUARK_GLUON, events))
    with pq.ParquetWriter(path, once.schema) as writer:
        for _ in range(repeats):
            writer.write_table(once, row_group_size=1)
    return path


def many_row_groups(path, layout, doublings):
    """Write 128 jets, and a footer that lists the row group of each 2**doublings times."""
    write_parquet(path, layout, random_events(layout, [0, 1] * 64, 0))
    footer = pq.read_metadata(path)
    for _ in range(doublings):
        footer.append_row_groups(footer)
    content = path.read_bytes()
    data = content[: -8 - int.from_bytes(content[-8:-4], "little")]
    footer.write_metadata_file(path)
    path.write_bytes(data + path.read_bytes()[4:])
    return path


def start_pack(layout, path, folder, workers=1):
    command = [*CLI, "pack", "data", path, "--output", folder, "--workers", str(workers)]
    command += ["--settings", SETTINGS % layout.name]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def peak_of_memory(process):
    """Return the peak memory of a process and its children in MB; count shared pages once."""
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(memory, family(process.pid))))
        time.sleep(0.01)
    assert process.wait() == 0, process.stderr.read()
    return peak


def family(pid):
    try:
        tasks = list(Path(f"/proc/{pid}/task").glob("*/children"))
        children = [int(child) for task in tasks for child in task.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid, *(descendant for child in children for descendant in family(child))]


def memory(pid):
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(rollup.partition("\nPss:")[2].split(maxsplit=1)[0]) / 1000 if rollup else 0


@pytest.mark.parametrize(
    ("layout", "write", "suffix"),
    [(ELECTRON_PHOTON, big_crops, ".hdf5"), (QUARK_GLUON, big_jets, ".parquet")],
)
def test_memory_does_not_grow_with_the_images(layout, write, suffix, tmp_path):
    """Dense, eight times the images would need 170 MB more for crops, 340 MB more for jets."""
    peaks = []
    for repeats in (1, 8):
        path = write(tmp_path / f"{repeats}{suffix}", repeats)
        with start_pack(layout, path, tmp_path / f"store{repeats}") as process:
            peaks.append(peak_of_memory(process))
    assert peaks[1] < peaks[0] + 60, peaks


def test_two_workers_pack_jets_in_400_MB(tmp_path):
    path = big_jets(tmp_path / "jets.parquet", 5)
    with start_pack(QUARK_GLUON, path, tmp_path / "store", workers=2) as process:
        assert peak_of_memory(process) < 400


def test_two_workers_pack_32768_row_groups_in_350_MB(tmp_path):
    """Decoding the whole footer would take 3.7 kB per row group: 120 MB in each of 3 processes."""
    path = many_row_groups(tmp_path / "jets.parquet", SMALL_JETS, doublings=8)
    command = [sys.executable, "-c", PACK_SMALL_JETS, path, tmp_path / "store"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert peak_of_memory(process) < 350
    manifest = json.loads((tmp_path / "store" / "manifest.json").read_text())
    assert manifest["sources"][0]["events"] == 32_768


def test_a_killed_pack_leaves_no_finished_file_and_the_next_pack_succeeds(tmp_path):
    path, folder = big_crops(tmp_path / "crops.hdf5", 5), tmp_path / "store"
    with start_pack(ELECTRON_PHOTON, path, folder) as process:
        while not any(file.stat().st_size for file in folder.glob(".partial/*")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not [name for name in FINAL_NAMES if (folder / name).exists()]
    with start_pack(ELECTRON_PHOTON, path, folder) as process:
        assert process.wait() == 0, process.stderr.read()
    assert sorted(file.name for file in folder.iterdir()) == sorted(FINAL_NAMES)
    assert len(open_store(folder)) == 15_000
