"""A search of a task, as a scenario has it: what it may search, and in which steps."""

import re
import shutil

import pytest
import yaml

from calobatch.checkout import CHECKOUT
from calobatch.config.load import load_scenario
from calobatch.config.search import Search
from calobatch.config.subsets import whole_tasks
from calobatch.config.training import Cosine, Training
from calobatch.errors import UserError

TASK = "electron_photon_cnn"
RATE = {"learning_rate": {"low": "1e-4", "high": 1e-2, "log": True}}


def search(**changes):
    return {"trials": 8, "epochs": 3, "ranges": RATE} | changes


def ranges(**found):
    return search(ranges=found)


@pytest.fixture
def load(tmp_path):
    folder = tmp_path / "config"
    shutil.copytree(CHECKOUT / "config", folder)

    def with_search(of_task, task=TASK, own=None, **changes):
        content = yaml.safe_load((folder / "test.yaml").read_text())
        content["tasks"][task] = {"search": of_task, **(own or {})}
        (folder / "searched.yaml").write_text(yaml.safe_dump(content | changes))
        return load_scenario("searched", folder=folder)

    return with_search


def test_each_round_has_one_in_factor_of_the_trials_for_factor_times_as_many_epochs():
    found = Search.model_validate(search(trials=16, batch=6, rounds=3, factor=3))
    sizes = [(step.round, step.first, step.trials, step.epochs, step.after) for step in found.steps]
    assert sizes == [
        (1, 1, 6, 3, ()),
        (1, 7, 6, 3, (1,)),
        (1, 13, 4, 3, (1, 2)),
        (2, None, 6, 9, (1, 2, 3)),
        (3, None, 2, 27, (4,)),
    ]
    assert [step.name for step in found.last] == ["step5"]
    assert (
        str(found) == "16 trials to 3 epochs, then 6 trials to 9 epochs, then 2 trials to 27 epochs"
    )


def test_the_epochs_of_all_trials_count_a_continued_training_once():
    found = Search.model_validate(search(trials=6, epochs=2, rounds=2, factor=3))
    training = Training(model="cnn", epochs=20, batch_size=8, learning_rate=1e-3)
    assert found.total_epochs(training) == 6 * 2 + 2 * (6 - 2)
    cosine = training.model_copy(update={"schedule": Cosine(kind="cosine")})
    assert found.total_epochs(cosine) == 6 * 2 + 2 * 6


def test_what_a_step_is_asked_for_does_not_change_if_there_are_more_trials():
    training = Training(model="cnn", epochs=20, batch_size=8, learning_rate=1e-3)
    short, long = (Search.model_validate(search(trials=n, rounds=2)) for n in (4, 8))
    assert short.request(short.steps[0], training) == long.request(long.steps[0], training)
    assert long.request(long.steps[0], training).training.epochs == 3
    # The number of epochs with which the winner is trained is of no concern to the trials.
    other = training.model_copy(update={"epochs": 30})
    assert long.request(long.steps[1], other) == long.request(long.steps[1], training)


def test_every_kind_of_key_can_be_searched(load):
    found = load(
        ranges(
            learning_rate={"low": "1e-4", "high": "1e-2", "log": True},
            batch_size={"choices": [32, 64]},
            optimizer={"choices": ["adam", "adamw"]},
            clip_gradients={"choices": [None, 1.0]},
            **{
                "augmentation.shift": {"low": 0, "high": 4},
                "model_options.width": {"low": 8, "high": 64},
            },
        )
    )
    assert found.searched == {TASK: found.tasks[TASK]}
    assert found.tasks[TASK].search.seed not in found.seeds


def test_the_model_is_tried_with_the_ends_of_the_ranges_of_its_options(load):
    width = {"model_options.width": {"low": 8, "high": 64}}
    found = load(ranges(**RATE, **width)).tasks[TASK]
    assert found.options_to_try == [{}, {"width": 8}, {"width": 64}]
    assert load(search()).tasks[TASK].options_to_try == [{}]


def test_a_task_with_a_search_is_not_the_same_as_one_without(load):
    tasks = load(search()).tasks
    both = {"plain": tasks[TASK].model_copy(update={"search": None}), TASK: tasks[TASK]}
    assert both["plain"].training() == both[TASK].training()
    assert whole_tasks(both) == {"plain": "plain", TASK: TASK}
    # The same budget in other ranges.
    decay = load(ranges(weight_decay={"low": 0, "high": 0.1})).tasks[TASK]
    assert whole_tasks({"rate": both[TASK], "decay": decay}) == {"rate": "rate", "decay": "decay"}


def test_a_scenario_without_a_search_is_written_as_before(load):
    for name in ("test", "quickstart", "cms"):
        scenario = load_scenario(name, folder=CHECKOUT / "config")
        assert "search" not in scenario.model_dump_json()


@pytest.mark.parametrize(
    ("of_task", "message"),
    [
        (ranges(learning_rat={"low": 1, "high": 2}), "unknown key; did you mean 'learning_rate'?"),
        (
            ranges(epochs={"low": 1, "high": 3}),
            "epochs: cannot be searched, because search.epochs,",
        ),
        (ranges(ranks={"low": 1, "high": 3}), "ranks: cannot be searched, because all trials are "),
        (ranges(seed={"low": 1, "high": 3}), "seed: unknown key"),
        (ranges(hang_seconds={"low": 1, "high": 3}), "hang_seconds: unknown key"),
        (
            ranges(augmentation={"choices": [0, 1]}),
            "name one of its keys, as in augmentation.shift",
        ),
        (ranges(model_options={"choices": [0, 1]}), "name a keyword of the model"),
        (ranges(**{"schedule.patience": {"low": 1, "high": 3}}), "schedule has no key patience"),
        (ranges(**{"learning_rate.x": {"low": 1, "high": 3}}), "learning_rate is a value"),
        (ranges(optimizer={"low": 1, "high": 2}), "not a number; list its values as choices"),
        (
            ranges(learning_rate={"low": 0.1, "high": 0.01}),
            "low is 0.1, but high is 0.01; raise high",
        ),
        (ranges(learning_rate={"low": 0, "high": 1, "log": True}), "low is 0, but log needs more"),
        (ranges(learning_rate={"low": 0.1}), "learning_rate: needs both low and high, or choices"),
        (ranges(batch_size={"choices": [32]}), "must be two or more different values"),
        (ranges(batch_size={"choices": [32, 64], "low": 1}), "remove low, high and log"),
        (ranges(learning_rate={"low": True, "high": 2}), "expected a number, found true"),
        # Settings that some trial would have.
        (ranges(learning_rate={"low": 0, "high": 1}), "with learning_rate 0 would be refused"),
        (ranges(batch_size={"low": 1, "high": 64}), "batch_size 1 is too small for 2 ranks"),
        (
            ranges(batch_size={"low": 8.5, "high": 64}),
            "batch_size: Input should be a valid integer",
        ),
        (ranges(warmup_epochs={"low": 0, "high": 2}), "warmup_epochs is 2, but epochs is 2"),
        (
            search(trials=2, ranges={"learning_rate": {"choices": ["1e-3", "1e-2"]}}),
            "the choice '1e-3' is text and means 0.001; write 0.001",
        ),
        (search(trials=3, ranges={"batch_size": {"choices": [32, 64]}}), "only 2 combinations"),
        (search(trials=8, rounds=4, factor=4), "after round 2 only one of the 8 trials is left"),
        (search(trials=1), "trials: Input should be greater than 1"),
        (search(trial=8), "search.trial: unknown key; did you mean"),
        (search(ranges={}), "ranges: Dictionary should have at least 1 item"),
        (search(seed=1), "search.seed: 1 is also one of the scenario's seeds"),
    ],
)
def test_a_mistake_is_one_message_that_names_the_task_and_the_key(load, of_task, message):
    with pytest.raises(UserError, match=re.escape(message)) as raised:
        load(of_task)
    assert f"searched.yaml: tasks.{TASK}" in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_a_search_with_too_few_epochs_for_the_task_s_own_values_is_refused(load):
    task = {"warmup_epochs": 3, "epochs": 8}
    with pytest.raises(UserError, match=r"3 epochs with the task's own values would be refused"):
        load(search(trials=3, ranges={"warmup_epochs": {"low": 0, "high": 2}}), own=task)


def test_a_search_on_folds_is_refused(load):
    crops = {"source": "simulate", "events": 400, "split": {"folds": 3}}
    jets = {"source": "simulate", "events": 120}
    datasets = {"electron_photon": crops, "quark_gluon": jets}
    with pytest.raises(
        UserError, match=r"dataset electron_photon has folds, .*; remove the folds or"
    ):
        load(search(), datasets=datasets, ensembles={})


def test_a_search_beside_learning_curves_is_refused(load):
    with pytest.raises(UserError, match=r"training_events makes learning curves .*; remove one of"):
        load(search(), training_events=[100])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ranges": {"weight_decay": {"low": 0, "high": 1}}}, "trees have no weight_decay"),
        ({"rounds": 2}, "a second round would repeat the first; set rounds to 1"),
    ],
)
def test_trees_are_searched_in_one_round_and_with_keys_that_they_have(load, changes, message):
    trees = "electron_photon_trees"
    content = yaml.safe_load((CHECKOUT / "config/test.yaml").read_text())
    tasks = dict.fromkeys(content["tasks"])
    cpu = {"device": "cpu"}
    good = load(search(), task=trees, tasks={**tasks, trees: {"search": search()}}, all_tasks=cpu)
    assert good.tasks[trees].search.trials == 8
    tasks = {**tasks, trees: {"search": search(**changes)}}
    with pytest.raises(UserError, match=re.escape(message)):
        load(search(), task=trees, tasks=tasks, all_tasks=cpu)
