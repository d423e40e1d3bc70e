import subprocess
import sys
from dataclasses import replace

import pytest

from calobatch.errors import UserError
from calobatch.layouts import LAYOUTS, layout_named, simulator_of


def test_the_layouts_agree_with_the_public_files():
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


def test_a_layout_is_found_by_its_name_and_an_unknown_name_is_refused_with_the_known_ones():
    assert layout_named("quark_gluon") is LAYOUTS["quark_gluon"]
    with pytest.raises(UserError, match=r"'quark_glue'.*electron_photon, quark_gluon"):
        layout_named("quark_glue")


def test_a_layout_names_its_simulation():
    found = {name: simulator_of(layout) for name, layout in LAYOUTS.items()}
    assert found == {"electron_photon": "crops", "quark_gluon": "jets"}


def test_a_layout_without_a_simulation_is_refused():
    muons = replace(LAYOUTS["electron_photon"], name="muons", simulator=None)
    with pytest.raises(UserError) as error:
        simulator_of(muons)
    assert str(error.value) == (
        "layout 'muons' cannot be simulated; fetch its files (source: fetch), or use a layout that "
        "can be simulated: electron_photon, quark_gluon"
    )


def test_planning_simulated_files_loads_no_simulation():
    program = (
        "import sys, calobatch.simulate.planned_files;"
        "print({'awkward', 'fastjet', 'h5py', 'numpy', 'pyarrow', 'pythia8mc'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "set()", run.stderr
