import json

import pytest
from pydantic import ValidationError

from calobatch.errors import UserError
from calobatch.record import Record
from calobatch.run.files import METRICS_FILE, RECORD_FILE
from calobatch.run.metrics import Metrics
from calobatch.run.training import RunRecord
from tests.run.examples import metrics, record

# Each kind of record, and what its message tells the user to do.
RECORDS = [
    pytest.param((RECORD_FILE, record(), "train again"), id="record"),
    pytest.param((METRICS_FILE, metrics(), "run `calobatch evaluate` again"), id="metrics"),
]


@pytest.fixture(params=RECORDS)
def written(request, tmp_path):
    name, content, fix = request.param
    content.write(tmp_path / name)
    return tmp_path / name, content, fix


def test_a_record_is_read_back_as_it_was_written(written):
    path, content, _ = written
    assert type(content).read(path) == content


def test_an_unknown_key_is_refused_with_what_to_do(written):
    path, content, fix = written
    path.write_text(json.dumps(json.loads(content.model_dump_json()) | {"colour": "red"}))
    with pytest.raises(UserError) as raised:
        type(content).read(path)
    message = str(raised.value)
    assert message.startswith(f"cannot read {path}: ")
    assert "colour Extra inputs are not permitted" in message
    assert message.endswith(f"; {fix}")
    assert "\n" not in message


def test_a_missing_key_is_refused_with_what_to_do(written):
    path, content, fix = written
    values = json.loads(content.model_dump_json())
    del values["seed"]
    path.write_text(json.dumps(values))
    with pytest.raises(UserError, match=rf"^cannot read .*: .*seed Field required.*; {fix}$"):
        type(content).read(path)


def test_a_number_that_was_changed_is_refused_with_what_to_do(written):
    path, content, fix = written
    path.write_text(path.read_text().replace('"seed": 5', '"seed": 7'))
    with pytest.raises(UserError, match=rf"^cannot read .*: it was changed after .*; {fix}$"):
        type(content).read(path)


def test_no_flipped_bit_gives_other_values(written):
    path, content, _ = written
    intact = path.read_bytes()
    found = 0
    for place in range(0, len(intact), 3):
        damaged = bytearray(intact)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            assert type(content).read(path) == content
        except UserError:
            found += 1
    assert found > 0.9 * len(intact) / 3


def test_spaces_and_the_order_of_keys_do_not_matter(written):
    path, content, _ = written
    values = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(values.items()))))
    assert type(content).read(path) == content


def test_a_file_of_an_older_version_has_no_checksum_and_is_read(written):
    path, content, _ = written
    path.write_text(content.model_dump_json())
    assert type(content).read(path) == content


def test_a_missing_file_is_refused_with_what_to_do(written):
    path, content, fix = written
    path.unlink()
    with pytest.raises(UserError, match=rf"^cannot read {path}: .*No such file.*; {fix}$"):
        type(content).read(path)


def test_a_record_without_an_instruction_of_its_own_says_to_restore_or_delete_the_file(tmp_path):
    class Note(Record):
        text: str

    with pytest.raises(UserError, match=r"; restore the file from a backup, or delete it$"):
        Note.read(tmp_path / "note.json")


def test_a_record_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        record().seed = 6


def test_a_failed_write_leaves_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / METRICS_FILE
    metrics(seed=5).write(path)

    def full(*_):
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", full)
        with pytest.raises(OSError, match="no space left"):
            metrics(seed=6).write(path)
    assert Metrics.read(path) == metrics(seed=5)
    assert list(tmp_path.iterdir()) == [path]


def test_run_json_needs_the_keys_of_version_0_1_0_and_no_others():
    """Otherwise a run of that version could not be read."""
    needed = [name for name, field in RunRecord.model_fields.items() if field.is_required()]
    assert needed == [
        *("task", "dataset", "layout", "simulated", "seed", "training", "identity"),
        *("dataset_sha256", "source_sha256", "parameters", "ranks", "device", "hosts"),
        *("started", "finished", "epochs_run", "best_epoch", "resumed_after_epoch"),
        *("resumed_at_step", "events_per_second", "throughput", "provenance"),
    ]
