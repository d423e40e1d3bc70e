"""Values between ranks, as plain data: JSON for their structure, and the bytes of their tensors.

Nothing is pickled, because reading a pickle can run any code. Each message carries a MAC, made with
the secret of the job, over its content, its sender and its number. A process without the secret
therefore cannot send a value, and cannot repeat an earlier message.
"""

import hmac
import json
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from calobatch.communicator.placement import Placement
from calobatch.errors import JobError

MAC_BYTES = 32
# The length of the JSON text stands in front of it.
LENGTH_BYTES = 8
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
    )
}


class Messages:
    """Turns values into messages, and back. All ranks make the same exchanges in the same order."""

    def __init__(self, place: Placement) -> None:
        self.rank = place.rank
        self.key = place.derived("messages")
        self.exchange = 0

    def next_exchange(self) -> None:
        """Begin an exchange, in which each rank sends at most one message."""
        self.exchange += 1

    def seal(self, value: object) -> bytes:
        """Return the message of this rank in the current exchange.

        Raises a TypeError if ``value`` is no plain data (:func:`encode`).
        """
        content = encode(value)
        return self._mac(content, self.rank) + content

    def open(self, message: bytes, sender: int) -> Any:
        """Return the value in a message of the rank ``sender`` in the current exchange.

        Raises a JobError if the message is not from this rank, or is damaged.
        """
        mac, content = message[:MAC_BYTES], message[MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(content, sender)):
            raise JobError(
                f"rank {self.rank} received a message that rank {sender} of this job did not send; "
                "another process may have taken the place of that rank, so ask who else uses this "
                "machine or its network, and run the same command again"
            )
        return decode(content)

    def _mac(self, content: bytes, sender: int) -> bytes:
        header = f"exchange {self.exchange} of rank {sender}\n".encode("ascii")
        return hmac.digest(self.key, header + content, "sha256")


def encode(value: object) -> bytes:
    """Return ``value`` as bytes.

    It may be None, a number, a text, a tensor, a NumPy array, or a list, tuple or dictionary of
    such values. Raises a TypeError if it is anything else.
    """
    tensors: list[bytes] = []
    text = json.dumps(_described(value, tensors)).encode("ascii")
    return b"".join([len(text).to_bytes(LENGTH_BYTES, "big"), text, *tensors])


def decode(content: bytes) -> Any:
    """Return the value of which :func:`encode` made ``content``; raise a JobError if it made none.

    Tensors are on the CPU, with their elements in the same order in memory.
    """
    end = LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "big")
    tensors = _Tensors(content[end:])
    # Anything may be raised while a damaged message is decoded.
    try:
        value = _restored(json.loads(content[LENGTH_BYTES:end]), tensors)
        if tensors.rest:
            raise ValueError(f"{len(tensors.rest)} bytes too many")
    except Exception as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise JobError(
            f"a message from another rank is damaged ({reason}); run the same command again"
        ) from None
    return value


def _described(value: object, tensors: list[bytes]) -> object:
    """Return ``value`` as JSON has it, and append the bytes of its tensors to ``tensors``.

    Values that JSON does not have become an object with one entry, whose name is their kind.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return float(value)  # NumPy's float64 is a float too
        case list():
            return [_described(item, tensors) for item in value]
        case tuple():
            return {"tuple": [_described(item, tensors) for item in value]}
        case dict():
            return {"dict": [_described(list(pair), tensors) for pair in value.items()]}
        case Tensor():
            return {"tensor": _described_tensor(value, tensors)}
        case np.ndarray():
            return {"array": _described_tensor(torch.from_numpy(value), tensors)}
    raise TypeError(f"a value of type {type(value).__name__} cannot be sent to other ranks")


def _restored(described: object, tensors: "_Tensors") -> Any:
    match described:
        case None | bool() | int() | float() | str():
            return described
        case list():
            return [_restored(item, tensors) for item in described]
        case {"tuple": list() as items}:
            return tuple(_restored(item, tensors) for item in items)
        case {"dict": list() as pairs}:
            return dict(_restored(pair, tensors) for pair in pairs)
        case {"tensor": dict() as shape}:
            return tensors.take(**shape)
        case {"array": dict() as shape}:
            return tensors.take(**shape).numpy()
    raise ValueError("unknown kind of value")


def _described_tensor(tensor: Tensor, tensors: list[bytes]) -> dict[str, Any]:
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype not in DTYPES:
        raise TypeError(f"a tensor of type {dtype} cannot be sent to other ranks")
    # The dimensions from the one with the longest to the one with the shortest distance in memory.
    # The fused optimizers go through the memory of a weight and of its state side by side, so the
    # copy must have the same order.
    steps = tensor.stride()
    order = sorted(range(tensor.dim()), key=lambda dimension: -steps[dimension])
    flat = tensor.detach().cpu().permute(order).reshape(-1)
    tensors.append(flat.view(torch.uint8).numpy().tobytes())
    return {"dtype": dtype, "shape": list(tensor.shape), "order": order}


class _Tensors:
    """The bytes of the tensors of a message that have not been read yet."""

    def __init__(self, content: bytes) -> None:
        self.rest = memoryview(content)

    def take(self, dtype: str, shape: list[int], order: list[int]) -> Tensor:
        """Return the next tensor; raise a ValueError if type, shape or size do not agree."""
        if sorted(order) != list(range(len(shape))) or any(size < 0 for size in shape):
            raise ValueError(f"shape {shape} in the order {order}")
        size = math.prod(shape) * DTYPES[dtype].itemsize
        if size > len(self.rest):
            raise ValueError(f"{size} bytes are needed, {len(self.rest)} are left")
        # A copy, which is aligned and may be written to.
        taken, self.rest = bytearray(self.rest[:size]), self.rest[size:]
        in_memory = [shape[dimension] for dimension in order]
        back = [order.index(dimension) for dimension in range(len(shape))]
        if not taken:
            return torch.empty(in_memory, dtype=DTYPES[dtype]).permute(back)
        return torch.frombuffer(taken, dtype=DTYPES[dtype]).reshape(in_memory).permute(back)
