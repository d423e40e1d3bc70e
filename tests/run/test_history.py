import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.errors import UserError
from calobatch.run.history import Epoch, best_epoch, read_history, write_history


def epoch(number, auc):
    return Epoch(
        epoch=number,
        time=1.5 + number,
        train_loss=0.7,
        validation_loss=0.6,
        validation_auc=auc,
        validation_accuracy=0.5,
        learning_rate=1e-3,
        seconds=2.0,
        data_seconds=0.1,
        compute_seconds=1.5,
        communication_seconds=0.4,
        events_per_second=100.0,
    )


@given(st.lists(st.sampled_from([0.5, 0.6, 0.7]), min_size=1))
def test_the_best_epoch_is_the_first_with_the_highest_auc(aucs):
    history = [epoch(i + 1, auc) for i, auc in enumerate(aucs)]
    assert best_epoch(history).epoch == aucs.index(max(aucs)) + 1


def test_a_history_is_read_back_as_it_was_written(tmp_path):
    history = [epoch(1, 0.6), epoch(2, 0.1 + 0.2)]
    write_history(history, tmp_path / "history.jsonl")
    assert read_history(tmp_path / "history.jsonl") == history
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("size", [0, 50, 200])
def test_a_history_that_was_cut_short_says_to_train_again(tmp_path, size):
    path = tmp_path / "history.jsonl"
    write_history([epoch(1, 0.6), epoch(2, 0.7)], path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UserError, match=r"cannot read .*history\.jsonl: .*; train again"):
        read_history(path)
