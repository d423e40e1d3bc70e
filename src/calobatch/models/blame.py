"""Name the line of a user's model at which an error began."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from calobatch.config.model_file import model_source
from calobatch.errors import JobError, StoppedError, UserError


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
        line = _line_in_file(error, str(model_source(name)))
        if in_its_file and not line:
            raise
        raise UserError(
            f"model {name} fails on {what}{f' at {line}' if line else ''}: "
            f"{type(error).__name__}: {' '.join(str(error).split())}; correct the model"
        ) from error


def _line_in_file(error: BaseException, file: str) -> str:
    """Return the last line of ``file`` that led to ``error``; empty if none did."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    return f"line {lines[-1]} of {file}" if lines else ""
