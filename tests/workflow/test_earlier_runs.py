"""A run that is trained again with other settings is kept as it was."""

import pytest

from calobatch.config.training import Training
from calobatch.run.files import (
    FINISHED_CHECKPOINT,
    METRICS_FILE,
    PLOTS_FOLDER,
    RECORD_FILE,
    TRAINING_FILES,
)
from calobatch.run.kept import kept_folder
from calobatch.workflow.earlier_runs import keep_earlier_runs
from tests.run.examples import SETTINGS, record

TASKS = {"my_task": Training.model_validate(SETTINGS)}


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "results" / "test" / "my_task" / "seed3"
    (folder / PLOTS_FOLDER).mkdir(parents=True)
    for name in (*TRAINING_FILES, METRICS_FILE, f"{PLOTS_FOLDER}/roc.png"):
        (folder / name).write_text(f"first {name}")
    return folder


def kept(run):
    return sorted((run.parents[1] / ".earlier" / "my_task").iterdir())


def test_a_finished_run_is_kept_when_its_files_are_replaced(run, capsys):
    keep_earlier_runs([run], TASKS)
    for name in TRAINING_FILES:
        (run / name).unlink()
        (run / name).write_text(f"second {name}")
    (copy,) = kept(run)
    assert copy.name.startswith("seed3-")
    for name in (*TRAINING_FILES, METRICS_FILE, f"{PLOTS_FOLDER}/roc.png"):
        assert (copy / name).read_text() == f"first {name}"
    said = capsys.readouterr().err
    assert "my_task seed3 will be trained again" in said
    assert str(copy) in said


def test_the_same_run_is_kept_once(run):
    keep_earlier_runs([run], TASKS)
    keep_earlier_runs([run], TASKS)
    assert len(kept(run)) == 1


def test_a_run_that_its_training_will_take_over_is_not_said_to_be_trained_again(run, capsys):
    """A kill after the last epoch leaves a whole run that Snakemake does not count as finished."""
    kept_folder(run).mkdir()
    for name in TRAINING_FILES:
        (kept_folder(run) / name).write_text(f"first {name}")
    keep_earlier_runs([run], TASKS)
    said = capsys.readouterr().err
    assert "its files are used again if nothing has changed" in said
    assert "trained again" not in said
    assert len(kept(run)) == 1


def test_a_run_that_has_not_finished_is_not_kept(run):
    (run / RECORD_FILE).unlink()
    keep_earlier_runs([run, run.with_name("seed4")], TASKS)
    assert not (run.parents[1] / ".earlier").exists()


COSINE = SETTINGS | {"schedule": {"kind": "cosine"}}


@pytest.mark.parametrize(
    ("before", "changes", "checkpoint", "said"),
    [
        (SETTINGS, {"learning_rate": 2e-3}, True, "again, from its first epoch; its"),
        (SETTINGS, {"epochs": 1}, True, "again, from its first epoch; its"),
        (SETTINGS, {"epochs": 4}, True, "again, and continues after epoch 2 if nothing but"),
        (SETTINGS, {"epochs": 4}, False, "from its first epoch, because its checkpoint was"),
        (COSINE, {"epochs": 4}, True, "from its first epoch, because the learning rates of a"),
    ],
)
def test_it_is_said_where_the_training_starts(run, capsys, before, changes, checkpoint, said):
    earlier = record().model_copy(update={"training": Training.model_validate(before)})
    earlier.write(run / RECORD_FILE)
    if checkpoint:
        (run / FINISHED_CHECKPOINT).parent.mkdir()
        (run / FINISHED_CHECKPOINT).touch()
    keep_earlier_runs([run], {"my_task": Training.model_validate(before | changes)})
    assert said in capsys.readouterr().err
