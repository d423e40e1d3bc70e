"""Files that appear under their final name only when they are complete."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; rename it to ``path`` when the block succeeds.

    When the block raises, what was written is removed and an older ``path`` stays as it was. An
    OSError that names no file, such as that of a full disk, then names ``path``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, because a rename is a single step only within one file system.
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        if error.errno and error.filename in (None, str(partial)):
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8, completely or not at all."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")
