import pytest

from calobatch.run.mark import MEANINGS, mark_of


@pytest.mark.parametrize(
    ("train_loss", "validation_loss", "auc", "expected"),
    [
        (0.30, 0.35, 0.93, ""),
        (0.69, 0.69, 0.50, ""),  # nothing could be learnt
        (0.05, 2.90, 0.71, ""),  # overfitted
        (0.90, 0.71, 0.52, ""),  # a hard task
        (4.5e21, 12.6, 0.54, "exploded loss"),
        (4.6e6, 0.70, 0.51, "exploded loss"),
        (0.70, 12.6, 0.48, "exploded loss"),
    ],
)
def test_a_loss_has_exploded_if_it_is_high_and_the_model_separates_nothing(
    train_loss, validation_loss, auc, expected
):
    found = mark_of(train_loss=train_loss, validation_loss=validation_loss, auc=auc, constant=False)
    assert found == expected
    assert not found or found in MEANINGS


def test_constant_scores_come_first():
    mark = mark_of(train_loss=1e9, validation_loss=0.7, auc=0.5, constant=True)
    assert mark == "constant scores"
    assert mark in MEANINGS
