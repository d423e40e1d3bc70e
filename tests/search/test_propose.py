"""Proposals follow from the outcomes before, and from nothing else."""

import math

import pytest

from calobatch.config.search import Search
from calobatch.config.training import Training
from calobatch.errors import UserError
from calobatch.run.history import Epoch
from calobatch.run.trials import Outcome
from calobatch.search.choose import choose
from calobatch.search.propose import propose

OWN = Training(model="cnn", epochs=20, batch_size=8, learning_rate=1e-3)
RANGES = {
    "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "batch_size": {"low": 8, "high": 64},
    "optimizer": {"choices": ["adam", "adamw"]},
}


def searched(**changes):
    return Search.model_validate(
        {"trials": 8, "batch": 4, "epochs": 3, "rounds": 2, "ranges": RANGES} | changes
    )


def epoch(number, auc, time=0.0):
    return Epoch(
        epoch=number, time=time, train_loss=0.5, validation_loss=0.6, validation_auc=auc,
        validation_accuracy=0.5, learning_rate=1e-3, seconds=1.0, data_seconds=0.1,
        compute_seconds=0.1, communication_seconds=0.1, events_per_second=100.0,
    )  # fmt: skip


def outcome(trial, auc, time=0.0, failed=""):
    history = () if failed else tuple(epoch(n, auc - 0.01 * (3 - n), time) for n in (1, 2, 3))
    return Outcome(
        task="crops", number=trial.number, training=trial.training, seed=0,
        dataset_sha256="0" * 64, history=history, failed=failed,
    )  # fmt: skip


def quality(trial):
    """An AUC that is highest at a learning rate of 0.003."""
    return 0.9 - 0.1 * abs(math.log10(trial.training.learning_rate / 3e-3))


def proposed(search, number, outcomes=()):
    return propose("crops", search.request(search.steps[number - 1], OWN), outcomes).trials


def outcomes_of(trials, **changes):
    return [outcome(trial, quality(trial), **changes) for trial in trials]


def test_the_first_trial_has_the_tasks_own_values_if_they_are_in_the_ranges():
    first = proposed(searched(), 1)[0]
    assert first.training == OWN.model_copy(update={"epochs": 3})
    elsewhere = RANGES | {"learning_rate": {"low": 1e-2, "high": 1e-1}}
    assert proposed(searched(ranges=elsewhere), 1)[0].training.learning_rate >= 1e-2


def test_trials_differ_and_stay_in_the_ranges():
    search = searched(trials=40, batch=40)
    trials = proposed(search, 1)
    assert [trial.number for trial in trials] == list(range(1, 41))
    values = {trial.training.model_dump_json() for trial in trials}
    assert len(values) == 40
    for trial in trials:
        assert 1e-4 <= trial.training.learning_rate <= 1e-1
        assert 8 <= trial.training.batch_size <= 64
        # Four digits, which somebody can type.
        assert trial.training.learning_rate == float(f"{trial.training.learning_rate:.4g}")
    assert {trial.training.optimizer for trial in trials} == {"adam", "adamw"}


def test_a_small_range_is_tried_completely():
    four = {
        "optimizer": {"choices": ["adam", "adamw"]},
        "augmentation.flip_eta": {"choices": [True, False]},
    }
    search = searched(trials=4, batch=2, rounds=1, ranges=four)
    first = proposed(search, 1)
    second = proposed(search, 2, outcomes_of(first))
    assert len({trial.training.model_dump_json() for trial in (*first, *second)}) == 4


def test_the_same_outcomes_give_the_same_proposals_whatever_else_they_have():
    search = searched()
    first = proposed(search, 1)
    again = proposed(search, 2, outcomes_of(first))
    assert again == proposed(search, 2, outcomes_of(first, time=1e9))
    other = [outcome(trial, 1 - quality(trial)) for trial in first]
    assert again != proposed(search, 2, other)
    assert again != proposed(searched(seed=7), 2, outcomes_of(first))


def test_nothing_of_the_test_split_is_in_what_a_proposal_is_made_from():
    text = outcome(proposed(searched(), 1)[0], 0.7).model_dump_json()
    assert "validation_auc" in text
    assert "test" not in text


def test_later_trials_are_better_than_those_at_random():
    """Over several searches, so that the test does not depend on one lucky seed."""
    gains = []
    for seed in range(8):
        search = searched(trials=24, batch=4, rounds=1, seed=seed + 100)
        outcomes = []
        for step in search.steps:
            outcomes += outcomes_of(proposed(search, step.number, outcomes))
        aucs = [found.best.validation_auc for found in outcomes]
        gains.append(sum(aucs[12:]) / 12 - sum(aucs[1:5]) / 4)
    assert sum(gains) / len(gains) > 0.02


def test_the_best_trials_go_on_with_more_epochs():
    search = searched()
    first = proposed(search, 1)
    found = outcomes_of((*first, *proposed(search, 2, outcomes_of(first))))
    best = sorted(found, key=lambda o: -o.best.validation_auc)[:3]
    trials = proposed(search, 3, found)
    assert [trial.number for trial in trials] == [o.number for o in best]
    for trial, before in zip(trials, best, strict=True):
        assert trial.training == before.training.model_copy(update={"epochs": 9})


def test_failed_trials_are_worse_than_all_others():
    search = searched()
    first = proposed(search, 1)
    found = [outcome(trial, 0.6) for trial in first]
    found[2] = outcome(first[2], 0.0, failed="the loss is not finite")
    assert len(proposed(search, 2, found)) == 4
    assert choose("crops", found).number == 1
    only = [outcome(trial, 0.0, failed="the loss is not finite") for trial in first[:3]]
    assert proposed(search, 3, [*only, found[3]])[0].number == 4


def test_if_all_trials_have_failed_the_message_says_why():
    search = searched()
    found = [outcome(t, 0.0, failed="the loss is not finite") for t in proposed(search, 1)]
    for ask in (lambda: proposed(search, 3, found), lambda: choose("crops", found)):
        with pytest.raises(UserError, match=r"all trials .* failed, for example trial 1: the"):
            ask()
