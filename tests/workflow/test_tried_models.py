"""Every model is tried before the first job, and again only if something changed."""

import pytest

from calobatch.errors import UserError
from calobatch.workflow import tried_models
from tests.models.test_trial import HEAD
from tests.workflow.setups import setup, task

SCENARIO = """title: A model with a mistake
datasets: {electron_photon: {source: simulate, events: 100}}
tasks: {electron_photon_cnn: {model: mine, epochs: 1, ranks: 1}}
"""
FIVE_LOGITS = "        return nn.functional.pad(self.layers(image_BCHW), (0, 3))\n"


def test_a_mistake_in_a_model_is_one_message_before_the_first_job(fresh):
    (fresh.folder / "config/mine.yaml").write_text(SCENARIO)
    (fresh.folder / "src/calobatch/models/mine.py").write_text(HEAD + FIVE_LOGITS)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(fresh.folder / "src"))
        answer = fresh.snakemake(
            "--profile", "cluster/local", "--config", "scenario=mine", check=False
        )
    assert answer.returncode
    assert "Traceback" not in answer.stderr
    said = [line for line in answer.stderr.splitlines() if line.startswith("calobatch: model")]
    assert len(said) == 1
    assert "model mine: forward must return one floating-point logit per event and class" in said[0]
    assert not (fresh.folder / "data").exists()
    assert not (fresh.folder / "logs").exists()


@pytest.fixture
def trials(tmp_path, monkeypatch):
    """The tasks of each trial that was started, and the trial's outcome."""
    monkeypatch.setattr(tried_models, "FOLDER", tmp_path / "tried")
    started = []

    class Passed:
        returncode = 0

    def run(command, **_):
        started.append(command[command.index("try") + 1 : command.index("--settings")])
        return Passed()

    monkeypatch.setattr(tried_models.subprocess, "run", run)
    return started


def test_a_model_that_has_passed_is_tried_again_only_if_it_or_its_options_change(trials):
    scenario = setup(one=task(), two=task(model="two_branch_cnn")).scenario
    tried_models.require_sound_models(scenario)
    tried_models.require_sound_models(scenario)
    assert trials == [list(scenario.tasks)]
    name = next(iter(scenario.tasks))
    changed = scenario.tasks[name].model_copy(update={"model_options": {"filters": 3}})
    tried_models.require_sound_models(
        scenario.model_copy(update={"tasks": scenario.tasks | {name: changed}})
    )
    assert trials == [list(scenario.tasks), [name]]


def test_a_folder_that_cannot_be_written_stops_nothing(trials):
    tried_models.FOLDER.touch()  # a file where the folder should be
    scenario = setup(one=task()).scenario
    tried_models.require_sound_models(scenario)
    tried_models.require_sound_models(scenario)
    assert len(trials) == 2


def test_more_epochs_than_trees_are_refused_before_the_first_job(tmp_path, monkeypatch):
    monkeypatch.setattr(tried_models, "FOLDER", tmp_path / "tried")
    trees = task(model="boosted_trees", ranks=1, epochs=24, model_options={"trees": 24})
    tried_models.require_sound_models(setup(one=trees).scenario)
    longer = setup(one=trees.model_copy(update={"epochs": 25})).scenario
    with pytest.raises(UserError, match="one: 25 epochs are more than the 24 trees of the model"):
        tried_models.require_sound_models(longer)
