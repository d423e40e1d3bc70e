import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from calobatch.config.dataset import Fetched, Simulated, Split
from calobatch.config.scenario import Scenario, Task
from calobatch.config.training import Plateau, Training

TRAINING = {"model": "cnn", "epochs": 1, "batch_size": 8, "learning_rate": 1e-3}


def test_the_defaults_are_those_that_the_documentation_states():
    assert (Split().validation, Split().test) == (0.1, 0.2)
    training = Training(**TRAINING)
    assert (training.ranks, training.communicator, training.precision) == (2, "horovod", "auto")
    assert training.schedule.kind == "constant"


@pytest.mark.parametrize("share", [-0.1, 1.0, 1.5, float("nan"), float("inf")])
def test_shares_are_from_0_to_below_1(share):
    with pytest.raises(ValidationError):
        Split(test=share)


@pytest.mark.parametrize("seed", [-1, 2**31, 1.5])
def test_seeds_are_whole_numbers_that_every_generator_takes(seed):
    with pytest.raises(ValidationError):
        Split(seed=seed)


@pytest.mark.parametrize("key", ["learning_rate", "weight_decay", "warmup_epochs"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_rates_are_finite_and_not_negative(key, value):
    with pytest.raises(ValidationError, match=key):
        Training(**TRAINING | {key: value})


@pytest.mark.parametrize(
    ("model", "key"),
    [
        *((Training, key) for key in ("learning_rate", "weight_decay", "warmup_epochs")),
        (Plateau, "factor"),
        (Split, "test"),
    ],
)
@pytest.mark.parametrize("value", [True, False])
def test_true_and_false_are_not_numbers(model, key, value):
    base = TRAINING | {"epochs": 3} if model is Training else {}
    base |= {"kind": "plateau"} if model is Plateau else {}
    with pytest.raises(ValidationError, match=f"expected a number, found {str(value).lower()}"):
        model(**base | {key: value})


def test_a_number_that_yaml_reads_as_text_is_a_number():
    assert Training(**TRAINING | {"learning_rate": "1e-3"}).learning_rate == 1e-3


@pytest.mark.parametrize("warmup", [5, 5.5])
def test_a_warm_up_ends_before_the_training_does(warmup):
    settings = TRAINING | {"epochs": 5}
    assert Training(**settings | {"warmup_epochs": 4.9}).warmup_epochs == 4.9
    with pytest.raises(ValidationError, match="lower warmup_epochs, or raise epochs"):
        Training(**settings | {"warmup_epochs": warmup})


@given(batch_size=st.integers(1, 40), ranks=st.integers(1, 40), grow=st.booleans())
def test_a_batch_has_an_event_for_every_rank(batch_size, ranks, grow):
    settings = TRAINING | {"batch_size": batch_size, "ranks": ranks, "grow_batch_with_ranks": grow}
    if ranks <= batch_size or grow:
        assert Training(**settings).ranks == ranks
    else:
        with pytest.raises(ValidationError, match="raise batch_size, lower ranks"):
            Training(**settings)


def test_values_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Split().seed = 5


def test_the_training_of_a_task_has_the_task_s_settings_and_no_more():
    task = Task(title="t", dataset="electron_photon", reference_auc={"test": 0.8}, **TRAINING)
    assert task.training() == Training(**TRAINING)
    relabelled = task.model_copy(update={"title": "other", "reference_auc": {}})
    assert relabelled.training() == task.training()


def test_a_scenario_is_the_same_after_a_round_through_json():
    """The workflow hands it to the verbs as JSON."""
    scenario = Scenario(
        name="s",
        title="t",
        datasets={
            "electron_photon": Simulated(source="simulate", events=10),
            "jets": Fetched(source="fetch", layout="quark_gluon", files=("a.hdf5",)),
        },
        tasks={"cnn": Task(title="t", dataset="jets", schedule={"kind": "cosine"}, **TRAINING)},
    )
    assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario
