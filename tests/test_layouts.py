import pytest

from calobatch.errors import UserError
from calobatch.layouts import LAYOUTS, layout_named


def test_the_layouts_are_those_of_the_public_files():
    crops, jets = LAYOUTS["electron_photon"], LAYOUTS["quark_gluon"]
    assert (crops.shape, crops.pixels) == ((2, 32, 32), 2048)
    assert (jets.shape, jets.pixels) == ((3, 125, 125), 46875)
    assert (crops.image_key, crops.label_key, crops.scalars) == ("X", "y", ())
    assert (jets.image_key, jets.label_key) == ("X_jets", "y")
    assert [scalar.name for scalar in jets.scalars] == ["pt", "m0"]
    assert (crops.zero_below, jets.zero_below) == (0, 1e-3)


def test_class_1_is_the_electron_and_the_quark():
    assert [layout.classes[1] for layout in LAYOUTS.values()] == ["electron", "quark"]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_pixel_index_of_every_layout_fits_16_bits(layout):
    assert layout.pixels <= 2**16


def test_a_layout_is_found_by_its_name_and_an_unknown_one_lists_the_known():
    assert layout_named("quark_gluon") is LAYOUTS["quark_gluon"]
    with pytest.raises(UserError, match=r"'quark_glue'.*electron_photon, quark_gluon"):
        layout_named("quark_glue")
