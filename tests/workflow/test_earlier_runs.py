"""A run that is trained again with other settings is kept as it was."""

import pytest

from calobatch.run.files import METRICS_FILE, PLOTS_FOLDER, RECORD_FILE
from calobatch.workflow.earlier_runs import FINISHED, keep_earlier_runs


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "results" / "test" / "my_task" / "seed3"
    (folder / PLOTS_FOLDER).mkdir(parents=True)
    for name in (*FINISHED, METRICS_FILE, f"{PLOTS_FOLDER}/roc.png"):
        (folder / name).write_text(f"first {name}")
    return folder


def kept(run):
    return sorted((run.parents[1] / ".earlier" / "my_task").iterdir())


def test_a_finished_run_is_kept_when_its_files_are_replaced(run, capsys):
    keep_earlier_runs([run])
    for name in FINISHED:
        (run / name).unlink()
        (run / name).write_text(f"second {name}")
    (copy,) = kept(run)
    assert copy.name.startswith("seed3-")
    for name in (*FINISHED, METRICS_FILE, f"{PLOTS_FOLDER}/roc.png"):
        assert (copy / name).read_text() == f"first {name}"
    said = capsys.readouterr().err
    assert "my_task seed3 will be trained again, from its first epoch" in said
    assert str(copy) in said


def test_the_same_run_is_kept_once(run):
    keep_earlier_runs([run])
    keep_earlier_runs([run])
    assert len(kept(run)) == 1


def test_a_run_that_has_not_finished_is_not_kept(run):
    (run / RECORD_FILE).unlink()
    keep_earlier_runs([run, run.with_name("seed4")])
    assert not (run.parents[1] / ".earlier").exists()
