"""Make raw files in the public layout, and stores packed from them, and keep them for later runs.

Simulating a jet takes about 40 ms, so only a few hundred events are simulated. Larger files repeat
these events mirrored, rotated and scaled. These images are as sparse as the simulated ones, and as
hard to compress.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.comparison import say
from benchmarks.layouts import ELECTRON_PHOTON
from benchmarks.packing import pack_store
from calobatch.atomic import atomic_path
from calobatch.layouts import Layout, simulator_of
from calobatch.store import FORMATS

SIMULATED_JETS, SIMULATED_CROPS, PILE_UP = 300, 400, 20
EVENTS_PER_BLOCK = {"jets": 200, "crops": 3_000}
SMALLEST_SCALE, LARGEST_SCALE = 0.8, 1.25

Arrays = dict[str, NDArray[Any]]
Particle = Literal["electron", "photon"]


class Inputs:
    """Files of any size in ``folder``; each is made when it is first requested."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def raw(self, layout: Layout, events: int) -> list[Path]:
        """Return the raw files of a dataset with ``events`` events, half of them in each class."""
        if simulator_of(layout) == "jets":
            return [self._jets(events)]
        return [self._crops("electron", events // 2, 1), self._crops("photon", events // 2, 0)]

    def store(self, layout: Layout, events: int) -> Path:
        """Return the folder of a store with ``events`` events, in the default split."""
        folder = self.folder / f"store-{layout.name}-{events}-format{FORMATS[-1]}"
        if not (folder / "manifest.json").exists():
            files = self.raw(layout, events)
            say(f"packing {folder.name}")
            pack_store(layout, files, folder, workers=1)
        return folder

    def converted(self, events: int, kind: str) -> Path:
        """Return one file with ``events`` crops: kind npz, images.root or hits.root."""
        files = self.raw(ELECTRON_PHOTON, events)
        return self._made(f"crops-{events}.{kind}", lambda path: _convert(files, path, kind))

    def _jets(self, events: int) -> Path:
        from calobatch.simulate.jets.file import write_jets
        from calobatch.simulate.jets.jets import Jets

        name = f"QCDToGGQQ_IMGjet_RH1all_jet0_run0_n{events}.train.snappy.parquet"
        blocks = (Jets(**block) for block in self._jet_blocks(events))
        return self._made(name, lambda path: write_jets(path, blocks))

    def _crops(self, particle: Particle, events: int, label: int) -> Path:
        from calobatch.simulate.crops.file import write_crops

        name = f"Single{particle.capitalize()}Pt50_IMGCROPS_n{events}_RHv1.hdf5"
        blocks = self._crop_blocks(particle, events)
        return self._made(name, lambda path: write_crops(path, events, label, blocks))

    def _made(self, name: str, write: Callable[[Path], None]) -> Path:
        path = self.folder / name
        if not path.exists():
            with atomic_path(path) as partial:
                say(f"writing {name}")
                write(partial)
        return path

    def _jet_blocks(self, events: int) -> Iterator[Arrays]:
        jets = self._simulated("jets-with-multiplicity", _simulate_jets)
        rng = np.random.default_rng(1)
        for count in block_sizes(events, EVENTS_PER_BLOCK["jets"]):
            kinds = [np.flatnonzero(jets["label"] == label) for label in (0, 1)]
            chosen = rng.permutation(np.concatenate([rng.choice(k, count // 2) for k in kinds]))
            block = {name: values[chosen] for name, values in jets.items()}
            image = varied(block.pop("image_BCHW"), rng, rows_columns=(2, 3))
            yield {"image_BCHW": image, **block}

    def _crop_blocks(self, particle: Particle, events: int) -> Iterator[NDArray[np.floating]]:
        crops = self._simulated(f"{particle}s", lambda: _simulate_crops(particle))["image_BHWC"]
        rng = np.random.default_rng(2)
        for count in block_sizes(events, EVENTS_PER_BLOCK["crops"]):
            yield varied(rng.choice(crops, count), rng, rows_columns=(1, 2))

    def _simulated(self, name: str, simulate: Callable[[], Arrays]) -> Arrays:
        path = self.folder / f"simulated-{name}.npz"
        if not path.exists():
            say(f"simulating {name}")
            with atomic_path(path) as partial, partial.open("wb") as file:
                np.savez(file, allow_pickle=False, **simulate())
        return dict(np.load(path))


def block_sizes(events: int, largest: int) -> list[int]:
    """Return the number of events in each block."""
    return [min(largest, events - start) for start in range(0, events, largest)]


def varied(
    image_B: NDArray[np.floating], rng: np.random.Generator, rows_columns: tuple[int, int]
) -> NDArray[np.floating]:
    """Return the images rotated and mirrored at random, each with its own energy scale.

    All images of a call are rotated and mirrored in the same way. ``rows_columns``: the axes of the
    rows and columns.
    """
    rotated = np.rot90(image_B, int(rng.integers(4)), axes=rows_columns)
    mirrored = np.flip(rotated, rows_columns[0]) if rng.integers(2) else rotated
    scale = rng.uniform(SMALLEST_SCALE, LARGEST_SCALE, (len(image_B), 1, 1, 1))
    return np.ascontiguousarray(mirrored) * scale.astype(np.float32)


def _convert(files: Sequence[Path], path: Path, kind: str) -> None:
    """Write the crops of HDF5 files as arrays of numpy, or as a ROOT tree of images or of hits."""
    import awkward
    import h5py
    import uproot

    read: dict[str, list[NDArray[Any]]] = {"X": [], "y": []}
    for file in files:
        with h5py.File(file) as opened:
            for key, parts in read.items():
                parts.append(opened[key][:])
    arrays = {key: np.concatenate(parts) for key, parts in read.items()}
    if kind == "npz":
        with path.open("wb") as written:
            np.savez(written, allow_pickle=False, **arrays)
        return
    with uproot.recreate(path) as root:
        if kind == "images.root":
            root.mktree("events", {"X": ("f4", arrays["X"].shape[1:]), "y": "f4"})
            root["events"].extend(arrays)
            return
        image = arrays.pop("X")
        event, row, column, channel = np.nonzero(image)
        counts = np.bincount(event, minlength=len(image))
        hits = {
            "row": row.astype(np.int32),
            "column": column.astype(np.int32),
            "channel": channel.astype(np.int32),
            "value": image[event, row, column, channel],
        }
        lists = {key: awkward.unflatten(values, counts) for key, values in hits.items()}
        root.mkrntuple("events", lists | arrays)


def _simulate_jets() -> Arrays:
    from calobatch.simulate.jets.jets import simulate_jets

    return simulate_jets(SIMULATED_JETS // 2, SIMULATED_JETS // 2, 4, PILE_UP)._asdict()


def _simulate_crops(particle: Particle) -> Arrays:
    from calobatch.simulate.crops.crops import simulate_crops

    return {"image_BHWC": simulate_crops(particle, SIMULATED_CROPS, np.random.default_rng(3))}
