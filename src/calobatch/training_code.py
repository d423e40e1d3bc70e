"""A hash of the code that a training runs, by which the report recognises results of older code."""

import hashlib

from calobatch.checkout import CHECKOUT
from calobatch.config.model_code import code_of, code_sha256

# Everything that computes the numbers of a training, beside the model itself.
PARTS = (
    "train/*.py",
    "communicator/*.py",
    "models/build.py",
    "models/inputs.py",
    "models/keras_weights.py",
    "store.py",
    "hits.py",
    "compiled.py",
    "scalars.py",
)


def training_code_sha256(model: str) -> str:
    """Return a hash of the code that trains ``model``; comments and docstrings do not change it."""
    folder = CHECKOUT / "src" / "calobatch"
    digest = hashlib.sha256(code_sha256(model).encode())
    for part in PARTS:
        for file in sorted(folder.glob(part)):
            digest.update(f"\0{file.name}\0{code_of(file.read_text(encoding='utf-8'))}".encode())
    return digest.hexdigest()
