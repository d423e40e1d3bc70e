"""The device of a rank, and the precision that it trains in."""

import os
import socket
from contextlib import AbstractContextManager, nullcontext

import torch

from calobatch.communicator.placement import Placement
from calobatch.errors import UserError


def choose_device(place: Placement, wanted: str, threads: int = 1) -> torch.device:
    """Return the rank's device, and make torch deterministic on it.

    ``wanted``: "auto" is the rank's GPU, or the CPU on a machine without GPUs; "cpu" is the CPU.
    Raises a UserError if the job should have a GPU but has none, or if it has too few.
    """
    # cuBLAS is deterministic only with a workspace of fixed size. It reads this when CUDA starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # The same as torch.use_deterministic_algorithms(True), but that also imports torch's compiler,
    # which takes 2 s.
    torch.set_deterministic_debug_mode("error")
    # In deterministic mode torch would also fill every new tensor, to expose code that reads it
    # before writing to it. That takes 6 % of the time on a CPU.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # Not torch's default, which depends on the machine: a different number of threads adds in a
    # different order and changes the last bits.
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
    """Return the index of this rank's GPU among the ``visible`` ones.

    A scheduler that binds GPUs to ranks shows each rank only its own GPU, which has index 0.
    Raises a UserError if there are fewer GPUs than ranks on this machine.
    """
    if visible >= place.local_size:
        return place.local_rank
    # Not in a shell of an allocation, where `calobatch launch` started the ranks.
    if visible == 1 and os.environ.get("SLURM_STEP_NUM_TASKS") == str(place.size):
        return 0
    raise UserError(
        f"{place.local_size} ranks on this machine, but {visible} GPU(s); for all tasks set "
        f"all_tasks.ranks={visible}, or all_tasks.device=cpu to train on the CPU"
    )


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return the context of the forward pass.

    It computes in bfloat16 if ``precision`` is "bfloat16", or if it is "auto" and ``device`` is a
    GPU that supports bfloat16.
    """
    use_bfloat16 = precision == "bfloat16" or (
        precision == "auto"
        and device.type == "cuda"
        # Older GPUs only emulate bfloat16, which is slower than float32.
        and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    return torch.autocast(device.type, torch.bfloat16) if use_bfloat16 else nullcontext()


def device_name(device: torch.device) -> str:
    """Return the name of a GPU as its driver gives it, or "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
