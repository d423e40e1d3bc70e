"""Values between ranks: they arrive as they were sent, and nothing else is taken for one."""

import json
import os
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from calobatch.communicator.message import LENGTH_BYTES, Messages, decode, encode
from calobatch.communicator.placement import Placement
from calobatch.errors import JobError

SECRET = "known to the ranks of one job"

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.integers() | st.text(), inner)
    ),
    max_leaves=20,
)


def messages(rank, secret=SECRET):
    made = Messages(Placement(rank=rank, size=2, secret=secret))
    made.next_exchange()
    return made


@given(values)
def test_plain_values_arrive_as_they_were_sent(value):
    assert repr(decode(encode(value))) == repr(value)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.rand(3, 4),
        torch.rand(3, 4).t(),
        torch.rand(6, 4)[::2],
        torch.rand(2, 3, 5, 7).to(memory_format=torch.channels_last),
        torch.tensor(7),
        torch.tensor(2.5, dtype=torch.float64),
        torch.tensor([True, False]),
        torch.zeros(0, 3),
        torch.rand(5).bfloat16(),
        torch.tensor([float("nan"), float("inf"), -0.0]),
        torch.get_rng_state(),
    ],
)
def test_tensors_arrive_with_their_bits_type_shape_and_order_in_memory(tensor):
    received = decode(encode({"weights": [tensor]}))["weights"][0]
    assert (received.dtype, received.shape) == (tensor.dtype, tensor.shape)
    assert torch.equal(
        received.contiguous().reshape(-1).view(torch.uint8),
        tensor.contiguous().reshape(-1).view(torch.uint8),
    )
    received.zero_()  # it can be written to


def test_weights_in_channels_last_keep_their_order_which_fused_optimizers_rely_on():
    weight = torch.rand(8, 3, 5, 5).to(memory_format=torch.channels_last)
    assert decode(encode(weight)).stride() == weight.stride()


def test_arrays_and_the_state_of_an_optimizer_arrive_as_they_were_sent():
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state = optimizer.state_dict()
    received = decode(encode(state))
    assert repr(received) == repr(state)
    optimizer.load_state_dict(received)
    array = np.array([[1.5, np.nan]], dtype=np.float32)
    received = decode(encode(array))
    assert (received.dtype, received.tobytes()) == (array.dtype, array.tobytes())


@pytest.mark.parametrize(
    "value", [object(), JobError("x"), {1, 2}, b"bytes", np.float32(1), torch.ones(1) + 1j]
)
def test_anything_else_is_refused_before_it_is_sent(value):
    with pytest.raises(TypeError, match="cannot be sent to other ranks"):
        encode([value])


class Evil:
    def __reduce__(self):
        return os.mkdir, ("ran",)


def described(tree, rest=b""):
    text = json.dumps(tree).encode()
    return len(text).to_bytes(LENGTH_BYTES, "big") + text + rest


TENSOR = {"dtype": "float32", "shape": [2], "order": [0]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 100,
        pickle.dumps(Evil()),
        described({"evil": 1}),
        described({"tensor": TENSOR | {"dtype": "object"}}, b"\0" * 8),
        described({"tensor": TENSOR | {"shape": [3]}}, b"\0" * 8),
        described({"tensor": TENSOR | {"shape": [-1]}}, b"\0" * 8),
        described({"tensor": TENSOR | {"shape": [2**40, 2**40]}}, b"\0" * 8),
        described({"tensor": TENSOR | {"order": [1]}}, b"\0" * 8),
        described({"tensor": TENSOR | {"device": "cuda"}}, b"\0" * 8),
        described({"tensor": TENSOR}, b"\0" * 9),
        described({"dict": [[[], 1]]}),
        described({"dict": [[1, 2, 3]]}),
        (8).to_bytes(LENGTH_BYTES, "big") + b"[" * 100_000,
    ],
)
def test_what_is_no_message_is_refused_and_runs_nothing(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JobError, match="a message from another rank is damaged"):
        decode(content)
    with pytest.raises(JobError, match="received a message that rank 0 of this job did not send"):
        messages(rank=1).open(content, sender=0)
    assert not list(tmp_path.iterdir())


def test_only_the_ranks_of_the_job_can_send_and_nothing_can_be_sent_twice():
    message = messages(rank=0).seal("stop")
    receiver = messages(rank=1)
    assert receiver.open(message, sender=0) == "stop"
    foreign = messages(rank=0, secret="guessed").seal("stop")
    changed = message[:-1] + bytes([message[-1] ^ 1])
    for other in (foreign, changed, b""):
        with pytest.raises(JobError, match="rank 1 received a message that rank 0 of this job did"):
            receiver.open(other, sender=0)
    with pytest.raises(JobError, match="that rank 1 of this job did not send"):
        receiver.open(message, sender=1)
    receiver.next_exchange()
    with pytest.raises(JobError, match="that rank 0 of this job did not send"):
        receiver.open(message, sender=0)
