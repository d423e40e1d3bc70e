"""Call pack for the benchmarks: with the default split, and without its progress bar."""

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path

from calobatch.config.dataset import Split
from calobatch.layouts import Layout
from calobatch.pack.pack import pack


def pack_store(layout: Layout, files: Sequence[Path], folder: Path, workers: int) -> None:
    """Pack ``files`` into the store ``folder``; an existing store is replaced."""
    with contextlib.redirect_stderr(io.StringIO()):
        pack(
            layout.name,
            layout,
            files,
            folder,
            split=Split(),
            zero_below=layout.zero_below,
            workers=workers,
        )
