"""The identity of a training: a hash of everything that its result depends on."""

import hashlib

import torch

from calobatch.config.model_code import bytes_sha256
from calobatch.config.training import Cosine, Training
from calobatch.store import Store

# Version of what a training computes. Raise it whenever a change to calobatch changes the numbers
# of a training: the new code then ignores the checkpoints of the old code. The version of the
# package is not used here, because most releases change no number.
COMPUTATION = "0.1.0"


def training_identity(
    settings: Training,
    seed: int,
    store: Store,
    device: torch.device,
    start_sha256: str = "",
    *,
    fitted_by: str = "",
) -> str:
    """Return 64 hexadecimal digits that two trainings share only if their results are the same.

    The hash includes torch's version, because its kernels change, and the bytes of the model's
    files, so even a changed comment in one of them changes the identity. ``start_sha256`` is the
    checksum of the weights that the training starts from; empty if they are new. ``fitted_by`` is
    the library, with its version, that fits the model in place of torch.
    """
    parts = [
        settings.model_dump_json(),
        str(seed),
        store.manifest.events_sha256,
        device.type,
        torch.__version__,
        COMPUTATION,
        bytes_sha256(settings.model),
    ]
    if start_sha256:
        parts.append(start_sha256)
    if fitted_by:
        parts.append(fitted_by)
    if store.fold is not None:
        parts.append(f"fold {store.fold}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def course_identity(
    settings: Training, seed: int, store: Store, device: torch.device, start_sha256: str = ""
) -> str:
    """Return an identity that trainings share if one is the beginning of the other.

    They differ only in their number of epochs. With a cosine schedule no training is the beginning
    of a longer one, because the learning rate of every step depends on the number of epochs.
    """
    if not isinstance(settings.schedule, Cosine):
        settings = settings.model_copy(update={"epochs": 0})
    return training_identity(settings, seed, store, device, start_sha256)
