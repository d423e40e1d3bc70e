import pytest
import torch

from calobatch.communicator.device import autocast, gpu_index
from calobatch.communicator.placement import Placement
from calobatch.errors import UserError


@pytest.mark.parametrize("local_size", [1, 2, 4])
def test_ranks_of_a_machine_take_different_gpus(local_size):
    places = [
        Placement(size=8, local_rank=rank, local_size=local_size) for rank in range(local_size)
    ]
    assert sorted({gpu_index(place, 4) for place in places}) == list(range(local_size))


def test_a_gpu_bound_to_a_rank_by_slurm_is_its_first(monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    assert gpu_index(Placement(rank=3, size=4, local_rank=3, local_size=4), visible=1) == 0


@pytest.mark.parametrize("tasks", ["", "1"])
def test_too_few_gpus_are_an_error_with_the_fix(monkeypatch, tasks):
    """Also in a shell that is the only task of a step, as in an interactive allocation."""
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", tasks)
    with pytest.raises(
        UserError, match=r"2 ranks on this machine, but 1 GPU.*set all_tasks.ranks=1"
    ):
        gpu_index(Placement(size=2, local_size=2), visible=1)


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("auto", torch.float32), ("float32", torch.float32), ("bfloat16", torch.bfloat16)],
)
def test_precision_on_the_cpu(precision, dtype):
    with autocast(precision, torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
