"""The identity of a training: a hash of everything that its result depends on."""

import hashlib

import torch

from calobatch.checksum import sha256_of
from calobatch.config.model_file import model_source
from calobatch.config.models import Training
from calobatch.store import Store

# Version of what a training computes. Raise it whenever a change to calobatch changes the numbers
# of a training: the new code then ignores the checkpoints of the old code. The version of the
# package is not used here, because most releases change no number.
COMPUTATION = "0.1.0"


def training_identity(settings: Training, seed: int, store: Store, device: torch.device) -> str:
    """Return 64 hexadecimal digits that two trainings share only if their results are the same.

    The hash includes torch's version, because its kernels change, and the bytes of the model's
    file, so even a changed comment in that file changes the identity.
    """
    parts = (
        settings.model_dump_json(),
        str(seed),
        store.manifest.events_sha256,
        device.type,
        torch.__version__,
        COMPUTATION,
        sha256_of(model_source(settings.model)),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
