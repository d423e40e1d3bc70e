"""Gradients that are too large for half precision are told from those that were broken before."""

import pytest
import torch

from calobatch.train.gradients import Gradients


class TwoRanks:
    """This rank, and another one whose gradients are ``other`` everywhere."""

    rank, size = 0, 2

    def __init__(self, other):
        self.other = other

    def sum_tensor(self, tensor):
        tensor += torch.full(tensor.shape, self.other).to(tensor.dtype)

    def allreduce(self, array):
        """Both ranks see the same sum, and the other one was finite before if its number is."""
        return array + (array if abs(self.other) < float("inf") else 0)


@pytest.mark.parametrize(
    ("mine", "other", "overflowed"),
    [
        (1.0, 1.0, False),
        (7e4, 0.0, True),  # too large on one rank
        (4e4, 4e4, True),  # too large in the sum
        (7e4, -7e4, True),  # infinity minus infinity
        (float("nan"), 1.0, False),
        (float("inf"), 1.0, False),
        (1.0, float("inf"), False),  # broken on the other rank
    ],
)
def test_an_overflow_is_told_from_gradients_that_were_not_finite_before(mine, other, overflowed):
    model = torch.nn.Linear(3, 2)
    gradients, ranks = Gradients(model), TwoRanks(other)
    for _ in range(2):
        gradients.flat.fill_(mine)
        gradients.add_up(ranks, compress=True)
    assert gradients.overflowed(ranks) is overflowed


def test_nothing_overflows_without_compression():
    gradients, ranks = Gradients(torch.nn.Linear(3, 2)), TwoRanks(4e4)
    gradients.flat.fill_(4e4)
    gradients.add_up(ranks, compress=False)
    assert not gradients.overflowed(ranks)
    assert float(gradients.flat[0]) == 8e4
