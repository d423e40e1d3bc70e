"""A trial is a training like any other, and its outcome says how far it has come."""

import pytest

from calobatch.config.dataset import Split
from calobatch.config.training import Training
from calobatch.errors import JobError, UserError
from calobatch.pack.pack import pack
from calobatch.run.trials import Outcome, Proposal, Trial
from calobatch.search.trial import trial
from calobatch.train.train import train

SETTINGS = Training(
    model="two_branch_cnn", epochs=1, batch_size=32, learning_rate=1e-3, ranks=1,
    communicator="single", device="cpu",
)  # fmt: skip


def proposal(**changes):
    trials = (Trial(number=7, training=SETTINGS.model_copy(update=changes)),)
    return Proposal(task="crops", seed=0, trials=trials)


@pytest.fixture(scope="module")
def store(crops, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    pack("electron_photon", crops.layout, crops.paths, folder, split=Split(), zero_below=1e-3)
    return folder


@pytest.fixture
def reach(store, tmp_path):
    def run(found, place=1):
        def train_here(task, settings, seed, output):
            train(task, settings, seed, store, output)

        output = tmp_path / "outcome.json"
        trial(found, place, store, tmp_path, train_here, output)
        return Outcome.read(output)

    return run


def test_with_more_epochs_a_trial_goes_on_and_has_the_history_of_one_from_scratch(
    reach, tmp_path, capsys
):
    first = reach(proposal())
    assert (first.task, first.number, first.failed, len(first.history)) == ("crops", 7, "", 1)
    capsys.readouterr()
    longer = reach(proposal(epochs=3))
    told = "".join(capsys.readouterr())
    assert "crops_trial7 seed 0: two_branch_cnn" in told
    assert "continued after epoch 1" in told
    (tmp_path / "trial7").rename(tmp_path / "away")
    scratch = reach(proposal(epochs=3))
    aucs = [epoch.validation_auc for epoch in longer.history]
    assert aucs == [epoch.validation_auc for epoch in scratch.history]
    assert aucs[0] == first.history[0].validation_auc


def test_settings_that_diverge_or_that_the_model_refuses_are_an_outcome(reach, tmp_path):
    for changes, why in (
        ({"learning_rate": 1e30}, "the loss is not finite"),
        ({"model_options": {"no_such": 1}}, "model_options of two_branch_cnn"),
    ):
        found = reach(proposal(**changes))
        assert why in found.failed
        assert found.history == ()


def test_any_other_failure_is_one_of_the_job(store, tmp_path):
    def fail(*arguments):
        raise JobError("a node failed")

    with pytest.raises(JobError, match="a node failed"):
        trial(proposal(), 1, store, tmp_path, fail, None)
    with pytest.raises(UserError, match=r"has 1 trials, and no trial 2; delete it"):
        trial(proposal(), 2, store, tmp_path, fail, None)
