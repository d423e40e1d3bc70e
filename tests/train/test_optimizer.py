"""The optimizers update as torch's own do, and import no compiler."""

import copy
import subprocess
import sys

import pytest
import torch

from calobatch.config.training import Training
from calobatch.train.optimizer import make_optimizer

TORCH = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
STEPS = 5
# What a training does with its device and its optimizer.
TRAINING = """
import sys, torch
from calobatch.communicator.device import choose_device
from calobatch.communicator.placement import placement
from calobatch.config.training import Training
from calobatch.train.optimizer import make_optimizer

choose_device(placement(), "cpu")
model = torch.nn.Linear(3, 1)
settings = Training(model="cnn", epochs=1, batch_size=8, learning_rate=1e-3)
optimizer = make_optimizer(settings, model.parameters())
for _ in range(2):
    optimizer.zero_grad()
    model(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
print(*(name for name in sys.modules if name.startswith(("torch._dynamo", "torch._inductor."))))
"""


@pytest.fixture
def problem():
    """Weights of a small model, and the gradients of a few steps."""
    generator = torch.Generator().manual_seed(3)
    start = torch.randn(4, 5, generator=generator)
    return start, torch.randn(STEPS, 4, 5, generator=generator)


def updated(optimizer, weights, gradients):
    for group in optimizer.param_groups:
        group["lr"] = 0.01
    for gradient in gradients:
        weights.grad = gradient.clone()
        optimizer.step()
    return weights.detach()


@pytest.mark.parametrize("name", TORCH)
def test_an_optimizer_updates_bit_for_bit_as_torch_does(problem, name):
    start, gradients = problem
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    settings = Training(
        model="cnn", epochs=1, batch_size=8, learning_rate=0.01, optimizer=name, weight_decay=0.1
    )
    mine = make_optimizer(settings, [ours])
    other = TORCH[name]([theirs], weight_decay=0.1, fused=True)
    assert torch.equal(updated(mine, ours, gradients), updated(other, theirs, gradients))
    assert not torch.equal(ours, start)

    # A checkpoint of one continues in the other.
    mine.load_state_dict(copy.deepcopy(other.state_dict()))
    assert torch.equal(updated(mine, ours, gradients), updated(other, theirs, gradients))


def test_a_training_does_not_import_the_compiler():
    done = subprocess.run([sys.executable, "-c", TRAINING], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout + done.stderr
