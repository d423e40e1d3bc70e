"""What every rank of a communicator test runs; rank 0 prints the results of all ranks as JSON."""

import json
import sys

import numpy as np
import torch

from calobatch.communicator.interface import connect
from calobatch.communicator.placement import placement
from calobatch.train.gradients import Gradients


def step_together(communicator, compress):
    """Take one step of gradient descent with a gradient that differs between ranks."""
    model = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.constant_(model.weight, float(communicator.rank))
    communicator.broadcast_tensors(model.state_dict().values())
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    gradients = Gradients(model)
    gradients.clear()
    x = torch.tensor([[1.0, 2.0]]) * (communicator.rank + 1)
    model(x).sum().backward()
    gradients.add_up(communicator, compress=compress)
    optimizer.step()
    return model.weight.detach().numpy().ravel().tolist()


def main():
    place = placement()
    communicator = connect(sys.argv[1], place, torch.device("cpu"))
    rank = communicator.rank
    seen = {
        "rank": rank,
        "size": communicator.size,
        # The types differ between ranks on purpose: that once made Horovod wait forever.
        "broadcast": communicator.broadcast({"from": 0} if rank == 0 else None),
        "sum": communicator.allreduce(np.array([1.0, rank])).tolist(),
        "gathered": communicator.allgather("x" * rank),
        "weight": step_together(communicator, compress=False),
        "weight_of_compressed": step_together(communicator, compress=True),
    }
    everybody = communicator.allgather(seen)
    if rank == 0:
        print(json.dumps(everybody))
    communicator.close()


main()
