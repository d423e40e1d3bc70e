"""Name the line of a user's model at which an error began."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from calobatch.config.model_file import model_source
from calobatch.errors import JobError, SettingsError, StoppedError, UserError


@contextmanager
def blaming_model(name: str, what: str, *, in_its_file: bool = False) -> Iterator[None]:
    """Turn an error in the block into a UserError about the model ``name``.

    ``what`` says what the model was given. With ``in_its_file`` only errors that a line of the
    model's file led to are turned into one; all others are raised unchanged.
    """
    try:
        yield
    except (UserError, JobError, StoppedError):
        raise
    # The code of a model can raise anything.
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":
            raise UserError(
                f"model {name}: the GPU has too little memory for {what}; lower batch_size, or "
                "raise passes_per_step"
            ) from error
        if isinstance(error, MemoryError) or _is_of_the_gpu(error):
            raise
        line = line_in_file(error, str(model_source(name)))
        if in_its_file and not line:
            raise
        # What a model does with zeros depends on its options alone, not on the events of one rank.
        raise (UserError if in_its_file else SettingsError)(
            f"model {name} fails on {what}{f' at {line}' if line else ''}: "
            f"{type(error).__name__}: {' '.join(str(error).split())}; correct the model"
        ) from error


def _is_of_the_gpu(error: Exception) -> bool:
    """Return whether a GPU failed. CUDA reports that at some later line, often one of the model."""
    return type(error).__name__ == "AcceleratorError" or str(error).startswith("CUDA error")


def line_in_file(error: BaseException, file: str) -> str:
    """Return the last line of ``file`` that led to ``error``; empty if none did."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    return f"line {lines[-1]} of {file}" if lines else ""
