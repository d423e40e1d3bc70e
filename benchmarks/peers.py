"""Other ways to feed jets to a training, each set up as its documentation recommends.

All yield shuffled batches of float32 images (B, 3, 125, 125) and labels, read from the page cache.
"""

import sys
import types
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

Event = tuple[NDArray[np.float32], int]
Loader = Iterable[tuple[torch.Tensor, torch.Tensor]]
WORKERS = (0, 1, 2)
SHARDS = 8
SHUFFLE_BUFFER = 1000
# streaming imports these for other kinds of data. They are not installed, because there is not a
# torchvision for every version of torch.
NOT_USED_BY_STREAMING = {
    "transformers.feature_extraction_utils": "BatchFeature",
    "transformers.tokenization_utils_base": "BatchEncoding",
    "transformers.models.auto.tokenization_auto": "AutoTokenizer",
    "torchvision.datasets": "VisionDataset",
    "torchvision.transforms.functional": "to_tensor",
}
Hdf5Options = dict[str, object]
# Other choices cannot be faster: a codec slower than LZF, or chunks of many images when only one
# image of a chunk is needed.
HDF5_CHUNKINGS: dict[str, Hdf5Options] = {
    "one-image chunks": {"chunks": (1, 3, 125, 125)},
    "one-image chunks, LZF": {"chunks": (1, 3, 125, 125), "compression": "lzf"},
    "no chunks": {},
}


class Hdf5Images(Dataset[Event]):
    """The images of an HDF5 file, which each worker process opens itself."""

    def __init__(self, path: Path, label: NDArray[np.uint8]) -> None:
        self.path, self.label = path, label
        self.file: h5py.File | None = None

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, event: int) -> tuple[NDArray[np.float32], int]:
        if self.file is None:
            self.file = h5py.File(self.path)
            self.images = self.file["X_jets"]
        return self.images[event], int(self.label[event])


class MappedImages(Dataset[Event]):
    """The images of a memory-mapped .npy file."""

    def __init__(self, path: Path, label: NDArray[np.uint8]) -> None:
        self.images, self.label = np.load(path, mmap_mode="c"), label

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, event: int) -> tuple[NDArray[np.float32], int]:
        return self.images[event], int(self.label[event])


def hdf5_loaders(
    folder: Path, image_BCHW: NDArray[np.float32], label: NDArray[np.uint8], batch: int
) -> dict[str, Loader]:
    """Return a DataLoader over h5py for each chunking and number of workers."""
    loaders: dict[str, Loader] = {}
    for name, options in HDF5_CHUNKINGS.items():
        path = folder / f"{name.replace(' ', '-').replace(',', '')}.hdf5"
        with h5py.File(path, "w") as file:
            file.create_dataset("X_jets", data=image_BCHW, **options)
        loaders |= _data_loaders(name, partial(Hdf5Images, path, label), batch)
    return loaders


def npy_loaders(
    folder: Path, image_BCHW: NDArray[np.float32], label: NDArray[np.uint8], batch: int
) -> dict[str, Loader]:
    """Return a DataLoader over a memory-mapped array for each number of workers."""
    path = folder / "images.npy"
    np.save(path, image_BCHW)
    return {**_data_loaders("mapped", partial(MappedImages, path, label), batch)}


def webdataset_loaders(
    folder: Path, image_BCHW: NDArray[np.float32], label: NDArray[np.uint8], batch: int
) -> dict[str, Loader]:
    """Return a WebLoader over tar shards for each number of workers; the workers make batches."""
    import webdataset

    events = -(-len(label) // SHARDS)
    pattern = str(folder / "%06d.tar")
    with webdataset.ShardWriter(pattern, maxcount=events, verbose=0) as writer:
        for event, (image, of_class) in enumerate(zip(image_BCHW, label, strict=True)):
            writer.write({"__key__": f"{event:06d}", "npy": image, "cls": int(of_class)})

    def loader(workers: int) -> Loader:
        shards = sorted(map(str, folder.glob("*.tar")))
        dataset = webdataset.WebDataset(shards, shardshuffle=SHARDS).shuffle(SHUFFLE_BUFFER)
        batches = dataset.decode().to_tuple("npy", "cls").batched(batch)
        found: Loader = webdataset.WebLoader(
            batches, batch_size=None, num_workers=workers, persistent_workers=workers > 0
        )
        return found

    return {f"{workers} workers": loader(workers) for workers in WORKERS}


def streaming_loaders(
    folder: Path, image_BCHW: NDArray[np.float32], label: NDArray[np.uint8], batch: int
) -> dict[str, Loader]:
    """Return a DataLoader over local, uncompressed MDS shards for each number of workers."""
    _stand_in_for_what_streaming_does_not_use()
    from streaming import MDSWriter, StreamingDataset
    from streaming.base.util import clean_stale_shared_memory

    clean_stale_shared_memory()  # left by an earlier run that was killed
    columns = {"image": "ndarray:float32:3,125,125", "label": "int"}
    with MDSWriter(out=str(folder / "mds"), columns=columns, exist_ok=True) as writer:
        for image, of_class in zip(image_BCHW, label, strict=True):
            writer.write({"image": image, "label": int(of_class)})

    def dataset() -> Dataset[dict[str, torch.Tensor]]:
        found: Dataset[dict[str, torch.Tensor]] = StreamingDataset(
            local=str(folder / "mds"), shuffle=True, batch_size=batch
        )
        return found

    return {
        name: _Pairs(loader)
        for name, loader in _data_loaders("MDS", dataset, batch, shuffle=None).items()
    }


class _Pairs:
    """Yield the batches of a loader, which are dictionaries, as pairs of images and labels."""

    def __init__(self, loader: Iterable[dict[str, torch.Tensor]]) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for batch in self.loader:
            yield batch["image"], batch["label"]


def _data_loaders(
    name: str, dataset: Callable[[], Dataset[Any]], batch: int, shuffle: bool | None = True
) -> dict[str, DataLoader[Any]]:
    return {
        f"{name}, {workers} workers": DataLoader(
            dataset(), batch, shuffle, num_workers=workers, persistent_workers=workers > 0
        )
        for workers in WORKERS
    }


def _stand_in_for_what_streaming_does_not_use() -> None:
    for module, name in NOT_USED_BY_STREAMING.items():
        parts = module.split(".")
        for depth in range(1, len(parts) + 1):
            package = ".".join(parts[:depth])
            sys.modules.setdefault(package, types.ModuleType(package))
        setattr(sys.modules[module], name, type(name, (), {}))
