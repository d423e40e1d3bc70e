"""Tasks on fewer training events, which a scenario asks for with one list of numbers."""

from functools import partial

from calobatch.checkout import CHECKOUT
from calobatch.config.load import load_scenario
from calobatch.config.subsets import whole_tasks

load = partial(load_scenario, folder=CHECKOUT / "config")


def test_every_task_gets_one_on_each_number_of_events():
    before = load("quickstart")
    scenario = load("quickstart", "training_events=[2000,500]")
    for name, task in before.tasks.items():
        names = [found for found in scenario.tasks if found.startswith(name)]
        assert names == [f"{name}_500", f"{name}_2000", name]
        assert scenario.tasks[name] == task
        for number in (500, 2000):
            smaller = scenario.tasks[f"{name}_{number}"].training()
            assert smaller.training_events == number
            assert smaller.on_all_events() == task.training()


def test_numbers_that_a_simulated_dataset_does_not_have_are_left_out():
    scenario = load("test", "training_events=[50,200] datasets.quark_gluon.events=120")
    assert "quark_gluon_cnn_50" in scenario.tasks
    assert "quark_gluon_cnn_200" not in scenario.tasks
    assert "electron_photon_cnn_200" in scenario.tasks


def test_a_task_with_a_number_of_its_own_is_kept_as_it_is():
    change = "tasks.electron_photon_vit.training_events=70"
    scenario = load("test", f"training_events=[50] {change}")
    names = [name for name in scenario.tasks if name.startswith("electron_photon_vit")]
    assert names == ["electron_photon_vit"]
    assert scenario.tasks["electron_photon_vit"].training_events == 70


def test_the_smaller_ones_belong_to_the_whole_task_and_have_no_published_auc():
    scenario = load("test", "training_events=[50]")
    whole = whole_tasks(scenario.tasks)
    assert whole["electron_photon_cnn_50"] == whole["electron_photon_cnn"] == "electron_photon_cnn"
    assert scenario.tasks["electron_photon_cnn"].reference_auc
    assert not scenario.tasks["electron_photon_cnn_50"].reference_auc
