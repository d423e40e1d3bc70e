import pytest
from hypothesis import given
from hypothesis import strategies as st

from calobatch.errors import UserError
from calobatch.run.history import EPOCH_METRICS, best_epoch, read_history, write_history
from tests.run.examples import epoch


@given(
    st.lists(st.tuples(st.sampled_from([0.5, 0.6, 0.7]), st.sampled_from([0.1, 0.2])), min_size=1)
)
def test_the_best_epoch_has_the_highest_auc_then_the_lowest_loss_then_is_the_first(values):
    history = [
        epoch(i + 1, auc).model_copy(update={"validation_loss": loss})
        for i, (auc, loss) in enumerate(values)
    ]
    highest = max(auc for auc, _ in values)
    lowest = min(loss for auc, loss in values if auc == highest)
    assert best_epoch(history).epoch == values.index((highest, lowest)) + 1


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


def test_a_line_with_an_unknown_key_says_to_train_again(tmp_path):
    line = epoch(1, 0.6).model_dump_json().replace('"epoch":1', '"epoch":1,"colour":2')
    (tmp_path / "history.jsonl").write_text(line + "\n")
    with pytest.raises(UserError, match=r"history\.jsonl: .*colour .*; train again$"):
        read_history(tmp_path / "history.jsonl")


def test_the_metrics_of_an_epoch_have_the_names_and_the_order_that_mlflow_has_had():
    names = [
        *("train_loss", "validation_loss", "validation_auc", "validation_accuracy"),
        *("learning_rate", "seconds", "data_seconds", "compute_seconds", "communication_seconds"),
        *("events_per_second", "gradient_norm", "weight_norm", "skipped_steps"),
    ]
    assert list(EPOCH_METRICS) == names
