"""The pack of this project, as the benchmarks call it: the default split, and no progress shown."""

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path

from calobatch.config.models import Split
from calobatch.layouts import Layout
from calobatch.pack.pack import pack


def pack_store(layout: Layout, files: Sequence[Path], folder: Path, workers: int) -> None:
    """Pack ``files`` into the store ``folder``, anew if it is there."""
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
