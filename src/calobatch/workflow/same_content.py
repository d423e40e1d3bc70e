"""Files whose times say that they are outdated, although they were made from the same content.

Snakemake compares times. After a copy that does not keep them (`cp -r`), or after a download of the
same file again, a store may be older than its raw files, and a run older than its store: everything
would be packed and trained again. Stores and runs have the checksums of what they were made from.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from calobatch.known_sha256 import known_sha256
from calobatch.record import checked_content
from calobatch.run.files import RECORD_FILE, TRAINING_FILES, missing_files
from calobatch.store_files import MANIFEST_FILE, STORE_FILES


def accept_same_content(
    raw_files: Mapping[Path, Sequence[Path]],
    runs: Mapping[Path, Path],
    outcomes: Mapping[Path, Path] = MappingProxyType({}),
) -> None:
    """Give the present time to files that are outdated only by their times, and say so.

    ``raw_files`` has the raw files of each store, ``runs`` the store of each run, and ``outcomes``
    that of each trial of a search; all are paths of folders or files that need not exist.
    """
    for store, files in raw_files.items():
        if _is_older(store, STORE_FILES, files) and _packed_from(store, files):
            _touch(store, STORE_FILES, "was packed from raw files with the same content")
    for run, store in runs.items():
        packed = [store / name for name in STORE_FILES]
        if _is_older(run, TRAINING_FILES, packed) and _trained_on(run / RECORD_FILE, store):
            _touch(run, TRAINING_FILES, "was trained on a store with the same content")
    for outcome, store in outcomes.items():
        folder, names, packed = outcome.parent, [outcome.name], [store / n for n in STORE_FILES]
        if _is_older(folder, names, packed) and _trained_on(outcome, store):
            _touch(folder, names, f"has {outcome.name} of a trial on a store with the same content")


def _is_older(folder: Path, names: Sequence[str], inputs: Sequence[Path]) -> bool:
    """Return whether a file in ``folder`` is older than an input; False if a file is missing."""
    if missing_files(folder, names) or not all(file.is_file() for file in inputs):
        return False
    oldest = min((folder / name).stat().st_mtime_ns for name in names)
    return any(file.stat().st_mtime_ns > oldest for file in inputs)


def _packed_from(store: Path, files: Sequence[Path]) -> bool:
    sources = _content(store / MANIFEST_FILE).get("sources", [])
    if [source["file"] for source in sources] != [file.name for file in files]:
        return False
    # Sizes first, because computing a checksum may take minutes.
    return all(
        file.stat().st_size == source["bytes"] for file, source in zip(files, sources, strict=True)
    ) and all(
        known_sha256(file) == source["sha256"] for file, source in zip(files, sources, strict=True)
    )


def _trained_on(record: Path, store: Path) -> bool:
    sha256 = _content(record).get("dataset_sha256")
    return sha256 is not None and sha256 == _content(store / MANIFEST_FILE).get("events_sha256")


def _content(path: Path) -> dict[str, Any]:
    """Return the content of a record; empty if it is damaged."""
    try:
        content = checked_content(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _touch(folder: Path, names: Sequence[str], reason: str) -> None:
    for name in names:
        os.utime(folder / name)
    print(f"calobatch: {folder} {reason}, so it is not made again", file=sys.stderr)
