"""The device of a rank, and the precision that it trains in."""

import os
import socket
from contextlib import AbstractContextManager, nullcontext

import torch

from calobatch.communicator.placement import Placement
from calobatch.errors import UserError


def choose_device(place: Placement, wanted: str, threads: int = 1) -> torch.device:
    """Return the rank's device, made deterministic.

    ``wanted``: "auto" is the rank's GPU, or the CPU on a machine without; "cpu" is the CPU.
    """
    # cuBLAS is deterministic only with a fixed workspace; read when CUDA starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Filling new tensors would show who reads them unwritten, and costs a CPU 6 % of its time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # Not what torch finds: other threads are another order of sums.
    torch.set_num_threads(threads)
    if wanted == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        if os.environ.get("CALOBATCH_GPU_EXPECTED"):
            raise UserError(
                "this job was given a GPU, but torch finds none; check with `nvidia-smi` on "
                f"{socket.gethostname()} whether the driver suits torch {torch.__version__}"
            )
        return torch.device("cpu")
    device = torch.device("cuda", gpu_index(place, torch.cuda.device_count()))
    torch.cuda.set_device(device)
    return device


def gpu_index(place: Placement, visible: int) -> int:
    """Return which of the ``visible`` GPUs is this rank's; UserError if they are too few.

    A scheduler that binds GPUs to ranks shows each rank only its own.
    """
    if visible >= place.local_size:
        return place.local_rank
    if visible == 1 and "SLURM_PROCID" in os.environ:
        return 0
    raise UserError(
        f"{place.local_size} ranks on this machine, but {visible} GPU(s); for all tasks set "
        f"defaults.ranks={visible}, or defaults.device=cpu to train on the CPU"
    )


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return the context of the forward pass: bfloat16 where asked for or, with "auto", on GPUs."""
    use_bfloat16 = precision == "bfloat16" or (
        precision == "auto" and device.type == "cuda" and torch.cuda.is_bf16_supported()
    )
    return torch.autocast(device.type, torch.bfloat16) if use_bfloat16 else nullcontext()
