"""The options of a training that the references do not use, one by one."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from calobatch.communicator.single import SingleCommunicator
from calobatch.config.training import Training
from calobatch.errors import UserError
from calobatch.run.history import read_history
from calobatch.train.averaged_weights import averaged
from calobatch.train.batches import Batch
from calobatch.train.epoch_sums import EpochSums
from calobatch.train.gradients import Gradients
from calobatch.train.optimizer import make_optimizer, skip_if_not_finite
from calobatch.train.train import train


@pytest.mark.parametrize(("longest", "left"), [(None, 5.0), (10.0, 5.0), (5.0, 5.0), (2.0, 2.0)])
def test_long_gradients_are_scaled_down_and_keep_their_direction(longest, left):
    gradients = Gradients(nn.Linear(1, 1))
    gradients.flat.copy_(torch.tensor([3.0, -4.0]))
    assert gradients.limit(longest).item() == 5.0
    assert gradients.flat.tolist() == pytest.approx([0.6 * left, -0.8 * left])


@pytest.mark.parametrize("weight", [None, torch.tensor([0.5, 1.5])])
def test_smoothed_labels_are_shared_with_all_classes(weight):
    logits = torch.tensor([[1.0, -1.0, 0.5], [0.0, 2.0, 0.0]])
    batch = Batch((), torch.tensor([0, 2]), weight)
    log_probability = torch.log_softmax(logits, dim=1)
    target = torch.full((2, 3), 0.3 / 3)
    target[0, 0] += 0.7
    target[1, 2] += 0.7
    losses = -(target * log_probability).sum(dim=1)
    expected = (losses if weight is None else losses * weight).sum()
    assert batch.loss(logits, 0.3).item() == pytest.approx(expected.item(), rel=1e-6)


def test_averaged_weights_forget_the_first_ones_and_then_decay():
    model = nn.Linear(2, 1)
    average, kept = averaged(model, 0.75), None
    for step in range(40):
        with torch.no_grad():
            model.weight.normal_()
        average.update_parameters(model)
        share = min(0.75, (1 + step) / (10 + step))
        current = model.weight.detach().numpy().copy()
        kept = current if kept is None else share * kept + (1 - share) * current
    assert average.module.weight.detach().numpy() == pytest.approx(kept, rel=1e-5)
    assert averaged(model, 0) is None


def test_what_is_validated_and_kept_are_the_averaged_weights(crops_store, quick, tmp_path):
    for name, changes in (("last", {}), ("average", {"average_weights": 0.9})):
        train("task", quick(**changes), 1, crops_store, tmp_path / name)
    last, average = (
        read_history(tmp_path / name / "history.jsonl") for name in ("last", "average")
    )
    # The steps are the same, and so is the loss in training; what is validated is not.
    assert [e.train_loss for e in last] == [e.train_loss for e in average]
    assert [e.gradient_norm for e in last] == [e.gradient_norm for e in average]
    assert [e.validation_loss for e in last] != [e.validation_loss for e in average]
    # An average is never longer than the longest of what it is made from.
    assert average[-1].weight_norm <= max(epoch.weight_norm for epoch in last)


@pytest.mark.parametrize("decay_biases", [True, False])
def test_biases_and_normalisations_decay_only_if_asked(decay_biases):
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    nn.init.ones_(model[0].bias)
    settings = Training(
        model="cnn", epochs=1, batch_size=8, learning_rate=0.1, optimizer="adamw",
        weight_decay=0.5, decay_biases=decay_biases,
    )  # fmt: skip
    optimizer = make_optimizer(settings, model.parameters())
    before = copy.deepcopy(model.state_dict())
    for group in optimizer.param_groups:
        group["lr"] = 0.1
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    after = model.state_dict()
    assert torch.allclose(after["0.weight"], 0.95 * before["0.weight"])
    for name in ("0.bias", "1.weight"):
        assert torch.allclose(after[name], (0.95 if decay_biases else 1.0) * before[name])


def test_a_skipped_step_leaves_weights_and_optimizer_as_they_were(quick):
    parameter = nn.Parameter(torch.tensor([1.0, 2.0]))
    optimizer = make_optimizer(quick(), [parameter])
    for gradient in ([1.0, 1.0], [float("nan"), 1.0], [float("inf"), 0.0]):
        parameter.grad = torch.tensor(gradient)
        before = copy.deepcopy((parameter.detach(), optimizer.state_dict()))
        skip_if_not_finite(optimizer, parameter.grad.norm())
        for group in optimizer.param_groups:
            group["lr"] = 0.1
        optimizer.step()
        if all(np.isfinite(gradient)):
            assert not torch.equal(before[0], parameter)
            continue
        assert torch.equal(before[0], parameter)
        state = optimizer.state_dict()["state"][0]
        assert all(torch.equal(value, state[key]) for key, value in before[1]["state"][0].items())


def test_skipped_steps_count_in_no_mean():
    sums = EpochSums(torch.device("cpu"), skip=True)
    for loss, norm, events in ((6.0, 1.0, 3), (float("nan"), float("inf"), 5), (2.0, 3.0, 1)):
        sums.add(torch.tensor(loss), torch.tensor(norm), events)
    restored = EpochSums(torch.device("cpu"), skip=True)
    restored.restore(sums.state())
    assert restored.means(SingleCommunicator(), steps=3, events=9) == (2.0, 2.0, 1)


def test_the_sums_of_an_older_checkpoint_have_only_the_loss():
    sums = EpochSums(torch.device("cpu"), skip=False)
    sums.restore(torch.tensor(8.0, dtype=torch.float64))
    assert sums.means(SingleCommunicator(), steps=2, events=4) == (2.0, 0.0, 0)


def bad(quick, *steps, skip=True):
    options = {"bad": list(steps)}
    return quick(model="tests.train.bad_batches", model_options=options, skip_bad_steps=skip)


def test_bad_steps_are_counted_and_the_training_goes_on(crops_store, quick, tmp_path, capsys):
    train("task", bad(quick, 2, 3), 1, crops_store, tmp_path)
    history = read_history(tmp_path / "history.jsonl")
    assert [epoch.skipped_steps for epoch in history] == [2, 0, 0]
    assert all(np.isfinite([epoch.train_loss, epoch.gradient_norm]).all() for epoch in history)
    assert "skipped 2 steps" in capsys.readouterr().err


@pytest.mark.parametrize(("steps", "skip"), [((2,), False), (range(1, 100), True)])
def test_bad_steps_end_a_training_that_does_not_skip_them_or_has_no_others(
    crops_store, quick, tmp_path, steps, skip
):
    with pytest.raises(UserError, match="loss is not finite in epoch 1; lower learning_rate"):
        train("task", bad(quick, *steps, skip=skip), 1, crops_store, tmp_path)
