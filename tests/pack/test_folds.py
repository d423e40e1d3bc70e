"""A dataset that is divided into folds: every event is tested once."""

import numpy as np
import pytest
from pydantic import ValidationError

from calobatch.config.dataset import Reweight, Split
from calobatch.errors import UserError
from calobatch.pack.pack import pack
from calobatch.store import open_store, read_manifest
from tests.formats import npz
from tests.layouts import SMALL_JETS
from tests.raw_files import random_events

LAYOUT = SMALL_JETS.model_copy(update={"official_test_mark": None, "shares": None})
LABELS = [0] * 70 + [1] * 52
EVENTS = random_events(LAYOUT, LABELS, seed=2)
RUNS = np.random.default_rng(1).integers(12, size=len(LABELS))
FOLDS = Split(folds=5)


def packed(folder, split, **options):
    scalars = {s.name: EVENTS.scalars_BS[:, i] for i, s in enumerate(LAYOUT.scalars)}
    arrays = {"X_jets": EVENTS.image_BCHW, "y": EVENTS.label, **scalars, "run": RUNS}
    raw = npz(folder / "jets.npz", arrays)
    pack("jets", LAYOUT, [raw], folder / "store", split=split, zero_below=0.0, **options)
    return folder / "store"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return packed(tmp_path_factory.mktemp("folds"), FOLDS)


def test_every_event_is_tested_in_one_fold_validated_in_another_and_trained_on_in_the_rest(store):
    split = np.stack([open_store(store, fold).split for fold in range(1, 6)])
    for event in split.T:
        assert sorted(event) == [0, 0, 0, 1, 2]
    tested = [set(open_store(store, fold).events_of("test")) for fold in range(1, 6)]
    validated = [set(open_store(store, fold).events_of("validation")) for fold in range(1, 6)]
    assert validated == [*tested[1:], tested[0]]


def test_all_parts_have_the_same_fraction_of_each_class(store):
    counts = [
        [np.sum(LABELS_OF[open_store(store, fold).events_of("test")] == k) for fold in range(1, 6)]
        for k in (0, 1)
    ]
    assert all(max(of_class) - min(of_class) <= 1 for of_class in counts)


LABELS_OF = np.array(LABELS)


def test_counts_and_statistics_of_scalars_are_those_of_the_fold(store):
    whole = read_manifest(store)
    assert list(whole.counts) == [f"part {k}" for k in range(1, 6)]
    for fold in range(1, 6):
        opened = open_store(store, fold)
        for split in ("train", "validation", "test"):
            events = opened.events_of(split)
            assert sum(opened.manifest.counts[split].values()) == len(events)
        training = opened.scalars_BS[opened.events_of("train")]
        means = [scalar.mean for scalar in opened.manifest.scalars]
        np.testing.assert_allclose(means, training.mean(axis=0))
    assert len({open_store(store, fold).manifest.scalars for fold in range(1, 6)}) == 5


def test_the_same_seed_divides_the_same_events(store, tmp_path):
    again, other = packed(tmp_path, FOLDS), None
    assert read_manifest(again).events_sha256 == read_manifest(store).events_sha256
    other = packed(tmp_path, Split(folds=5, seed=5))
    assert read_manifest(other).events_sha256 != read_manifest(store).events_sha256


def test_events_of_one_run_are_in_the_same_part(tmp_path):
    split = Split(folds=3, by="column", column="run")
    folder = packed(tmp_path, split)
    tested = [set(RUNS[open_store(folder, fold).events_of("test")]) for fold in (1, 2, 3)]
    assert not any(tested[i] & tested[j] for i, j in ((0, 1), (0, 2), (1, 2)))
    assert set().union(*tested) == set(RUNS)


def test_weights_are_those_of_all_events(tmp_path):
    folder = packed(tmp_path, FOLDS, reweight=Reweight(scalar="pt", bins=2))
    assert open_store(folder, 1).weight.mean() == pytest.approx(1)
    assert "of all events" in read_manifest(folder).weights
    np.testing.assert_array_equal(open_store(folder, 1).weight, open_store(folder, 4).weight)


@pytest.mark.parametrize(
    ("fold", "message"),
    [(None, "has folds 1 to 5, but none was requested"), (6, "folds 1 to 5, but 6 was"), (0, "0")],
)
def test_a_fold_that_is_not_there_is_refused(store, fold, message):
    with pytest.raises(UserError, match=message):
        open_store(store, fold)


def test_a_store_without_folds_has_no_fold(tmp_path):
    folder = packed(tmp_path, Split())
    with pytest.raises(UserError, match="has no folds, but fold 1 was requested"):
        open_store(folder, 1)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (Split(folds=60), r"at least 60 events of each class, but class 1 \(quark\) has 52"),
        (Split(folds=20, by="column", column="run"), "at least 20 different numbers in run"),
    ],
)
def test_too_few_events_or_groups_are_told(tmp_path, split, message):
    with pytest.raises(UserError, match=message):
        packed(tmp_path, split)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"folds": 2}, "2 folds are too few; use at least 3, because one part is tested"),
        ({"folds": 5, "by": "file"}, "by: file keeps the official test files"),
        ({"folds": 5, "by": "column"}, "set both by: column and column"),
        ({"folds": 2.5}, "valid integer"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(keys, message):
    with pytest.raises(ValidationError, match=message):
        Split.model_validate(keys)


def test_settings_are_the_same_after_they_were_written(store):
    assert read_manifest(store).split == FOLDS
    assert FOLDS.by == "event"
    assert Split.model_validate(FOLDS.model_dump()) == FOLDS
    assert "folds" not in Split().model_dump()
