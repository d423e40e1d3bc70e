import numpy as np
import pytest

from calobatch.errors import UserError
from calobatch.pack.check import check_balance, check_labels, check_values
from calobatch.pack.sparsify import sparsify
from tests.layouts import ELECTRON_PHOTON


@pytest.mark.parametrize("label", [2.0, -1.0, 0.5, np.nan, np.inf])
def test_a_label_other_than_0_and_1_is_reported_with_its_event(label):
    with pytest.raises(
        UserError,
        match=f"a.hdf5: event 3 has label {label:g}, expected 0 .photon. or 1 .electron.; ",
    ):
        check_labels(np.array([0, 1, 0, label]), "a.hdf5", ELECTRON_PHOTON, None)


def test_labels_that_count_from_1_are_recognised():
    with pytest.raises(UserError, match=r"has label 2, .*these seem to count from 1"):
        check_labels(np.array([1, 2, 1]), "a.npz", ELECTRON_PHOTON, None)


def test_the_file_of_the_other_class_is_refused():
    with pytest.raises(
        UserError, match=r"event 1 has label 0, but .* declares label 1 .*other class"
    ):
        check_labels(np.array([1.0, 0.0]), "a.hdf5", ELECTRON_PHOTON, 1)


def test_a_file_without_events_is_refused():
    with pytest.raises(UserError, match=r"a.hdf5 has no events; delete it"):
        check_labels(np.zeros(0), "a.hdf5", ELECTRON_PHOTON, None)


@pytest.mark.parametrize(
    ("class_0", "class_1", "refused"),
    [(500, 500, False), (4, 2, False), (50_000, 50_500, False), (10, 0, True), (700, 300, True)],
)
def test_classes_must_be_balanced_to_two_percent_plus_the_spread_of_a_draw(
    class_0, class_1, refused
):
    labels = np.repeat([0.0, 1.0], [class_0, class_1])
    if not refused:
        check_balance(labels, ELECTRON_PHOTON, "crops")
        return
    with pytest.raises(
        UserError, match=r"dataset crops: .* are of class photon, expected 50%; .*no file is miss"
    ):
        check_balance(labels, ELECTRON_PHOTON, "crops")


THREE = ELECTRON_PHOTON.model_copy(
    update={"classes": ("muon", "pion", "kaon"), "shares": (0.6, 0.3, 0.1)}
)


def test_labels_of_three_classes_are_0_to_2():
    check_labels(np.array([0, 1, 2]), "a.npz", THREE, None)
    with pytest.raises(
        UserError, match=r"label 3, expected 0 \(muon\), 1 \(pion\) or 2 \(kaon\); "
    ):
        check_labels(np.array([0, 1, 2, 3]), "a.npz", THREE, None)


def test_each_of_three_classes_must_have_its_share():
    check_balance(np.repeat([0.0, 1.0, 2.0], [610, 290, 100]), THREE, "hits")
    with pytest.raises(UserError, match=r"47.5% of the events are of class muon, expected 60%"):
        check_balance(np.repeat([0.0, 1.0, 2.0], [610, 290, 385]), THREE, "hits")


def test_a_layout_without_shares_takes_any():
    check_balance(np.array([0.0, 1.0, 1.0, 2.0]), THREE.model_copy(update={"shares": None}), "hits")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, 3.5e38])
@pytest.mark.parametrize("part", ["image", "scalars"])
def test_a_value_that_is_not_finite_as_float32_is_reported_with_its_event(value, part):
    image_BCHW, scalars_BS = np.zeros((4, 2, 32, 32)), np.zeros((4, 2))
    {"image": image_BCHW, "scalars": scalars_BS}[part][2, 1] = value
    with pytest.raises(
        UserError, match=rf"a.hdf5: event 102 has .* not finite .*\({part}\); remove"
    ):
        check_values(sparsify(image_BCHW, 1e-3), scalars_BS, 100, "a.hdf5")


@pytest.mark.filterwarnings("error")
def test_the_largest_float32_is_accepted():
    largest = float(np.finfo(np.float32).max)
    hits = sparsify(np.full((1, 2, 32, 32), -largest), 0.0)
    check_values(hits, np.zeros((1, 0)), 0, "a.hdf5")
