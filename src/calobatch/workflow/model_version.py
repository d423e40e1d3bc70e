"""The version of a model's code, for which Snakemake repeats a training if it changes."""

from contextlib import suppress
from pathlib import Path

from calobatch.atomic import write_text
from calobatch.config.model_code import bytes_sha256, code_sha256

# A file per code that was seen, named by its hash. Inside Snakemake's own folder, because it must
# live as long as what Snakemake remembers of earlier jobs.
FOLDER = Path(".snakemake/calobatch_models")


def model_version(model: str) -> str:
    """Return the hash of the bytes that a model's files had when this code was first seen here.

    A changed comment therefore changes nothing. It is not simply a hash of the code, because
    version 0.2.0 knew models by their bytes, and its trainings must not be repeated.
    """
    seen = FOLDER / code_sha256(model)
    try:
        return seen.read_text(encoding="utf-8")
    except FileNotFoundError:
        version = bytes_sha256(model)
    # Without the file, for example because the folder is read-only, a changed comment counts.
    with suppress(OSError):
        write_text(seen, version)
    return version
