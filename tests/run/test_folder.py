import numpy as np
import pyarrow.parquet as pq
import pytest

from calobatch.errors import UserError
from calobatch.run.files import (
    HISTORY_FILE,
    METRICS_FILE,
    PLOTS,
    PREDICTIONS_FILE,
    RECORD_FILE,
    WEIGHTS_FILE,
    missing_files,
    plot_path,
    plots_in,
)
from calobatch.run.folder import read_run, write_run
from calobatch.run.history import write_history
from calobatch.run.predictions import read_predictions
from tests.run.examples import epoch, metrics, record

HISTORY = [epoch(1, 0.6), epoch(2, 0.1 + 0.2)]


def scores_of(store):
    """Return scores that all differ, so that an event at a wrong place is noticed."""
    return np.linspace(0, 1, len(store), dtype=np.float32)


@pytest.fixture
def run(packed_crops, tmp_path):
    """A finished and evaluated run."""
    (tmp_path / WEIGHTS_FILE).write_bytes(b"weights")
    events = np.arange(len(packed_crops))
    write_run(tmp_path, packed_crops, HISTORY, events, scores_of(packed_crops), record())
    metrics().write(tmp_path / METRICS_FILE)
    return tmp_path


def test_a_run_is_read_back_as_it_was_written(run):
    read = read_run(run)
    assert read.folder == run
    assert read.record.model_copy(update={"files": {}}) == record()
    assert list(read.record.files) == [WEIGHTS_FILE, HISTORY_FILE, PREDICTIONS_FILE]
    assert read.metrics == metrics()
    assert read.history == HISTORY


def test_the_predictions_of_every_split_have_the_labels_and_scores_of_its_events(run, packed_crops):
    predictions = read_predictions(run / PREDICTIONS_FILE)
    scores = scores_of(packed_crops)
    assert sum(len(split.label) for split in predictions.values()) == len(packed_crops)
    for name, split in predictions.items():
        events = packed_crops.events_of(name)
        assert np.array_equal(split.label, packed_crops.label[events])
        assert np.array_equal(split.score, scores[events])


def test_every_event_of_the_store_is_predicted_once_and_in_order(run, packed_crops):
    table = pq.read_table(run / PREDICTIONS_FILE)
    assert table.column_names == ["event", "split", "label", "score"]
    assert table["event"].to_pylist() == list(range(len(packed_crops)))
    assert np.array_equal(table["score"].to_numpy(), scores_of(packed_crops))


@pytest.mark.parametrize("name", [RECORD_FILE, METRICS_FILE, HISTORY_FILE, PREDICTIONS_FILE])
def test_a_missing_file_is_named_with_what_to_do(run, name):
    (run / name).unlink()
    with pytest.raises(UserError) as raised:
        read_run(run)
    assert str(raised.value) == f"{run} has no {name}; train and evaluate this run first"


def test_the_record_is_written_last(packed_crops, tmp_path):
    """A training that was killed while it wrote its files must not look finished."""
    (tmp_path / PREDICTIONS_FILE).mkdir()  # a folder cannot be replaced by a file
    events = np.arange(len(packed_crops))
    with pytest.raises(OSError, match=PREDICTIONS_FILE):
        write_run(tmp_path, packed_crops, HISTORY, events, scores_of(packed_crops), record())
    assert not (tmp_path / RECORD_FILE).exists()


@pytest.mark.parametrize("name", [RECORD_FILE, HISTORY_FILE, PREDICTIONS_FILE])
def test_the_fingerprint_depends_on_every_file_of_the_training(run, name):
    before = read_run(run).fingerprint
    assert read_run(run).fingerprint == before
    # As an older version writes it, without checksums of the other files.
    record().write(run / RECORD_FILE)
    older = read_run(run).fingerprint
    assert older != before
    if name == HISTORY_FILE:
        write_history(HISTORY[:1], run / HISTORY_FILE)
    elif name == PREDICTIONS_FILE:
        (run / name).write_bytes((run / name).read_bytes() + b"\n")
    else:
        record(seed=6).write(run / RECORD_FILE)
    assert read_run(run).fingerprint != older


@pytest.mark.parametrize("name", [HISTORY_FILE, PREDICTIONS_FILE, WEIGHTS_FILE])
def test_a_changed_file_is_named_with_what_to_do(run, name):
    intact = read_run(run)
    content = bytearray((run / name).read_bytes())
    content[len(content) // 2] ^= 1
    (run / name).write_bytes(content)
    said = rf"^{run / name} was changed after it was written.*; delete it and train again$"
    with pytest.raises(UserError, match=said):
        intact.file(name)
    if name != WEIGHTS_FILE:
        with pytest.raises(UserError, match=said):
            read_run(run)


def test_the_files_of_a_run_of_an_older_version_are_not_compared(run):
    record().write(run / RECORD_FILE)
    read_run(run).file(WEIGHTS_FILE)
    (run / WEIGHTS_FILE).write_bytes(b"other")
    assert read_run(run).file(WEIGHTS_FILE) == run / WEIGHTS_FILE


def test_the_fingerprint_does_not_depend_on_the_evaluation(run):
    before = read_run(run).fingerprint
    metrics(seed=6).write(run / METRICS_FILE)
    assert read_run(run).fingerprint == before


def test_missing_files_are_returned_in_the_order_of_the_names(tmp_path):
    (tmp_path / "b").touch()
    (tmp_path / "c").mkdir()
    assert missing_files(tmp_path, ["d", "c", "b", "a"]) == ["d", "c", "a"]


def test_plots_are_found_at_the_paths_where_they_are_written(tmp_path):
    assert plots_in(tmp_path) == []
    for plot in PLOTS:
        path = plot_path(tmp_path, plot)
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert [path.stem for path in plots_in(tmp_path)] == sorted(PLOTS)
