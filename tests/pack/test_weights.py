"""Weights of events: read from raw files, and chosen so that the spectra of classes are equal."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calobatch.config.dataset import Reweight, Split
from calobatch.errors import UserError
from calobatch.pack.pack import pack
from calobatch.pack.weights import _edges, spectrum_factors
from calobatch.store import open_store
from tests.formats import WRITERS
from tests.layouts import SMALL_JETS
from tests.raw_files import Events, random_events

LAYOUT = SMALL_JETS.model_copy(update={"official_test_mark": None})
WEIGHTED = LAYOUT.model_copy(update={"weight": "w"})
EVENTS = random_events(LAYOUT, [0, 1] * 60, seed=2)
WEIGHTS = np.random.default_rng(5).uniform(0.1, 3, 120)


def columns(events: Events = EVENTS, **more):
    scalars = {s.name: events.scalars_BS[:, i] for i, s in enumerate(LAYOUT.scalars)}
    return {"X_jets": events.image_BCHW, "y": events.label, **scalars, **more}


def packed(folder, layout, files, **settings):
    pack("jets", layout, files, folder / "store", split=Split(), zero_below=0.0, **settings)
    return open_store(folder / "store")


@pytest.mark.parametrize("name", WRITERS)
def test_weights_of_every_format_are_stored_with_a_mean_of_1_over_the_training_split(
    tmp_path, name
):
    raw = WRITERS[name](tmp_path / name, columns(w=WEIGHTS))
    store = packed(tmp_path, WEIGHTED, [raw])
    assert store.weight[store.events_of("train")].mean() == pytest.approx(1)
    np.testing.assert_allclose(store.weight / store.weight[0], WEIGHTS / WEIGHTS[0])


def test_without_weights_the_store_has_none(tmp_path):
    store = packed(tmp_path, LAYOUT, [WRITERS["a.npz"](tmp_path / "a.npz", columns(w=WEIGHTS))])
    assert store.weight is None
    assert not store.manifest.weighted
    assert store.manifest.weights == ""


@pytest.mark.parametrize("bad", [-0.5, np.nan, np.inf])
def test_a_weight_that_is_negative_or_not_finite_is_named_with_its_file(tmp_path, bad):
    wrong = WEIGHTS.copy()
    wrong[7] = bad
    others = random_events(LAYOUT, [0, 1] * 60, seed=3)
    files = [
        WRITERS["a.npz"](tmp_path / "a.npz", columns(w=WEIGHTS)),
        WRITERS["a.hdf5"](tmp_path / "b.hdf5", columns(others, w=wrong)),
    ]
    with pytest.raises(UserError, match=rf"b\.hdf5: event 7 has weight {bad:g} \(key w\)"):
        packed(tmp_path, WEIGHTED, files)


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_without_the_weights_of_its_layout_is_refused(tmp_path, name):
    raw = WRITERS[name](tmp_path / name, columns())
    with pytest.raises(UserError, match=rf"{name}.* w\b"):
        packed(tmp_path, WEIGHTED, [raw])


def test_a_class_without_any_weight_is_named(tmp_path):
    raw = WRITERS["a.npz"](tmp_path / "a.npz", columns(w=WEIGHTS * EVENTS.label))
    with pytest.raises(UserError, match="class gluon in the train split have weight 0"):
        packed(tmp_path, WEIGHTED, [raw])


def test_reweighted_classes_have_the_same_spectrum_in_the_training_split(tmp_path):
    pt = np.where(EVENTS.label == 1, 100 + 50 * WEIGHTS, 100 + 20 * WEIGHTS**2)
    scalars_BS = np.stack([pt, EVENTS.scalars_BS[:, 1]], axis=1)
    raw = WRITERS["a.parquet"](
        tmp_path / "a.parquet", columns(EVENTS._replace(scalars_BS=scalars_BS), w=WEIGHTS)
    )
    reweight = Reweight(scalar="pt", edges=(100, 130, 160, 300))
    store = packed(tmp_path, WEIGHTED, [raw], reweight=reweight)
    train = store.events_of("train")
    found = [
        np.histogram(
            store.scalars_BS[of, 0], bins=reweight.edges, weights=store.weight[of], density=True
        )[0]
        for of in (train[store.label[train] == k] for k in (0, 1))
    ]
    np.testing.assert_allclose(found[0], found[1])
    assert found[0].min() > 0
    assert store.manifest.reweight == reweight
    origin = "the 'w' of the raw files times a factor that makes the spectra of pt"
    assert store.manifest.weights.startswith(origin)


numbers = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), min_size=6, max_size=80)


@settings(deadline=None)
@given(numbers, st.one_of(st.integers(1, 12), st.just((1.5, 4.5, 8.0))))
def test_factors_equalise_the_bins_that_have_all_classes_and_keep_the_sums_of_classes(drawn, bins):
    edges = bins if isinstance(bins, tuple) else ()
    reweight = Reweight(scalar="pt", edges=edges) if edges else Reweight(scalar="pt", bins=bins)
    drawn = [*drawn, (0, 2), (1, 2), (2, 2)]
    label, value = (np.array(column) for column in zip(*drawn, strict=True))
    value = value.astype(float)
    weight = 1 + 0.1 * value
    factor = spectrum_factors(value, label, weight, np.ones(len(label), bool), reweight, 3)
    inside = (value >= 1.5) & (value <= 8) if edges else np.full(len(value), True)
    assert not factor[~inside].any()
    for k in range(3):
        of_class = label == k
        assert (factor * weight)[of_class].sum() == pytest.approx(weight[of_class & inside].sum())
    if len(edges := _edges(value, reweight)):
        for low, high in itertools.pairwise(edges):
            inside = (value >= low) & ((value < high) | ((value == high) & (high == edges[-1])))
            shares = [
                (factor * weight)[inside & (label == k)].sum() / (factor * weight)[label == k].sum()
                for k in range(3)
            ]
            assert shares == pytest.approx([shares[0]] * 3)


def test_events_that_get_no_weight_are_counted(tmp_path, capsys):
    raw = WRITERS["a.npz"](tmp_path / "a.npz", columns())
    packed(tmp_path, LAYOUT, [raw], reweight=Reweight(scalar="pt", edges=(100.0, 200.0)))
    said = capsys.readouterr().err
    pt, train = EVENTS.scalars_BS[:, 0], open_store(tmp_path / "store").events_of("train")
    lost = np.sum((pt[train] < 100) | (pt[train] > 200))
    assert f"{lost} of {len(train)} training events get weight 0" in said
