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


# Names of filters that are plugins of HDF5, by the numbers that The HDF Group has given them.
PLUGINS = {
    307: "bzip2", 32000: "lzf", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32013: "zfp",
    32015: "zstd", 32017: "sz", 32024: "sz3", 32026: "blosc2",
}  # fmt: skip


def refuse_dangling_link(path: Path, file: h5py.File, key: str) -> None:
    """Raise a UserError if ``key`` is a link of the file ``path`` that leads nowhere."""
    try:
        file[key]
    except (KeyError, OSError):
        link = file.get(key, getlink=True)
        # Anything else is damage, which the caller reports.
        if not isinstance(link, h5py.SoftLink | h5py.ExternalLink):
            raise
        inside = f" in {link.filename}" if isinstance(link, h5py.ExternalLink) else ""
        raise UserError(
            f"{path}: {key} is a link to {link.path}{inside}, which does not exist; write the "
            "values into this one file"
        ) from None


def refuse_missing_filter(path: Path, array: h5py.Dataset) -> None:
    """Raise a UserError if ``array`` is compressed in a way that this HDF5 library cannot undo."""
    properties = array.id.get_create_plist()
    for number in range(properties.get_nfilters()):
        code, _, _, name = properties.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            called = PLUGINS.get(code) or name.decode(errors="replace") or "unknown"
            raise UserError(
                f"{path}: {Path(array.name).name} is compressed with the filter {called} (number "
                f"{code}), which this HDF5 library does not have; write the file again with gzip, "
                "or, on this machine only, install hdf5plugin and set HDF5_PLUGIN_PATH to its "
                "hdf5plugin.PLUGIN_PATH"
            )


def refuse_absent_values(path: Path, array: h5py.Dataset) -> None:
    """Raise a UserError unless all values of ``array`` are in the file ``path`` itself.

    Chunks that need more than 1 GB of memory are refused too. Nothing is decoded for this.
    """
    name = Path(array.name).name
    if array.file.filename != str(path) or array.is_virtual or array.external:
        raise UserError(
            f"{path}: the values of {name} are in other files{_named(_sources(array))}; write them "
            "into this one file"
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
        if not written:
            raise UserError(
                f"{path}: nothing was written to {name}; write its values, or fetch the file again"
            )
        raise UserError(f"{path}: {name} has only {written} of its {needed} chunks; {_FIX}")


def _sources(array: h5py.Dataset) -> list[str]:
    """Return the names of the files that hold the values of ``array``, as far as it says so."""
    if array.is_virtual:
        return sorted({source.file_name for source in array.virtual_sources()})
    return sorted({name for name, *_ in array.external or ()})


def _named(files: list[str]) -> str:
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    return f" ({', '.join(files[:3])}{more})" if files else ""


_FIX = "the file was not written to its end: delete it and fetch it again"
